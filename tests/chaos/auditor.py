"""Looks at everything when the dust has settled: callers, switch, database and mail must tell the same story."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from chaos.crowd import Crowd, Visit
from chaos.house import CALLER, CONTACT, SECRETARY, House
from chaos.killer import Killer
from pbx_control.domain.call.model import Phase
from pbx_control.domain.money.quota import Kind
from pbx_control.store.engine import reading
from pbx_control.store.ledger import out_of_balance
from pbx_control.store.tables import call, dialling, journal, ledger_entry, letter, seat_claim, unit_reservation
from pbx_control.world import audio

# Legs and bridges are gone a second after their call; a minute's comparison removes what was overlooked, seconds.
ORPHANS_GONE = 60.0
# The switch's record of the calls that it served alone is read each second, and once more for whose end came late.
TAKEN_IN = 10.0
# A letter in flight at the last kill is sent again when its lease is over, seconds.
LETTERS_SENT = 100.0
LOOK_EVERY = 0.5


class Auditor:
    """`complaints` waits until nothing moves any more and returns what is wrong, a line each."""

    def __init__(self, house: House, crowd: Crowd, killer: Killer) -> None:
        self._house, self._crowd, self._killer = house, crowd, killer

    async def complaints(self) -> list[str]:
        return [
            *(f"{_name(visit)}: {each}" for visit in self._crowd.visits for each in visit.complaints),
            *await self._orphans(),
            *await self._not_taken_in(),
            *await self._unsent(),
            *await asyncio.to_thread(self._books),
            *self._sent_twice(),
            *(f"fault point {fault} was not reached" for fault in self._killer.missed),
        ]

    async def _orphans(self) -> list[str]:
        until = time.monotonic() + ORPHANS_GONE
        while (left := await self._house.channels()) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY)
        return [f"orphan in the switch: {line}" for line in left]

    async def _not_taken_in(self) -> list[str]:
        """Everybody has hung up: nothing that the switch wrote of calls it served may be waiting for much longer."""
        home = self._house.office.home
        until = time.monotonic() + TAKEN_IN
        while (left := _unread(home)) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY)
        return [f"the switch's own record is not taken in: {file}" for file in left]

    async def _unsent(self) -> list[str]:
        """A mailbox gets its letters one after the other: as long as they become fewer, none is lost."""
        left, until = await asyncio.to_thread(self._waiting_letters), time.monotonic() + LETTERS_SENT
        while left and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY)
            before, left = left, await asyncio.to_thread(self._waiting_letters)
            if len(left) < len(before):
                until = time.monotonic() + LETTERS_SENT
        return [f"letter not delivered: {row}" for row in left]

    def _waiting_letters(self) -> list[Any]:
        return self._rows(
            select(letter.c.id, letter.c.attempts, letter.c.due_at).where(letter.c.delivered_at.is_(None))
        )

    def _books(self) -> list[str]:
        """Each visit has one row that is over and tells the right outcome, a whole journal, and its letter."""
        rows = defaultdict(list)
        for row in self._rows(select(call).where(call.c.node == self._house.node)):
            rows[row.caller].append(row)
        lines = defaultdict(list)
        for entry in self._rows(select(journal).order_by(journal.c.call_id, journal.c.seq)):
            lines[entry.call_id].append(entry)
        letters = Counter(row.call_id for row in self._rows(select(letter)))
        dialled = Counter(row.call_id for row in self._rows(select(dialling)))
        found = [f"seat not given back: {row}" for row in self._rows(select(seat_claim))]
        found += self._wrong_charges([row for own in rows.values() for row in own])
        for visit in self._crowd.visits:
            own = rows.pop(visit.number, [])
            wrong = _wrong(visit, own, lines, letters)
            if visit.key and len(own) == 1:
                wrong += self._wrong_in_transfer(visit, own[0], lines, dialled)
            if wrong or visit.complaints:
                wrong += [_told(entry) for row in own for entry in lines[row.id]]
            found += [f"{_name(visit)}: {each}" for each in wrong]
        return [*found, *(f"nobody called from {number}" for number in rows)]

    def _wrong_charges(self, calls: list[Any]) -> list[str]:
        """Each call that a secretary answered is charged once, no other is, nothing stays reserved, the books agree."""
        charged = self._rows(select(ledger_entry.c.call_id).where(ledger_entry.c.kind == Kind.CHARGE.value))
        charges = Counter(row.call_id for row in charged)
        wrong = [
            f"charged {charges[row.id]} times, answered {row.answered_at}: {row.id}"
            for row in calls
            if charges[row.id] != (row.answered_at is not None)
        ]
        wrong += [f"unit not given back: {row}" for row in self._rows(select(unit_reservation))]
        engine = self._house.engine()
        with reading(engine) as connection:
            wrong += [f"account of client {client} out of balance" for client in out_of_balance(connection)]
        engine.dispose()
        return wrong

    def _wrong_in_transfer(
        self, visit: Visit, row: Any, lines: dict[str, list[Any]], dialled: Counter[str]
    ) -> list[str]:
        """Each key press that took effect dialled once, and rang at most once; the right one is named and recorded."""
        pressed = sum(_began_consultation(entry) for entry in lines[row.id])
        wrong = []
        if not visit.rings <= pressed == dialled[row.id]:
            wrong.append(
                f"{pressed} times pressed, {dialled[row.id]} times dialled, {visit.rings} times rung: {row.id}"
            )
        if visit.in_vain and row.hosted_by != "switch":
            wrong.append(f"pressed in vain: {row.id}")
        if row.transferred_to != visit.transferred_to:
            wrong.append(f"transferred to {row.transferred_to!r}: {row.id}")
        expected = {CALLER, SECRETARY} | ({CONTACT} if visit.transferred_to else set())
        file = self._house.office.home / "recordings" / row.recording
        tones = audio.tones_in(file, (CALLER, SECRETARY, CONTACT)) if file.is_file() else set()
        if tones != expected:
            wrong.append(f"recorded are {sorted(tones)}, expected {sorted(expected)}: {row.id}")
        if row.recording_flaw:
            wrong.append(f"recording is {row.recording_flaw}: {row.id}")
        return wrong

    def _sent_twice(self) -> list[str]:
        excused = Counter(name for names in self._killer.in_flight for name in names)
        return [
            f"{name} was delivered {len(times)} times, in flight at {excused[name]} kills"
            for name, times in self._house.post.taken.items()
            if len(times) - 1 > excused[name]
        ]

    def _rows(self, query: Any) -> list[Any]:
        engine = self._house.engine()
        try:
            with reading(engine) as connection:
                return list(connection.execute(query))
        finally:
            engine.dispose()


def _wrong(visit: Visit, rows: list[Any], lines: dict[str, list[Any]], letters: Counter[str]) -> list[str]:
    if len(rows) != 1:
        return [f"{len(rows)} rows in the book"]
    row = rows[0]
    wrong = []
    if row.state is not None or row.ended_at is None or row.phase != "ended":
        wrong.append(f"not over: {row.phase}, ended {row.ended_at}")
    if row.outcome not in visit.outcomes:
        wrong.append(f"outcome {row.outcome} of {row.id}, {row.hosted_by}")
    if row.outcome == "answered" and visit.firm.records and not row.recording:
        wrong.append(f"not recorded: {row.id}, {row.hosted_by}")
    if [entry.seq for entry in lines[row.id]] != list(range(1, len(lines[row.id]) + 1)) or not lines[row.id]:
        wrong.append(f"journal of {row.id} has holes")
    if letters[row.id] != 1:
        wrong.append(f"{letters[row.id]} letters of {row.id}")
    return wrong


def _unread(home: Path) -> list[Path]:
    written = home / "asterisk" / "log" / "cel-custom" / "fallback.csv"
    return [*([written] if written.exists() else []), *(home / "run" / "absence").glob("*.csv")]


def _told(entry: Any) -> str:
    """A line of the journal, for whoever is to find out why: the database may be gone by then."""
    return f"{entry.seq:4} {entry.at:%H:%M:%S.%f} {entry.event} {entry.details}"


def _began_consultation(entry: Any) -> bool:
    return entry.event == "KeyPressed" and json.loads(entry.details).get("phase") == Phase.CALLING_CONTACT.value


def _name(visit: Visit) -> str:
    return f"{visit.kind} {visit.number}"
