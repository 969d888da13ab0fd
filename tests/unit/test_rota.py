"""Who is on call: a slow walk over the minutes, as somebody would do it with a wall clock, agrees with the rules."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbx_control.domain.opening.hours import week_text
from pbx_control.domain.opening.rota import (
    HORIZON,
    LONGEST_AHEAD,
    OnCall,
    Rota,
    Rule,
    Shift,
    Swap,
    check_rules,
    check_swap,
    gaps,
    instant_of,
    on_call,
    stretches,
)
from pbx_control.domain.opening.written_rota import (
    called,
    read_rules,
    read_shifts,
    read_swap,
    rule_text,
    shifts_text,
)
from pbx_control.errors import ClientMistake, Code

SANTIAGO = ZoneInfo("America/Santiago")
# In 2026 Chile's clocks go back on 4 April at 24:00 and forward on 6 September at 00:00.
BACK = datetime(2026, 4, 5, 3, tzinfo=UTC)
FORWARD = datetime(2026, 9, 6, 4, tzinfo=UTC)
MADRID_BACK, MADRID_FORWARD = datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)
STEP = timedelta(minutes=15)
TODAY = date(2026, 11, 30)  # a Monday
NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)  # noon in Chile
ANA, JUAN, EVA = 1, 2, 3
CONTACTS = {"Ana": ANA, "Juan": JUAN, "Eva": EVA}
NAMES = {number: name for name, number in CONTACTS.items()}


# --- the slow way -----------------------------------------------------------------------------------------


def on_the_wall(rules: tuple[Rule, ...], wall: datetime) -> tuple[int | None, tuple[int, ...]]:
    """Who has a shift when the wall shows that time, and who else takes turns."""
    for rule in rules:
        for back in (0, 1):
            day = wall.date() - timedelta(days=back)
            if rule.starts and day < rule.starts:
                continue
            for shift in rule.shifts:
                if shift.weekday != day.weekday():
                    continue
                begins = datetime.combine(day, shift.opens)
                if shift.closes == time.max:
                    ends = datetime.combine(day + timedelta(days=1), time.min)
                else:
                    ends = datetime.combine(day + timedelta(days=shift.closes < shift.opens), shift.closes)
                if begins <= wall < ends:
                    weeks = 0
                    if rule.starts:
                        while rule.starts + timedelta(days=7 * (weeks + 1)) <= day:
                            weeks += 1
                    turn = [rule.people[(weeks + step) % len(rule.people)] for step in range(len(rule.people))]
                    return turn[0], tuple(dict.fromkeys(one for one in turn[1:] if one != turn[0]))
    return None, ()


def walked(rota: Rota, zone: ZoneInfo, since: datetime, until: datetime) -> dict[datetime, int | None]:
    """Who is on call in each quarter of an hour. The hand of the wall clock is held while the clocks go back: a shift
    that has begun does not begin anew."""
    found: dict[datetime, int | None] = {}
    at, highest = since - timedelta(days=2), datetime.min
    while at < until:
        highest = max(highest, at.astimezone(zone).replace(tzinfo=None))
        if at >= since:
            who, _ = on_the_wall(rota.rules, highest)
            for swap in rota.swaps:
                if swap.since <= at < swap.until and (swap.instead_of is None or swap.instead_of == who):
                    who = swap.who
            found[at] = who
        at += STEP
    return found


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Shifts of any length, side by side or with gaps between them, never two at one time."""
    quarters = sorted(draw(st.sets(st.integers(0, 7 * 96 - 1), min_size=2, max_size=12)))
    made: list[Rule] = []
    for begins, ends in zip(quarters, [*quarters[1:], quarters[0] + 7 * 96], strict=True):
        ends = min(ends, begins + draw(st.sampled_from([4, 16, 96])))
        if draw(st.booleans()) and ends - begins < 96:
            people = tuple(draw(st.lists(st.sampled_from([ANA, JUAN, EVA]), min_size=1, max_size=4)))
            anchor = draw(st.dates(date(2026, 3, 20), date(2026, 4, 10)))
            starts = anchor if len(people) > 1 or draw(st.booleans()) else None
            made.append(Rule((Shift(begins // 96, clock(begins), closing(begins, ends)),), people, starts))
    return tuple(made)


def clock(quarter: int) -> time:
    return time(quarter % 96 // 4, quarter % 4 * 15)


def closing(begins: int, ends: int) -> time:
    """Midnight is the end of the day on which the shift begins."""
    return time.max if ends % 96 == 0 else clock(ends)


@st.composite
def swaps(draw: st.DrawFn, about: datetime) -> tuple[Swap, ...]:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        since = about + STEP * draw(st.integers(-96 * 2, 96 * 2))
        until = since + STEP * draw(st.integers(1, 96 * 2))
        who, other = draw(st.permutations([ANA, JUAN, EVA]))[:2]
        made.append(Swap(who, since, until, draw(st.sampled_from([None, other]))))
    return tuple(made)


@given(data=st.data(), place=st.sampled_from([
    ("America/Santiago", BACK), ("America/Santiago", FORWARD), ("Europe/Madrid", MADRID_BACK),
    ("Europe/Madrid", MADRID_FORWARD), ("Australia/Lord_Howe", BACK), ("UTC", BACK),
]))  # fmt: skip
def test_a_walk_over_the_minutes_finds_the_same(data: st.DataObject, place: tuple[str, datetime]) -> None:
    name, change = place
    zone = ZoneInfo(name)
    rota = Rota(check_rules(data.draw(rules())), data.draw(swaps(change)))
    since = change - timedelta(days=2)
    slow = walked(rota, zone, since, change + timedelta(days=3))
    found = stretches(rota, zone, since, change + timedelta(days=3))
    assert {at: who_in(found, at) for at in slow} == slow
    # Without a hole, and with one person at a time.
    assert (found[0].since, found[-1].until) == (since, change + timedelta(days=3))
    assert all(before.until == after.since and before.since < before.until for before, after in pairwise(found))
    at = since + STEP * data.draw(st.integers(0, 96 * 4))
    first_other = next((one for one in slow if one >= at and slow[one] != slow[at]), None)
    now = on_call(rota, zone, at)
    assert now.who == slow[at]
    if first_other:
        assert now.until == first_other
    else:
        assert now.until is None or now.until >= change + timedelta(days=3)


def who_in(found: object, at: datetime) -> int | None:
    assert isinstance(found, list)
    return next(one.who for one in found if one.since <= at < one.until)


@given(rules())
def test_what_is_written_is_read_as_the_same(made: tuple[Rule, ...]) -> None:
    for language in ("en", "es"):
        typed = [rule_text(rule, NAMES, language) for rule in made]
        assert tuple(read_rules(typed, CONTACTS, TODAY)) == made
        assert all(read_shifts(shifts_text(rule.shifts, language)) == rule.shifts for rule in made)


@given(rules())
def test_gaps_and_shifts_make_a_week(made: tuple[Rule, ...]) -> None:
    free = gaps(made)
    always = tuple(Rule(rule.shifts, rule.people[:1]) for rule in made)
    monday = datetime(2026, 11, 30)
    for quarter in range(7 * 96):
        wall = monday + STEP * quarter
        in_gap = any(
            one.weekday == wall.weekday() and one.opens <= wall.time() and (wall.time() < one.closes) for one in free
        )
        assert in_gap == (on_the_wall(always, wall)[0] is None)


# --- clocks -----------------------------------------------------------------------------------------------


def test_a_time_that_is_leapt_over_is_the_leap() -> None:
    for clock_ in (time(0), time(0, 30), time(1)):
        assert instant_of(date(2026, 9, 6), clock_, SANTIAGO) == FORWARD
    assert instant_of(date(2026, 9, 5), time.max, SANTIAGO) == FORWARD


def test_a_time_that_comes_twice_is_its_first_one() -> None:
    assert instant_of(date(2026, 4, 4), time(23, 30), SANTIAGO) == BACK - timedelta(minutes=30)
    assert instant_of(date(2026, 4, 4), time.max, SANTIAGO) == BACK + timedelta(hours=1)


def test_whoever_has_the_night_has_its_doubled_hour_alone() -> None:
    rota = Rota(tuple(read_rules(["sat 18:00-23:30: Ana", "sat 23:30-08:00: Juan"], CONTACTS, TODAY)))
    night = stretches(rota, SANTIAGO, BACK - timedelta(hours=3), BACK + timedelta(hours=4))
    half = timedelta(minutes=30)
    assert [(one.who, one.until) for one in night] == [(ANA, BACK - half), (JUAN, BACK + timedelta(hours=4))]


# --- turns and swaps --------------------------------------------------------------------------------------


def rota_of(*lines: str, swaps: tuple[str, ...] = (), now: datetime = NOW) -> Rota:
    made = check_rules(read_rules(lines, CONTACTS, TODAY))
    return Rota(made, tuple(read_swap(one, CONTACTS, SANTIAGO, now) for one in swaps))


def noon(day: date) -> OnCall:
    return on_call(rota_of("always: Ana, Juan, Eva from 2026-11-27"), SANTIAGO, instant_of(day, time(12), SANTIAGO))


def test_turns_change_on_the_weekday_on_which_they_began() -> None:
    friday = date(2026, 11, 27)
    assert [noon(friday + timedelta(days=7 * week)).who for week in range(4)] == [ANA, JUAN, EVA, ANA]
    assert noon(friday + timedelta(days=6)).who == ANA
    assert noon(friday).stand_ins == (JUAN, EVA)
    assert noon(friday).until == instant_of(friday + timedelta(days=7), time(0), SANTIAGO)
    assert noon(friday - timedelta(days=1)).who is None


def test_a_night_belongs_to_the_week_in_which_it_begins() -> None:
    rota = rota_of("mon-sun 20:00-08:00: Ana, Juan from 2026-11-30")
    monday_early = instant_of(date(2026, 12, 7), time(3), SANTIAGO)
    assert on_call(rota, SANTIAGO, monday_early).who == ANA
    assert on_call(rota, SANTIAGO, monday_early + timedelta(days=1)).who == JUAN


def test_a_swap_ends_and_the_usual_one_comes_back() -> None:
    rota = rota_of("mon-fri 09:00-18:00: Juan", swaps=("24/12/2026 09:00-18:00: Ana instead of Juan",))
    eve = date(2026, 12, 24)
    during = on_call(rota, SANTIAGO, instant_of(eve, time(12), SANTIAGO))
    assert (during.who, during.until) == (ANA, instant_of(eve, time(18), SANTIAGO))
    assert during.swap
    assert during.swap.instead_of == JUAN
    after = on_call(rota, SANTIAGO, instant_of(eve + timedelta(days=1), time(12), SANTIAGO))
    assert (after.who, after.swap) == (JUAN, None)


def test_of_two_swaps_the_last_one_said_holds_and_none_goes_beyond_whom_it_names() -> None:
    at = instant_of(date(2026, 12, 24), time(12), SANTIAGO)
    first, last = "24/12/2026: Ana instead of Juan", "24/12/2026: Eva instead of Ana"
    assert on_call(rota_of("always: Juan", swaps=(first, last)), SANTIAGO, at).who == EVA
    assert on_call(rota_of("always: Juan", swaps=(last,)), SANTIAGO, at).who == JUAN
    assert on_call(rota_of(swaps=("24/12/2026: Eva",)), SANTIAGO, at).who == EVA


def test_who_is_away_is_followed_by_the_next_one_who_is_not() -> None:
    now = noon(date(2026, 11, 30))
    assert now.there(()) == ANA
    assert now.there({ANA}) == JUAN
    assert now.there({ANA, JUAN}) == EVA
    assert now.there({ANA, JUAN, EVA}) is None
    assert on_call(rota_of("always: Ana"), SANTIAGO, NOW).there({ANA}) is None


def test_who_is_always_on_call_has_no_end() -> None:
    now = on_call(rota_of("siempre: Ana"), SANTIAGO, NOW)
    assert (now.who, now.until, now.changes) == (ANA, None, NOW + HORIZON)
    nobody = on_call(Rota(), SANTIAGO, NOW)
    assert (nobody.who, nobody.until) == (None, None)


# --- what is typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("mon-fri 09:00-18:00: Ana", "mon-fri 09:00-18:00: Ana"),
        ("L-V 9-18: ana", "mon-fri 09:00-18:00: Ana"),
        ("lunes a viernes de 18:00 a 9: Ana, Eva desde 30/11/2026", "mon-fri 18:00-09:00: Ana, Eva from 2026-11-30"),
        ("siempre: Ana, Juan", "always: Ana, Juan from 2026-11-30"),
        ("mon-sun 00:00-24:00: Eva desde mañana", "always: Eva from 2026-12-01"),
        ("sat 18:00-24:00: Ana", "sat 18:00-24:00: Ana"),
    ],
)  # fmt: skip
def test_a_line_is_read_in_either_language(typed: str, text: str) -> None:
    [rule] = read_rules([typed], CONTACTS, TODAY)
    assert rule_text(rule, NAMES) == text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "say when and who"),
        ("mon-fri 09:00-18:00", "say when and who"),
        ("mon-fri 09:00-18:00:", "say when and who"),
        (": Ana", "say when and who"),
        ("mon-fri: Ana", "lack times"),
        ("mon 9-9: Ana", "ends when it begins"),
        ("mon 9-18: Pedro", "no contact of this client"),
        ("mon 9-18: \x1b[31m" + "x" * 500, "no contact of this client"),
        ("mon 9-18: Ana,, Juan", "no contact of this client"),
        ("mon 9-18: Ana from 31/02/2026", "is no day"),
    ],
)
def test_a_line_that_makes_no_sense_is_told_by_its_number(typed: str, told: str) -> None:
    with pytest.raises(ClientMistake, match=told) as caught:
        read_rules(["always: Ana", typed], CONTACTS, TODAY)
    assert caught.value.values["field"] == "1"
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        ("mon-fri 09:00-18:00: Ana", "wed 17:00-19:00: Juan"),
        ("sun 20:00-08:00: Ana", "mon 07:00-09:00: Juan"),
        ("mon 09:00-12:00 11:00-13:00: Ana",),
        ("always: Ana", "always: Juan"),
    ],
)
def test_two_are_never_on_call_for_one_place(lines: tuple[str, ...]) -> None:
    with pytest.raises(ClientMistake, match="two would be on call at one time"):
        check_rules(read_rules(lines, CONTACTS, TODAY))


def test_a_rota_has_an_end_to_its_lines() -> None:
    with pytest.raises(ClientMistake, match="at most 20 lines"):
        check_rules(read_rules(["mon 09:00-10:00: Ana"] * 21, CONTACTS, TODAY))
    with pytest.raises(ClientMistake, match="at most 26 people"):
        check_rules(read_rules([f"always: {', '.join(['Ana', 'Juan'] * 14)}"], CONTACTS, TODAY))


def test_gaps_are_told_as_times() -> None:
    assert week_text(gaps(read_rules(["mon-fri 09:00-18:00: Ana"], CONTACTS, TODAY))) == (
        "mon-fri 00:00-09:00 18:00-24:00 sat-sun 00:00-24:00"
    )
    assert gaps(read_rules(["mon-sun 20:00-08:00: Ana", "mon-sun 08:00-20:00: Juan"], CONTACTS, TODAY)) == ()
    assert week_text(gaps([])) == "always"


@pytest.mark.parametrize(
    ("typed", "since", "until"),
    [
        ("24/12/2026 09:00-18:00: Ana instead of Juan", "2026-12-24T12", "2026-12-24T21"),
        ("el 24/12/2026 de 9 a 18: Ana en vez de Juan", "2026-12-24T12", "2026-12-24T21"),
        ("2026-12-24 18:00-02:00: Ana por Juan", "2026-12-24T21", "2026-12-25T05"),
        ("mañana: Ana en lugar de Juan", "2026-12-01T03", "2026-12-02T03"),
        ("24/12/2026 18:00 - 26/12/2026 09:00: Ana for Juan", "2026-12-24T21", "2026-12-26T12"),
        ("24/12/2026 hasta el 26/12/2026: ANA instead of juan", "2026-12-24T03", "2026-12-27T03"),
        ("hoy 13:00–24:00: Ana instead of Juan", "2026-11-30T16", "2026-12-01T03"),
    ],
)  # fmt: skip
def test_a_swap_is_read_in_either_language(typed: str, since: str, until: str) -> None:
    swap = check_swap(read_swap(typed, CONTACTS, SANTIAGO, NOW), NOW)
    assert (swap.who, swap.instead_of) == (ANA, JUAN)
    assert [f"{one:%Y-%m-%dT%H}" for one in (swap.since, swap.until)] == [since, until]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("someday: Ana", "no time of a swap"),
        ("24/12/2026 25:00-26:00: Ana", "no time of a swap"),
        ("31/02/2026: Ana", "no time of a swap|is no day"),
        ("24/12/2026: Pedro", "no contact"),
        ("24/12/2026: Ana instead of Ana", "stand in for himself"),
        ("01/11/2026: Ana", "has passed"),
        ("26/12/2026 - 24/12/2026: Ana", "ends before it begins"),
        ("24/12/2099: Ana", "more than a year away"),
        ("24/12/2026", "say when and who"),
    ],
)
def test_a_swap_that_makes_no_sense_is_refused(typed: str, told: str) -> None:
    with pytest.raises(ClientMistake, match=told):
        check_swap(read_swap(typed, CONTACTS, SANTIAGO, NOW), NOW)


def test_a_swap_is_at_most_a_year_ahead() -> None:
    check_swap(Swap(ANA, NOW, NOW + LONGEST_AHEAD), NOW)


NAMED = {"Rosa Soto": 1, "Rosa Díaz": 2, "Soto, Luis": 3, "José": 4, "Jose": 5, "Ana por Ana": 6}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("rosa soto", "Rosa Soto"),
        ("ROSA DIAZ", "Rosa Díaz"),
        ("soto, luis", "Soto, Luis"),
        ("José", "José"),
        ("ana", "Ana por Ana"),
    ],
)
def test_a_contact_is_known_by_an_unmistakable_name(written: str, name: str) -> None:
    assert called(written, NAMED) == name


@pytest.mark.parametrize(
    ("written", "code"),
    [("rosa", Code.AMBIGUOUS), ("jOSE", Code.AMBIGUOUS), ("ros", Code.NO_SUCH_CONTACT), ("", Code.NO_SUCH_CONTACT)],
)
def test_a_name_that_may_be_several_is_asked_about(written: str, code: Code) -> None:
    with pytest.raises(ClientMistake) as caught:
        called(written, NAMED)
    assert caught.value.code is code


def test_a_name_may_have_a_comma_or_the_word_of_a_swap() -> None:
    [rule] = read_rules(["always: Rosa Soto, Soto, Luis, José"], NAMED, TODAY)
    assert rule.people == (1, 3, 4)
    swap = read_swap("hoy: Ana por Ana", NAMED, SANTIAGO, NOW)
    assert (swap.who, swap.instead_of) == (6, None)


@given(st.text(max_size=80))
@example("mon 9-18: Ana from 99999999999999999999")
@example("١٢/١٢/٢٠٢٦: Ana")
def test_whatever_is_typed_is_read_or_refused_in_one_line(typed: str) -> None:
    for read in (lambda: read_rules([typed], CONTACTS, TODAY), lambda: [read_swap(typed, CONTACTS, SANTIAGO, NOW)]):
        told = ""
        try:
            assert read()
        except ClientMistake as error:
            told = str(error)
        assert len(told.splitlines()) <= 1


def minutes(since: datetime, count: int) -> Iterator[datetime]:
    return (since + timedelta(minutes=one) for one in range(count))


def test_each_minute_about_santiagos_changes_has_just_one_person() -> None:
    """Also where shifts change within the hour that comes twice, and within the one that never comes."""
    early = ("sat 00:00-23:20: Ana", "sat 23:20-23:40: Juan")
    rota = rota_of(*early, "sat 23:40-00:20: Eva", "sun 00:20-00:40: Juan", "sun 00:40-24:00: Ana")
    for change in (BACK, FORWARD):
        found = [on_call(rota, SANTIAGO, at).who for at in minutes(change - timedelta(hours=3), 6 * 60)]
        assert None not in found
        turns = [who for number, who in enumerate(found) if number == 0 or found[number - 1] != who]
        expected = [ANA, JUAN, EVA, JUAN, ANA] if change == BACK else [ANA, JUAN, EVA, ANA]
        assert turns == expected
