"""The link by which an owner says whether a change that came by mail is his (docs/service.md rule 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain.desk.proposals import Line, Subject
from pbx_control.domain.notices.change_letters import Answer, compose_changed
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import proposals
from pbx_control.services.invitations import Place
from pbx_control.services.proposals import Told
from pbx_control.services.work import Work
from pbx_control.store import clients, letters, users


@dataclass(frozen=True, slots=True)
class Change:
    """What a link asks about: whose greeting or protocol, and what would be different."""

    client: str
    language: str
    subject: Subject
    asked_by: str
    asked_at: datetime
    timezone: str
    difference: Sequence[Line]


def change_of(conn: Connection, secret: str, at: datetime) -> Change:
    """What a link is about. Raises ClientMistake if it is dead: used, too old, never there, or whoever asked is no
    owner any more."""
    _, change = _find(conn, secret, at)
    return change


def say_yes(work: Work, secret: str, place: Place) -> Change:
    """Puts the change in force, and writes to whoever asked for it. Raises ClientMistake if the link is dead."""
    told, change = _find(work.conn, secret, work.at)
    one = told.proposal
    proposals.confirm(work, one.client_id, one.id, one.asked_by)
    answer = Answer(
        identity=f"link {one.id}",
        address=one.asked_by,
        client_id=one.client_id,
        client_name=change.client,
        language=change.language,
        subject=one.subject,
        at=work.at,
    )
    letters.add(work.conn, [compose_changed(answer, told.difference, f"{place.url}/portal/protocol", place.office)])
    return change


def say_no(work: Work, secret: str) -> Change:
    """The change is not wanted: everything stays as it is. Raises ClientMistake if the link is dead."""
    told, change = _find(work.conn, secret, work.at)
    proposals.refuse(work, told.proposal.client_id, told.proposal.id, told.proposal.asked_by)
    return change


def _find(conn: Connection, secret: str, at: datetime) -> tuple[Told, Change]:
    told = proposals.by_link(conn, secret, at)
    one = told.proposal
    if not _is_owner(conn, one.asked_by, one.client_id):
        raise ClientMistake("this is not valid any more: ask for a new one", Code.DEAD_SECRET)
    firm = clients.get(conn, one.client_id)
    return told, Change(
        firm.name, firm.language, one.subject, one.asked_by, one.asked_at, firm.timezone, told.difference
    )


def _is_owner(conn: Connection, address: str, client_id: int) -> bool:
    return any(
        user.role is UserRole.CLIENT and user.client_role is ClientRole.OWNER and user.client_id == client_id
        for user in users.by_email(conn, address)
    )
