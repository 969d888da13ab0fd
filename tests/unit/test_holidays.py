"""Which days are holidays for whom."""

from datetime import date

import pytest

from pbx_control.domain.office import Holiday
from pbx_control.domain.opening.holidays import coming, of_client, public, with_changes
from pbx_control.domain.opening.hours import ALWAYS, parse_week

WEEK = parse_week(["mon-fri 09:00-18:00"])
FIESTAS = date(2026, 9, 18)


@pytest.mark.parametrize("day", [date(2026, 1, 1), FIESTAS, date(2026, 9, 19), date(2026, 12, 25), date(2027, 3, 26)])
def test_chiles_public_holidays_are_known(day: date) -> None:
    assert day in public(day.year)


def test_coming_holidays_begin_yesterday_and_last_more_than_a_year() -> None:
    days = [holiday.day for holiday in coming(date(2026, 9, 19))]
    assert days[0] == FIESTAS
    assert days == sorted(days)
    assert days[-1] >= date(2027, 9, 19)


def test_public_holiday_closes_everybody_but_who_is_always_open() -> None:
    common = [Holiday(FIESTAS, "Independencia")]
    assert of_client(common, 1, WEEK) == {FIESTAS: "Independencia"}
    assert of_client(common, 1, ALWAYS) == {}


def test_clients_own_day_closes_only_that_client() -> None:
    own = [Holiday(date(2026, 10, 2), "Aniversario", client_id=1)]
    assert of_client(own, 1, WEEK) == {date(2026, 10, 2): "Aniversario"}
    assert of_client(own, 1, ALWAYS) == {date(2026, 10, 2): "Aniversario"}
    assert of_client(own, 2, WEEK) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_client_may_be_open_on_a_public_holiday(order: int) -> None:
    both = [Holiday(FIESTAS, "Independencia"), Holiday(FIESTAS, "", client_id=1, kept=False)][::order]
    assert of_client(both, 1, WEEK) == {}
    assert of_client(both, 2, WEEK) == {FIESTAS: "Independencia"}


def test_office_adds_and_takes_away_days() -> None:
    changes = [Holiday(FIESTAS, "", kept=False), Holiday(date(2026, 12, 31), "Fin de año")]
    changed = with_changes([Holiday(FIESTAS, "Independencia"), Holiday(date(2026, 12, 25), "Navidad")], changes)
    assert [holiday.name for holiday in changed] == ["Navidad", "Fin de año"]
