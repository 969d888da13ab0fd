"""The letters about an appointment: to the caller, with an invitation for his calendar, and to the client's recipients
(docs/agenda.md)."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages, in_context
from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.invitation import Invitation, Method, written
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.notices.messages import APPOINTMENT, Channel, Fact, Kind, Letter, Recipient
from pbx_control.domain.notices.notes import LOSS, Link, Note, mail_page, mail_text
from pbx_control.domain.words.wording import (
    LOCALES,
    NAME_LIMIT,
    clean_line,
    date_and_time,
    day_in_words,
    readable_number,
)

# As a remote calendar shows it: green, and red once it is cancelled.
CONFIRMED, MOVED = "#17784a", "#1d5fbf"
LINE_LIMIT = 1000
REFERENCE = 8  # characters of the UID


class Tells(StrEnum):
    """What a letter tells."""

    CONFIRMED = "confirmed"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER = "reminder"


ACCENTS = {Tells.CONFIRMED: CONFIRMED, Tells.MOVED: MOVED, Tells.CANCELLED: LOSS, Tells.REMINDER: CONFIRMED}
SIGNS = {Tells.CONFIRMED: "📅", Tells.MOVED: "🔁", Tells.CANCELLED: "❌", Tells.REMINDER: "⏰"}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Who sends the letters: the secretaries' company, from which address, and where its pages are ("": nowhere)."""

    office: str
    sender: str  # an e-mail address
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """The client, as letters name it."""

    name: str
    language: str
    number: str = ""  # that it is called at, E.164
    colour: str = ""  # CSS
    sensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a letter is about, and the time that the appointment had before."""

    tells: Tells
    appointment: Appointment
    calendar: AgendaCalendar
    firm: Firm
    house: House
    before: datetime | None = None  # aware; of one that was moved
    at: datetime  # aware; when it is written
    booked_by: str = ""  # as the client may read it; "": it is not said

    @property
    def page(self) -> str:
        """The appointment's page in the portal."""
        return f"/portal/calendars/{self.calendar.slug}/appointments/{self.appointment.id}"


def letter_name(about: About, to: Recipient) -> str:
    """The letter's message_id: one for each change and address; one reminder for each SEQUENCE, however often."""
    when = "" if about.tells is Tells.REMINDER else about.at.isoformat()
    identity = (about.tells.value, str(about.appointment.sequence), to.channel.value, to.address, when)
    return f"{letters_of(about.appointment)}{_digest(*identity)}"


def letters_of(appointment: Appointment) -> str:
    """What the message_ids of all letters about the appointment begin with."""
    return f"{APPOINTMENT}{appointment.uid}."


def _digest(*identity: str) -> str:
    return hashlib.sha256("\x1f".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:24]


# --- to the caller ----------------------------------------------------------------------------------------


def to_caller(about: About, address: str, answers: str = "") -> Letter:
    """The e-mail to the caller, in his language. `answers`: the message_id of his first letter about the appointment.

    A reminder has no invitation: it changes nothing. Raises ClientMistake for an address that is none.
    """
    language = about.appointment.language
    words, values = CALLER[language], _values(about, language)
    tells, place = about.tells, _place(about)
    gone = tells is Tells.CANCELLED
    paragraphs = [words[tells.value], words["was"] if about.before else ""]
    afterwards = words["anew" if gone else "how"] if about.firm.number else ""
    note = Note(
        language=language,
        sign="",
        accent=ACCENTS[tells],
        colour=about.firm.colour,
        subject=words[f"{tells.value}-subject"].format(**values),
        headline=words[f"{tells.value}-headline"].format(**values),
        title=values["when"],
        paragraphs=tuple(part.format(**values) for part in paragraphs if part),
        facts=tuple(_caller_facts(about, words)),
        link=Link(place.map_link, words["map"]) if place.map_link and not gone else None,
        afterwards=(afterwards.format(**values),) if afterwards else (),
        footer=words["footer"].format(**values),
    )
    return Letter(
        channel=Channel.EMAIL,
        address=address,
        message_id=letter_name(about, Recipient(Channel.EMAIL, address)),
        in_reply_to=answers,
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        invitation="" if tells is Tells.REMINDER else invitation_of(about, address, note),
        written_at=about.at,
        call_id=about.appointment.call_id,
        client_id=about.appointment.client_id,
        kind=Kind.BOOKED,
    )


def invitation_of(about: About, address: str, note: Note) -> str:
    """The iCalendar text that goes with the letter to the caller."""
    one = about.appointment
    words = CALLER[one.language]
    values = _values(about, one.language)
    place = _place(about)
    lines = [*(f"{fact.label}: {fact.value}" for fact in note.facts[1:]), place.map_link, *note.afterwards, note.footer]
    return written(
        Invitation(
            method=Method.CANCEL if about.tells is Tells.CANCELLED else Method.REQUEST,
            uid=one.uid,
            sequence=one.sequence,
            at=about.at,
            starts=one.starts,
            ends=one.ends,
            zone=about.calendar.zone,
            title=words["event"].format(**values),
            text="\n".join(filter(None, lines)),
            place=place.address,
            organizer=about.house.sender,
            organizer_name=about.firm.name,
            attendee=address,
            attendee_name=one.name,
        )
    )


def _caller_facts(about: About, words: Mapping[str, str]) -> Iterator[Fact]:
    one, language = about.appointment, about.appointment.language
    yield Fact(words["time"], _time_there(about, language))
    if not about.firm.sensitive:
        yield Fact(words["kind"], clean_line(one.kind, NAME_LIMIT))
    if with_whom := clean_line(about.calendar.resource, NAME_LIMIT):
        yield Fact(words["with"], with_whom)
    if (address := clean_line(_place(about).address, LINE_LIMIT)) and about.tells is not Tells.CANCELLED:
        yield Fact(words["place"], address)


@dataclass(frozen=True, slots=True)
class _Where:
    address: str = ""
    map_link: str = ""


def _place(about: About) -> _Where:
    """Where he goes, if the client wants that told."""
    if not about.calendar.place_in_mail:
        return _Where()
    return _Where(about.calendar.place.address, about.calendar.place.map_link)


# --- to the client's recipients ---------------------------------------------------------------------------


def to_recipient(about: About, to: Recipient, answers: str = "") -> Letter:
    """The letter to one of the client's recipients, in the client's language."""
    language = about.firm.language
    words, values = RECIPIENT[language], _values(about, language)
    tells = about.tells
    note = Note(
        language=language,
        sign=SIGNS[tells],
        accent=ACCENTS[tells],
        colour=about.firm.colour,
        subject=words[f"{tells.value}-subject"].format(**values),
        headline=words[f"{tells.value}-headline"],
        title=values["caller"],
        paragraphs=(words[tells.value].format(**values),),
        facts=tuple(_recipient_facts(about, words)),
        link=Link(f"{about.house.url}{about.page}", words["look"]) if about.house.url else None,
        footer=words["footer"].format(**values),
        reference=f"{words['reference']}: {about.appointment.uid[:REFERENCE]}",
    )
    by_mail = to.channel is Channel.EMAIL
    return Letter(
        channel=to.channel,
        address=to.address,
        message_id=letter_name(about, to),
        in_reply_to=answers,
        subject=note.subject,
        text=mail_text(note) if by_mail else _chat_text(note),
        html=mail_page(note) if by_mail else "",
        language=language,
        written_at=about.at,
        call_id=about.appointment.call_id,
        client_id=about.appointment.client_id,
    )


def _recipient_facts(about: About, words: Mapping[str, str]) -> Iterator[Fact]:
    one, language = about.appointment, about.firm.language
    day = day_in_words(one.starts.astimezone(ZoneInfo(about.calendar.zone)).date(), language)
    yield Fact(words["day"], _capital(day))
    yield Fact(words["time"], _time_there(about, language))
    if about.before:
        yield Fact(words["before"], _capital(_when(about, about.before, language)))
    yield Fact(words["calendar"], clean_line(about.calendar.name, NAME_LIMIT))
    yield Fact(words["kind"], clean_line(one.kind, NAME_LIMIT))
    if one.number:
        yield Fact(words["number"], readable_number(one.number))
    if one.email:
        yield Fact(words["email"], clean_line(one.email, LINE_LIMIT))
    for question, answer in one.answers.items():
        yield Fact(clean_line(question, LINE_LIMIT), clean_line(answer, LINE_LIMIT))
    if one.note:
        yield Fact(words["note"], clean_line(one.note, LINE_LIMIT))
    if about.booked_by:
        yield Fact(words["by"], clean_line(about.booked_by, NAME_LIMIT))


def _chat_text(note: Note) -> str:
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in note.facts)
    return f"{note.sign} {note.subject}\n\n{facts}"


# --- when the client leaves ---------------------------------------------------------------------------------


def to_leaver(
    firm: Firm, house: House, client_id: int, coming: int, until: date, to: Recipient, at: datetime
) -> Letter:
    """Tells a recipient of a client that has cancelled what becomes of the appointments that are to come: they are the
    client's to keep, and to be taken along by `until`. It names nobody: who may see them sees them in the portal."""
    words = LEAVER[firm.language]
    values = {
        "client": clean_line(firm.name, NAME_LIMIT),
        "office": clean_line(house.office, NAME_LIMIT),
        "until": day_in_words(until, firm.language),
    }
    note = Note(
        language=firm.language,
        sign="📅",
        accent=MOVED,
        colour=firm.colour,
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["client"],
        paragraphs=tuple(words[name].format(**values) for name in ("stay", "untold", "take")),
        facts=(Fact(words["coming"], str(coming)),),
        link=Link(f"{house.url}/portal/calendars", words["look"]) if house.url else None,
        footer=words["footer"].format(**values),
    )
    by_mail = to.channel is Channel.EMAIL
    return Letter(
        channel=to.channel,
        address=to.address,
        message_id=f"leaving.{client_id}.{_digest(to.channel.value, to.address, at.isoformat())}",
        subject=note.subject,
        text=mail_text(note) if by_mail else "\n\n".join([f"{note.sign} {note.subject}", *note.paragraphs]),
        html=mail_page(note) if by_mail else "",
        language=firm.language,
        written_at=at,
        client_id=client_id,
    )


# --- both -------------------------------------------------------------------------------------------------


def _values(about: About, language: str) -> dict[str, str]:
    return {
        "client": clean_line(about.firm.name, NAME_LIMIT),
        "office": clean_line(about.house.office, NAME_LIMIT),
        "caller": clean_line(about.appointment.name, NAME_LIMIT),
        "when": _capital(_when(about, about.appointment.starts, language)),
        "day": _when(about, about.appointment.starts, language),
        "before": _when(about, about.before, language) if about.before else "",
        "number": readable_number(about.firm.number),
    }


def _when(about: About, at: datetime, language: str) -> str:
    return date_and_time(at.astimezone(ZoneInfo(about.calendar.zone)), language)


def _time_there(about: About, language: str) -> str:
    """ "10:00–10:30, hora de Santiago": whoever reads it may be elsewhere."""
    from babel.dates import get_timezone_location

    zone = ZoneInfo(about.calendar.zone)
    begins, ends = (at.astimezone(zone) for at in (about.appointment.starts, about.appointment.ends))
    city = get_timezone_location(zone, locale=LOCALES[language], return_city=True)
    span = f"{begins:%H:%M}–{ends:%H:%M}"
    return TIMES[language]["there"].format(span=span, city=city)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


TIMES = InLanguages({"there": "{span}, {city} time"})

CALLER = InLanguages(
    {
        "event": "Appointment: {client}",
        "confirmed-subject": "{client}: your appointment on {day}",
        "confirmed-headline": "Your appointment with {client}",
        "confirmed": "Your appointment is booked. The invitation that comes with this e-mail puts it into your "
        "calendar; nobody waits for an answer to it.",
        "moved-subject": "{client}: your appointment is now on {day}",
        "moved-headline": "Your appointment with {client} has another time",
        "moved": "Your appointment has been moved. The invitation that comes with this e-mail moves it in your "
        "calendar, too.",
        "was": "It was to be on {before}.",
        "cancelled-subject": "{client}: your appointment on {day} is cancelled",
        "cancelled-headline": "Your appointment with {client} is cancelled",
        "cancelled": "This appointment does not take place. This e-mail takes it out of your calendar, too.",
        "reminder-subject": "{client}: reminder of your appointment on {day}",
        "reminder-headline": "Reminder: your appointment with {client}",
        "reminder": "We remind you of your appointment.",
        "time": "Time",
        "kind": in_context("appointment", "For"),
        "with": in_context("appointment", "With"),
        "place": "Address",
        "map": "Open the map",
        "how": "To change or cancel it, please call {number}.",
        "anew": "For another appointment, please call {number}.",
        "footer": "Sent by {office} on behalf of {client}, as you asked when the appointment was made.",
    }
)

RECIPIENT = InLanguages(
    {
        "confirmed-subject": "{client}: appointment of {caller} on {day}",
        "confirmed-headline": "Appointment confirmed",
        "confirmed": "An appointment was booked.",
        "moved-subject": "{client}: appointment of {caller} moved to {day}",
        "moved-headline": "Appointment moved",
        "moved": "An appointment has another time.",
        "cancelled-subject": "{client}: appointment of {caller} on {day} cancelled",
        "cancelled-headline": "Appointment cancelled",
        "cancelled": "An appointment was cancelled. Its time is free again.",
        "day": "Day",
        "time": "Time",
        "before": "Until now",
        "calendar": "Calendar",
        "kind": in_context("appointment", "For"),
        "number": "Number",
        "email": "E-mail",
        "note": "Note",
        "by": "Booked by",
        "look": "Open the agenda",
        "reference": "Reference",
        "footer": "Sent by {office}, who answers the calls of {client}.",
    }
)

LEAVER = InLanguages(
    {
        "subject": "{client}: your appointments that are still to come",
        "headline": "Your appointments stay yours",
        "coming": "Appointments to come",
        "stay": "Your contract has ended. The appointments that were booked for you stay as they are.",
        "untold": "Nobody has cancelled them, and those who booked them are written to no more: neither reminders nor "
        "changes. Please serve or cancel them yourselves.",
        "take": "Until {until} they can be taken along from the portal, as a calendar file and as a table. Then they "
        "are erased here.",
        "look": "Open the agenda",
        "footer": "Sent by {office}, who answered the calls of {client}.",
    }
)
