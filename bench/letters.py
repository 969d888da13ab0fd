"""How soon a letter is with the mail server once it has been sent: from before the transaction that writes it until the
server accepts it, with a real SMTP server (aiosmtpd) in a process of its own.

The outbox's worker runs in a process as the daemon's: the letters are written by a thread beside it, each in a
transaction of its own, which wakes it. `bench.letters office …` and `bench.letters server` are these two processes.
"""

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine

from bench.measure import percentile
from pbx_control import clock
from pbx_control.domain.call.model import Outcome
from pbx_control.domain.notices.messages import CallSummary, Channel, Letter, Recipient, compose
from pbx_control.notify.mail import Mailer
from pbx_control.notify.taken import TakenLetters
from pbx_control.notify.telegram import Telegrammer
from pbx_control.notify.worker import Outbox
from pbx_control.settings import Database, Home, Mail, Settings, Telegram
from pbx_control.store import letters
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import client

RECIPIENTS = 1000
# How long the last letters may take, seconds.
SETTLING = 30.0
NAMED = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letters:
    """What was measured on one database; times in milliseconds."""

    database: str
    rate: int
    written: int
    took: tuple[float, ...]  # from send to acceptance, of each letter that was accepted
    twice: int  # letters that were accepted more than once
    seconds: float  # from the first one written to the last
    cpu: float  # of the process that writes and sends, milliseconds a letter

    @property
    def p50(self) -> float:
        return percentile(self.took, 50)

    @property
    def p99(self) -> float:
        return percentile(self.took, 99)

    @property
    def reached(self) -> float:
        """Letters a second that were really sent."""
        return (self.written - 1) / max(self.seconds, 0.001)

    @property
    def missing(self) -> int:
        return self.written - len(self.took)


def posted(folder: Path, url: str, rate: int, seconds: float) -> Letters:
    """Sends that many letters a second for so long; with `url` on PostgreSQL, in a database that is empty."""
    folder.mkdir(parents=True)
    upgrade(Home(folder), Settings(database=Database(url=url)))
    with _running("server") as server:
        port = _line(server)
        with _running("office", str(folder), url, str(port), str(rate), str(seconds)) as office:
            sent = _line(office)
        accepted = _line(server, end=True)
    took = [1000 * (accepted[name][0] - at) for name, at in sent["at"].items() if name in accepted]
    return Letters(
        database="PostgreSQL" if url else "SQLite",
        rate=rate,
        written=len(sent["at"]),
        took=tuple(took),
        twice=sum(len(times) > 1 for times in accepted.values()),
        seconds=max(sent["at"].values()) - min(sent["at"].values()),
        cpu=1000 * sent["cpu"] / len(sent["at"]),
    )


@contextmanager
def _running(*words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "bench.letters", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]", *, end: bool = False) -> Any:
    """What it says next; with `end` what it says when it is told that nothing more comes."""
    assert process.stdin
    assert process.stdout
    if end:
        process.stdin.close()
        process.stdin = None
    return json.loads(process.stdout.readline())


# --- the mail server


class _Accepting:
    """Takes every letter and remembers when."""

    def __init__(self) -> None:
        self.accepted: dict[str, list[float]] = {}

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        found = NAMED.search(envelope.content)
        assert found
        self.accepted.setdefault(found[1].decode(), []).append(time.monotonic())
        return "250 2.0.0 taken"


async def _serve() -> None:
    handler = _Accepting()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="mail.test", enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(handler.accepted), flush=True)


# --- the office


class _Office:
    """Writes letters at a rate, and sends them."""

    def __init__(self, home: Home, url: str, port: int) -> None:
        self.engine = open_engine(home, Settings(database=Database(url=url)))
        self.at: dict[str, float] = {}
        mail = Mail(host="127.0.0.1", port=port, tls="none", sender="avisos@sur.example")
        mailer, telegrammer = Mailer(mail, "Secretariado Sur", home), Telegrammer(Telegram(), home)
        self._waiting = 0
        self.outbox = Outbox(self.engine, mailer, telegrammer, clock.now, told=self._count, taken=TakenLetters(home))
        _add_client(self.engine)

    def _count(self, tried: Any) -> None:
        self._waiting -= len(tried)

    async def run(self, rate: int, seconds: float) -> dict[str, Any]:
        """Gives when each letter was sent, and the CPU seconds since the first."""
        working = asyncio.create_task(self.outbox.run())
        cpu = time.process_time()
        writer = threading.Thread(target=self._write, args=(rate, int(rate * seconds)))
        writer.start()
        await asyncio.to_thread(writer.join)
        until = time.monotonic() + SETTLING
        while self._waiting and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        cpu = time.process_time() - cpu
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return {"at": self.at, "cpu": cpu}

    def _write(self, rate: int, count: int) -> None:
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            at = time.monotonic()
            self._waiting += 1
            self.at[self._post(number)] = at
            self.outbox.wake()

    def _post(self, number: int) -> str:
        written = _letter(number)
        with writing(self.engine) as conn:
            letters.add(conn, [written])
        return written.message_id


def _add_client(engine: Engine) -> None:
    with writing(engine) as conn:
        facts = {"id": 1, "slug": "andes", "name": "Clínica Andes", "week": "never", "created_at": clock.now()}
        conn.execute(client.insert().values(facts))


def _letter(number: int) -> Letter:
    """As one tells of a call that was answered."""
    at = clock.now()
    summary = CallSummary(
        call_id=f"pbx-{number}.1",
        client_id=1,
        client_name="Clínica Andes",
        language="es",
        timezone="America/Santiago",
        did="+56225550101",
        caller="+56912345678",
        caller_name="María Ñandú",
        outcome=Outcome.ANSWERED,
        secretary="Ana",
        arrived_at=at - timedelta(minutes=2),
        ended_at=at,
        talked=timedelta(minutes=1),
    )
    recipient = Recipient(Channel.EMAIL, f"r{number % RECIPIENTS}@x.example")
    # Its call is not in the book.
    return replace(compose(summary, recipient, "Secretariado Sur"), call_id=None)


async def _office(folder: str, url: str, port: str, rate: str, seconds: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    office = _Office(Home(Path(folder)), url, int(port))
    print(json.dumps(await office.run(int(rate), float(seconds))), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve() if sys.argv[1] == "server" else _office(*sys.argv[2:]))
