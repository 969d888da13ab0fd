"""What can be done with a client's people: contacts to whom calls go (rule 9), recipients of messages (rule 7)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.kinds import EVERYTHING, About, Wants
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.opening.overrides import check_end
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import clientele, rotas
from pbx_control.services.numbers import country_of_client
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, news
from pbx_control.store import clients, contacts, dids, mailboxes, plans, recipients
from pbx_control.store.contacts import KEYS, Contact

CHECKS = {"email": checks.email, "telegram": checks.telegram}


def add_contact(
    work: Work,
    client_id: int,
    name: str,
    number: str,
    *,
    then_number: str = "",
    department: str = "",
    key: int | None = None,
) -> int | None:
    """Keeps a contact; without a `key` it gets the lowest free one. Gives the key, None if all six are taken.

    Raises ClientMistake if the client has cancelled, the name or the key is taken, the plan has room for no more, or a
    number may not be called: ours neither, since the consultation would come back to us as a call.
    """
    slug = refuse_cancelled(work.conn, client_id)
    values = _checked(work, client_id, name, number, then_number, department)
    taken = contacts.keys(work.conn, client_id)
    _refuse_beyond_plan(work, client_id, len(taken))
    _refuse_taken(taken, values["name"], key)
    free = key or next((one for one in KEYS if one not in taken.values()), None)
    kept = values | {"key": free}
    contacts.insert_row(work.conn, {"client_id": client_id} | kept)
    work.note(Verb.CONTACT_ADDED, slug, client_id=client_id, new=kept)
    return free


def change_contact(
    work: Work,
    client_id: int,
    contact: str,
    *,
    name: str,
    number: str,
    then_number: str = "",
    department: str = "",
    key: int | None = None,
) -> None:
    """Makes a contact, known by its present name, what is given. Raises ClientMistake as `add_contact`, and if there is
    none of that name."""
    slug, old = refuse_cancelled(work.conn, client_id), _contact(work, client_id, contact)
    values: dict[str, object] = {**_checked(work, client_id, name, number, then_number, department), "key": key}
    others = {one: its for one, its in contacts.keys(work.conn, client_id).items() if one != old.name}
    _refuse_taken(others, str(values["name"]), key)
    if changed := news(old, values):
        contacts.update_row(work.conn, old.id, changed)
        work.note(Verb.CONTACT_CHANGED, slug, client_id=client_id, old=old, new={"name": old.name} | changed)


def set_away(work: Work, client_id: int, contact: str, until: datetime | None) -> None:
    """Until then a contact is not consulted; None: he is there again.

    Raises ClientMistake for an end that has passed or is too far away, and if there is no contact of that name.
    """
    slug, old = refuse_cancelled(work.conn, client_id), _contact(work, client_id, contact)
    end = check_end(until.replace(microsecond=0), work.at) if until else None
    was = old.away_until if old.away_until and old.away_until > work.at else None
    if end == was:
        return
    contacts.update_row(work.conn, old.id, {"away_until": end})
    facts = {"name": old.name, "away_until": end}
    work.note(Verb.CONTACT_CHANGED, slug, client_id=client_id, old={"away_until": was}, new=facts)


def _contact(work: Work, client_id: int, name: str) -> Contact:
    found = contacts.find(work.conn, client_id, name)
    if found is None:
        raise ClientMistake(
            "{name} is no contact of this client: it has {known}",
            Code.NO_SUCH_CONTACT,
            name=repr(name[:60]),
            known=", ".join(contacts.keys(work.conn, client_id)) or "–",
        )
    return found


def _checked(work: Work, client_id: int, name: str, number: str, then_number: str, department: str) -> dict[str, str]:
    """A contact's fields as they are kept. Raises ClientMistake."""
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.domain.telephony.numbering import transfer_destination

    country = country_of_client(work.conn, client_id)
    values = {
        "name": checks.line(name, "name", longest=60),
        "number": transfer_destination(number, country),
        "then_number": "",
        "department": checks.line(department, "department", longest=60) if department else "",
    }
    if then_number:
        try:
            values["then_number"] = transfer_destination(then_number, country)
        except ClientMistake as error:
            error.values["field"] = Field("then_number")
            raise
    _refuse_our_own(work, values["number"], values["then_number"])
    return values


def _refuse_taken(taken: Mapping[str, int | None], name: str, key: int | None) -> None:
    if name in taken:
        raise ClientMistake(
            "there is a contact {name} of this client already", Code.NAME_TAKEN, name=name, field=Field("name")
        )
    if key is not None and key in taken.values():
        raise ClientMistake(
            "the key {key} belongs to another contact of this client: choose another",
            Code.TAKEN,
            key=key,
            field=Field("key"),
        )


def remove_contact(work: Work, client_id: int, name: str) -> None:
    """Takes a contact away. Raises ClientMistake if there is none of that name, or he is on call at some time."""
    old = _contact(work, client_id, name)
    rotas.refuse_on_call(work.conn, old, work.at)
    contacts.delete_row(work.conn, old.id)
    gone = {field: getattr(old, field) for field in ("name", "number", "then_number", "department", "key")}
    work.note(Verb.CONTACT_REMOVED, _slug(work, client_id), client_id=client_id, old=gone)


def add_recipient(work: Work, client_id: int, channel: str, address: str, wants: Wants = EVERYTHING) -> str:
    """Keeps a client's recipient; `channel` is email or telegram.

    Raises ClientMistake if the client has cancelled, or the address is none, or known.
    """
    refuse_cancelled(work.conn, client_id)
    address = CHECKS[channel](address)
    refuse_known(work.conn, client_id, address)
    join(work, client_id, Recipient(Channel(channel), address), wants)
    return address


def refuse_known(conn: Connection, client_id: int, address: str) -> None:
    """Raises ClientMistake if the client has a recipient of that address."""
    if known := _known(conn, client_id, address):
        raise ClientMistake(
            "{address} is a recipient of this client already", Code.NAME_TAKEN, address=known, field=Field("address")
        )


def join(work: Work, client_id: int, who: Recipient, wants: Wants, name: str = "") -> None:
    """Keeps a recipient; of one who is there, what he is to be sent. `name` is a chat's."""
    if known := _known(work.conn, client_id, who.address):
        set_wants(work, client_id, known, wants)
        return
    recipients.insert_row(work.conn, client_id, who, wants, name)
    mailboxes.mended(work.conn, who)
    added = {"channel": who.channel.value, "address": who.address, "gets": list(wants.kinds)}
    work.note(Verb.RECIPIENT_ADDED, _slug(work, client_id), client_id=client_id, new=added)


def set_wants(work: Work, client_id: int, address: str, wants: Wants) -> None:
    """What a recipient is to be sent from now on. Raises ClientMistake if there is none of that address."""
    old = next((one for one in recipients.rows(work.conn, client_id) if one.address == address), None)
    if old is None:
        raise _no_such(work, client_id, address)
    if old.wants != wants:
        recipients.update_row(work.conn, client_id, address, wants)
        subject = f"{_slug(work, client_id)}: {address}"[:200]
        was, now = {"gets": list(old.wants.kinds)}, {"gets": list(wants.kinds)}
        work.note(Verb.RECIPIENT_CHANGED, subject, client_id=client_id, old=was, new=now)


def set_order(work: Work, client_id: int, addresses: Sequence[str]) -> list[str]:
    """Puts these of a client's recipients first, in that order; the others follow as they did. Gives all of them. In
    this order they are told again of an urgent message. Raises ClientMistake for one that is none of them."""
    before = [one.address for one in recipients.of_client(work.conn, client_id)]
    known = {one: _known(work.conn, client_id, one) for one in addresses}
    for address, found in known.items():
        if not found:
            raise _no_such(work, client_id, address)
    first = list(dict.fromkeys(known.values()))
    now = [*first, *(one for one in before if one not in first)]
    if now != before:
        recipients.put_in_order(work.conn, client_id, now)
        slug, was = _slug(work, client_id), {"told_in_order": before}
        work.note(Verb.RECIPIENT_CHANGED, slug, client_id=client_id, old=was, new={"told_in_order": now})
    return now


def move_up(work: Work, client_id: int, address: str) -> None:
    """Puts one of a client's recipients before the next one above him who is told about calls. Raises ClientMistake if
    there is none of that address."""
    known = _known(work.conn, client_id, address)
    if not known:
        raise _no_such(work, client_id, address)
    order = [one.address for one in recipients.of_client(work.conn, client_id)]
    told = {one.address for one in recipients.of_client(work.conn, client_id, About.CALLS)}
    above = [number for number, one in enumerate(order[: order.index(known)]) if one in told]
    if above:
        order.remove(known)
        order.insert(above[-1], known)
        set_order(work, client_id, order)


def set_patience(work: Work, client_id: int, interval: timedelta, rounds: int) -> None:
    """How long somebody has to say that he has seen an urgent message before the next one is told again, and how often
    each of them is."""
    values = {"urgent_interval": int(interval.total_seconds()), "urgent_rounds": rounds}
    clientele.change(work, _slug(work, client_id), **values)


def remove_recipient(work: Work, client_id: int, address: str) -> None:
    """Takes a recipient away; letters already written still go to him. Raises ClientMistake if there is none such."""
    known = _known(work.conn, client_id, address)
    if not known:
        raise _no_such(work, client_id, address)
    recipients.delete_row(work.conn, client_id, known)
    work.note(Verb.RECIPIENT_REMOVED, _slug(work, client_id), client_id=client_id, old={"address": known})


def _no_such(work: Work, client_id: int, address: str) -> ClientMistake:
    return ClientMistake(
        "{address} is no recipient of this client: it has {known}",
        Code.NO_SUCH_RECIPIENT,
        address=repr(address[:60]),
        known=", ".join(recipients.addresses(work.conn, client_id)) or "–",
    )


def _slug(work: Work, client_id: int) -> str:
    return clients.get(work.conn, client_id).slug


def _refuse_our_own(work: Work, *called: str) -> None:
    own = dids.first_of(work.conn, called)
    if own is not None:
        raise ClientMistake(
            "{number} is a number of ours: a call to it would come back; give the contact's own telephone",
            Code.BAD_NUMBER,
            number=own,
            field=Field("number"),
        )


def _refuse_beyond_plan(work: Work, client_id: int, there: int) -> None:
    """How many contacts a client may have depends on its plan (docs/service.md rule 9); without one, no limit."""
    current = plans.current(work.conn, client_id)
    if current and there >= current.plan.contacts:
        raise ClientMistake(
            counted(
                "the plan {plan} has room for {limit} contact and the client has {count}: "
                "remove one, or assign a larger plan",
                "the plan {plan} has room for {limit} contacts and the client has {count}: "
                "remove one, or assign a larger plan",
                by="limit",
            ),
            Code.PLAN_IS_FULL,
            plan=current.plan.name,
            limit=current.plan.contacts,
            count=there,
        )


def _known(conn: Connection, client_id: int, address: str) -> str:
    """The client's recipient of that address as it is kept, or "", however it is written."""
    wanted = _same(address)
    return next((one for one in recipients.addresses(conn, client_id) if _same(one) == wanted), "")


def _same(address: str) -> str:
    """What is equal for two ways to write one address: no mail server tells VENTAS@ from ventas@."""
    try:
        return checks.email(address).casefold()
    except ClientMistake:
        return address.casefold()
