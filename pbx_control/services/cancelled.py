"""What is erased of a client that cancelled long ago, each time with a receipt (docs/decisions/cancelling.md)."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.retention import ERASED, Trust, What, instant
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Word
from pbx_control.media.erased import ClientErased, remember_client
from pbx_control.services.work import Work, booking, changing
from pbx_control.settings import Home
from pbx_control.store import (
    audit,
    caller_data,
    client_orders,
    erasing,
    mailboxes,
    receipts,
    restrictions,
    retention,
    users,
)
from pbx_control.store.engine import reading
from pbx_control.store.erasing import Gone
from pbx_control.store.receipts import Receipt

# So long a client may come back and find everything but its number.
AFTER = timedelta(days=90)
# Calls of which the callers are erased in one transaction: the daemon saves its steps in between.
PAGE = 200
# What a call's journal says of people.
PEOPLE = ("caller", "name", "contact")


def erase_cancelled(home: Home, engine: Engine, actor: Actor, now: datetime) -> Sentence:
    """Erases what the service had of clients that cancelled AFTER ago; for the schedule, daily.

    Each client's texts and people go at once, then, a page at a time, the callers of its calls, with the letters about
    them, and at last the reports of missed calls; each transaction has its entry in the audit trail. What is on legal
    hold is left out until it is released. While the clock is in doubt nothing is erased. Gives what was done.
    """
    with reading(engine) as conn:
        if retention.clock_at(conn, now).trust is not Trust.TRUSTED:
            return Sentence("nothing erased: the clock is not to be trusted")
        due = erasing.gone_since(conn, now - AFTER)
    erased: Counter[str] = Counter()
    for gone in due:
        erased += _erase_client(home, engine, actor, gone, now)
    with reading(engine) as conn:
        stays = sum(erasing.restricted_calls(conn, gone.id) for gone in due)
    each = tuple(Sentence("{what}: {count}", what=Word(name), count=count) for name, count in sorted(erased.items()))
    told = Sentence("erased: {each}", each=each) if erased else Sentence("nothing to erase")
    if not stays:
        return told
    return Sentence("{told}; calls that stay, blocked while a request is decided: {count}", told=told, count=stays)


def without_people(details: str) -> str:
    """A journal line's details (JSON) with nobody's number or name in them."""
    told = json.loads(details)
    people = {name: ERASED for name in PEOPLE if told.get(name)}
    return json.dumps(told | people, ensure_ascii=False) if people else details


def erase_again(home: Home, engine: Engine, actor: Actor, was: ClientErased, now: datetime, *, papers: bool) -> int:
    """Erases once more what a restore has brought back of a client: of the calls until then, but for those that were
    kept, and (`papers`) its texts and people, and its reports unless they stayed then. Gives how many things that were.

    What the backup says of holds and requests is older than the erasure.
    """
    count = 0
    with changing(engine, actor, now) as work:
        if not erasing.is_client(work.conn, was.client_id, was.slug):
            return 0
        if papers:
            count = _erased_again(work, was, _provisioned(work, was.client_id))
    page: int | None = None
    while page is None or page:
        with booking(engine, actor, now) as work:
            ids = erasing.calls_until(work.conn, was.client_id, was.at, was.kept, PAGE)
            caller_data.erase_live_state(work.conn, ids)
            letters = erasing.erase_callers(work.conn, ids, without_people) if ids else 0
            page = _erased_again(work, was, {"callers": len(ids), "letters": letters} if ids else {})
        count += page
    if papers and was.reports:
        shutil.rmtree(_reports_of(home, was.client_id), ignore_errors=True)
    return count


def _erased_again(work: Work, was: ClientErased, counts: Mapping[str, int]) -> int:
    found = {name: count for name, count in counts.items() if count}
    why = f"cancelled: erased {instant(was.at)}; again"
    told = [f"{why}; {count} {name}" for name, count in found.items()]
    receipts.add(
        work.conn, [Receipt(at=work.at, what=What.CLIENT_DATA, client_id=was.client_id, why=one) for one in told]
    )
    if counts:
        work.note(Verb.ERASED_AGAIN, was.slug, client_id=was.client_id, new=found)
    return sum(found.values())


def _reports_of(home: Home, client_id: int) -> Path:
    return home.documents / "reports" / str(client_id)


def _erase_client(home: Home, engine: Engine, actor: Actor, gone: Gone, now: datetime) -> Counter[str]:
    """What was erased of it."""
    erased = Counter[str]()
    with reading(engine) as conn:
        if erasing.has_anything(conn, gone):
            # Before the first thing goes: no backup is to bring it back.
            _remember(home, conn, gone, now)
    if gone.erased_at is None:
        with changing(engine, actor, now) as work:
            erased += _erase_provisioned(work, gone)
    else:
        # What was kept back then, while a request of a caller's was decided.
        with booking(engine, actor, now) as work:
            erased += _erase_about_callers(home, work, gone, gone.erased_at)
    page: Counter[str] | None = None
    while page is None or page:
        with booking(engine, actor, now) as work:
            page = _erase_callers(work, gone)
        erased += page
    return erased + _erase_reports(home, engine, actor, gone, now)


def _remember(home: Home, conn: Connection, gone: Gone, at: datetime, *, reports: bool = False) -> None:
    remember_client(home, gone.id, gone.slug, at, retention.kept_calls(conn, gone.id), reports=reports)


def _erase_provisioned(work: Work, gone: Gone) -> Counter[str]:
    if not erasing.keep_gone(work.conn, gone.id, work.at - AFTER, unerased=True):
        return Counter()
    return _noted(work, gone, _provisioned(work, gone.id))


def _provisioned(work: Work, client_id: int) -> dict[str, int]:
    counts = erasing.erase_provisioned(work.conn, client_id, work.at)
    counts[N_("accounts")] = users.erase_of_client(work.conn, client_id)
    client_orders.erase_of_client(work.conn, client_id)
    mailboxes.forget_strangers(work.conn)
    audit.erase_people(work.conn, client_id)
    return counts


def _erase_about_callers(home: Home, work: Work, gone: Gone, until: datetime) -> Counter[str]:
    if not erasing.keep_gone(work.conn, gone.id, work.at - AFTER):
        return Counter()
    erased = Counter({name: n for name, n in erasing.erase_about_callers(work.conn, gone.id, until).items() if n})
    if erased:
        _remember(home, work.conn, gone, work.at)
    return _noted(work, gone, erased) if erased else erased


def _erase_callers(work: Work, gone: Gone) -> Counter[str]:
    """A page of the client's calls without their callers; empty if none is left, or the client has come back."""
    if not erasing.keep_gone(work.conn, gone.id, work.at - AFTER):
        return Counter()
    ids = erasing.calls_with_callers(work.conn, gone.id, PAGE)
    if not ids:
        return Counter()
    letters = erasing.erase_callers(work.conn, ids, without_people)
    return _noted(work, gone, {"callers": len(ids), "letters": letters})


def _erase_reports(home: Home, engine: Engine, actor: Actor, gone: Gone, now: datetime) -> Counter[str]:
    """The files of reports (domain.reports.Report.file) name callers, too; the receipt comes before they go."""
    folder = _reports_of(home, gone.id)
    if folder.is_symlink() or not folder.is_dir():
        return Counter()
    with booking(engine, actor, now) as work:
        if not _may_lose_reports(work.conn, gone, now):
            return Counter()
        _remember(home, work.conn, gone, now, reports=True)
        told = _noted(work, gone, {"reports": len(list(folder.iterdir()))})
    shutil.rmtree(folder)
    return told


def _may_lose_reports(conn: Connection, gone: Gone, now: datetime) -> bool:
    kept = erasing.has_holds(conn, gone.id) or restrictions.of_client(conn, gone.id)
    return erasing.keep_gone(conn, gone.id, now - AFTER) and not kept


def _noted(work: Work, gone: Gone, counts: Mapping[str, int]) -> Counter[str]:
    """The receipts and the entry of what has just been erased; what there was none of is left out."""
    erased = Counter({name: count for name, count in counts.items() if count})
    why = f"cancelled: {instant(gone.cancelled_at)} + {AFTER.days} d"
    receipts.add(
        work.conn,
        [
            Receipt(at=work.at, what=What.CLIENT_DATA, client_id=gone.id, why=f"{why}; {count} {name}")
            for name, count in erased.items()
        ],
    )
    work.note(Verb.CLIENT_ERASED, gone.slug, client_id=gone.id, new=erased)
    return erased
