"""Who else processes the clients' data: the register, each client's list, and the letters that tell changes.

A client's list follows from the settings, its numbers and its people, and from the register. Whatever changes it, the
daily job tells the client in one letter: several changes of a day are told together.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.domain import checks
from pbx_control.domain.agenda.rules import Source
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.subprocessors import (
    EVERYBODY,
    GOOGLE,
    LONGEST_NAME,
    LONGEST_PURPOSE,
    TELEGRAM,
    Does,
    Subprocessor,
    difference,
    is_elsewhere,
    merged,
)
from pbx_control.domain.notices.subprocessor_letters import Change, compose_change
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.answerable import answerable
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import clients, invoices, letters, remotes, subprocessors
from pbx_control.store.engine import reading


def current(conn: Connection, settings: Settings, client_id: int) -> list[Subprocessor]:
    """A client's list, by name."""
    registered = [
        Subprocessor(one.name, None, one.purpose, one.country) for one in subprocessors.rows(conn, client_id=client_id)
    ]
    return merged(_by_facts(conn, settings, client_id), registered)


def add(work: Work, settings: Settings, name: str, purpose: str, country: str, *, client_id: int | None = None) -> bool:
    """Enters one for a client, or for all, in place of what stood there. False: it stands there so.

    Raises ClientMistake if a value will not do.
    """
    name = checks.line(name, "name", longest=LONGEST_NAME)
    purpose, country = checks.line(purpose, "purpose", longest=LONGEST_PURPOSE), checks.country(country)
    old = subprocessors.standing(work.conn, name, client_id)
    if old and (old.name, old.purpose, old.country) == (name, purpose, country):
        return False
    _list_all(work, settings, client_id)
    if old:
        subprocessors.remove_row(work.conn, old.id, work.at)
    subprocessors.insert_row(work.conn, name, purpose, country, client_id, work.at)
    was = {"name": old.name, "purpose": old.purpose, "country": old.country} if old else {}
    new = {"name": name, "purpose": purpose, "country": country}
    work.note(Verb.SUBPROCESSOR_ADDED, _whose(work, client_id), client_id=client_id, old=was, new=new)
    return True


def remove(work: Work, settings: Settings, name: str, *, client_id: int | None = None) -> str:
    """Takes one out of the register. Gives its name. Raises ClientMistake if there is none."""
    old = subprocessors.standing(work.conn, name, client_id)
    if old is None:
        raise ClientMistake(
            "there is no sub-processor {name} in the register", Code.NO_SUCH_SUBPROCESSOR, name=repr(name[:40])
        )
    _list_all(work, settings, client_id)
    subprocessors.remove_row(work.conn, old.id, work.at)
    was = {"name": old.name, "purpose": old.purpose, "country": old.country}
    work.note(Verb.SUBPROCESSOR_REMOVED, _whose(work, client_id), client_id=client_id, old=was)
    return old.name


def tell_changes(engine: Engine, settings: Settings, actor: Actor, at: datetime) -> Sentence:
    """Tells each client what has changed in its list since it was told last; for the schedule, daily. A client's first
    list is no change."""
    with reading(engine) as conn:
        everybody = subprocessors.to_tell(conn)
    told = 0
    for client_id in everybody:
        with booking(engine, actor, at) as work:
            told += _tell(work, settings, client_id)
    return Sentence("clients told of changed sub-processors: {count}", count=told)


def _by_facts(conn: Connection, settings: Settings, client_id: int) -> Iterator[Subprocessor]:
    if is_elsewhere(settings.mail.host) and subprocessors.gets_mail(conn, client_id):
        yield Subprocessor(settings.mail.host, Does.MAIL)
    if is_elsewhere(settings.mail_in.host):
        yield Subprocessor(settings.mail_in.host, Does.MAILBOX)
    if settings.telegram.token and subprocessors.has_chat(conn, client_id):
        yield Subprocessor(TELEGRAM, Does.TELEGRAM)
    if remotes.has_source(conn, client_id, Source.GOOGLE):
        yield Subprocessor(GOOGLE, Does.CALENDAR)
    for name in subprocessors.carriers(conn, client_id):
        yield Subprocessor(name, Does.CARRIER)


def _list_all(work: Work, settings: Settings, client_id: int | None) -> None:
    """What is to change has been so until now: without a list from before, nothing could be told of the change."""
    for one in (one for one in subprocessors.to_tell(work.conn) if client_id in (None, one)):
        invoices.take_client(work.conn, one)
        if subprocessors.last_told(work.conn, one) is None:
            _keep_first(work, one, current(work.conn, settings, one))


def _tell(work: Work, settings: Settings, client_id: int) -> bool:
    """Writes to a client what has changed. One with nobody to write to is told when it has somebody."""
    invoices.take_client(work.conn, client_id)
    before, now = subprocessors.last_told(work.conn, client_id), current(work.conn, settings, client_id)
    if before is None:
        _keep_first(work, client_id, now)
        return False
    people = answerable(work.conn, client_id)
    if before == now or not people:
        return False
    firm = clients.get(work.conn, client_id)
    change = Change(
        client_id=client_id,
        client_name=firm.name,
        language=firm.language,
        difference=difference(before, now),
        at=work.at,
    )
    office = settings.office.name
    letters.add(work.conn, [compose_change(change, one, office, settings.web.url) for one in people])
    subprocessors.note_told(work.conn, client_id, now, work.at)
    work.note(Verb.SUBPROCESSORS_TOLD, firm.slug, client_id=client_id, new={"subprocessors": [o.name for o in now]})
    return True


def _keep_first(work: Work, client_id: int, listed: list[Subprocessor]) -> None:
    subprocessors.note_told(work.conn, client_id, listed, work.at)
    names = [one.name for one in listed]
    slug = clients.get(work.conn, client_id).slug
    work.note(Verb.SUBPROCESSORS_LISTED, slug, client_id=client_id, new={"subprocessors": names})


def _whose(work: Work, client_id: int | None) -> str:
    return clients.get(work.conn, client_id).slug if client_id is not None else EVERYBODY
