"""A look at a call's files that fails is told in the log, and begun anew as long as the call is there."""

from pathlib import Path
from typing import Any

import pytest
import structlog

from pbx_control.domain.call.commands import InspectMessage
from pbx_control.domain.call.events import Event, MessageInspected
from pbx_control.live import reception
from pbx_control.settings import Home

MESSAGE = InspectMessage("2026/08/03/pbx-1.2-message.wav")


class Board:
    """Whether the call is there still, so many times; and what was posted to it."""

    def __init__(self, there: int) -> None:
        self.there = there
        self.posted: list[tuple[str, Event]] = []

    def call(self, call_id: str) -> object | None:
        self.there -= 1
        return call_id if self.there >= 0 else None

    def post(self, call_id: str, event: Event) -> None:
        self.posted.append((call_id, event))


@pytest.mark.parametrize(("failures", "there", "looked"), [(0, 9, True), (2, 9, True), (9, 3, False)])
async def test_a_look_that_fails_is_logged_and_begun_anew_while_the_call_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, there: int, looked: bool
) -> None:
    monkeypatch.setattr(reception, "AGAIN_AFTER", 0)
    board, left, real = Board(there), failures, reception.inspect

    def inspect(*asked: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise ZeroDivisionError
        return real(*asked)

    monkeypatch.setattr(reception, "inspect", inspect)
    (tmp_path / "recordings").mkdir()
    with structlog.testing.capture_logs() as logged:
        await reception.look_at_files(Home(tmp_path), board, "pbx-1.2", MESSAGE)  # type: ignore[arg-type]
    assert [(call, type(event)) for call, event in board.posted] == [("pbx-1.2", MessageInspected)] * looked
    assert len(logged) == (failures if looked else there + 1)
    for line in logged:
        assert line["event"] == "a call's files could not be looked at; it is tried again"
        assert (line["call"], line["command"], line["log_level"]) == ("pbx-1.2", "InspectMessage", "error")
        assert line["exc_info"]
