"""What callers hear, played in the page. Its address is good for the session that was shown it: a sound's name is
computed from its words, and nobody is to find out by trying which words another firm has."""

import hmac
import re
from hashlib import sha256

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pbx_control.catalogue import N_
from pbx_control.domain.users import Person
from pbx_control.web.pages import refusal
from pbx_control.web.site import person_of, site_of

_NAME = re.compile(r"(spoken|audio)/([a-z]{2}-)?[0-9a-f]{16}")
# As telephones play it.
ENDING = ".wav"

NO_SOUND = N_("there is no such sound")


def address(person: Person, sound: str) -> str:
    """Where that person's browser hears a sound (a path under the home, `prompts/…`)."""
    name = sound.removeprefix("prompts/")
    return f"/portal/sounds/{name}?key={key_of(person, name)}"


async def sound(request: Request) -> Response:
    """GET /portal/sounds/KIND/NAME?key=…"""
    name = f"{request.path_params['kind']}/{request.path_params['name']}"
    file = site_of(request).home.prompts / f"{name}{ENDING}"
    known = was_shown(person_of(request), name, request.query_params.get("key", ""))
    if not known or not await run_sync(file.is_file):
        return refusal(request, 404, NO_SOUND, "no-such-sound")
    return FileResponse(file, media_type="audio/wav")


def was_shown(person: Person, name: str, given: str) -> bool:
    """Whether the key is that person's for that sound (`spoken/…`, `audio/…`)."""
    return bool(_NAME.fullmatch(name)) and hmac.compare_digest(given.encode(), key_of(person, name).encode())


def key_of(person: Person, name: str) -> str:
    """What goes with a sound's address."""
    return hmac.new(person.csrf.encode(), f"sound {name}".encode(), sha256).hexdigest()[:32]
