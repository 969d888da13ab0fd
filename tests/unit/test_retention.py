"""Who is deleted and who stays: told case by case, then 100,000 cases against a model that counts in another way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_control.domain.keeping.retention import (
    Cause,
    Claim,
    File,
    Trust,
    What,
    due_at,
    is_too_young,
    judge,
    may_be_erased,
    possible_owners,
    verdict,
)
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.retention_notes import Differences, compose_clock_alarm, compose_differences

SANTIAGO = ZoneInfo("America/Santiago")
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PATH = "2026/08/03/pbx-1.1.wav"
CALL = Claim(call_id="pbx-1.1", client_id=1, ended_at=NOON, keep_days=30, zone=SANTIAGO, recording=PATH)
DESK = AlarmDesk("admin@sur.example", "en", "Sur")


def cause(*claims: Claim, after: timedelta, trust: Trust = Trust.TRUSTED, has_receipt: bool = False) -> Cause:
    return verdict(File(PATH, claims, has_receipt), NOON + after, trust).cause


@pytest.mark.parametrize(
    ("file", "after", "expected"),
    [
        (File(PATH, (CALL,)), 30 * DAY, Cause.AGE),
        (File(PATH, (CALL,)), 30 * DAY - timedelta(microseconds=1), Cause.YOUNG),
        (File(PATH, (replace(CALL, held=True),)), 30 * DAY, Cause.HELD),
        (File(PATH, (replace(CALL, live=True),)), 30 * DAY, Cause.LIVE),
        (File(PATH, (replace(CALL, ended_at=None),)), 9000 * DAY, Cause.LIVE),
        (File(PATH, (CALL, replace(CALL, call_id="pbx-1", ended_at=NOON + DAY))), 30 * DAY, Cause.YOUNG),
        (File(PATH, (CALL, replace(CALL, call_id="pbx-1", held=True))), 30 * DAY, Cause.HELD),
        (File(PATH, (CALL, replace(CALL, call_id="pbx-1", live=True))), 30 * DAY, Cause.LIVE),
        (File(PATH), 9000 * DAY, Cause.STRAY),
        (File(PATH, has_receipt=True), DAY, Cause.UNFINISHED),
        (File(PATH, (CALL,), has_receipt=True), DAY, Cause.UNFINISHED),
        (File(PATH, (replace(CALL, held=True),), has_receipt=True), DAY, Cause.HELD),
        (File(PATH, (replace(CALL, keep_days=0),)), timedelta(hours=23), Cause.YOUNG),
        (File(PATH, (replace(CALL, keep_days=-5),)), timedelta(hours=23), Cause.YOUNG),
        (File(PATH, (replace(CALL, keep_days=10**9),)), 9000 * DAY, Cause.YOUNG),
    ],
)
def test_why_a_file_goes_or_stays(file: File, after: timedelta, expected: Cause) -> None:
    found = verdict(file, NOON + after, Trust.TRUSTED)
    assert found.cause is expected
    assert found.delete is (expected in (Cause.AGE, Cause.UNFINISHED))


@pytest.mark.parametrize("trust", [Trust.WENT_BACK, Trust.LEAPT_AHEAD])
@pytest.mark.parametrize("has_receipt", [True, False])
def test_a_clock_in_doubt_deletes_nothing_at_all(trust: Trust, has_receipt: bool) -> None:
    assert cause(CALL, after=9000 * DAY, trust=trust, has_receipt=has_receipt) is Cause.CLOCK


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (timedelta(0), Trust.TRUSTED),
        (DAY, Trust.TRUSTED),
        (DAY + timedelta(microseconds=1), Trust.LEAPT_AHEAD),
        (timedelta(minutes=-1), Trust.TRUSTED),
        (timedelta(minutes=-1, microseconds=-1), Trust.WENT_BACK),
    ],
)
def test_how_far_a_clock_may_move(step: timedelta, expected: Trust) -> None:
    assert judge(NOON, NOON + step) is expected


@pytest.mark.parametrize(
    ("ended", "due"),
    [
        # Clocks went back on 5 April: by the clock thirty days are an hour longer.
        ("2026-03-20T12:00-03:00", "2026-04-19T12:00-04:00"),
        # They went ahead on 6 September: by the clock thirty days are an hour too short.
        ("2026-08-20T12:00-04:00", "2026-09-19T13:00-03:00"),
        ("2026-05-20T12:00-04:00", "2026-06-19T12:00-04:00"),
    ],
)
def test_a_changed_clock_never_cuts_a_day_short(ended: str, due: str) -> None:
    assert due_at(datetime.fromisoformat(ended), 30, SANTIAGO) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        (PATH, ["pbx", "pbx-1", "pbx-1.1"]),
        ("2026/08/03/a-message-2.wav", ["a", "a-message", "a-message-2"]),
        ("2026/08/03/noend", []),
        ("2026/08/03/.hidden", []),
        ("keep/pbx-1.1.wav", []),
        ("x/2026/08/03/pbx-1.1.wav", []),
        ("pbx-1.1.wav", []),
        ("2026/08/03/" + "x" * 65 + ".wav", []),
        ("2026/08/03/" + "x" * 64 + ".wav", ["x" * 64]),
    ],
)
def test_whose_a_file_may_be_by_its_name(path: str, owners: list[str]) -> None:
    assert list(possible_owners(path)) == owners


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2026/07/04/pbx-1.1.wav", False),
        ("2026/07/05/pbx-1.1.wav", True),
        ("2099/01/01/pbx-1.1.wav", True),
        ("keep/pbx-1.1.wav", False),
        ("pbx-1.1.wav", False),
    ],
)
def test_a_day_that_is_less_than_the_least_ago_is_passed_over(path: str, expected: bool) -> None:
    assert is_too_young(path, datetime(2026, 8, 3, 23, 59, tzinfo=UTC), 30 * DAY) is expected


def test_what_a_receipt_calls_a_file() -> None:
    spoken = replace(CALL, message="2026/08/03/pbx-1.1-message.wav")
    assert File(PATH, (spoken,)).what is What.RECORDING
    assert File(spoken.message, (spoken,)).what is What.MESSAGE
    assert File("2026/08/03/pbx-1.1.mp3", (spoken,)).what is What.DERIVED
    assert File(PATH).what is What.STRAY


def test_a_file_is_its_row_s_rather_than_its_name_s() -> None:
    named = replace(CALL, call_id="pbx-9.9")
    lookalike = replace(CALL, call_id="pbx-1.1-and-more", recording="")
    assert File(PATH, (lookalike, named)).owner == named
    assert File("2026/08/03/pbx-1.1-and-more.mp3", (CALL, lookalike)).owner == lookalike


def test_only_a_caller_s_own_files_are_erased() -> None:
    assert may_be_erased(File(PATH, (CALL,)), {"pbx-1.1"})
    for claims in ((), (replace(CALL, held=True),), (replace(CALL, live=True),), (CALL, replace(CALL, call_id="b"))):
        assert not may_be_erased(File(PATH, claims), {"pbx-1.1"})


def test_the_admin_is_told_once_a_day_what_to_do() -> None:
    first = compose_clock_alarm(Trust.LEAPT_AHEAD, NOON - 5 * DAY, NOON, DESK)
    later = compose_clock_alarm(Trust.LEAPT_AHEAD, NOON - 5 * DAY, NOON + timedelta(hours=3), DESK)
    assert first.message_id == later.message_id
    assert "pbx-control recording purge --clock-is-right" in first.text
    assert "2026-07-29 12:00 UTC" in first.text


def test_differences_are_told_harmlessly() -> None:
    told = compose_differences(Differences({"without_row": 2, "odd": 0}, ("a<b>\n.wav",), NOON), DESK)
    assert "known call: 2" in told.text
    assert "ordinary" not in told.text
    assert "a&lt;b&gt; .wav" in told.html


# --- 100,000 cases -----------------------------------------------------------------------------------------

EXAMPLES, CASES = 200, 500
ZONES = [SANTIAGO, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Europe/Madrid"), ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")]
KEEPS = [30, 30, 30, 60, 90, 7, 1, 365]
# Around Chile's and Europe's changes of clock, and on ordinary days.
STARTS = [
    datetime(2026, month, day, 2, tzinfo=UTC) for month, day in ((3, 5), (3, 29), (4, 5), (8, 6), (9, 6), (10, 25))
]


class Digits:
    """Takes choices out of one number: cheap to draw, and a failure still shrinks to small numbers."""

    def __init__(self, number: int) -> None:
        self._left = number

    def of(self, count: int) -> int:
        self._left, choice = divmod(self._left, count)
        return choice


def any_claim(digits: Digits, number: int) -> Claim:
    ended = STARTS[digits.of(6)] + timedelta(minutes=digits.of(4000)) - timedelta(minutes=2000)
    lasting = digits.of(16)
    return Claim(
        call_id=f"pbx-1.{number}",
        ended_at=None if lasting == 0 else ended,
        live=lasting == 1,
        held=digits.of(8) == 0,
        keep_days=KEEPS[digits.of(len(KEEPS))],
        zone=ZONES[digits.of(len(ZONES))],
    )


def must_stay(file: File, now: datetime, seen_at: datetime) -> bool:
    """The model: it counts elapsed time, and the difference of what the clocks on the wall showed."""
    if not -timedelta(minutes=1) <= now - seen_at <= DAY:
        return True
    if not file.claims and not file.has_receipt:
        return True
    return any(claim.live or claim.held or claim.ended_at is None for claim in file.claims) or (
        not file.has_receipt and any(not _is_over(claim, now, timedelta(0)) for claim in file.claims)
    )


def must_go(file: File, now: datetime, seen_at: datetime) -> bool:
    """Two hours later than anybody could count, nothing keeps it."""
    free = bool(file.claims) and all(_is_over(claim, now, timedelta(hours=2)) for claim in file.claims)
    return free and not must_stay(file, now, seen_at)


def _is_over(claim: Claim, now: datetime, grace: timedelta) -> bool:
    if claim.ended_at is None:
        return False
    keep = timedelta(days=claim.keep_days) + grace
    shown_then = claim.ended_at.astimezone(claim.zone).replace(tzinfo=None)
    shown_now = now.astimezone(claim.zone).replace(tzinfo=None)
    return now - claim.ended_at >= keep and shown_now - shown_then >= keep


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 2**120), min_size=CASES, max_size=CASES))
def test_100_000_cases_without_a_wrong_deletion(numbers: list[int]) -> None:
    for number in numbers:
        digits = Digits(number)
        claims = tuple(any_claim(digits, each) for each in range(digits.of(3)))
        file = File(PATH, claims, has_receipt=digits.of(10) == 0)
        keep = KEEPS[digits.of(len(KEEPS))] if digits.of(2) or not claims else claims[0].keep_days
        around = timedelta(days=keep, minutes=digits.of(300) - 150)
        now = (claims[0].ended_at if claims and claims[0].ended_at else STARTS[0]) + around
        # Mostly a steady clock; else one that went back or leapt by up to three days, or hardly at all.
        seen_at = now - timedelta(minutes=[30, 60, 1440, 1441, -2, -1, 0, digits.of(8640) - 4320][digits.of(8)])
        found = verdict(file, now, judge(seen_at, now))
        assert not (found.delete and must_stay(file, now, seen_at)), (file, now, seen_at)
        assert found.delete or not must_go(file, now, seen_at), (file, now, seen_at)
