"""Receipts: what was deleted, when, why, and which content it had; only ever added (docs/service.md rule 13)."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from pbx_control.domain.keeping.retention import What
from pbx_control.store.tables import receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One deletion. Without SHA-256 there was no file: only the row's reference went."""

    at: datetime
    what: What
    path: str = ""  # below recordings/
    call_id: str = ""
    client_id: int | None = None
    why: str
    sha256: str = ""
    size: int = 0  # bytes


def add(conn: Connection, receipts: Sequence[Receipt]) -> None:
    """Writes receipts, in the caller's transaction."""
    if receipts:
        conn.execute(insert(receipt), [asdict(one) for one in receipts])


def contents(conn: Connection, paths: Collection[str]) -> set[tuple[str, str, int]]:
    """Which contents were deleted at these paths: path, SHA-256 and size of each."""
    query = select(receipt.c.path, receipt.c.sha256, receipt.c.size).where(receipt.c.path.in_(list(paths)))
    return {(row.path, row.sha256, row.size) for row in conn.execute(query)}


def newest(
    conn: Connection, *, since: datetime | None = None, call_id: str | None = None, limit: int = 100
) -> list[Receipt]:
    """The newest receipts, newest first: since an instant, or of one call."""
    columns = [column for column in receipt.c if column.name != "id"]
    query = select(*columns).order_by(receipt.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(receipt.c.at >= since)
    if call_id is not None:
        query = query.where(receipt.c.call_id == call_id)
    return [Receipt(**(dict(row._mapping) | {"what": What(row.what)})) for row in conn.execute(query)]
