"""Databases of older versions, with rows of all kinds in every table: up to this schema, down and up again."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Engine, MetaData, Table, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import Boolean, Date, DateTime, Float, Integer, LargeBinary, String

from pbx_control.store.engine import reading, writing
from pbx_control.store.migrate import move

# The first migration of all, and that of the last release.
FIRST, RELEASED = "0001", "0012"
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
BEGUN = NOON - timedelta(hours=1)
ODD = "Núñez \"'%_\\ &"
SINGLE = {"revision", "clock_guard"}

Rows = list[dict[str, Any]]


def arrival(admission: str, why: str, name: str = ODD) -> str:
    return json.dumps({"name": name, "admission": admission, "why": why}, ensure_ascii=False, separators=(",", ":"))


def state(call_id: str, **more: Any) -> bytes:
    return json.dumps({"id": call_id, "phase": "waiting"} | more, separators=(",", ":")).encode()


LEFT_AT = "2026-08-03T12:01:30.5Z"
HOSTILE = '","admission":"exhausted","why":"out of calls","x":"'
# What of a table's rows is not made up: every kind of row that a migration tells from another.
CALLS: Rows = [
    {"id": "pbx-1", "outcome": "answered", "phase": "ended"},
    {"id": "pbx-2", "outcome": "exhausted", "phase": "ended"},
    {"id": "pbx-3", "outcome": "exhausted", "phase": "ended"},
    {"id": "pbx-4", "outcome": "exhausted", "phase": "ended"},
    {"id": "pbx-5", "outcome": "closed", "phase": "ended"},
    {"id": "pbx-6", "outcome": "", "phase": "waiting", "ended_at": None, "state": state("pbx-6")},
    {"id": "pbx-7", "outcome": "answered", "phase": "ending", "ended_at": None}
    | {"state": state("pbx-7", ended_at=LEFT_AT)},
    {"id": "pbx-8", "outcome": "exhausted", "phase": "taking_message", "ended_at": None}
    | {"state": state("pbx-8", facts={"admission": "exhausted", "why": "out of calls"})},
    {"id": "pbx-9", "outcome": "", "phase": "ending", "ended_at": None}
    | {"state": state("pbx-9", ended_at=LEFT_AT, taken_over=True)},
]
JOURNAL: Rows = [
    {"call_id": "pbx-2", "details": arrival("exhausted", "out of calls")},
    # As it reads once its caller has been erased.
    {"call_id": "pbx-3", "details": json.dumps(json.loads(arrival("exhausted", "out of calls", "erased")))},
    {"call_id": "pbx-4", "details": arrival("exhausted", "hours", HOSTILE)},
    {"call_id": "pbx-5", "details": arrival("closed", "out of calls")},
    {"call_id": "pbx-8", "details": arrival("exhausted", "out of calls")},
    {"call_id": "pbx-1", "event": "Offered", "details": "{}"},
]
LEDGER: Rows = [
    {"kind": "charge", "why": ""},
    {"kind": "charge", "why": "wrong-number"},
    {"kind": "charge", "why": ""},
    {"kind": "charge", "why": ""},
    {"kind": "reversal", "why": "wrong-number: Ana", "reverses": 1},
    {"kind": "reversal", "why": "test", "reverses": 2},
    {"kind": "reversal", "why": "blocked: a robot", "reverses": 3},
    {"kind": "reversal", "why": "testing showed a fax", "reverses": 4},
    {"kind": "repeat", "why": "pbx-1, 4 s"},
    {"kind": "grant", "why": ""},
]
CAUSES = (
    "renewal:1:2026-08-10",
    "did:1:+56225550101:2026-08-11T10:00:00",
    "bag:2",
    "change:3",
    "change:3:1",
    "leave:2:1",
    "credit:1:1",
)
RESULTS = (
    "nothing to make up",
    "not finished; a later run has done its work",
    "not finished, twice: the daemon died both times",
    "failed: the disk is full",
    json.dumps(["failed: {why}", {"why": ["broken off", {}]}]),
    json.dumps(["files deleted: {count}", {"count": 3}]),
    "it failed: said somebody",
)
RUNS: Rows = [{"job": f"job{n}", "result": result} for n, result in enumerate(RESULTS)]
# The second row of a table has no value wherever it may have none.
RUNS.insert(1, {"job": "begun", "result": ""})
RUNS += [{"job": "begun", "result": "begun again", "ended_at": None}]
KNOWN: Mapping[str, Rows] = {
    "client": [{"state": each} for each in ("active", "suspended", "cancelled")],
    "client_order": [{"state": each} for each in ("open", "confirmed", "refused")],
    "appointment": [{"state": each, "starts": BEGUN} for each in ("confirmed", "cancelled", "no_show")],
    "attendance": [{"state": each} for each in ("ready", "talking", "pause")],
    "announcement": [{"audio": ""}, {"text": ""}, {"audio": ""}],
    "call": CALLS,
    "journal": JOURNAL,
    "ledger_entry": LEDGER,
    "invoice": [{"cause": cause, "kind": "boleta"} for cause in CAUSES],
    "job_run": RUNS,
}
# Whatever the table.
ALWAYS = {"timezone": "America/Santiago", "event": "CallArrived", "reverses": None, "corrects": None, "state": None}


def fill(conn: Connection) -> None:
    """Rows of all kinds into every table that there is."""
    tables = MetaData()
    tables.reflect(conn, resolve_fks=False)
    made: dict[str, Rows] = {}
    for table in tables.sorted_tables:
        if table.name != "alembic_version":
            made[table.name] = _rows(table, made, conn.dialect.name)
            conn.execute(insert(table), made[table.name])


def _rows(table: Table, made: Mapping[str, Rows], dialect: str) -> Rows:
    known = KNOWN.get(table.name, [{}] if table.name in SINGLE else [{}, {}, {}])
    rows = []
    for number, sure in enumerate(known):
        row = {column.name: _value(column, number, made, dialect) for column in table.columns}
        row |= {name: value for name, value in ALWAYS.items() if name in row}
        rows.append(row | {name: value for name, value in sure.items() if name in row})
    return rows


def _value(column: Column[Any], number: int, made: Mapping[str, Rows], dialect: str) -> Any:
    if column.nullable and number == 1:
        return None
    for key in column.foreign_keys:
        parent, _, name = key.target_fullname.rpartition(".")
        return made[parent][number % len(made[parent])][name] if parent in made else None
    match column.type:
        case Boolean():
            return number % 2 == 0
        case Integer():
            return number + 1
        case Float():
            return number + 0.5
        case DateTime():
            at = NOON + timedelta(days=number, microseconds=number)
            return at if dialect == "postgresql" else at.replace(tzinfo=None)
        case Date():
            return date(2026, 8, 3 + number)
        case LargeBinary():
            return None
        case String(length=length):
            return f"{number} {ODD} {column.name}"[:length]
    raise AssertionError(f"{column} of an unknown type")


def rows_of(conn: Connection) -> dict[str, Sequence[Any]]:
    """All that the database holds."""
    tables = MetaData()
    tables.reflect(conn, resolve_fks=False)
    return {table.name: sorted(map(repr, conn.execute(select(table)).mappings())) for table in tables.sorted_tables}


def begin(conn: Connection, revision: str) -> dict[str, Sequence[Any]]:
    move(conn, "base")
    move(conn, revision)
    fill(conn)
    held = rows_of(conn)
    assert all(held.values())
    return held


@pytest.mark.parametrize("revision", [FIRST, RELEASED])
def test_an_old_database_goes_up_down_and_up_again_with_all_its_rows(engine: Engine, revision: str) -> None:
    with writing(engine) as conn:
        before = begin(conn, revision)
        move(conn, "head")
        risen = rows_of(conn)
        move(conn, revision)
        assert rows_of(conn) == before
        move(conn, "head")
        again = rows_of(conn)
    if revision == FIRST:  # nobody noted then when a client cancelled: it did so when its database was brought here
        del risen["client"], again["client"]
    assert again == risen


def test_a_database_of_today_goes_down_to_the_last_release_and_comes_back(engine: Engine) -> None:
    with writing(engine) as conn:
        move(conn, "base")
        move(conn, RELEASED)
        released = {table: set(names) for table, names in _columns(conn).items()}
        move(conn, "head")
        fill(conn)
        here = rows_of(conn)
        move(conn, RELEASED)
        assert {table: set(names) for table, names in _columns(conn).items()} == released
        assert {table: len(rows_of(conn)[table]) for table in released} == {t: len(here[t]) for t in released}
        move(conn, "head")


@pytest.mark.parametrize("way", [["head"], ["head", RELEASED]])
def test_what_is_append_only_stays_so(engine: Engine, way: list[str]) -> None:
    with writing(engine) as conn:
        begin(conn, RELEASED)
        for target in way:
            move(conn, target)
    one_of_each = {"ledger_entry": "id", "invoice": "id", "invoice_line": "seq", "receipt": "id"}
    for table, column in one_of_each.items():
        for words in (f"UPDATE {table} SET {column} = 99", f"DELETE FROM {table}"):
            with pytest.raises(DBAPIError, match="append-only"), engine.begin() as conn:
                conn.execute(text(words))


# --- what was found by searching in text ------------------------------------------------------------------


@pytest.fixture
def risen(engine: Engine) -> Engine:
    """A database of the last release that was brought to this version."""
    with writing(engine) as conn:
        begin(conn, RELEASED)
        move(conn, "head")
    return engine


def told(engine: Engine, words: str) -> list[tuple[Any, ...]]:
    with reading(engine) as conn:
        return [tuple(row) for row in conn.execute(text(words))]


def test_calls_that_were_turned_away_for_want_of_calls_are_known(risen: Engine) -> None:
    found = told(risen, "SELECT id, turned_away FROM call WHERE turned_away IS NOT NULL ORDER BY id")
    assert found == [(name, "out-of-calls") for name in ("pbx-2", "pbx-3", "pbx-8")]
    (lasting,) = told(risen, "SELECT state FROM call WHERE id = 'pbx-8'")
    assert json.loads(bytes(lasting[0]))["facts"]["turned_away"] == "out-of-calls"


def test_when_a_caller_left_is_known_before_his_call_is_over(risen: Engine) -> None:
    over = told(risen, "SELECT count(*) FROM call WHERE ended_at IS NOT NULL AND hung_up_at = ended_at")
    lasting = told(risen, "SELECT id, hung_up_at FROM call WHERE ended_at IS NULL ORDER BY id")
    assert over == told(risen, "SELECT count(*) FROM call WHERE ended_at IS NOT NULL")
    assert [(name, str(at)[:21] if at else None) for name, at in lasting if name in ("pbx-6", "pbx-7", "pbx-9")] == [
        ("pbx-6", None),
        ("pbx-7", "2026-08-03 12:01:30.5"),
        ("pbx-9", None),
    ]


def test_why_a_charge_was_taken_back_and_what_a_call_repeats_is_known(risen: Engine) -> None:
    found = told(risen, "SELECT why, uncounted, repeats, repeated_seconds FROM ledger_entry ORDER BY id")
    assert found[1] == ("wrong-number", None, None, None)  # of a charge
    assert found[4:9] == [
        ("wrong-number: Ana", "wrong-number", None, None),
        ("test", "test", None, None),
        ("blocked: a robot", "blocked", None, None),
        ("testing showed a fax", None, None, None),
        ("pbx-1, 4 s", None, "pbx-1", 4),
    ]


def test_what_an_invoice_is_for_is_known(risen: Engine) -> None:
    found = told(risen, "SELECT cause, purpose, subscription_id, bag_id FROM invoice ORDER BY id")
    assert found == [
        (CAUSES[0], "renewal", None, None),
        (CAUSES[1], "number", None, None),
        (CAUSES[2], "bag", None, 2),
        (CAUSES[3], "change", 3, None),
        (CAUSES[4], "change", 3, None),
        (CAUSES[5], "leave", 2, None),
        (CAUSES[6], "credit", None, None),
    ]


def test_how_a_run_of_a_job_ended_is_known(risen: Engine) -> None:
    found = told(risen, "SELECT result, ending, tries FROM job_run ORDER BY job, due_at")
    endings = dict(
        zip(RESULTS, ["first-seen", "superseded", "given-up", "failed", "failed", "done", "done"], strict=True)
    )
    assert [(result, ending) for result, ending, _ in found if result in endings] == list(endings.items())
    assert {result: tries for result, ending, tries in found if not ending} == {"": 1, "begun again": 2}
    assert {result for result, _, tries in found if tries == 2} == {RESULTS[2], "begun again"}


def _columns(conn: Connection) -> dict[str, list[str]]:
    inspector = inspect(conn)
    return {name: [each["name"] for each in inspector.get_columns(name)] for name in inspector.get_table_names()}
