"""What can be done with holidays: the days that the office or a client adds to the public ones or takes from them."""

from datetime import date

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.office import Holiday
from pbx_control.domain.opening.holidays import public
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.work import Work
from pbx_control.store import holidays


def add(work: Work, day: date, client_id: int | None, name: str = "") -> None:
    """Closes one client, or (None) everybody, on a day. Raises ClientMistake if it is closed then already."""
    found = holidays.changes(work.conn, day=day)
    own = next((entry for entry in found if entry.client_id == client_id), None)
    if own is not None and own.kept:
        raise ClientMistake("{day} is a holiday already", Code.NOTHING_TO_DO, day=day)
    if own is None and client_id is None and day in public(day.year):
        raise ClientMistake(
            "{day} is a public holiday already: {name}", Code.NOTHING_TO_DO, day=day, name=public(day.year)[day]
        )
    name = checks.line(name, "name") if name else ""
    holidays.put(work.conn, Holiday(day, name, client_id, kept=True))
    work.note(Verb.HOLIDAY_ADDED, day.isoformat(), client_id=client_id, new={"name": name})


def remove(work: Work, day: date, client_id: int | None) -> None:
    """Opens one client, or (None) everybody, on a day that was a holiday. Raises ClientMistake if it was none."""
    found = {entry.client_id: entry for entry in holidays.changes(work.conn, day=day)}
    common = found.get(None)
    is_common = common.kept if common else day in public(day.year)
    own = found.get(client_id)
    is_holiday = own.kept if own else is_common
    if not is_holiday:
        raise ClientMistake("{day} is no holiday: nothing to remove", Code.NOTHING_TO_DO, day=day)
    holidays.delete_row(work.conn, day, client_id)
    # Taking away one's own entry is enough, unless the day is a holiday without it too.
    if is_common if client_id is not None else day in public(day.year):
        holidays.put(work.conn, Holiday(day, own.name if own else "", client_id, kept=False))
    work.note(Verb.HOLIDAY_REMOVED, day.isoformat(), client_id=client_id, old={"name": own.name if own else ""})


def forget(work: Work, day: date, client_id: int) -> None:
    """Takes back what a client has said of a day: it is closed then if everybody is, and keeps its usual hours if not.
    Raises ClientMistake if it has said nothing.
    """
    own = next((entry for entry in holidays.changes(work.conn, day=day) if entry.client_id == client_id), None)
    if own is None:
        raise ClientMistake("{day} is a day like any other: nothing to take back", Code.NOTHING_TO_DO, day=day)
    holidays.delete_row(work.conn, day, client_id)
    work.note(Verb.HOLIDAY_TAKEN_BACK, day.isoformat(), client_id=client_id, old={"name": own.name, "closed": own.kept})
