"""The transaction of a change: who makes it and when; it ends with an entry in the audit trail, or not at all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.sql.dml import UpdateBase

from pbx_control.domain.audit import Actor, AuditEntry, Verb, difference
from pbx_control.store import audit
from pbx_control.store import engine as store
from pbx_control.store.fixed import WATCHER
from pbx_control.store.rows import facts
from pbx_control.store.tables import api_once
from pbx_control.store.tables import audit as audit_table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
# What may be written without an entry: the entries themselves, and that something was asked for.
UNNOTED = (audit_table, api_once)


class Unaudited(Exception):
    """Something was written without an entry in the audit trail: a fault of the software. Nothing was kept."""


@dataclass(frozen=True, slots=True)
class Work:
    """A transaction, whose it is, and its instant."""

    conn: Connection
    actor: Actor
    at: datetime
    entries: list[AuditEntry] = field(default_factory=list)

    def note(
        self,
        verb: Verb,
        subject: str,
        *,
        client_id: int | None = None,
        old: "Mapping[str, object] | DataclassInstance | None" = None,
        new: Mapping[str, object] | None = None,
    ) -> None:
        """Writes an entry: what was done to what, and the fields as they were and as they are."""
        entry = AuditEntry(
            at=self.at,
            actor=self.actor,
            verb=verb,
            subject=subject,
            client_id=client_id,
            difference=difference(facts(old or {}), new or {}),
        )
        audit.add(self.conn, entry)
        self.entries.append(entry)


class _Unchanged(Exception):
    """Ends a transaction that changed nothing: its revision is not counted."""


def news(old: "Mapping[str, object] | DataclassInstance", wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the wanted fields that are not so already; empty: there is nothing to change, and nothing to note."""
    there = facts(old)
    return {name: value for name, value in wanted.items() if name not in there or there[name] != value}


@contextmanager
def changing(engine: Engine, actor: Actor, at: datetime) -> Iterator[Work]:
    """A transaction that changes provisioning: it counts as a new revision, which the daemon publishes. One that
    changed nothing does not."""
    with suppress(_Unchanged), store.changing(engine) as conn:
        with _audited(Work(conn, actor, at)) as work:
            yield work
        if not work.entries:
            raise _Unchanged


@contextmanager
def booking(engine: Engine, actor: Actor, at: datetime) -> Iterator[Work]:
    """A transaction that changes what is not published to the switch: money, holds, letters."""
    with store.writing(engine) as conn, _audited(Work(conn, actor, at)) as work:
        yield work


class _Rehearsed(Exception):
    """Ends a rehearsal: its transaction is rolled back."""


def rehearsed(engine: Engine, actor: Actor, at: datetime, act: Callable[[Work], T]) -> T:
    """What `act` would give: it is done in a transaction that is rolled back."""
    done: list[T] = []
    try:
        with booking(engine, actor, at) as work:
            done.append(act(work))
            raise _Rehearsed
    except _Rehearsed:
        return done[0]


@contextmanager
def _audited(work: Work) -> Iterator[Work]:
    """Raises Unaudited, so that nothing is kept, if the block writes something but no entry."""
    written: list[str] = []

    def note_written(conn: Connection, clause: object, _many: object, _one: object, _how: object, result: Any) -> None:
        # What touched no row has changed nothing.
        if isinstance(clause, UpdateBase) and (result.returns_rows or result.rowcount):
            note_table(clause.table)

    def note_table(table: object) -> None:
        if isinstance(table, Table) and table not in UNNOTED:
            written.append(table.name)

    info = work.conn.info  # kept: a connection that breaks has none any more
    event.listen(work.conn, "after_execute", note_written)
    info[WATCHER] = note_table
    try:
        yield work
    finally:
        event.remove(work.conn, "after_execute", note_written)
        info.pop(WATCHER, None)
    if written and not work.entries:
        raise Unaudited(f"changed without an entry in the audit trail: {', '.join(sorted(set(written)))}")
