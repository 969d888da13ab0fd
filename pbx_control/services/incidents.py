"""The register of incidents, and the letters that tell the clients concerned (Ley 21.719)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.keeping.incidents import (
    LONGEST_DATA,
    LONGEST_MEASURES,
    LONGEST_TITLE,
    LONGEST_WHAT,
    EntryKind,
    Incident,
)
from pbx_control.domain.notices.incident_letters import Concerned, compose_incident
from pbx_control.domain.notices.messages import Letter
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.answerable import answerable
from pbx_control.services.work import Work
from pbx_control.settings import Settings
from pbx_control.store import clients, incidents, letters
from pbx_control.store.clients import Client


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter as it would be sent now."""

    client: str  # slug
    letter: Letter


@dataclass(frozen=True, slots=True)
class Sent:
    """What one press has put into the outbox."""

    clients: list[str]  # slugs
    letters: int
    nobody: list[str]  # slugs of clients with nobody to write to


def add(
    work: Work,
    title: str,
    happened_at: datetime,
    what: str,
    *,
    slugs: Sequence[str] = (),
    everybody: bool = False,
    data: str = "",
    measures: str = "",
) -> int:
    """Registers an incident of these clients, or of all whose data are here; gives its number.

    Raises ClientMistake if a text will not do, a client is unknown, or nobody is concerned.
    """
    title = checks.line(title, "title", longest=LONGEST_TITLE)
    if happened_at > work.at:
        raise ClientMistake("{field} is still to come: say when it happened", Code.BAD_VALUE, field=Field("happened"))
    values: dict[str, object] = {
        "title": title,
        "happened_at": happened_at,
        "known_at": work.at,
        "what": checks.paragraph(what, "what", longest=LONGEST_WHAT, places=None),
        "data": _optional(data, "data", LONGEST_DATA),
        "measures": _optional(measures, "measures", LONGEST_MEASURES),
    }
    concerned = clients.with_data(work.conn) if everybody else sorted(set(clients.ids(work.conn, slugs)))
    if not concerned:
        raise ClientMistake("say which clients it concerns", Code.BAD_VALUE, field=Field("client"))
    number = incidents.add(work.conn, values, concerned)
    work.note(Verb.INCIDENT_ADDED, _subject(number), new={"title": title, "clients": len(concerned)})
    return number


def note(work: Work, number: int, text: str) -> None:
    """Adds what became known. Raises ClientMistake if there is no such incident, or nothing is said."""
    incidents.get(work.conn, number)
    text = checks.paragraph(text, "text", longest=LONGEST_WHAT, places=None)
    incidents.note(work.conn, number, EntryKind.NOTE, work.at, work.actor.name, text)
    work.note(Verb.INCIDENT_NOTED, _subject(number))


def close(work: Work, number: int, how: str) -> None:
    """Ends it. Raises ClientMistake if there is none such, it is closed, or nothing is said."""
    incidents.get(work.conn, number)
    how = checks.paragraph(how, "how", longest=LONGEST_WHAT, places=None)
    if not incidents.note_once(work.conn, number, EntryKind.CLOSED, work.at, work.actor.name, text=how):
        raise ClientMistake("incident {id} is closed already: nothing to do", Code.NOTHING_TO_DO, id=number)
    work.note(Verb.INCIDENT_CLOSED, _subject(number))


def drafts(conn: Connection, settings: Settings, number: int, at: datetime) -> list[Draft]:
    """The letters to all that it concerns, as they would be written at that instant."""
    about = incidents.get(conn, number)
    concerned = [clients.find(conn, slug) for slug in incidents.concerned(conn, number)]
    return [Draft(one.slug, each) for one in concerned for each in _letters(conn, settings, about, one, at)]


def send(work: Work, settings: Settings, number: int) -> Sent:
    """Puts the letters into the outbox, for each client once: who was written to before is left out.

    Raises ClientMistake if there is no such incident.
    """
    about = incidents.get(work.conn, number)
    told, written, nobody = list[str](), 0, list[str]()
    for slug in incidents.concerned(work.conn, number):
        firm = clients.find(work.conn, slug)
        each = _letters(work.conn, settings, about, firm, work.at)
        if not each:
            nobody.append(slug)
        elif _tell(work, number, firm, each):
            told.append(slug)
            written += len(each)
    return Sent(told, written, nobody)


def _tell(work: Work, number: int, firm: Client, written: Sequence[Letter]) -> bool:
    """False if the client was written to before."""
    if not incidents.note_once(work.conn, number, EntryKind.SENT, work.at, work.actor.name, client_id=firm.id):
        return False
    letters.add(work.conn, written)
    incidents.note_letters(work.conn, number, firm.id, [one.message_id for one in written])
    work.note(Verb.INCIDENT_TOLD, _subject(number), client_id=firm.id, new={"letters": len(written)})
    return True


def _letters(conn: Connection, settings: Settings, about: Incident, firm: Client, at: datetime) -> list[Letter]:
    client = Concerned(client_id=firm.id, name=firm.name, language=firm.language, timezone=firm.timezone)
    people = answerable(conn, firm.id)
    return [compose_incident(about, client, person, settings.office.name, at) for person in people]


def _optional(text: str, field: str, longest: int) -> str:
    return checks.paragraph(text, field, longest=longest, places=None) if text.strip() else ""


def _subject(number: int) -> str:
    return f"incident {number}"
