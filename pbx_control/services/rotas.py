"""Who of a client's contacts is on call: what can be done with that, and who it is at a moment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.greeting import on_call_words
from pbx_control.domain.opening.rota import OnCall, Rule, Swap, check_rules, check_swap, on_call
from pbx_control.domain.opening.written_rota import rule_text, shifts_text, swap_text
from pbx_control.domain.words.characters import folded
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, desk, rotas
from pbx_control.store.clients import Client
from pbx_control.store.contacts import Contact
from pbx_control.store.desk import ContactOnDesk
from pbx_control.store.rotas import KeptSwap, Place

__all__ = ["KeptSwap", "Place"]
# Swaps of a client's that are still to come, or last.
MOST_SWAPS = 200


@dataclass(frozen=True, slots=True)
class Now:
    """Who is on call for a department ("": the firm) at a moment; `there`: who of them is to be consulted, as he is not
    away."""

    department: str
    on_call: OnCall
    there: int | None


def now_of(places: Sequence[Place], zone: ZoneInfo, at: datetime, away: Collection[int]) -> list[Now]:
    """Who is on call for each of these, where the contacts in `away` are not to be consulted."""
    found = ((one.department, on_call(one.rota, zone, at)) for one in places)
    return [Now(department, each, each.there(away)) for department, each in found]


def at_hand(places: Sequence[Place], contacts: Sequence[ContactOnDesk], zone: ZoneInfo, at: datetime) -> list[Now]:
    """The same, by who of all contacts is away."""
    return now_of(places, zone, at, {one.id for one in contacts if one.away_until and one.away_until > at})


def in_words(
    places: Sequence[Place], contacts: Sequence[ContactOnDesk], zone: ZoneInfo, at: datetime, language: str
) -> str:
    """Who is on call and not away, as a greeting says it."""
    names = {one.id: clean_line(one.name, 60) for one in contacts}
    people = [(one.department, names[one.there]) for one in at_hand(places, contacts, zone, at) if one.there in names]
    return on_call_words(people, language)


def of_client_in_words(conn: Connection, client: Client, at: datetime) -> str:
    """The same of a client, in its language."""
    places, contacts = rotas.of_client(conn, client.id, at), desk.contacts_of(conn, client.id)
    return in_words(places, contacts, ZoneInfo(client.timezone), at, client.language)


# --- changes ----------------------------------------------------------------------------------------------


def set_rules(work: Work, client_id: int, department: str, rules: Sequence[Rule], before: str | None = None) -> None:
    """Puts lines in force for a department ("": the firm), in place of those it has; none: it has no rota.

    Raises ClientMistake if the client has cancelled, there is no such department or contact, two would be on call at
    one time, or (CHANGED_MEANWHILE) if the version `before` is not in force any more.
    """
    slug, department = refuse_cancelled(work.conn, client_id), department_of(work.conn, client_id, department, work.at)
    checked, names = check_rules(rules), names_of(work.conn, client_id)
    _require(names, [who for rule in checked for who in rule.people])
    old = _rules(work, client_id, department)
    if before is not None and before != version_of(old):
        raise ClientMistake(
            "somebody else has changed the rota meanwhile: look at it once more", Code.CHANGED_MEANWHILE
        )
    if checked == old:
        return
    rotas.put_rules(work.conn, client_id, department, checked)
    was, new = ({"rota": [rule_text(one, names) for one in each]} for each in (old, checked))
    work.note(Verb.ROTA_CHANGED, _subject(slug, department), client_id=client_id, old=was, new=new)


def swap(work: Work, client_id: int, department: str, wanted: Swap) -> int:
    """Has somebody on call for a while instead of somebody else; gives the swap's number. The one that was said last is
    not kept twice.

    Raises ClientMistake if the client has cancelled, there is no such department or contact, or the swap will not do.
    """
    slug, department = refuse_cancelled(work.conn, client_id), department_of(work.conn, client_id, department, work.at)
    names = names_of(work.conn, client_id)
    checked = check_swap(wanted, work.at)
    _require(names, [who for who in (checked.who, checked.instead_of) if who is not None])
    places = rotas.of_client(work.conn, client_id, work.at)
    said = [one for place in places if place.department == department for one in place.swaps]
    if said and said[-1].swap == checked:
        return said[-1].id
    if sum(len(place.swaps) for place in places) >= MOST_SWAPS:
        raise ClientMistake("there are {most} swaps already", Code.BAD_VALUE, most=MOST_SWAPS, field=Field("when"))
    number = rotas.insert_swap(work.conn, client_id, department, checked, work.actor.name)
    new = _facts(checked, names)
    work.note(Verb.ROTA_SWAPPED, _subject(slug, department), client_id=client_id, new=new)
    return number


def take_back(work: Work, client_id: int, number: int) -> None:
    """Ends a swap, or what is to come of it: the usual one is on call again. Raises ClientMistake if there is none."""
    slug = refuse_cancelled(work.conn, client_id)
    places = rotas.of_client(work.conn, client_id, work.at)
    found = next(((place, one) for place in places for one in place.swaps if one.id == number), None)
    if found is None:
        raise ClientMistake("there is no such swap any more", Code.NO_SUCH_SWAP)
    place, kept = found
    rotas.delete_swaps(work.conn, [number])
    old = _facts(kept.swap, names_of(work.conn, client_id))
    work.note(Verb.ROTA_SWAP_TAKEN_BACK, _subject(slug, place.department), client_id=client_id, old=old)


def clear(work: Work, client_id: int, department: str) -> None:
    """Takes lines and swaps of a department away. Raises ClientMistake if the client has cancelled."""
    department = department_of(work.conn, client_id, department, work.at)
    for place in rotas.of_client(work.conn, client_id, work.at):
        if place.department == department:
            for one in place.swaps:
                take_back(work, client_id, one.id)
    set_rules(work, client_id, department, ())


def refuse_on_call(conn: Connection, contact: Contact, at: datetime) -> None:
    """Raises ClientMistake if a contact has shifts or swaps that are to come: whose would they be? Those that are over
    are forgotten."""
    zone = ZoneInfo(clients.get(conn, contact.client_id).timezone)
    taken = [
        text
        for place in rotas.of_client(conn, contact.client_id, at)
        for text in _his(place, contact.id, names_of(conn, contact.client_id), zone)
    ]
    if taken:
        raise ClientMistake(
            "{name} has shifts that would be nobody's: {when}",
            Code.CONTACT_ON_CALL,
            name=clean_line(contact.name, 60),
            when="; ".join(taken),
        )
    rotas.forget_past(conn, contact.id, at)


def _his(place: Place, contact_id: int, names: Mapping[int, str], zone: ZoneInfo) -> list[str]:
    """What a contact has in a rota, in words."""
    where = f"{clean_line(place.department, 60)} " if place.department else ""
    shifts = [f"{where}{shifts_text(rule.shifts)}" for rule in place.rota.rules if contact_id in rule.people]
    swaps = [
        f"{where}{swap_text(one, names, zone)}" for one in place.rota.swaps if contact_id in (one.who, one.instead_of)
    ]
    return shifts + swaps


# --- whose it is ------------------------------------------------------------------------------------------


def version_of(rules: Sequence[Rule]) -> str:
    """What tells these lines from others, whatever their contacts are called by now."""
    return "\n".join(rule_text(one, {who: f"#{who}" for who in one.people}) for one in rules)


def names_of(conn: Connection, client_id: int) -> dict[int, str]:
    """The client's contacts, by id."""
    return {one.id: one.name for one in desk.contacts_of(conn, client_id)}


def department_of(conn: Connection, client_id: int, written: str, at: datetime) -> str:
    """A department of the client's contacts, or of its rota, as it is kept; "" is the firm. Raises ClientMistake if
    there is none such."""
    departments = {one.department for one in desk.contacts_of(conn, client_id)}
    departments |= {one.department for one in rotas.of_client(conn, client_id, at)}
    found = next((one for one in sorted(departments | {""}) if folded(one) == folded(written)), None)
    if found is None:
        raise ClientMistake(
            "{name} is no department of this client's contacts: they have {known}",
            Code.BAD_VALUE,
            name=f"'{clean_line(written, 60)}'",
            known=", ".join(sorted(departments - {""})) or "–",
            field=Field("department"),
        )
    return found


def _rules(work: Work, client_id: int, department: str) -> tuple[Rule, ...]:
    places = rotas.of_client(work.conn, client_id, work.at)
    return next((one.rota.rules for one in places if one.department == department), ())


def _require(names: Mapping[int, str], people: Sequence[int]) -> None:
    if not set(people) <= set(names):
        raise ClientMistake(
            "this contact is not there any more: it has {known}",
            Code.NO_SUCH_CONTACT,
            known=", ".join(sorted(names.values())) or "–",
        )


def _facts(one: Swap, names: Mapping[int, str]) -> dict[str, object]:
    instead_of = names.get(one.instead_of, "") if one.instead_of is not None else ""
    return {"on_call": names[one.who], "instead_of": instead_of, "since": one.since, "until": one.until}


def _subject(slug: str, department: str) -> str:
    return f"{slug}: {department}"[:200] if department else slug
