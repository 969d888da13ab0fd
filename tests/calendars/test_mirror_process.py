"""The process that keeps calendars in step, with a real Radicale: booked here, seen there; entered there, taken."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
from acting import ADMIN, HOUSE
from caldav_servers import PASSWORD, USER, Server
from running_out import add_client
from sqlalchemy import Engine

from pbx_control.domain.agenda.mirrored import caldav_name
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.errors import ClientMistake
from pbx_control.services import appointments, calendar_sync, calendars
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking
from pbx_control.settings import Home, load
from pbx_control.store import agenda, remotes
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.remotes import Access

# A machine with much to do takes its time, seconds.
PATIENCE = 60.0
TEN = (datetime.now(UTC) + timedelta(days=3)).replace(hour=13, minute=0, second=0, microsecond=0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.settings_file.write_text('[agenda]\nprivate_networks = ["127.0.0.0/8"]\n')
    upgrade(made, load(made))
    return made


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    made = open_engine(home, load(home))
    yield made
    made.dispose()


@pytest.fixture
def url(engine: Engine, radicale: Server) -> str:
    made = radicale.calendar()
    add_client(engine, 1, "andes")
    with booking(engine, ADMIN, datetime.now(UTC)) as work:
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)], week="always", zone="UTC")
        calendar_sync.connect(
            work, 1, "soto", Access(source=Source.CALDAV, address=made, user=USER, secret=PASSWORD)
        )
    return made


@pytest.fixture
def process(home: Home, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    started = subprocess.Popen(
        [sys.executable, "-m", "cli", "--home", str(home.root), "mirror", "--child"], stdin=subprocess.PIPE
    )
    yield started
    if started.poll() is None:
        started.kill()
    started.wait()
    assert started.stdin
    started.stdin.close()


def until(is_so: Callable[[], bool]) -> None:
    """Waits for another process's work."""
    ends = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < ends, "it does not come about"
        time.sleep(0.1)


def test_booked_here_seen_there_and_entered_there_taken_here(
    engine: Engine, radicale: Server, url: str, process: "subprocess.Popen[bytes]"
) -> None:
    order = Order(client_id=1, calendar="soto", starts=TEN, name="Ana Pérez")
    with booking(engine, ADMIN, datetime.now(UTC)) as work:
        one = appointments.book(work, order, house=HOUSE)

    def is_told() -> bool:
        with reading(engine) as conn:
            return agenda.mirror_of(conn, one.id).due_at is None

    until(is_told)
    [there] = icalendar.Calendar.from_ical(radicale.client.get(f"{url}{caldav_name(one.uid)}").content).walk("VEVENT")
    assert (there["SUMMARY"], there["COLOR"], there["DTSTART"].dt) == ("Ana Pérez, Consulta", "green", TEN)

    later = TEN + timedelta(hours=1)
    his = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:his\r\nDTSTAMP:20260101T000000Z\r\n"
        f"DTSTART:{later:%Y%m%dT%H%M%SZ}\r\nDTEND:{later + timedelta(hours=1):%Y%m%dT%H%M%SZ}\r\n"
        "SUMMARY:Suyo\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    radicale.client.put(f"{url}his.ics", content=his, headers={"Content-Type": "text/calendar"}).raise_for_status()
    with writing(engine) as conn:
        calendar_id = calendars.get(conn, 1, "soto").id
        remotes.put_due(conn, calendar_id, datetime.now(UTC))

    def is_taken() -> bool:
        with reading(engine) as conn:
            return bool(remotes.busy_between(conn, calendar_id, later, later + timedelta(hours=1)))

    until(is_taken)
    with booking(engine, ADMIN, datetime.now(UTC)) as work, pytest.raises(ClientMistake):
        appointments.book(work, Order(client_id=1, calendar="soto", starts=later, name="Juan"), house=HOUSE)


@pytest.mark.parametrize("way", ["signal", "daemon gone"])
def test_it_ends_in_good_order(engine: Engine, process: "subprocess.Popen[bytes]", way: str) -> None:
    def is_read() -> bool:
        with reading(engine) as conn:
            return remotes.state_of(conn, calendars.get(conn, 1, "soto").id).synced_at is not None

    until(is_read)
    if way == "signal":
        os.kill(process.pid, signal.SIGTERM)
    else:
        assert process.stdin
        process.stdin.close()
    assert process.wait(PATIENCE) == 0
