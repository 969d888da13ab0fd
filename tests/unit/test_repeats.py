"""Who calls again at once, and who calls more often than people can: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest

from pbx_control.domain.money.repeats import Answered, Arrived, Flood, RepeatLimit, flood, repeated
from pbx_control.domain.notices.flood_notes import compose_flood
from pbx_control.domain.notices.notes import AlarmDesk

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
MARIA, PEDRO = "+56981234567", "+56222223333"
USUAL = RepeatLimit()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def talk(caller: str = MARIA, at: float = 0, lasts: float | None = 4, call_id: str = "c1") -> Answered:
    """A conversation that began `at` seconds after noon."""
    began = NOON + seconds(at)
    return Answered(call_id, caller, began, None if lasts is None else began + seconds(lasts))


def call(caller: str, at: datetime) -> Arrived:
    return Arrived("c9", caller, at)


@pytest.mark.parametrize(
    ("lasted", "pause", "again"),
    [(4, 30, True), (9.9, 60, True), (9.9, 60.1, False), (10, 30, False), (0, 0, True), (4, -1, False)],
)
def test_a_second_call_within_the_limit_of_a_short_conversation_repeats_it(
    lasted: float, pause: float, again: bool
) -> None:
    arrived = NOON + seconds(lasted + pause)
    assert (repeated(call(MARIA, arrived), [talk(lasts=lasted)], USUAL) is not None) is again


def test_the_limits_are_the_clients() -> None:
    arrived, earlier = NOON + seconds(120), [talk(lasts=25)]
    assert repeated(call(MARIA, arrived), earlier, USUAL) is None
    assert repeated(call(MARIA, arrived), earlier, RepeatLimit(seconds(180), seconds(30))) == earlier[0]


@pytest.mark.parametrize("off", [RepeatLimit(within=seconds(0)), RepeatLimit(short=seconds(0))])
def test_a_client_may_want_every_call_counted(off: RepeatLimit) -> None:
    assert repeated(call(MARIA, NOON), [talk(at=0, lasts=0)], off) is None


def test_somebody_else_repeats_nothing_and_who_withholds_his_number_is_nobody() -> None:
    arrived = NOON + seconds(20)
    assert repeated(call(PEDRO, arrived), [talk(MARIA)], USUAL) is None
    assert repeated(call("", arrived), [talk("")], USUAL) is None
    assert repeated(call("anonymous", arrived), [talk("anonymous")], USUAL) is None


def test_of_several_the_latest_is_named_and_one_that_lasts_is_none() -> None:
    earlier = [talk(at=0, call_id="c1"), talk(at=20, call_id="c2"), talk(at=28, lasts=None, call_id="c3")]
    found = repeated(call(MARIA, NOON + seconds(40)), earlier, USUAL)
    assert found == earlier[1]


def test_a_sixth_conversation_of_seconds_in_a_minute_is_no_people_s_doing() -> None:
    strangers = [talk(f"+5698123456{number}", at=number, lasts=1) for number in range(5)]
    assert flood(strangers) is None
    assert flood([*strangers, talk("", 6, 1)]) == Flood(6, 6, 1, tuple((one.caller, 1) for one in strangers[:3]))


def test_nor_is_the_sixth_answered_call_of_one_number() -> None:
    lines = [talk(PEDRO, at=number, lasts=None) for number in range(6)]
    assert flood(lines[:5]) is None
    assert flood(lines) == Flood(6, 0, 0, ((PEDRO, 6),))


def test_many_people_who_talk_are_none() -> None:
    """An advertisement on television."""
    assert flood([talk(f"+569812345{number:02}", lasts=None) for number in range(40)]) is None
    assert flood([talk(f"+569812345{number:02}", lasts=15) for number in range(40)]) is None


def test_the_admin_is_told_who_and_how_to_block() -> None:
    desk = AlarmDesk("admin@casa.example", "es", "Casa")
    letter = compose_flood(Flood(9, 7, 2, ((MARIA, 6), (PEDRO, 1))), 1, "andes", "Andes", NOON, desk)
    assert letter.subject == "Andes: más llamadas de las que hacen las personas"
    assert "9 llamadas atendidas en un minuto; de menos de 10 s: 7." in letter.text
    assert "+56 9 8123 4567: 6 llamadas\n+56 2 2222 3333: 1 llamada\nnúmero oculto: 2 llamadas" in letter.text
    assert "    pbx-control caller mark +56981234567 blocked --client andes --why abuso\n" in letter.text
    odd = compose_flood(Flood(6, 6, 0, (("+56$(reboot)", 6),)), 1, "andes", "Andes", NOON, desk)
    assert "pbx-control caller" not in odd.text
    hidden = compose_flood(Flood(9, 9, 9, ()), 1, "andes", "Andes", NOON + seconds(61), desk)
    assert "pbx-control caller" not in hidden.text
    assert (hidden.message_id, letter.client_id) == (letter.message_id, None)
    assert (
        compose_flood(Flood(9, 9, 9, ()), 1, "andes", "A", NOON + seconds(3600), desk).message_id != letter.message_id
    )
