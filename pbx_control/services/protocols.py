"""What can be done with a client's protocol: what its secretaries ask and tell (docs/service.md rules 4 and 6)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.protocol import Field, Local, Protocol
from pbx_control.domain.desk.protocol_file import parse
from pbx_control.services.numbers import country_of_client
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, protocols
from pbx_control.store.protocols import Version


def put(work: Work, client_id: int, toml_text: str, asked_by: str = "") -> Protocol:
    """Puts a protocol, as its file says it, in force; `asked_by` says who wrote to ask for it. The one
    that is in force already is put there again only if somebody else asked for it.

    Raises ClientMistake if the client has cancelled or, with the place, the file will not do.
    """
    asked_by = checks.line(asked_by, "asked_by", longest=120) if asked_by else ""
    protocol, old = parse(toml_text), protocols.in_force(work.conn, client_id)
    slug = refuse_cancelled(work.conn, client_id)
    if not _is_in_force(protocol, old) or asked_by not in ("", old.asked_by):
        _put(work, client_id, slug, old, protocol, asked_by)
    return protocol


def roll_back(work: Work, client_id: int, version: int | None = None) -> Protocol:
    """Puts an old protocol in force anew, unless it is: that version, or the last one that differs from the present.

    Raises ClientMistake if there is no such version.
    """
    wanted = _last_other(work, client_id) if version is None else protocols.find(work.conn, client_id, version)
    slug = refuse_cancelled(work.conn, client_id)
    old = protocols.in_force(work.conn, client_id)
    if not _is_in_force(wanted.protocol, old):
        _put(work, client_id, slug, old, wanted.protocol, f"rollback to {wanted.version}")
    return wanted.protocol


def local(conn: Connection, client_id: int, at: datetime) -> Local:
    """How what is typed for a client is read: in the country of its main number, on its day."""
    today = at.astimezone(ZoneInfo(clients.timezone_of(conn, client_id))).date()
    return Local(country_of_client(conn, client_id), today)


def local_zone(conn: Connection, client_id: int) -> str:
    """The name of the client's time zone."""
    return clients.timezone_of(conn, client_id)


def _last_other(work: Work, client_id: int) -> Version:
    """The last version that differs from the present."""
    past = protocols.history(work.conn, client_id)
    other = next((one.version for one in past if one.protocol != past[0].protocol), 0)
    return protocols.find(work.conn, client_id, other)


def _is_in_force(protocol: Protocol, present: Version) -> bool:
    """The house's own is in force for nobody who has not set it himself."""
    return present.id is not None and present.protocol == protocol


def _put(work: Work, client_id: int, slug: str, old: Version, protocol: Protocol, asked_by: str) -> None:
    protocols.insert_row(work.conn, client_id, protocol, work.at, asked_by)
    was = _told(old.protocol) | {"asked_by": old.asked_by} if old.id else {}
    work.note(Verb.PROTOCOL_CHANGED, slug, client_id=client_id, old=was, new=_told(protocol) | {"asked_by": asked_by})


def _told(protocol: Protocol) -> dict[str, object]:
    """A protocol as its entry in the audit trail tells it."""
    return {
        "fields": [_field(field) for field in protocol.fields],
        "may_tell": list(protocol.may_tell),
        "must_not_tell": list(protocol.must_not_tell),
        "pronunciation": protocol.pronunciation,
        "colour": protocol.colour,
        "steps_note": protocol.steps_note,
    }


def _field(field: Field) -> str:
    """ "urgent: Is it urgent? (choice: yes/no)", with a star if it must be filled in."""
    offered = f"{field.kind.value}: {'/'.join(field.choices)}" if field.choices else field.kind.value
    when = f", {field.when.field} = {'/'.join(field.when.values)}" if field.when else ""
    return f"{field.key}: {field.label}{'*' if field.required else ''} ({offered}{when})"
