"""Ready-made texts in the store (docs/service.md rule 8); none is overwritten, so that changes can be traced."""

import unicodedata
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select

from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.tables import info_text


@dataclass(frozen=True, slots=True)
class Version:
    """What stood under a name since then; `removed`: nothing."""

    id: int
    name: str
    since: datetime
    asked_by: str  # who asked for the change in writing
    removed: bool
    text: str


def insert_row(
    conn: Connection, client_id: int, name: str, since: datetime, asked_by: str, text: str, *, removed: bool = False
) -> None:
    """Puts a text in force under its name, or takes the name away."""
    values = {"client_id": client_id, "name": name, "text": text, "removed": removed}
    conn.execute(insert(info_text).values(values | {"since": since, "asked_by": asked_by}))


def in_force(conn: Connection, client_id: int) -> list[Version]:
    """A client's texts, by name."""
    found: dict[str, Version] = {}
    for one in _IN_FORCE.all(conn, client=client_id):
        found.setdefault(folded(one.name), one)
    return [found[name] for name in sorted(found) if not found[name].removed]


def standing(conn: Connection, client_id: int, name: str) -> Version | None:
    """The text in force under that name, however it is capitalised; None if there is none."""
    return next((one for one in in_force(conn, client_id) if folded(one.name) == folded(name)), None)


def find(conn: Connection, client_id: int, name: str) -> Version:
    """The text in force under that name. Raises ClientMistake if there is none."""
    found = standing(conn, client_id, name)
    if found is None:
        raise ClientMistake("there is no ready-made text {name}", Code.NO_SUCH_INFO, name=repr(clean_line(name, 60)))
    return found


def history(conn: Connection, client_id: int, name: str) -> list[Version]:
    """All that has stood under a name, the newest first."""
    found = _OF_CLIENT.all(conn, client=client_id)
    return [one for one in found if folded(one.name) == folded(name)]


def folded(name: str) -> str:
    """What two spellings of one name have in common. The databases fold ASCII, or as their locale does."""
    return unicodedata.normalize("NFKC", name).casefold()


def _versions(which: ColumnElement[bool]) -> FixedQuery[Version]:
    """The newest first."""
    columns = [info_text.c[field.name] for field in fields(Version)]
    return FixedQuery(Version, select(*columns).where(which).order_by(info_text.c.id.desc()))


_OF_CLIENT = _versions(info_text.c.client_id == bindparam("client"))
_IN_FORCE = _versions(
    info_text.c.id.in_(
        select(func.max(info_text.c.id)).where(info_text.c.client_id == bindparam("client")).group_by(info_text.c.name)
    )
)
