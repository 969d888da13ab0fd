"""Letters that came back: their address is marked, and the client's other recipients are told once (rule 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.mail_in.bounces import Bounce
from pbx_control.domain.notices.bounce_letters import compose_bounced
from pbx_control.domain.notices.letter_notes import compose_given_up
from pbx_control.domain.notices.messages import Channel, Kind, Recipient
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake
from pbx_control.services.invitations import Place
from pbx_control.store import clients, letters, mailboxes, recipients
from pbx_control.store.letters import Posted

# A report about an older letter says nothing of how the address is now.
KNOWN_FOR = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Reports:
    """Where reports are dealt with: the domain of our own letters, our pages, and who hears of alarms."""

    domain: str
    place: Place
    alarms: AlarmDesk


def note(conn: Connection, found: Sequence[Bounce], desk: Reports, at: datetime) -> tuple[bool, str]:
    """Whether a report is about letters of ours, and what it says, for the log.

    Who does not know the Message-ID of a letter of ours, and to whom it went, silences nobody.
    """
    ours = [(posted, one) for one in found if (posted := _letter(conn, one, desk.domain, at))]
    for posted, one in ours:
        if one.final:
            _mark(conn, posted, one, desk, at)
    told = ", ".join(f"{posted.letter.address} {one.status}" for posted, one in ours)
    return bool(ours), told or "a report about no letter of ours"


def _letter(conn: Connection, one: Bounce, domain: str, at: datetime) -> Posted | None:
    """The letter to a recipient that came back, as far as it is one of ours that a server took lately."""
    posted = letters.by_name(conn, one.name) if one.domain == domain.lower() else None
    if posted is None or posted.letter.channel is not Channel.EMAIL or posted.letter.kind is not Kind.OURS:
        return None
    if posted.delivered_at is None or posted.delivered_at < at - KNOWN_FOR:
        return None
    return posted if _on_the_wire(posted.letter.address) in one.addresses else None


def _on_the_wire(address: str) -> str:
    try:
        return checks.wire_email(address).lower()
    except ClientMistake:
        return address.lower()


def _mark(conn: Connection, posted: Posted, one: Bounce, desk: Reports, at: datetime) -> None:
    who = posted.recipient
    why = Sentence("the mail server says: {answer}", answer=one.answer)
    if not mailboxes.bounces(conn, who, at, why):
        return
    for client_id in recipients.clients_of(conn, who):
        _tell_others(conn, client_id, who, one, desk, at)
    if desk.alarms.address and desk.alarms.address.casefold() != who.address.casefold():
        letters.add(conn, [compose_given_up(posted.letter, why, at, desk.alarms)])


def _tell_others(conn: Connection, client_id: int, who: Recipient, one: Bounce, desk: Reports, at: datetime) -> None:
    firm = clients.get(conn, client_id)
    others = [other for other in recipients.of_client(conn, client_id) if other != who]
    link = f"{desk.place.url}/portal/recipients"
    letters.add(
        conn,
        [
            compose_bounced(
                other,
                client_id=client_id,
                client_name=firm.name,
                language=firm.language,
                address=who.address,
                answer=one.answer,
                link=link,
                office=desk.place.office,
                at=at,
            )
            for other in others
        ],
    )
