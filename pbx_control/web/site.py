"""What every page is given: the home, its settings, the database, the sessions, the files of its looks."""

import asyncio
from dataclasses import dataclass, field

from anyio import CapacityLimiter
from sqlalchemy import Engine
from starlette.requests import Request

from pbx_control.domain.users import Person
from pbx_control.settings import Home, Settings
from pbx_control.web.desk.room import Room
from pbx_control.web.files import Files
from pbx_control.web.sessions import Sessions
from pbx_control.web.tries import Tries

# So many passwords are checked at once: each takes 64 MiB, however many people knock.
PASSWORDS_AT_ONCE = 2
# And of those for whom too many wrong ones have come: whoever goes on guessing holds up nobody else.
CONTESTED_AT_ONCE = 1


@dataclass
class Health:
    """How the daemon was when it was asked last, and until when that is good enough."""

    daemon: str = ""
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Site:
    """One web process. `stopping` is set when it is to end: open streams end then."""

    home: Home
    settings: Settings
    engine: Engine
    sessions: Sessions
    room: Room
    files: Files = field(default_factory=Files)
    tries: Tries = field(default_factory=Tries)
    passwords: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(PASSWORDS_AT_ONCE))
    contested: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CONTESTED_AT_ONCE))
    health: Health = field(default_factory=Health)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


def person_of(request: Request) -> Person:
    """Who asks; only for ways that nobody goes who is not signed in (`routes.py`)."""
    person: Person = request.scope["person"]
    return person


def visitor(request: Request) -> Person | None:
    """Who asks, if that is known."""
    person: Person | None = request.scope.get("person")
    return person
