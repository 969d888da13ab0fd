"""Which state a secretary is shown in, what it is due to, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from pbx_control.domain.desk.duty import DeskState, Duty, PausedBy, Why, state_of
from pbx_control.live.news import SecretaryNow

AT = datetime(2026, 8, 3, 14, tzinfo=UTC)
LATER = AT + timedelta(seconds=90)
ANA = SecretaryNow(1, "Ana", registered=True, free_from=AT - timedelta(hours=1))
PAUSED = replace(ANA, paused=True)


@pytest.mark.parametrize(
    ("who", "duty"),
    [
        (ANA, Duty(DeskState.READY)),
        (None, Duty(DeskState.OFFLINE, Why.DAEMON_AWAY)),
        (replace(ANA, registered=False), Duty(DeskState.OFFLINE, Why.TELEPHONE_GONE)),
        (replace(ANA, page_lost=True), Duty(DeskState.OFFLINE, Why.PAGE_LOST)),
        (replace(ANA, busy=True), Duty(DeskState.TALKING, Why.BUSY_ELSEWHERE)),
        (replace(ANA, call="c1"), Duty(DeskState.OFFERED)),
        (replace(ANA, call="c1", talking=True), Duty(DeskState.TALKING)),
        (replace(ANA, call="c1", talking=True, registered=False), Duty(DeskState.TALKING)),
        (replace(PAUSED, call="c1", talking=True, paused_by="desk"), Duty(DeskState.TALKING, Why.PAUSE_NEXT)),
        (replace(ANA, after_call=True, free_from=LATER), Duty(DeskState.WRAP_UP, until=LATER)),
        (replace(ANA, after_call=True, free_from=AT), Duty(DeskState.READY)),
        (replace(ANA, free_from=LATER), Duty(DeskState.READY)),  # her telephone rests after a refusal
        (PAUSED, Duty(DeskState.PAUSE, Why.ADMIN)),
        (replace(PAUSED, paused_by="desk", registered=False), Duty(DeskState.PAUSE, Why.DESK)),
        (replace(PAUSED, paused_by="refusals"), Duty(DeskState.PAUSE, Why.TELEPHONE_SILENT)),
        (replace(PAUSED, paused_by="signed_out", page_lost=True), Duty(DeskState.OFFLINE, Why.SIGNED_OUT)),
        (replace(PAUSED, paused_by="of a later version"), Duty(DeskState.PAUSE, Why.ADMIN)),
    ],
)
def test_her_state(who: SecretaryNow | None, duty: Duty) -> None:
    assert state_of(who, AT) == duty


def test_what_is_kept_of_an_unknown_version_is_not_booked_on_her() -> None:
    assert [PausedBy.kept(value) for value in ("", "desk", "fire")] == [
        PausedBy.ADMIN,
        PausedBy.DESK,
        PausedBy.ADMIN,
    ]
