"""Which days are holidays: Chile's public ones, changed by the office or a client (docs/service.md rule 3)."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from pbx_control.domain.office import Holiday
from pbx_control.domain.opening.hours import ALWAYS, Week

# The generated dialplan must know the coming holidays even if nothing renders it anew for a year.
AHEAD = timedelta(days=400)


@lru_cache(maxsize=64)
def public(year: int) -> Mapping[date, str]:
    """Chile's public holidays of a year with their Spanish names (package `holidays`); not for changing."""
    # Imported here: most commands need no holidays.
    from holidays import country_holidays

    return dict(country_holidays("CL", years=year, language="es"))


def coming(today: date) -> tuple[Holiday, ...]:
    """The public holidays from the day before `today` (it may still be yesterday in a client's zone) until AHEAD."""
    first, last = today - timedelta(days=1), today + AHEAD
    days = (item for year in range(first.year, last.year + 1) for item in sorted(public(year).items()))
    return tuple(Holiday(day, name) for day, name in days if first <= day <= last)


def of_client(holidays: Iterable[Holiday], client_id: int, week: Week) -> dict[date, str]:
    """The days on which a client is closed, with their names.

    A client's own entry beats one for everybody, so that it can be open (`kept` false) on a public holiday. Who is
    open `always` is closed on days of his own only.
    """
    days: dict[date, Holiday] = {}
    for holiday in holidays:
        own = holiday.client_id == client_id
        if own or (holiday.client_id is None and week != ALWAYS and holiday.day not in days):
            days[holiday.day] = holiday
    return {day: holiday.name for day, holiday in days.items() if holiday.kept}


def common(holidays: Iterable[Holiday]) -> frozenset[date]:
    """The days that are holidays for everybody; what else closes a client is a day of its own."""
    return frozenset(holiday.day for holiday in holidays if holiday.client_id is None and holiday.kept)


def with_changes(public_days: Iterable[Holiday], changes: Iterable[Holiday]) -> tuple[Holiday, ...]:
    """The public holidays changed by the store's rows: one for everybody replaces or removes the public day."""
    common = {holiday.day: holiday for holiday in public_days}
    own = []
    for change in changes:
        if change.client_id is not None:
            own.append(change)
        else:
            common[change.day] = change
    kept = [holiday for holiday in common.values() if holiday.kept]
    return tuple(sorted(kept + own, key=lambda holiday: (holiday.day, holiday.client_id or 0)))
