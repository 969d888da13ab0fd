"""Who guesses passwords of telephones: how many are too many, who is let be, and that it ends by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from pbx_control.asterisk.ami import Refused, refusal
from pbx_control.asterisk.kept_out import as_noted, noted
from pbx_control.domain.notices.guess_notes import compose_guessing
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.guessing import (
    KEPT_OUT,
    MOST_KEPT_OUT,
    MOST_WATCHED,
    TRIES,
    Watch,
    has_room,
    in_force,
    is_ours,
    keep_out,
    let_in,
    over,
    place_of,
    spare,
    wrong_password,
)

NOON = datetime(2026, 11, 30, 15, tzinfo=UTC)
SOMEBODY, OTHER = "203.0.113.9", "203.0.113.10"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def tries(watch: Watch, times: int, every: float, place: str = SOMEBODY, begin: float = 0) -> tuple[Watch, list[int]]:
    """Wrong passwords in a row, and which of them were one too many."""
    too_many = []
    for number in range(times):
        watch, found = wrong_password(watch, place, after(begin + number * every))
        if found:
            too_many.append(number + 1)
    return watch, too_many


def test_ten_wrong_passwords_within_a_minute_are_too_many() -> None:
    assert tries(Watch(), TRIES - 1, 0.001)[1] == []
    assert tries(Watch(), TRIES, 0.001)[1] == [TRIES]
    assert tries(Watch(), TRIES, 6.6)[1] == [TRIES]


def test_a_telephone_with_an_old_password_that_tries_each_seven_seconds_stays() -> None:
    assert tries(Watch(), 1000, 7)[1] == []


def test_each_address_counts_for_itself() -> None:
    watch, _ = tries(Watch(), TRIES - 1, 0.1)
    assert tries(watch, TRIES - 1, 0.1, OTHER)[1] == []


def test_who_is_kept_out_is_not_judged_again_and_comes_in_after_ten_minutes() -> None:
    watch, _ = tries(Watch(), TRIES, 0.001)
    watch = keep_out(watch, SOMEBODY, NOON + KEPT_OUT)
    watch, again = tries(watch, 600, 0.001)
    assert again == []
    assert over(watch, after(599), ()) == []
    assert over(watch, after(600), ()) == [SOMEBODY]
    watch = let_in(watch, SOMEBODY)
    assert tries(watch, TRIES, 0.001, begin=601)[1] == [TRIES]


def test_who_is_spared_is_looked_at_again_after_a_minute() -> None:
    watch, _ = tries(Watch(), TRIES, 0.001)
    watch = spare(watch, SOMEBODY, NOON)
    assert tries(watch, 600, 0.09)[1] == []
    assert tries(watch, TRIES, 0.001, begin=60)[1] == [TRIES]


def test_the_switch_knows_best_who_is_kept_out() -> None:
    watch = keep_out(Watch(), SOMEBODY, NOON + KEPT_OUT)
    assert in_force(watch, {}).out == {}
    assert in_force(Watch(), watch.out) == watch


def test_a_flood_from_everywhere_is_bounded() -> None:
    watch = Watch()
    for number in range(MOST_WATCHED + 50):
        watch, _ = wrong_password(watch, f"10.0.{number // 250}.{number % 250}", NOON)
    assert len(watch.tried) == MOST_WATCHED
    watch, _ = wrong_password(watch, SOMEBODY, after(61))
    assert list(watch.tried) == [SOMEBODY]
    for number in range(MOST_KEPT_OUT):
        assert has_room(watch)
        watch = keep_out(watch, f"10.0.0.{number}", NOON)
    assert not has_room(watch)


TRUNKS = (Trunk(1, "voz", ("192.0.2.1", "198.51.100.0/25")), Trunk(2, "otra", (), host="203.0.113.77:5070"))


@pytest.mark.parametrize(
    ("place", "ours"),
    [
        (SOMEBODY, False),
        ("203.0.113.20", True),  # a telephone is registered from there
        ("192.0.2.1", True),
        ("198.51.100.7", True),
        ("198.51.100.200", False),
        ("203.0.113.77", True),  # we register there
        ("2001:db8:1:2::/64", True),
        ("2001:db8:1:3::/64", False),
    ],
)
def test_where_somebody_of_ours_is_nobody_is_kept_out(place: str, ours: bool) -> None:
    assert is_ours(place, ("203.0.113.20", "2001:db8:1:2::5", "no-address"), TRUNKS) is ours


def test_an_address_that_becomes_a_carriers_is_let_in_at_once() -> None:
    watch = keep_out(keep_out(Watch(), "192.0.2.1", NOON + KEPT_OUT), SOMEBODY, NOON + KEPT_OUT)
    assert over(watch, NOON, TRUNKS) == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (SOMEBODY, SOMEBODY),
        ("2001:db8:1:2:a:b:c:d", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", SOMEBODY),
        ("somewhere", ""),
        ("", ""),
    ],
)
def test_what_is_kept_out_of_an_address(source: str, place: str) -> None:
    assert place_of(source) == place


def test_what_the_switch_notes_is_read_again() -> None:
    out = {SOMEBODY: after(600), "2001:db8:1:2::/64": after(60)}
    assert noted(as_noted(out)) == out
    assert noted("") == noted("None") == {}


def test_the_reason_of_a_refusal_says_that_somebody_is_kept_out() -> None:
    event = {"Service": "PJSIP", "RemoteAddress": f"IPV4/UDP/{SOMEBODY}/5060", "AccountID": "kept-out"}
    assert refusal("FailedACL", event) == Refused(SOMEBODY, "kept-out")
    assert refusal("FailedACL", event | {"AccountID": "takeover"}) == Refused(SOMEBODY, "stranger")


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_admin_is_told_once_an_hour(language: str) -> None:
    desk = AlarmDesk("admin@example.com", language, "Oficina")
    letter = compose_guessing(SOMEBODY, NOON, desk)
    assert SOMEBODY in letter.subject
    assert "10 min" in letter.text
    assert compose_guessing(OTHER, after(3599), desk).message_id == letter.message_id
    assert compose_guessing(OTHER, after(3600), desk).message_id != letter.message_id
