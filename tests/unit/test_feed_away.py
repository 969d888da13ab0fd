"""What the pages' process writes into its log while no daemon is there."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbx_control.settings import Home
from pbx_control.web.desk import feed


def test_a_daemon_that_is_away_is_told_of_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    why = iter(["no such file", "no such file", "no such file", "refused", "refused"])

    async def listen(_: feed.Feed) -> None:
        told = next(why, "")
        if not told:
            raise asyncio.CancelledError
        raise OSError(told)

    monkeypatch.setattr(feed, "AGAIN_AFTER", 0)
    monkeypatch.setattr(feed.Feed, "_listen", listen)
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        asyncio.run(feed.Feed(Home(tmp_path), lambda *_: None).run())
    assert [one["why"] for one in logs] == ["no such file", "refused"]
