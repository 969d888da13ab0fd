"""`python -m bench.purge`: how long the nightly purge takes, how much memory, and how long it keeps others waiting.

Makes a home with 100,000 recordings of which 10,000 are due, purges it in a process of its own, and prints a line.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, insert, update

from pbx_control.clock import now
from pbx_control.media.purge import batches, purge
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import retention
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client

# Due ones ended so long ago, the others within the last 29 days.
OLD, YOUNG = timedelta(days=31), timedelta(days=29)
SOUND = b"RIFF" + bytes(2000)
# A live call's steps are saved in the meantime, so often, seconds.
OTHERS_EVERY = 0.01


def main() -> None:
    """Makes, purges and measures; with --url on PostgreSQL, in a database that is empty."""
    parser = argparse.ArgumentParser(prog="bench.purge", description=__doc__)
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=10_000)
    parser.add_argument("--url", default="", help="of an empty PostgreSQL database [SQLite in the temporary home]")
    parser.add_argument("--home", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.home:
        print(json.dumps(_purged(Home(Path(asked.home)), asked.url)))
        return
    folder = Path(tempfile.mkdtemp(prefix="pbx-bench-purge-"))
    try:
        print(_measured(Home(folder), asked.url, asked.recordings, asked.due))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(home: Home, url: str, recordings: int, due: int) -> str:
    settings = Settings(database=Database(url=url))
    upgrade(home, settings)
    engine = open_engine(home, settings)
    made = time.monotonic()
    _make(home, engine, recordings, due)
    made = time.monotonic() - made
    with _Others(engine) as others:
        purging = [sys.executable, "-m", "bench.purge", "--url", url, "--home", str(home.root)]
        done = subprocess.run(purging, stdout=subprocess.PIPE, check=True, text=True)
    engine.dispose()
    found = json.loads(done.stdout)
    left = sum(1 for path in home.recordings.rglob("*.wav"))
    waits = sorted(others.waits) or [0.0]
    return (
        f"{engine.dialect.name}: {recordings} recordings (made in {made:.0f} s); "
        f"{found['deleted']} deleted, {left} left; "
        f"{found['seconds']:.1f} s ({found['cpu']:.1f} s CPU), memory {found['before']} -> {found['peak']} MB; "
        f"{len(waits)} saves by others meanwhile: median {1000 * waits[len(waits) // 2]:.1f}, "
        f"p99 {1000 * waits[int(len(waits) * 0.99)]:.1f}, longest {1000 * waits[-1]:.1f} ms"
    )


def _make(home: Home, engine: Engine, recordings: int, due: int) -> None:
    at = now()
    with writing(engine) as conn:
        facts = {"week": "never", "created_at": at}
        conn.execute(insert(client), [{"id": n + 1, "slug": f"c{n}", "name": f"C{n}"} | facts for n in range(100)])
        retention.believe(conn, at)
    make_recordings(home, engine, ended_calls(at, recordings, due, range(1, 101)))


def make_recordings(home: Home, engine: Engine, calls: Iterable[dict[str, object]]) -> None:
    """Writes the calls' rows and, for each, a small file."""
    for rows in batches(calls, 5000):
        for row in rows:
            file = home.recordings / str(row["recording"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(SOUND + str(row["id"]).encode())
        with writing(engine) as conn:
            conn.execute(insert(call), rows)


def ended_calls(at: datetime, calls: int, due: int, clients: Sequence[int]) -> Iterator[dict[str, object]]:
    """Rows of calls that have recordings, of these clients in turn; the first `due` of them are old enough to go.

    Their ids are new in each second of `at` (aware).
    """
    for number in range(calls):
        age = OLD if number < due else YOUNG * (number / calls)
        ended, name = at - age, f"pbx-{int(at.timestamp())}.{number}"
        yield {
            "id": name,
            "client_id": clients[number % len(clients)],
            "did": "+56225550101",
            "caller": "+56912345678",
            "phase": "ended",
            "arrived_at": ended,
            "ended_at": ended,
            "recording": f"{ended:%Y/%m/%d}/{name}.wav",
        }


def _purged(home: Home, url: str) -> dict[str, float]:
    engine = open_engine(home, Settings(database=Database(url=url)))
    before, began = _peak(), time.monotonic()
    report = purge(home, engine, now())
    return {
        "deleted": report.done.deleted,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time(),
        "before": before,
        "peak": _peak(),
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


class _Others:
    """Saves something small every few milliseconds, as live calls do, and measures how long each save takes."""

    def __init__(self, engine: Engine) -> None:
        self.waits: list[float] = []
        self._engine = engine
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._save)

    def __enter__(self) -> "_Others":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _save(self) -> None:
        while not self._over.wait(OTHERS_EVERY):
            began = time.monotonic()
            with writing(self._engine) as conn:
                conn.execute(update(client).where(client.c.id == 1).values(name=f"C{len(self.waits)}"))
            self.waits.append(time.monotonic() - began)


if __name__ == "__main__":
    main()
