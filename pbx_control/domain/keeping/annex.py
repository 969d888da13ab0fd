"""The annex to a client's contract on the processing of its callers' data (Ley 21.719): its words, from the facts.

It is a template for a lawyer to read, and says so. It promises nothing that the software does not do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pbx_control.catalogue import InLanguages, counted
from pbx_control.domain.keeping.subprocessors import Subprocessor
from pbx_control.domain.users import IDLE_LIMIT, LONGEST_SESSION
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line, day_in_words

LINE_LIMIT = 300
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """One of the parties; what is not known is empty."""

    name: str
    rut: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnexFacts:
    """What the annex is made of."""

    office: Firm
    client: Firm
    language: str
    day: date
    hours: str  # in words
    recording: bool
    keep_days: int
    sensitive: bool
    by_mail: bool
    by_chat: bool
    takes_messages: bool  # callers may leave spoken messages
    database_is_a_file: bool  # of this machine
    mail_encrypted: bool
    owners_need_code: bool  # a second factor
    erased_after: int  # days
    subprocessors: Sequence[Subprocessor]
    books: bool = False  # it has calendars, into which secretaries book
    mirrored_at: Sequence[str] = ()  # where the client keeps calendars of its own, as callers' data reach them
    feeds: bool = False  # a calendar can be read by a secret address
    reminds: bool = False  # callers are reminded by e-mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A numbered part."""

    heading: str
    rows: tuple[tuple[str, str], ...] = ()  # facts with their labels
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Annex:
    """The whole of it."""

    language: str
    title: str
    subtitle: str
    template: str  # that a lawyer should read it
    sections: tuple[Section, ...]
    signatures: tuple[str, str]
    page_of: str  # {number} of {count}


def annex(facts: AnnexFacts) -> Annex:
    """The annex in the client's language."""
    words = WORDS[facts.language]
    client, office = (clean_line(firm.name, LINE_LIMIT) for firm in (facts.client, facts.office))
    values = {"client": client, "office": office, "day": day_in_words(facts.day, facts.language)}
    values |= {"longest": f"{LONGEST_SESSION // HOUR}", "idle": f"{IDLE_LIMIT // HOUR}"}
    return Annex(
        language=facts.language,
        title=words["title"],
        subtitle=words["subtitle"].format(**values),
        template=words["template"],
        sections=tuple(_sections(facts, words, values)),
        signatures=(office, client),
        page_of=words["page-of"],
    )


def _sections(facts: AnnexFacts, words: dict[str, Any], values: dict[str, str]) -> Iterator[Section]:
    def told(*names: str) -> tuple[str, ...]:
        return tuple(words[name].format(**values) for name in names)

    yield Section(heading=words["parties"], rows=tuple(_parties(facts, words)))
    yield Section(heading=words["subject"], paragraphs=told("subject-1", "subject-2"))
    yield Section(heading=words["data"], paragraphs=told("people"), points=told(*_data(facts)))
    yield Section(heading=words["instructions"], paragraphs=told("only-on"), rows=tuple(_instructions(facts, words)))
    yield Section(heading=words["security"], points=told(*_measures(facts)))
    yield _others(facts, words, values)
    yield Section(heading=words["requests"], paragraphs=told("requests-1", "requests-2"))
    yield Section(heading=words["incidents"], paragraphs=told("incidents-1", "incidents-2"))
    end = said(facts.language, END, values | {"days": facts.erased_after})
    yield Section(heading=words["end"], paragraphs=(*told("end-take"), end, *told("end-receipts", "end-backups")))


def _parties(facts: AnnexFacts, words: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for role, firm in (("controller", facts.client), ("processor", facts.office)):
        rut = f"R.U.T. {firm.rut}" if firm.rut else words["no-rut"]
        yield words[role], ", ".join(clean_line(one, LINE_LIMIT) for one in (firm.name, rut, firm.address) if one)


def _data(facts: AnnexFacts) -> Iterator[str]:
    yield from ("data-calls", "data-words")
    if facts.takes_messages:
        yield "data-voice"
    if facts.recording:
        yield "data-recordings"
    if facts.books:
        yield "data-appointments"
    yield "data-people"


def _instructions(facts: AnnexFacts, words: dict[str, Any]) -> Iterator[tuple[str, str]]:
    ways = [words[name] for name, there in (("by-mail", facts.by_mail), ("by-chat", facts.by_chat)) if there]
    kept = said(facts.language, KEPT, {"days": facts.keep_days})
    yield words["hours"], clean_line(facts.hours, LINE_LIMIT)
    yield words["recording"], f"{words['recorded']} {kept}" if facts.recording else words["not-recorded"]
    if facts.takes_messages:
        yield words["voice"], kept
    yield words["messages"], " ".join([*ways, words["in-portal"]])
    if facts.books:
        yield words["appointments"], _appointments(facts, words)
    yield words["discretion"], words["sensitive" if facts.sensitive else "not-sensitive"]


def _appointments(facts: AnnexFacts, words: dict[str, Any]) -> str:
    """What becomes of appointments: who is told, where they go, and for how long they are kept."""
    told = ["booked", "invited", *(["reminded"] if facts.reminds else []), "told"]
    places = ", ".join(clean_line(one, LINE_LIMIT) for one in facts.mirrored_at)
    lines = [words[name] for name in told]
    if places:
        lines.append(words["mirrored"].format(places=places))
    if facts.feeds:
        lines.append(words["fed"])
    lines.append(said(facts.language, APPOINTMENTS_KEPT, {"days": facts.erased_after}))
    return " ".join(lines)


def _measures(facts: AnnexFacts) -> Iterator[str]:
    yield from ("own-data", "passwords", "code-for-owners" if facts.owners_need_code else "code", "sessions")
    yield from ("trail", "heard", *(["private"] if facts.database_is_a_file else []), "clear", "copies")
    if facts.mail_encrypted:
        yield "mail"
    yield from ("announced", "receipts")


def _others(facts: AnnexFacts, words: dict[str, Any], values: dict[str, str]) -> Section:
    names = ("others-told", "others-1") if facts.subprocessors else ("others-told", "nobody")
    return Section(
        heading=words["others"],
        paragraphs=tuple(words[name].format(**values) for name in names),
        points=tuple(clean_line(one.line(facts.language), LINE_LIMIT) for one in facts.subprocessors),
    )


KEPT = counted("Kept for 1 day, then deleted.", "Kept for {days} days, then deleted.", by="days")
APPOINTMENTS_KEPT = counted(
    "Appointments, past ones too, are kept until 1 day after the contract has ended; whoever asks to be erased is "
    "taken out of his past ones.",
    "Appointments, past ones too, are kept until {days} days after the contract has ended; whoever asks to be erased "
    "is taken out of his past ones.",
    by="days",
)
END = counted(
    "When the contract has ended, {office} waits 1 day, in which {client} may come back. Then it erases the callers' "
    "names and numbers, messages, appointments, texts, contacts, recipients and accounts, and the letters about them.",
    "When the contract has ended, {office} waits {days} days, in which {client} may come back. Then it erases the "
    "callers' names and numbers, messages, appointments, texts, contacts, recipients and accounts, and the letters "
    "about them.",
    by="days",
)

WORDS: InLanguages[dict[str, Any]] = InLanguages(
    {
        "title": "Annex: processing of personal data",
        "subtitle": "Between {client} and {office}, as of {day}",
        "template": "This is a template, made by software from the settings of the service. Have a lawyer read it "
        "before you sign it.",
        "page-of": "Page {number} of {count}",
        "parties": "Parties",
        "controller": "Controller",
        "processor": "Processor",
        "no-rut": "R.U.T. not stated",
        "subject": "Subject",
        "subject-1": "{office} answers telephone calls for {client} and processes personal data for that on behalf "
        "of {client}, under Ley 19.628 as amended by Ley 21.719.",
        "subject-2": "The processing lasts as long as the service. {office} uses the data for nothing else.",
        "data": "People and data",
        "people": "The data are about those who call {client}, its contacts to whom calls are transferred, and its "
        "people who use the service. They are:",
        "data-calls": "of each call: the number and the name that the telephone sends, the number called, times and "
        "durations, who answered, to whom it was transferred;",
        "data-words": "what callers tell the secretaries, by the questions that {client} has set, and what is "
        "written about it;",
        "data-voice": "messages that callers speak after the tone;",
        "data-recordings": "recordings of the conversations;",
        "data-appointments": "appointments: when, of which kind and with whom, for whom, his number and e-mail "
        "address, his answers to the questions that {client} has set, and a note;",
        "data-people": "names, numbers and e-mail addresses of contacts, recipients and users of {client}.",
        "instructions": "Instructions",
        "only-on": "{office} processes the data only as {client} instructs. The instructions in force on this day "
        "are below; {client} changes them in writing or on its own pages, and each change is kept with who made it "
        "and when.",
        "hours": "Opening hours",
        "recording": "Recording",
        "recorded": "Conversations are recorded; each caller is told so before.",
        "not-recorded": "Conversations are not recorded.",
        "voice": "Spoken messages",
        "messages": "Messages",
        "by-mail": "By e-mail to the recipients.",
        "by-chat": "To the Telegram chats of the recipients.",
        "in-portal": "On the pages of the service.",
        "appointments": "Appointments",
        "booked": "Secretaries book them into the client's calendars.",
        "invited": "Whoever gives an e-mail address for that is sent the details with an invitation, which his own "
        "calendar keeps.",
        "reminded": "He is reminded by e-mail the day before.",
        "told": "Recipients who get letters about appointments are told of each.",
        "mirrored": "Each is also put into the client's own calendar ({places}), with name, number, e-mail address, "
        "answers and note; what stands there is in the client's hands, and stays there when the service ends. From "
        "there only when it is busy is read and kept, no titles.",
        "fed": "Whoever has the secret address of a calendar's feed reads it; the client can have a new one made, or "
        "none.",
        "discretion": "Discretion",
        "sensitive": "Sensitive matters: letters and chats carry no content, only that there is something to read "
        "on the pages of the service.",
        "not-sensitive": "Letters and chats carry the messages.",
        "security": "Security measures",
        "own-data": "People of {client} see the data of {client} alone, each with an account; owners may do more "
        "than staff.",
        "passwords": "Passwords are kept as Argon2 hashes: nobody can read them.",
        "code": "Each account can be made to need a code of an authenticator app at the sign-in.",
        "code-for-owners": "Owners need a code of an authenticator app at the sign-in.",
        "sessions": "Whoever has signed in is signed out after {longest} hours, and after {idle} hours without use.",
        "trail": "Who changed what, when and from where is written down; nobody changes it.",
        "heard": "Who listened to a recording on the pages is written down.",
        "private": "Database and documents are files that only the service's own account can read.",
        "clear": "The pages refuse to be served over a network without encryption.",
        "copies": "A copy of the data is made each night and read back before it counts.",
        "mail": "The connection to the mail server is encrypted.",
        "announced": "No conversation is recorded whose caller was not told so before.",
        "receipts": "Recordings are deleted when their time is over, each with a receipt.",
        "others": "Others who help",
        "nobody": "On this day nobody else processes the data.",
        "others-1": "On this day these process data on behalf of {office}:",
        "others-told": "{client} is told of each change by letter, and finds the list in force on its pages.",
        "requests": "What people may ask for",
        "requests-1": "Whoever's data they are may ask {client} for access, rectification, erasure, objection, "
        "portability and blocking. {client} answers within 30 days.",
        "requests-2": "{office} passes on at once what reaches it, finds what is kept of a telephone number, and "
        "erases it with a receipt when {client} says so.",
        "incidents": "Incidents",
        "incidents-1": "{office} keeps a register of incidents with the data, and tells {client} of each that "
        "concerns it without undue delay: what happened and when, which data, and what was done.",
        "incidents-2": "Whether the data protection agency and the people concerned must be told, {client} decides.",
        "end": "End of the service",
        "end-take": "At any time {client} can download all that is kept of it, as one file.",
        "end-receipts": "Each erasure leaves a receipt. That there was a call, and what it cost, stays without "
        "saying whose it was; invoices stay, too. Recordings go when their days are over. What is under a legal "
        "hold stays until it is released.",
        "end-backups": "Earlier backup copies keep what was erased until newer ones replace them.",
    }
)
