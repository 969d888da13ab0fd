"""`python -m bench.curves`: how long the page of a week takes over a million calls, and counting calls as they end.

Makes calls of one week, or of a year, on each database, opens `/admin/week` as a browser does, and prints a line for
each.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import httpx
from postgres_server import running
from sqlalchemy import Engine, insert

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.users import UserRole
from pbx_control.media.purge import batches
from pbx_control.services import figures, users
from pbx_control.services.work import changing
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import move, upgrade
from pbx_control.store.tables import call, client
from pbx_control.web.app import make_app

MONDAY = datetime(2026, 8, 3, 4, tzinfo=UTC)
GOAL = 0.3  # seconds
PAGES = 15
ADMIN = Actor(ActorKind.ADMIN, "bench")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="bench.curves", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--days", type=int, default=7, help="over so many days the calls are spread [7]")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pbx-bench-"))
    try:
        with running(durability="") as server:
            for name, url in (("SQLite", ""), ("PostgreSQL", server.new_database())):
                print(measured(Home(folder / name), url, name, asked), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measured(home: Home, url: str, name: str, asked: argparse.Namespace) -> str:
    """A line about one database."""
    home.root.mkdir(parents=True)
    settings = Settings(database=Database(url=url))
    upgrade(home, settings)
    engine = open_engine(home, settings)
    with writing(engine) as conn:
        move(conn, "0039")  # the calls of an older version, which the migration counts
    made(engine, asked)
    began = time.monotonic()
    upgrade(home, settings)
    filled = time.monotonic() - began
    began = time.monotonic()
    wrong = figures.compare(engine, ADMIN, MONDAY + timedelta(days=8))
    compared = time.monotonic() - began
    took, answer = asyncio.run(opened(home, settings, engine))
    engine.dispose()
    reached = "reached" if max(took) <= GOAL else "missed"
    return (
        f"{name}: {asked.calls} calls of {asked.clients} clients over {asked.days} days; the week's page: median "
        f"{statistics.median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms of {len(took)} "
        f"({GOAL * 1000:.0f} ms {reached}), {len(answer) // 1024} kB; the migration counted them in {filled:.1f} s, "
        f"the nightly comparison took {compared:.1f} s and found {wrong} wrong"
    )


def made(engine: Engine, asked: argparse.Namespace) -> None:
    """The clients, and the calls that are over."""
    facts = {"week": "always", "created_at": MONDAY}
    with writing(engine) as conn:
        names = [{"id": n + 1, "slug": f"c{n}", "name": f"Firm {n}"} | facts for n in range(asked.clients)]
        conn.execute(insert(client), names)
    for rows in batches(_calls(asked), 5000):
        with writing(engine) as conn:
            conn.execute(insert(call), rows)


def _calls(asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    random = Random(1)
    for number in range(asked.calls):
        at = MONDAY + timedelta(days=asked.days * random.random())
        waited, answered = timedelta(seconds=random.expovariate(1 / 12)), random.random() < 0.9
        yield {
            "id": f"pbx-{number}",
            "client_id": 1 + random.randrange(asked.clients),
            "did": "+56225550101",
            "caller": "+56912345678",
            "phase": "ended",
            "outcome": "answered" if answered else "missed",
            "arrived_at": at,
            "answered_at": at + waited if answered else None,
            "ended_at": at + waited + timedelta(seconds=60),
            "talked": 60.0 if answered else None,
        }


async def opened(home: Home, settings: Settings, engine: Engine) -> tuple[list[float], str]:
    """How long each opening of the page took, seconds, and the page."""
    with changing(engine, ADMIN, now()) as work:
        password = users.hashed("abcd-efgh-jkmn-pqrs")
        users.add(work, "root", UserRole.ADMIN, password)
    transport = httpx.ASGITransport(make_app(home, settings, engine), client=("127.0.0.1", 40000))
    took, text = [], ""
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers) as browser:
        await browser.post("/login", data={"name": "root", "password": "abcd-efgh-jkmn-pqrs"})
        await browser.get("/admin/day?date=2026-08-03")  # templates are read once
        for _ in range(PAGES):
            began = time.monotonic()
            answer = await browser.get("/admin/week?date=2026-08-05")
            took.append(time.monotonic() - began)
            answer.raise_for_status()
            text = answer.text
    return took, text


if __name__ == "__main__":
    main()
