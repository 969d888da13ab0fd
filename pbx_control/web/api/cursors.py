"""Where a page of a list ends, as programs carry it to the next request: they need not know what is in it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from pbx_control.catalogue import N_
from pbx_control.web.problems import Refusal


class _AtCall(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """When it came, and its id."""

    at: datetime
    id: str


class _AtNumber(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """When it begins, and its number."""

    at: datetime
    id: int


T = TypeVar("T")


def cursor(*place: datetime | str | int) -> str:
    """The place, as text."""
    return urlsafe_b64encode(msgspec.json.encode(place if len(place) > 1 else place[0])).decode().rstrip("=")


def at_call(text: str) -> tuple[datetime, str] | None:
    """The place in a list of calls; None: its beginning. Raises Refusal for what is no cursor of such a list."""
    if not text:
        return None
    place = _read(text, _AtCall)
    return _sound(place.at), place.id


def at_number(text: str) -> tuple[datetime, int] | None:
    """The place in a list of numbered things in time."""
    if not text:
        return None
    place = _read(text, _AtNumber)
    return _sound(place.at), _known(place.id)


def at_name(text: str) -> str:
    """The place in a list by name."""
    return _read(text, str) if text else ""


def at_id(text: str) -> int:
    """The place in a list by number."""
    return _known(_read(text, int)) if text else 0


def _read(text: str, kind: type[T]) -> T:
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        if b"\\u0000" in raw:  # no database has such a text
            raise _refused()
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):
        raise _refused() from None


def _sound(at: datetime) -> datetime:
    if at.tzinfo is None or not 2000 < at.year < 3000:
        raise _refused()
    return at


def _known(number: int) -> int:
    if not 0 <= number < 2**31:
        raise _refused()
    return number


def _refused() -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST, "bad-cursor", N_("this is no cursor of such a list: begin without one"), field="cursor"
    )
