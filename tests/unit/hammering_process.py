"""Serves calls of one client without a pause, for a test that copies the database meanwhile: hammering_process.py URL.

Each transaction writes a call, five rows of its journal, and the unit that it used. Prints a dot after each hundred.
"""

import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import insert

from pbx_control.domain.money.quota import Limits
from pbx_control.domain.money.repeats import Arrived
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import ledger
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import call, journal

AT = datetime(2026, 8, 3, 12, tzinfo=UTC)
ENTRIES = 5


def main(url: str) -> None:
    engine = open_engine(Home(Path.cwd()), Settings(database=Database(url=url)))
    for number in count(1):
        call_id = f"call-{number}"
        with writing(engine) as conn:
            facts = {"id": call_id, "client_id": 1, "did": "+56225550101", "caller": "+56987654321"}
            conn.execute(insert(call).values(**facts, phase="ended", outcome="served", arrived_at=AT, ended_at=AT))
            entries = [{"call_id": call_id, "seq": seq, "at": AT, "event": "Something"} for seq in range(ENTRIES)]
            conn.execute(insert(journal), entries)
            ledger.reserve(conn, 1, call_id, AT)
            ledger.charge(conn, 1, Arrived(call_id, "", AT), AT, Limits(80, 5))
        if number % 100 == 0:
            print(".", end="", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
