"""The facts for transfers: whom a client's secretaries may call, through which carrier, and what is shown to them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pbx_control.domain.call.model import Admission, Contact, Outgoing
from pbx_control.domain.office import (
    Announcement,
    AnnouncementKind,
    Client,
    Did,
    Holiday,
    Mark,
    MarkKind,
    Office,
    Secretary,
    Trunk,
)
from pbx_control.domain.opening.hours import TODAY, parse_week
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.domain.sounds import HouseSound, announced_sound, announcement_sound, house_sound
from pbx_control.live.directory import Directory, chair_of

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
ROSA = Contact(5, "Rosa", ("+56987654321", "+56225550199"), 1)
ANDES = Client(1, "andes", "Andes", week=parse_week(["always"]), contacts=(ROSA,), calls_out_at_once=2)
MAIN, SECOND, FOREIGN = "+56225550102", "+56225550101", "+34912345678"
OUT = Trunk(7, "out", ("192.0.2.7",), host="192.0.2.7", number_format="national", country="CL")
OTHER = Trunk(8, "other", ("192.0.2.8",), host="192.0.2.8")
DEAF = Trunk(9, "deaf", ("192.0.2.9",))


def outgoing(*dids: Did, trunks: tuple[Trunk, ...] = (DEAF, OTHER, OUT)) -> Outgoing | None:
    facts = Directory(Office(1, trunks=trunks, dids=dids, clients=(ANDES,))).facts(dids[0].number, AT)
    assert facts is not None
    return facts.outgoing


def test_contacts_see_the_main_number_through_its_own_carrier() -> None:
    found = outgoing(Did(SECOND, "other", 1), Did(MAIN, "out", 1, main=True))
    assert found == Outgoing("trunk-7", "national", "CL", MAIN, at_once=2, a_day=100)


@pytest.mark.parametrize("trunk", ["", "other"])
def test_number_of_any_carrier_goes_out_by_the_first_that_we_may_send_to(trunk: str) -> None:
    found = outgoing(Did(MAIN, trunk, 1, main=True))
    assert found is not None
    assert found.trunk == "trunk-8"


def test_number_whose_carrier_takes_no_calls_gives_way_to_the_next() -> None:
    found = outgoing(Did(MAIN, "deaf", 1, main=True), Did(SECOND, "out", 1))
    assert found is not None
    assert (found.shown, found.trunk) == (SECOND, "trunk-7")


def test_client_without_a_carrier_to_send_to_calls_nobody() -> None:
    assert outgoing(Did(MAIN, "deaf", 1, main=True)) is None
    assert outgoing(Did(MAIN, "", 1, main=True), trunks=(DEAF,)) is None


def test_other_clients_numbers_are_never_shown() -> None:
    found = outgoing(Did(MAIN, "deaf", 1, main=True), Did(SECOND, "out", 2), Did(FOREIGN, "out"))
    assert found is None


@pytest.mark.parametrize(
    ("day", "closed", "said"),
    [
        ("2026-12-25T15:00+00:00", True, "holiday"),  # Christmas, a Friday
        ("2026-12-26T02:30+00:00", True, "holiday"),  # still Christmas in Chile
        ("2026-12-28T15:00+00:00", True, "closed_today"),  # the firm's own day
        ("2026-12-26T15:00+00:00", True, ""),  # a Saturday like any other
        ("2026-12-29T15:00+00:00", False, ""),
    ],
)
def test_caller_on_a_day_off_hears_what_day_it_is_before_the_hours(day: str, closed: bool, said: str) -> None:
    firm = replace(ANDES, week=parse_week(["mon-fri", "09:00-18:00"]))
    days = (Holiday(date(2026, 12, 25), "Navidad"), Holiday(date(2026, 12, 28), "Aniversario", client_id=1))
    facts = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,), holidays=days)).facts(
        MAIN, datetime.fromisoformat(day)
    )
    assert facts is not None
    assert (facts.admission is Admission.CLOSED) == closed
    hours = announcement_sound(firm, AnnouncementKind.CLOSED)
    assert facts.sounds.closing == ((house_sound(HouseSound(said), "es"), hours) if said else (hours,))


def test_firms_own_recording_stands_alone_on_a_holiday() -> None:
    own = (Announcement(AnnouncementKind.CLOSED, audio="audio/0123456789abcdef"),)
    firm = replace(ANDES, week=(), announcements=own)
    days = (Holiday(AT.date(), "Feriado"),)
    facts = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,), holidays=days)).facts(MAIN, AT)
    assert facts is not None
    assert facts.sounds.closing == ("prompts/audio/0123456789abcdef",)


def saying(kind: OverrideKind, since: str, until: str, text: str = "") -> Override:
    return Override(kind, datetime.fromisoformat(since), datetime.fromisoformat(until), text)


FIRM = replace(ANDES, week=parse_week(["mon-fri", "09:00-18:00"]), recording=True)
WORDS = saying(OverrideKind.ANNOUNCED, "2026-11-23T10:00-03:00", "2026-11-24T00:00-03:00", "{name} se muda.")
UNTIL_THREE = saying(OverrideKind.CLOSED, "2026-11-23T10:00-03:00", "2026-11-23T15:00-03:00")
ALL_DAY = saying(OverrideKind.CLOSED, "2026-11-23T10:00-03:00", "2026-11-24T00:00-03:00")
UNTIL_TEN = saying(OverrideKind.OPEN, "2026-11-23T17:00-03:00", "2026-11-23T22:00-03:00")
ON_CHRISTMAS = saying(OverrideKind.OPEN, "2026-12-25T10:00-03:00", "2026-12-25T12:00-03:00")
CHRISTMAS = Holiday(date(2026, 12, 25), "Navidad")


@pytest.mark.parametrize(
    ("overrides", "at", "admission", "before"),
    [
        ((UNTIL_THREE,), "2026-11-23T11:00-03:00", Admission.CLOSED, ["closed_now"]),
        ((UNTIL_THREE,), "2026-11-23T15:00-03:00", Admission.OPEN, []),
        ((ALL_DAY,), "2026-11-23T11:00-03:00", Admission.CLOSED, ["closed_today"]),
        ((ALL_DAY,), "2026-11-24T00:30-03:00", Admission.CLOSED, []),  # outside the hours, as every night
        ((UNTIL_TEN,), "2026-11-23T21:00-03:00", Admission.OPEN, []),
        ((UNTIL_TEN,), "2026-11-23T22:00-03:00", Admission.CLOSED, []),
        ((ON_CHRISTMAS,), "2026-12-25T11:00-03:00", Admission.OPEN, []),
        ((ON_CHRISTMAS,), "2026-12-25T12:30-03:00", Admission.CLOSED, ["holiday"]),
        ((ALL_DAY, WORDS), "2026-11-23T11:00-03:00", Admission.CLOSED, ["words", "closed_today"]),
        ((WORDS,), "2026-11-23T19:00-03:00", Admission.CLOSED, ["words"]),
    ],
)
def test_what_a_client_says_for_today_decides_and_is_heard(
    overrides: tuple[Override, ...], at: str, admission: Admission, before: list[str]
) -> None:
    firm = replace(FIRM, overrides=overrides)
    directory = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,), holidays=(CHRISTMAS,)))
    when = datetime.fromisoformat(at)
    for moment in (when - timedelta(minutes=50), when):  # what was asked shortly before is not taken for today's
        facts = directory.facts(MAIN, moment)
    assert facts is not None
    assert facts.admission is admission
    if admission is Admission.CLOSED:
        names = [
            announced_sound(firm, WORDS) if one == "words" else house_sound(HouseSound(one), "es") for one in before
        ]
        assert list(facts.sounds.closing) == [*names, announcement_sound(firm, AnnouncementKind.CLOSED)]
        assert (facts.why == TODAY) == ("closed_now" in before or "closed_today" in before)


def test_words_for_today_stand_in_the_place_of_the_welcome_and_the_notice_follows() -> None:
    own = (Announcement(AnnouncementKind.WELCOME, text="Bienvenido."),)
    firm = replace(FIRM, announcements=own, overrides=(WORDS,))
    facts = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,))).facts(
        MAIN, datetime.fromisoformat("2026-11-23T11:00-03:00")
    )
    assert facts is not None
    notice = announcement_sound(firm, AnnouncementKind.RECORDING)
    assert facts.sounds.welcome == (announced_sound(firm, WORDS), notice)


def test_a_firms_own_recording_is_heard_after_it_was_said_that_it_is_closed() -> None:
    own = (Announcement(AnnouncementKind.CLOSED, audio="audio/0123456789abcdef"),)
    firm = replace(FIRM, announcements=own, overrides=(ALL_DAY,))
    facts = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,))).facts(
        MAIN, datetime.fromisoformat("2026-11-23T11:00-03:00")
    )
    assert facts is not None
    assert facts.sounds.closing == (house_sound(HouseSound.CLOSED_TODAY, "es"), "prompts/audio/0123456789abcdef")


def test_contacts_and_the_cap_travel_with_the_call() -> None:
    office = Office(1, dids=(Did(MAIN, "", 1),), clients=(ANDES,))
    facts = Directory(office, timedelta(seconds=20)).facts(MAIN, AT)
    assert facts is not None
    assert (facts.contacts, facts.cap) == ((ROSA,), timedelta(seconds=20))


def test_every_number_of_ours_is_known_whoever_has_it() -> None:
    directory = Directory(Office(1, dids=(Did(MAIN, "", 1), Did(SECOND, ""))))
    assert [directory.owns(number) for number in (MAIN, SECOND, FOREIGN, "")] == [True, True, False, False]


def test_secretary_is_told_things_in_her_first_language() -> None:
    assert chair_of(Secretary(3, "Eva", "s-eva", "x", ("en", "es")), AT).seat.language == "en"


@pytest.mark.parametrize(
    ("caller", "campaigns", "admitted"),
    [
        ("+56809123456", False, Admission.BLOCKED),
        ("+56809123456", True, Admission.OPEN),
        ("+56225550199", False, Admission.OPEN),
        ("+5680", False, Admission.OPEN),
        ("", False, Admission.OPEN),
    ],
)
def test_campaigns_come_in_only_where_the_client_lets_them(caller: str, campaigns: bool, admitted: Admission) -> None:
    """Subtel, Resolución Exenta 286 of 2025: mass calls show 809."""
    firm = replace(ANDES, campaigns=campaigns)
    facts = Directory(Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,))).facts(MAIN, AT, caller)
    assert facts is not None
    assert facts.admission is admitted


def test_caller_who_is_known_as_a_tester_is_one_even_with_a_campaigns_number() -> None:
    firm = replace(ANDES, campaigns=False)
    tester = Mark("+56809123456", MarkKind.TEST, 1)
    office = Office(1, dids=(Did(MAIN, "", 1),), clients=(firm,), marks=(tester,))
    facts = Directory(office).facts(MAIN, AT, tester.number)
    assert facts is not None
    assert facts.admission is Admission.OPEN
