"""What can be done with DIDs: the numbers that can be dialled, whose they are, and which are free."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.audit import Verb
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, contacts, dids, plans, trunks
from pbx_control.store.dids import Did

# A released number rests before another client gets it: the old one's callers go on dialling it for a while.
QUARANTINE = timedelta(days=30)
# Of clients without a number.
HOME_COUNTRY = "CL"


def country_of_client(conn: Connection, client_id: int) -> str:
    """In which country's way what is typed for a client is read: that of its main number."""
    return dids.country_of_client(conn, client_id) or HOME_COUNTRY


def add(work: Work, new: Sequence[str], trunk_id: int | None) -> list[str]:
    """Keeps all of the numbers or, if one is wrong, known or named twice, none (ClientMistake); gives their E.164."""
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.domain.telephony.numbering import area_of, country_of, to_e164

    written = [to_e164(number) for number in new]
    twice = [number for number, count in Counter(written).items() if count > 1]
    if twice:
        raise ClientMistake("{number} is named twice", Code.BAD_VALUE, number=twice[0], field=Field("number"))
    known = set(dids.numbers(work.conn)).intersection(written)
    if known:
        raise ClientMistake(
            "{number} is one of our numbers already: nothing was added",
            Code.NAME_TAKEN,
            number=min(known),
            field=Field("number"),
        )
    _refuse_contacts(work, written)
    rows = [
        {"number": number, "trunk_id": trunk_id, "country": country_of(number), "area": area_of(number)}
        for number in written
    ]
    dids.insert_rows(work.conn, rows)
    several = f"{written[0]} … ({len(written)})"
    trunk = trunks.name_of(work.conn, trunk_id) if trunk_id is not None else None
    subject = several if len(written) > 1 else written[0]
    work.note(Verb.NUMBER_ADDED, subject, new={"numbers": written, "trunk": trunk})
    return written


def assign(work: Work, number: str, client_id: int, *, main: bool = False, resting: bool = False) -> str:
    """Gives a free number to a client; its first one, or if `main` is asked for, is the one shown to contacts.

    Raises ClientMistake if the number has another client or, unless `resting`, still rests after a release.
    """
    row = dids.find(work.conn, number)
    if row.client_id == client_id:
        _make_main(work, row, client_id, main)
        return row.number
    if row.client_id is not None:
        raise ClientMistake(
            "{number} belongs to the client {owner}: release it first",
            Code.TAKEN,
            number=row.number,
            owner=clients.get(work.conn, row.client_id).slug,
            field=Field("number"),
        )
    if row.free_from is not None and row.free_from > work.at and not resting:
        raise ClientMistake(
            "{number} rests until {day} after its release, because the old client's callers still dial it",
            Code.NUMBER_RESTS,
            number=row.number,
            day=row.free_from.astimezone(ZoneInfo(clients.get(work.conn, client_id).timezone)).date(),
        )
    _give(work, row, client_id, main=main or not dids.of_client(work.conn, client_id))
    return row.number


@dataclass(frozen=True, slots=True)
class Further:
    """A client's number beyond its main one: its country, the client's plan ("": none) and what the number costs a
    month, net pesos (None: the plan has no price for it)."""

    country: str
    plan: str
    price: int | None


def further(conn: Connection, number: str, client_id: int) -> Further | None:
    """What one of a client's numbers costs; None for its only one, which is in the plan."""
    if sum(plans.extra_dids(conn, client_id).values()) == 0:
        return None
    country, current = dids.find(conn, number).country, plans.current(conn, client_id)
    if current is None:
        return Further(country, "", None)
    return Further(country, current.plan.name, current.plan.did_prices.get(country))


def release(work: Work, number: str) -> datetime:
    """Takes a number from its client; it rests for QUARANTINE. Gives the instant from which it is free.

    If it was the main one, the number that the client has had for longest takes its place.
    """
    row = dids.find(work.conn, number)
    if row.client_id is None:
        raise ClientMistake("{number} belongs to no client: nothing to release", Code.NOTHING_TO_DO, number=row.number)
    free_from = work.at + QUARANTINE
    free = {"client_id": None, "main": False, "assigned_at": None, "free_from": free_from}
    dids.update_row(work.conn, row.number, free)
    if row.main and (oldest := dids.oldest_of(work.conn, row.client_id)):
        dids.update_row(work.conn, oldest, {"main": True})
    work.note(Verb.NUMBER_RELEASED, row.number, client_id=row.client_id, old=row, new=free)
    return free_from


def remove(work: Work, number: str) -> str:
    """Forgets a number that goes back to its carrier. Raises ClientMistake while a client has it."""
    row = dids.find(work.conn, number)
    if row.client_id is not None:
        raise ClientMistake("{number} belongs to a client: release it first", Code.WRONG_STATE, number=row.number)
    dids.delete_row(work.conn, row.number)
    work.note(Verb.NUMBER_REMOVED, row.number, old=row)
    return row.number


def _refuse_contacts(work: Work, written: Sequence[str]) -> None:
    """A number of ours is nobody's contact: the consultation would come back to us as a call."""
    ours = set(written)
    for row in contacts.rows(work.conn):
        if called := ours.intersection((row.number, row.then_number)):
            raise ClientMistake(
                "{number} is what {name}, a contact of {slug}, is called by",
                Code.CONTACTS_NUMBER,
                number=min(called),
                name=row.name,
                slug=row.client,
            )


def _give(work: Work, row: Did, client_id: int, *, main: bool) -> None:
    refuse_cancelled(work.conn, client_id)
    if main:
        dids.none_is_main(work.conn, client_id)
    values = {"client_id": client_id, "main": main, "assigned_at": work.at, "free_from": None}
    dids.update_row(work.conn, row.number, values)
    work.note(Verb.NUMBER_ASSIGNED, row.number, client_id=client_id, old=row, new=values)


def _make_main(work: Work, row: Did, client_id: int, main: bool) -> None:
    """A number that the client has already: assigning it again can only make it the main one."""
    if not main:
        raise ClientMistake(
            "{number} belongs to this client already: nothing to do", Code.NOTHING_TO_DO, number=row.number
        )
    dids.none_is_main(work.conn, client_id)
    dids.update_row(work.conn, row.number, {"main": True})
    work.note(Verb.NUMBER_ASSIGNED, row.number, client_id=client_id, old=row, new={"main": True})
