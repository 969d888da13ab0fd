"""`node`: what an admin is told of the daemons that share the database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from terminal import Admin

from pbx_control.live.pulse import take_lock
from pbx_control.settings import Home, Settings
from pbx_control.store import nodes
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import node

HOSTILE = "there\x1b[2J\x9b31m\u202e\n\x07evil"


@pytest.fixture
def admin(sqlite_url: str, tmp_path: Path) -> Admin:
    """A home whose daemon has run as `main`, beside that of another, and was last heard long ago."""
    home = Home(tmp_path)
    home.settings_file.touch(0o600)
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        nodes.take(conn, "main", "here", "1")
        conn.execute(update(node).values(seen_at=datetime(2026, 8, 3, tzinfo=UTC)))
        nodes.take(conn, "other", HOSTILE, "2")
    engine.dispose()
    return Admin(home.root)


def test_what_another_machine_calls_itself_moves_no_cursor(admin: Admin) -> None:
    told = [admin.does("node", "list"), admin.is_refused("node", "retire", "other")]
    for text in told:
        assert "there[2J31m evil" in text
        assert text.replace("\n", "").isprintable()


def test_a_home_whose_daemon_hangs_does_not_settle_what_lives_in_its_switch(admin: Admin) -> None:
    """It gives no sign of life where its database is locked, say; its lock tells that it runs."""
    with take_lock(Home(admin.home)):
        assert "a daemon runs for" in admin.is_refused("node", "retire", "main", "--yes")
    assert "retired" in admin.does("node", "retire", "main", "--yes")
