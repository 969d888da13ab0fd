"""The daemon looks for messages that were not written in time, and tells the clients."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert, select

from pbx_control.live.overdue import Overdue
from pbx_control.services.steps import Rules
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, letter, message, recipient, secretary

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)


async def test_what_is_overdue_is_told_and_the_outbox_woken(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="a@andes.example"))
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        facts = {"client_id": 1, "secretary_id": 1, "did": "+56225550101", "caller": "+56223334455"}
        for number, due in enumerate((AT, AT - timedelta(seconds=9), AT + timedelta(hours=1))):
            over = {"phase": "ended", "outcome": "answered", "arrived_at": AT, "ended_at": AT}
            conn.execute(insert(call).values(id=f"c{number}", **facts, **over))
            draft = {"call_id": f"c{number}", "client_id": 1, "secretary_id": 1, "begun_at": AT, "due_at": due}
            conn.execute(insert(message).values(draft))
    woken = asyncio.Event()
    looking = asyncio.create_task(Overdue(engine, Rules("Casa"), lambda: AT, woken.set).run())
    await woken.wait()
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    with reading(engine) as conn:
        assert set(conn.scalars(select(letter.c.call_id))) == {"c0", "c1"}
        assert list(conn.scalars(select(message.c.call_id).where(message.c.due_at.is_not(None)))) == ["c2"]
