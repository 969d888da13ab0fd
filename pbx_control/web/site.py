"""What every page is given: the home, its settings, the database, the sessions, the files of its looks."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from sqlalchemy import Engine
from starlette.requests import Request

from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.settings import Home, Settings
from pbx_control.web.desk.room import Room
from pbx_control.web.files import Files
from pbx_control.web.sessions import Sessions
from pbx_control.web.tries import (
    CALENDARS_OF_ONE,
    CODES_OF_ONE,
    CODES_OF_ONE_A_DAY,
    EXPORTS_OF_ONE,
    FEEDS_OF_A_PLACE,
    FETCHES_OF_A_PLACE,
    INVITED_BY_ONE,
    INVITED_BY_ONE_A_DAY,
    LETTERS_OF_A_PLACE,
    PIECES_OF_A_FETCH,
    PROOFS_OF_A_SESSION,
    REQUESTS_OF_A_TOKEN,
    WEBHOOK_TESTS_OF_ONE,
    WRONG_TOKENS_OF_A_PLACE,
    Allowance,
    Tries,
)
from pbx_control.web.voice import Voice

if TYPE_CHECKING:
    from pbx_control.web.telegram.listening import Listener

# So many passwords are checked at once: each takes 64 MiB, however many people knock.
PASSWORDS_AT_ONCE = 2
# And of those for whom too many wrong ones have come: whoever goes on guessing holds up nobody else.
CONTESTED_AT_ONCE = 1
# So many programs are answered at once: people's pages are answered meanwhile.
PROGRAMS_AT_ONCE = 4


@dataclass
class Health:
    """How the daemon was when it was asked last, and until when that is good enough."""

    daemon: str = ""
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Measured:
    """What Prometheus was told last, and until when that is good enough."""

    text: bytes = b""
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
    proofs: Allowance = field(default_factory=lambda: Allowance(PROOFS_OF_A_SESSION))
    codes: Allowance = field(default_factory=lambda: Allowance(CODES_OF_ONE, CODES_OF_ONE_A_DAY))
    calendars: Allowance = field(default_factory=lambda: Allowance(CALENDARS_OF_ONE))
    webhook_tests: Allowance = field(default_factory=lambda: Allowance(WEBHOOK_TESTS_OF_ONE))
    invited: Allowance = field(default_factory=lambda: Allowance(INVITED_BY_ONE, INVITED_BY_ONE_A_DAY))
    exports: Allowance = field(default_factory=lambda: Allowance(EXPORTS_OF_ONE))
    letters: Allowance = field(default_factory=lambda: Allowance(LETTERS_OF_A_PLACE))
    fetches: Allowance = field(default_factory=lambda: Allowance(FETCHES_OF_A_PLACE))
    feeds: Allowance = field(default_factory=lambda: Allowance(FEEDS_OF_A_PLACE))
    fetched: Allowance = field(default_factory=lambda: Allowance(PIECES_OF_A_FETCH))
    passwords: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(PASSWORDS_AT_ONCE))
    contested: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CONTESTED_AT_ONCE))
    asked: Allowance = field(default_factory=lambda: Allowance(REQUESTS_OF_A_TOKEN))
    wrong_tokens: Allowance = field(default_factory=lambda: Allowance(WRONG_TOKENS_OF_A_PLACE))
    api: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(PROGRAMS_AT_ONCE))
    bot: "Listener | None" = None  # what people write in chats; None: no [telegram] token is set
    health: Health = field(default_factory=Health)
    gauges: Measured = field(default_factory=Measured)
    voice: Voice = field(default_factory=Voice)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    afterwards: set[asyncio.Task[None]] = field(default_factory=set)

    def was_seen(self, call_id: str) -> None:
        """Somebody has seen to a call's message: desks and chats show so."""
        self.room.look_all()
        if self.bot:
            self.bot.redraw(call_id)

    def do_afterwards(self, work: Coroutine[None, None, None]) -> None:
        """Does something of which the answer tells nothing, not even by the time that it takes."""
        task = asyncio.create_task(work)
        self.afterwards.add(task)  # nobody else keeps it
        task.add_done_callback(self.afterwards.discard)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


def may_invite(request: Request, email: str) -> None:
    """Whoever is signed in writes an e-mail address to an appointment, which is sent letters. Raises ClientMistake
    after very many, by all of one client's people or by one secretary: nobody is to mail strangers by that."""
    person = person_of(request)
    whose = f"client {person.client_id}" if person.client_id is not None else f"secretary {person.secretary_id}"
    take_invitation(site_of(request), whose, email)


def take_invitation(site: Site, whose: str, email: str) -> None:
    """Counts an address that is written to an appointment. Raises ClientMistake after very many of one's."""
    if email and (wait := site.invited.take(whose)):
        raise ClientMistake(
            "so many e-mail addresses were written to appointments that for {minutes} min no more are taken: leave it "
            "out",
            Code.TOO_MANY_ASKED,
            minutes=-(-wait // 60),
            field=Field("email"),
        )


def person_of(request: Request) -> Person:
    """Who asks; only for ways that nobody goes who is not signed in (`routes.py`)."""
    person: Person = request.scope["person"]
    return person


def visitor(request: Request) -> Person | None:
    """Who asks, if that is known."""
    person: Person | None = request.scope.get("person")
    return person
