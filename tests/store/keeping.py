"""Calls, files and plans for tests of the purge."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from pbx_control.media.purge import PurgeReport, purge
from pbx_control.settings import Home
from pbx_control.store import retention
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, plan, receipt, subscription

NOW = datetime(2026, 8, 3, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class House:
    """A home with recordings and a database; ages are days before NOW."""

    def __init__(self, home: Home, engine: Engine) -> None:
        self.home, self.engine = home, engine
        home.recordings.mkdir(parents=True, exist_ok=True)
        with writing(engine) as conn:
            rows = [{"id": 1, "slug": "andes", "name": "Andes"}, {"id": 2, "slug": "norte", "name": "Norte"}]
            conn.execute(insert(client), [row | {"week": "never", "created_at": NOW} for row in rows])
            retention.believe(conn, NOW)

    def has_call(self, call_id: str, age: float, *, client_id: int | None = 1, **facts: Any) -> str:
        """A call that ended so long ago, with a recording on disk; gives its path. `recording=""`: without one."""
        ended = NOW - timedelta(days=age)
        path = facts.pop("recording", f"{ended:%Y/%m/%d}/{call_id}.wav")
        row = {"did": "+56225550101", "caller": "+56912345678", "phase": "ended", "arrived_at": ended}
        values = {"id": call_id, "client_id": client_id, "ended_at": ended, "recording": path} | facts
        with writing(self.engine) as conn:
            conn.execute(insert(call).values(row | values))
        if path:
            self.has_file(path, f"sound of {call_id}")
        return str(path)

    def has_file(self, path: str, content: str = "sound") -> Path:
        file = self.home.recordings / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def has_plan(self, client_id: int, keep_days: int, since: datetime, until: datetime | None = None) -> None:
        name = f"plan {client_id} {keep_days} {since}"[:40]
        with writing(self.engine) as conn:
            facts = {"calls": 9, "price": 9, "extra_call": 9, "contacts": 9, "calendars": 9, "keep_days": keep_days}
            kept = conn.execute(insert(plan).values(name=name, **facts)).inserted_primary_key[0]
            conn.execute(insert(subscription).values(client_id=client_id, plan_id=kept, since=since, until=until))

    def purges(self, now: datetime = NOW, **more: Any) -> PurgeReport:
        return purge(self.home, self.engine, now, **more)

    def files(self) -> set[str]:
        """Everything below recordings/ but folders."""
        top = self.home.recordings
        return {str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir() or path.is_symlink()}

    def receipts(self) -> list[dict[str, Any]]:
        with reading(self.engine) as conn:
            return [dict(row._mapping) for row in conn.execute(select(receipt).order_by(receipt.c.id))]

    def row(self, call_id: str) -> dict[str, Any]:
        with reading(self.engine) as conn:
            return dict(conn.execute(select(call).where(call.c.id == call_id)).one()._mapping)
