"""What can be done with a client's people: contacts to whom calls go (rule 9), recipients of messages (rule 7)."""

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.numbers import country_of_client
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, contacts, dids, mailboxes, plans, recipients
from pbx_control.store.contacts import KEYS

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
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.domain.telephony.numbering import transfer_destination

    slug, country = refuse_cancelled(work.conn, client_id), country_of_client(work.conn, client_id)
    values = {
        "name": checks.line(name, "name", longest=60),
        "number": transfer_destination(number, country),
        "then_number": transfer_destination(then_number, country) if then_number else "",
        "department": checks.line(department, "department", longest=60) if department else "",
    }
    _refuse_our_own(work, values["number"], values["then_number"])
    taken = contacts.keys(work.conn, client_id)
    if values["name"] in taken:
        raise ClientMistake(
            "there is a contact {name} of this client already",
            Code.NAME_TAKEN,
            name=values["name"],
            field=Field("name"),
        )
    _refuse_beyond_plan(work, client_id, len(taken))
    if key is not None and key in taken.values():
        raise ClientMistake(
            "the key {key} belongs to another contact of this client: choose another",
            Code.TAKEN,
            key=key,
            field=Field("key"),
        )
    free = key or next((one for one in KEYS if one not in taken.values()), None)
    kept = values | {"key": free}
    contacts.insert_row(work.conn, {"client_id": client_id} | kept)
    work.note(Verb.CONTACT_ADDED, slug, client_id=client_id, new=kept)
    return free


def remove_contact(work: Work, client_id: int, name: str) -> None:
    """Takes a contact away. Raises ClientMistake if there is none of that name."""
    old = contacts.find(work.conn, client_id, name)
    if old is None:
        raise ClientMistake(
            "{name} is no contact of this client: it has {known}",
            Code.NO_SUCH_CONTACT,
            name=repr(name[:60]),
            known=", ".join(contacts.keys(work.conn, client_id)) or "–",
        )
    contacts.delete_row(work.conn, old.id)
    gone = {field: getattr(old, field) for field in ("name", "number", "then_number", "department", "key")}
    work.note(Verb.CONTACT_REMOVED, _slug(work, client_id), client_id=client_id, old=gone)


def add_recipient(work: Work, client_id: int, channel: str, address: str) -> str:
    """Keeps a client's recipient; `channel` is email or telegram.

    Raises ClientMistake if the client has cancelled, or the address is none, or known.
    """
    slug = refuse_cancelled(work.conn, client_id)
    address = CHECKS[channel](address)
    if known := _known(work, client_id, address):
        raise ClientMistake(
            "{address} is a recipient of this client already", Code.NAME_TAKEN, address=known, field=Field("address")
        )
    recipients.insert_row(work.conn, client_id, Recipient(Channel(channel), address))
    mailboxes.mended(work.conn, Recipient(Channel(channel), address))
    added = {"channel": channel, "address": address}
    work.note(Verb.RECIPIENT_ADDED, slug, client_id=client_id, new=added)
    return address


def remove_recipient(work: Work, client_id: int, address: str) -> None:
    """Takes a recipient away; letters already written still go to him. Raises ClientMistake if there is none such."""
    known = _known(work, client_id, address)
    if not known:
        raise ClientMistake(
            "{address} is no recipient of this client: it has {known}",
            Code.NO_SUCH_RECIPIENT,
            address=repr(address[:60]),
            known=", ".join(recipients.addresses(work.conn, client_id)) or "–",
        )
    recipients.delete_row(work.conn, client_id, known)
    work.note(Verb.RECIPIENT_REMOVED, _slug(work, client_id), client_id=client_id, old={"address": known})


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


def _known(work: Work, client_id: int, address: str) -> str:
    """The client's recipient of that address as it is kept, or "", however it is written."""
    wanted = _same(address)
    return next((one for one in recipients.addresses(work.conn, client_id) if _same(one) == wanted), "")


def _same(address: str) -> str:
    """What is equal for two ways to write one address: no mail server tells VENTAS@ from ventas@."""
    try:
        return checks.email(address).casefold()
    except ClientMistake:
        return address.casefold()
