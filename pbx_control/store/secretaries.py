"""Secretaries in the store: their telephones' accounts, languages, and the clients they may answer for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from pbx_control.domain.desk.duty import PausedBy
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import pauses
from pbx_control.store.engine import bump_revision, new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import call, client, seat_claim, secretary, secretary_client

NOT_PAUSED = {"paused": False, "paused_why": PausedBy.ADMIN.value, "pause_reason": "", "paused_at": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secretary:
    """A secretary as she is kept; what the columns mean is told in `tables.secretary`."""

    id: int
    name: str
    user: str
    password: str
    languages: str  # es,en
    all_clients: bool
    paused: bool
    paused_why: str
    pause_reason: str
    paused_at: datetime | None
    wrap_up: int  # seconds
    free_from: datetime | None
    forwarded_at: datetime | None
    secure: bool
    browser_telephone: bool
    removed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A secretary as lists show her: with the slugs of her clients (None: all), without her password."""

    id: int
    name: str
    user: str
    languages: list[str]
    clients: list[str] | None
    paused: bool
    paused_why: str
    pause_reason: str
    paused_at: datetime | None
    forwarded_at: datetime | None
    wrap_up: int
    free_from: datetime | None
    secure: bool
    browser_telephone: bool


@dataclass(frozen=True, slots=True)
class SeatOf:
    """The call that a secretary is offered or has."""

    call_id: str
    phase: str


@dataclass(frozen=True, slots=True)
class Telephone:
    """Whose telephone it is."""

    secretary_id: int
    name: str


def find(connection: Connection, name: str) -> Secretary:
    """A secretary who has not left, by her name or her SIP user name. Raises ClientMistake if none."""
    query = select(secretary).where(
        or_(secretary.c.name == name, secretary.c.user == name), secretary.c.removed_at.is_(None)
    )
    row = connection.execute(query).first()
    if row is None:
        raise _unknown(connection, name)
    return record(Secretary, row)


def locked(connection: Connection, secretary_id: int) -> Secretary:
    """A secretary who has not left, by her id; nobody else changes her row meanwhile. Raises ClientMistake if none."""
    query = select(secretary).where(secretary.c.id == secretary_id, secretary.c.removed_at.is_(None))
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise ClientMistake("there is no secretary {name}", Code.NO_SUCH_SECRETARY, name=str(secretary_id))
    return record(Secretary, row)


def known_id(connection: Connection, text: str) -> int | None:
    """The id that is written there, if it is that of a secretary, also of one who has left."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return connection.scalar(select(secretary.c.id).where(secretary.c.id == int(text)))


def names(connection: Connection) -> list[str]:
    """The names of all who have not left, sorted."""
    return list(
        connection.scalars(select(secretary.c.name).where(secretary.c.removed_at.is_(None)).order_by(secretary.c.name))
    )


def insert_row(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new secretary; gives her id."""
    return new_id(connection, secretary, values)


def update_row(connection: Connection, secretary_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a secretary."""
    connection.execute(update(secretary).where(secretary.c.id == secretary_id).values(values))


def set_clients(connection: Connection, secretary_id: int, client_ids: Sequence[int]) -> None:
    """For whom she may answer, if not for all."""
    connection.execute(delete(secretary_client).where(secretary_client.c.secretary_id == secretary_id))
    pairs = [{"secretary_id": secretary_id, "client_id": client_id} for client_id in sorted(set(client_ids))]
    if pairs:
        connection.execute(insert(secretary_client), pairs)


def slugs_of(connection: Connection, secretary_id: int) -> list[str]:
    """The clients that she may answer for by name, sorted."""
    hers = select(client.c.slug).join_from(secretary_client, client)
    return list(connection.scalars(hers.where(secretary_client.c.secretary_id == secretary_id).order_by(client.c.slug)))


def users(connection: Connection) -> set[str]:
    """The user names of all telephones, those of secretaries who have left too."""
    return set(connection.scalars(select(secretary.c.user)))


def of_telephone(connection: Connection, user: str) -> Telephone | None:
    """Whose telephone has that user name; one who has left, too."""
    row = connection.execute(select(secretary.c.id, secretary.c.name).where(secretary.c.user == user)).one_or_none()
    return Telephone(row.id, row.name) if row else None


def is_in_call(connection: Connection, secretary_id: int) -> bool:
    """Whether a call has her seat."""
    return connection.scalar(select(seat_claim.c.call_id).where(seat_claim.c.secretary_id == secretary_id)) is not None


def in_calls(connection: Connection) -> dict[int, SeatOf]:
    """The calls that have a secretary's seat, by her id."""
    query = select(seat_claim.c.secretary_id, call.c.id, call.c.phase).join_from(seat_claim, call)
    return {row.secretary_id: SeatOf(row.id, row.phase) for row in connection.execute(query)}


def paused_by_system(connection: Connection, of_users: Sequence[str]) -> list[Secretary]:
    """Those of these telephones' secretaries whom the system has paused because of refusals."""
    paused = secretary.c.user.in_(of_users), secretary.c.paused_why == PausedBy.REFUSALS.value
    # Another daemon may be ending the same pauses at this moment.
    rows = connection.execute(select(secretary).where(*paused).order_by(secretary.c.user).with_for_update())
    return [record(Secretary, row) for row in rows]


def pause(connection: Connection, secretary_id: int, at: datetime) -> bool:
    """Pauses her because her telephone took none of three offers; any other pause stays as it is. False if she is
    paused already."""
    hers = secretary.c.id == secretary_id, secretary.c.paused.is_(False)
    values = {"paused": True, "paused_why": PausedBy.REFUSALS.value, "pause_reason": "", "paused_at": at}
    paused = connection.execute(update(secretary).where(*hers).values(**values)).rowcount > 0
    if paused:
        pauses.begin(connection, secretary_id, PausedBy.REFUSALS, "", at)
        bump_revision(connection)
    return paused


def end_rest(connection: Connection, secretary_id: int, at: datetime) -> None:
    """Her rest after a call ends at that instant, if it lasts longer."""
    resting = secretary.c.id == secretary_id, secretary.c.free_from > at
    connection.execute(update(secretary).where(*resting).values(free_from=at))


def has_browser_telephone(connection: Connection, secretary_id: int) -> bool:
    """Whether she may have a telephone in her page."""
    hers = secretary.c.id == secretary_id, secretary.c.removed_at.is_(None)
    return bool(connection.scalar(select(secretary.c.browser_telephone).where(*hers)))


def note_forward(connection: Connection, secretary_id: int, at: datetime | None) -> None:
    """Her telephone has answered with a forward at that instant; None: it rings again."""
    connection.execute(update(secretary).where(secretary.c.id == secretary_id).values(forwarded_at=at))


def old_pauses(connection: Connection, before: datetime) -> list[str]:
    """The telephones' user names of the system's pauses that began before that instant."""
    old = secretary.c.paused_why == PausedBy.REFUSALS.value, func.coalesce(secretary.c.paused_at, before) <= before
    return list(connection.scalars(select(secretary.c.user).where(*old).order_by(secretary.c.user)))


def rows(connection: Connection) -> list[Listed]:
    """Every secretary who has not left, by name."""
    slugs: dict[int, list[str]] = {}
    allowed = select(secretary_client.c.secretary_id, client.c.slug).join(client).order_by(client.c.slug)
    for secretary_id, slug in connection.execute(allowed):
        slugs.setdefault(secretary_id, []).append(slug)
    query = select(secretary).where(secretary.c.removed_at.is_(None)).order_by(secretary.c.name)
    return [
        Listed(
            id=row.id,
            name=row.name,
            user=row.user,
            languages=row.languages.split(","),
            clients=None if row.all_clients else slugs.get(row.id, []),
            paused=row.paused,
            paused_why=row.paused_why,
            pause_reason=row.pause_reason,
            paused_at=row.paused_at,
            forwarded_at=row.forwarded_at,
            wrap_up=row.wrap_up,
            free_from=row.free_from,
            secure=row.secure,
            browser_telephone=row.browser_telephone,
        )
        for row in connection.execute(query)
    ]


def _unknown(connection: Connection, name: str) -> ClientMistake:
    near = get_close_matches(name[:60], names(connection), n=3, cutoff=0.4)
    if near:
        return ClientMistake(
            "there is no secretary {name}: did you mean {near}?",
            Code.NO_SUCH_SECRETARY,
            name=repr(name[:40]),
            near=" / ".join(near),
        )
    return ClientMistake("there is no secretary {name}", Code.NO_SUCH_SECRETARY, name=repr(name[:40]))
