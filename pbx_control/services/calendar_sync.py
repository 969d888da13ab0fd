"""Keeps clients' remote calendars and our appointments in step (docs/service.md rule 14).

Our store decides: what is booked here is told to the remote calendar, again and again until it has it, once. What the
client enters himself blocks slots; what does not agree becomes a task for the secretaries. Requests to the remote
calendar are made outside of any transaction.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.calendars.http import Http, Turnwise
from pbx_control.calendars.remote import PASSING, Changes, Remote, RemoteEvent, RemoteTrouble, TroubleKind
from pbx_control.clock import now
from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.busy import MOST_SPANS_OF_ALL, Busy, TooLateError, busy_spans
from pbx_control.domain.agenda.clashes import Clash, ClashKind, changed_there, overlaps
from pbx_control.domain.agenda.mirrored import caldav_name, google_id, is_cancelled_there, mirrored_of
from pbx_control.domain.agenda.rules import AgendaCalendar, Source
from pbx_control.domain.audit import Verb
from pbx_control.domain.words.sentences import kept, sentence_of
from pbx_control.errors import ClientMistake, Code, Field, StoreUnavailable
from pbx_control.services import calendars
from pbx_control.services.appointments import is_booked_by_client
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.settings import Agenda
from pbx_control.store import agenda, clients, remotes
from pbx_control.store.engine import reading, writing
from pbx_control.store.remotes import SEEN, Access, Due, State

# What the client enters blocks a slot within a minute: so often a calendar is read, with some chance in it.
EACH, CHANCE = timedelta(seconds=50), 0.2
# After trouble that passes: doubled each time, and no longer than that.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=60), timedelta(minutes=15)
# Trouble that only a person can end is looked at again so often.
PERSONS_PAUSE = timedelta(minutes=10)
# Back so far, and so far beyond the horizon events are expanded; when less than MARGIN is left, all is read anew.
BEHIND, BEYOND, MARGIN = timedelta(days=1), timedelta(days=45), timedelta(days=5)
# Appointments that are told at once, and rows that are written at once: calls' transactions go between.
AT_ONCE, ROWS_AT_ONCE = 50, 500
# For a request: while reading apart, and while a secretary waits, seconds.
LIMIT, SHORT_LIMIT = 60.0, 4.0
# For all requests of a turn and for understanding what came, seconds; and what may come, bytes.
TURN_LIMIT, TURN_BYTES, SHORT_BYTES = 300.0, 64 * 1024 * 1024, 8 * 1024 * 1024
LONGEST_ADDRESS, LONGEST_SECRET = 500, 16_000
HOUR = timedelta(hours=1)
# Right before a booking so much is read from its slot on.
LOOKED_AT = timedelta(days=1)
# Google's keys whose leave is kept: most clients' calendars have that of the office's one service account.
MOST_KEYS = 1000
# Longer keys are kept as a digest.
LONGEST_KEY = 255
# These are about one event; others hold for the whole calendar.
_OF_ONE = frozenset({TroubleKind.CONFLICT, TroubleKind.CHANGED})

if TYPE_CHECKING:
    from pbx_control.calendars.google import GoogleKey

log = structlog.get_logger()

Connect = Callable[[Access, float], Remote]


class Connections:
    """The way to all remote calendars: their connections are kept for the next request."""

    def __init__(self, settings: Agenda) -> None:
        self._settings = settings
        self._keys: dict[str, GoogleKey] = {}  # each with the leave that it was given, good for an hour
        self._http = Http([ip_network(each) for each in settings.private_networks])

    def to(self, access: Access, limit: float = LIMIT) -> Remote:
        """The remote calendar that is reached so, for one turn. Raises ClientMistake if its key is none."""
        whole, most = (TURN_LIMIT, TURN_BYTES) if limit >= LIMIT else (limit, SHORT_BYTES)
        http = Turnwise(self._http, whole, most)
        if access.source is Source.CALDAV:
            from pbx_control.calendars.caldav import CalDav

            return CalDav(http, access.address, access.user, access.secret, limit=limit)
        # Imported here: Google's library is large, and most commands do without.
        from pbx_control.calendars.google import GoogleCalendar

        key = self._key(access.secret)
        return GoogleCalendar(http, access.address, key, limit=limit, api=self._settings.google_api)

    def _key(self, secret: str) -> "GoogleKey":
        from pbx_control.calendars.google import GoogleKey

        known = self._keys.get(secret)
        if known is None:
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            known = self._keys[secret] = GoogleKey(secret, tokens=self._settings.google_tokens)
        return known

    def close(self) -> None:
        """Ends all connections."""
        self._http.close()


# --- what people do -----------------------------------------------------------------------------------------


def connect(work: Work, client_id: int, slug: str, access: Access) -> int:
    """From now on the client's calendar is mirrored there, and what stands there blocks slots; all coming appointments
    are put there. Gives how many these are.

    Nothing is asked of the other side: `check` does that. Raises ClientMistake if there is no such calendar, or a value
    will not do.
    """
    owner, calendar = refuse_cancelled(work.conn, client_id), calendars.get(work.conn, client_id, slug)
    access = _checked(access)
    agenda.lock(work.conn, calendar.id)
    if access == remotes.access_of(work.conn, calendar.id):
        return 0
    for other, there in remotes.others_of(work.conn, client_id, calendar.id):
        if there.source is access.source and _place(there.address) == _place(access.address):
            raise ClientMistake(
                "the calendar {calendar} is connected to this address already: each needs one of its own",
                Code.TAKEN,
                field=Field("address"),
                calendar=other,
            )
    remotes.put_access(work.conn, calendar.id, access)
    coming = remotes.all_are_due(work.conn, calendar.id, work.at)
    # An entry names neither password nor key.
    facts = {"source": access.source.value, "address": access.address, "user": access.user}
    work.note(
        Verb.CALENDAR_CHANGED,
        f"{owner}: {slug}",
        client_id=client_id,
        old={"source": calendar.source.value},
        new=facts,
    )
    return coming


def disconnect(work: Work, client_id: int, slug: str) -> None:
    """The calendar is ours alone again; what stands in the remote one stays there. Raises ClientMistake if there is no
    such calendar, or it is ours alone."""
    owner, calendar = clients.get(work.conn, client_id).slug, calendars.get(work.conn, client_id, slug)
    _require_access(work.conn, calendar)
    agenda.lock(work.conn, calendar.id)
    remotes.forget(work.conn, calendar.id)
    work.note(
        Verb.CALENDAR_CHANGED,
        f"{owner}: {slug}",
        client_id=client_id,
        old={"source": calendar.source.value},
        new={"source": Source.OWN.value},
    )


def check(engine: Engine, connect: Connect, client_id: int, slug: str) -> None:
    """Whether the remote calendar can be read and written. Raises RemoteTrouble saying what is wrong, ClientMistake if
    there is no such calendar, or it is ours alone."""
    with reading(engine) as conn:
        access = _require_access(conn, calendars.get(conn, client_id, slug))
    connect(access, LIMIT).check()


def _require_access(conn: Connection, calendar: AgendaCalendar) -> Access:
    access = remotes.access_of(conn, calendar.id)
    if access is None:
        raise ClientMistake("{calendar} is no remote calendar", Code.WRONG_STATE, calendar=calendar.slug)
    return access


def _place(address: str) -> str:
    """The same for addresses that differ only in how they are written."""
    address = address.strip().rstrip("/")
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{host.lower().removesuffix(':443')}{slash}{unquote(path)}" if mark else scheme.lower()


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _checked(access: Access) -> Access:
    address, secret = access.address.strip(), access.secret.strip()
    if not address or len(address) > LONGEST_ADDRESS or not address.isprintable() or " " in address:
        raise ClientMistake("this is no address of a calendar", Code.BAD_VALUE, field=Field("address"))
    if access.source is Source.CALDAV and not address.startswith(("https://", "http://")):
        raise ClientMistake(
            "this is no address of a calendar: write one that begins with https://",
            Code.BAD_VALUE,
            field=Field("address"),
        )
    if access.source is Source.CALDAV and "@" in address.partition("://")[2].partition("/")[0]:
        raise ClientMistake("user and password do not belong into the address", Code.BAD_VALUE, field=Field("address"))
    if access.source is Source.CALDAV and not _has_host(address):
        raise ClientMistake(
            "this is no address of a calendar: it names no server", Code.BAD_VALUE, field=Field("address")
        )
    if not secret or len(secret) > LONGEST_SECRET:
        raise ClientMistake("there is no password, or no key", Code.BAD_VALUE, field=Field("secret"))
    if access.source is Source.GOOGLE:
        from pbx_control.calendars.google import GoogleKey

        GoogleKey(secret)
    return replace(access, address=address, secret=secret)


# --- right before a booking -----------------------------------------------------------------------------------


def look_again(engine: Engine, connect: Connect, client_id: int, slug: str, starts: datetime) -> bool:
    """Reads what stands in the remote calendar from an instant on, right before something is booked there: what the
    client entered in the last minute blocks the slot, and those of the next day, which are offered in its place. True
    if it was read, or there is none.

    False if the other side does not answer at once: the booking goes on, and what does not agree is found later. Raises
    ClientMistake if there is no such calendar.
    """
    with reading(engine) as conn:
        calendar = calendars.get(conn, client_id, slug)
        access = remotes.access_of(conn, calendar.id)
        if access is None:
            return True
        longest = max((kind.length + kind.after for kind in agenda.kinds_of(conn, calendar.id)), default=HOUR)
        ends = starts + max(longest, LOOKED_AT)
        own = remotes.uids_of(conn, calendar.id, starts - BEHIND)
        known = remotes.busy_between(conn, calendar.id, starts, ends)
    late = _late_after(SHORT_LIMIT)
    try:
        events = connect(access, SHORT_LIMIT).events(starts, ends)
        found = busy_spans(events, ZoneInfo(calendar.zone), starts, ends, own, most=ROWS_AT_ONCE, late=late).busy
    except (RemoteTrouble, ClientMistake, TooLateError):
        return False
    new = [
        Busy(f"{SEEN}{number}:{starts:%Y%m%dT%H%M}", span.starts, span.ends)
        for number, span in enumerate(found)
        if not any(one.starts <= span.starts and span.ends <= one.ends for one in known)
    ]
    if new:
        with writing(engine) as conn:
            agenda.lock(conn, calendar.id)
            if remotes.access_of(conn, calendar.id) == access:
                remotes.add_busy(conn, calendar.id, new)
    return True


def _late_after(seconds: float) -> Callable[[], bool]:
    """Says whether so much time has passed from now on."""
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() > ends


def look_once(engine: Engine, settings: Agenda, client_id: int, slug: str, starts: datetime) -> bool:
    """The same by a connection of its own, for whoever books now and then."""
    connections = Connections(settings)
    try:
        return look_again(engine, connections.to, client_id, slug, starts)
    finally:
        connections.close()


# --- one calendar's turn --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one calendar's turn: its state is still to be kept, so that many are kept at once."""

    calendar_id: int
    access: Access
    state: State
    told: int = 0
    read: int = 0


def take_turn(engine: Engine, connect: Connect, calendar_id: int, clock: Callable[[], datetime] = now) -> Turn | None:
    """Reads what has changed in the remote calendar, and tells it what it is to be told; None if it is none any more,
    or another one by now.

    What the client has moved or deleted becomes its task before anything of ours is put over it. It is one caller's at
    a time: the process has a lease, and gives each calendar to one thread.
    """
    with reading(engine) as conn:
        calendar = agenda.calendar_by_id(conn, calendar_id)
        access = remotes.access_of(conn, calendar_id)
        state = remotes.state_of(conn, calendar_id)
        language = clients.language_of(conn, calendar.client_id) if calendar else ""
    if calendar is None or access is None:
        return None
    told = 0
    late = _late_after(TURN_LIMIT)
    try:
        remote = connect(access, LIMIT)
        try:
            read, state = _read(engine, remote, calendar, access, state, clock, late)
        except (_OtherByNowError, StoreUnavailable):
            raise
        except Exception as error:
            # A calendar that nobody can read is told all the same what is new to it.
            if not isinstance(error, RemoteTrouble) or error.kind is TroubleKind.ODD:
                told = _tell(engine, remote, calendar, language, clock, news_only=True)
            raise
        told = _tell(engine, remote, calendar, language, clock)
    except _OtherByNowError:
        return None
    except RemoteTrouble as trouble:
        log.warning("calendar.trouble", calendar=calendar_id, kind=trouble.kind.value, why=str(trouble))
        return Turn(calendar_id, access, _after_trouble(state, trouble, clock()), told)
    except ClientMistake as error:
        wrong = RemoteTrouble(error.template, TroubleKind.UNAUTHORISED, **error.values)
        return Turn(calendar_id, access, _after_trouble(state, wrong, clock()), told)
    except TooLateError:
        long = RemoteTrouble("its events take too long to understand", TroubleKind.ODD)
        return Turn(calendar_id, access, _after_trouble(state, long, clock()), told)
    except StoreUnavailable:
        raise
    except Exception as error:
        log.exception("calendar.failed", calendar=calendar_id)
        fault = RemoteTrouble(
            "{error}: this is a fault of the software, see its log", TroubleKind.ODD, error=type(error).__name__
        )
        return Turn(calendar_id, access, _after_trouble(state, fault, clock()), told)
    due_at = clock() + EACH * (1 - CHANCE * random.random())
    state = replace(state, synced_at=clock(), due_at=due_at, trouble="", trouble_kind="", attempts=0)
    return Turn(calendar_id, access, state, told, read)


class _OtherByNowError(Exception):
    """The calendar is reached in another way by now: what was read is not to be kept for it."""


def _require_still(conn: Connection, calendar_id: int, access: Access) -> None:
    agenda.lock(conn, calendar_id)
    if remotes.access_of(conn, calendar_id) != access:
        raise _OtherByNowError(calendar_id)


def give_turn(engine: Engine, calendar_id: int, at: datetime) -> None:
    """Has the mirror look at a calendar at once, whatever it is waiting for."""
    with writing(engine) as conn:
        remotes.put_due(conn, calendar_id, at)


def keep(engine: Engine, turns: Iterable[Turn]) -> None:
    """Keeps what became of several turns, in one transaction; nothing of one whose calendar is another by now."""
    turns = list(turns)
    if turns:
        with writing(engine) as conn:
            for turn in turns:
                remotes.put_state(conn, turn.calendar_id, turn.state, turn.access)


def _after_trouble(state: State, trouble: RemoteTrouble, at: datetime) -> State:
    return replace(
        state,
        trouble=kept(sentence_of(trouble), 300),
        trouble_kind=trouble.kind.value,
        attempts=state.attempts + 1,
        due_at=at + pause_after(trouble, state.attempts),
    )


def pause_after(trouble: RemoteTrouble, attempts: int) -> timedelta:
    """How long a calendar is left alone after trouble, having failed so often before."""
    if trouble.kind not in PASSING:
        return PERSONS_PAUSE
    pause = min(FIRST_PAUSE * (1 << min(attempts, 10)), LONGEST_PAUSE)
    asked = timedelta(seconds=trouble.retry_after or 0)
    # With some chance in it: those that failed together are not to come back together.
    return max(asked, pause * (1 - CHANCE * random.random()))


# --- telling --------------------------------------------------------------------------------------------------


def _tell(
    engine: Engine,
    remote: Remote,
    calendar: AgendaCalendar,
    language: str,
    clock: Callable[[], datetime],
    *,
    news_only: bool = False,
) -> int:
    """Puts what is due, one after the other; how many were put. Raises RemoteTrouble for what holds for all."""
    with reading(engine) as conn:
        waiting = remotes.waiting(conn, calendar.id, clock(), AT_ONCE, news_only=news_only)
        by_client = {one.appointment.id: is_booked_by_client(conn, one.appointment, calendar) for one in waiting}
    told = 0
    for one in waiting:
        try:
            is_theirs = by_client[one.appointment.id]
            remote.put(mirrored_of(one.appointment, calendar, language, by_client=is_theirs))
        except RemoteTrouble as trouble:
            _not_told(engine, one, trouble, clock())
            if trouble.kind not in _OF_ONE:
                raise
            continue
        with writing(engine) as conn:
            remotes.told(conn, one, clock())
        told += 1
    return told


def _not_told(engine: Engine, one: Due, trouble: RemoteTrouble, at: datetime) -> None:
    """The booking stays, marked; its turn comes again with its calendar's."""
    log.warning("appointment.not_mirrored", appointment=one.appointment.id, kind=trouble.kind.value, why=str(trouble))
    due_at = at + pause_after(trouble, one.attempts) if trouble.kind in _OF_ONE else one.due_at
    with writing(engine) as conn:
        remotes.not_told(conn, one, due_at, kept(sentence_of(trouble), 300))


# --- reading --------------------------------------------------------------------------------------------------


def _read(
    engine: Engine,
    remote: Remote,
    calendar: AgendaCalendar,
    access: Access,
    state: State,
    clock: Callable[[], datetime],
    late: Callable[[], bool],
) -> tuple[int, State]:
    """Reads what has changed; how many events that were, and how far it is read now. Raises RemoteTrouble, and
    TooLateError."""
    at = clock()
    needed = at + calendar.horizon + MARGIN
    token = state.token if state.read_until and state.read_until >= needed else ""
    changes = remote.changes(token)
    until = at + calendar.horizon + BEYOND if changes.whole or state.read_until is None else state.read_until
    with reading(engine) as conn:
        own = remotes.uids_of(conn, calendar.id, at - BEHIND) if changes.events else set()
        touched = list({_key(one.key) for one in changes.events})
        others = 0 if changes.whole or not touched else remotes.busy_besides(conn, calendar.id, touched)
    zone = ZoneInfo(calendar.zone)
    understood = busy_spans(
        changes.events, zone, at - BEHIND, until, own, most=MOST_SPANS_OF_ALL - others, late=late
    )
    spans = {Busy(_key(one.key), one.starts, one.ends) for one in understood.busy}
    seen_there = _own_spans(changes.events, zone, at, until, own, late)
    _put_busy(engine, calendar.id, access, changes, spans, clock)
    _compare(engine, calendar.id, access, changes, seen_there, clock)
    odd = len(understood.odd) + (0 if changes.whole else state.odd)
    return len(changes.events), replace(state, token=changes.token, read_until=until, odd=odd)


def _own_spans(
    events: Sequence[RemoteEvent],
    zone: ZoneInfo,
    at: datetime,
    until: datetime,
    own: set[str],
    late: Callable[[], bool],
) -> Mapping[str, list[Busy]]:
    """When our own appointments stand there, by UID; without those that the client has cancelled."""
    mine = [replace(one, key=one.uid) for one in events if one.uid in own and not is_cancelled_there(one.ical)]
    found: dict[str, list[Busy]] = {one.uid: [] for one in mine}
    for span in busy_spans(mine, zone, at - BEHIND, until, late=late).busy:
        found[span.key].append(span)
    return found


def _put_busy(
    engine: Engine,
    calendar_id: int,
    access: Access,
    changes: Changes,
    spans: set[Busy],
    clock: Callable[[], datetime],
) -> None:
    """What is new and what is gone, in small transactions; whoever books meanwhile sees the new ones, or is seen."""
    with reading(engine) as conn:
        if changes.whole:
            known = remotes.busy_of(conn, calendar_id)
        else:
            touched = [_key(one.key) for one in changes.events] + [_key(key) for key in changes.gone]
            known = remotes.busy_of(conn, calendar_id, touched) | remotes.seen(conn, calendar_id)
    new, gone = sorted(spans - known), sorted(known - spans)
    begins = {(one.key, one.starts) for one in new}
    gone = [one for one in gone if (one.key, one.starts) not in begins]  # a longer or shorter one is in its place
    for some in _portions(new):
        with writing(engine) as conn:
            _require_still(conn, calendar_id, access)
            remotes.add_busy(conn, calendar_id, some)
            first, last = min(one.starts for one in some), max(one.ends for one in some)
            booked = agenda.appointments_between(conn, calendar_id, max(first, clock()), last, cancelled=False)
            _note(conn, overlaps(booked, some), clock())
    for some in _portions(gone):
        with writing(engine) as conn:
            _require_still(conn, calendar_id, access)
            remotes.drop_busy(conn, calendar_id, some)


def _compare(
    engine: Engine,
    calendar_id: int,
    access: Access,
    changes: Changes,
    there: Mapping[str, list[Busy]],
    clock: Callable[[], datetime],
) -> None:
    """What does not agree between our appointments and what stands there becomes a task; what agrees again is none."""
    at = clock()
    with reading(engine) as conn:
        mirrored = remotes.mirrored(conn, calendar_id, at) if changes.events or changes.gone or changes.whole else []
        open_tasks = remotes.open_tasks(conn, calendar_id)
        # All events tell it once more, although nothing has happened since a secretary settled it.
        decided = remotes.decided(conn, calendar_id) if changes.whole else set()
        busy = remotes.busy_of(conn, calendar_id) if open_tasks else set()
        places = remotes.places(conn, calendar_id, at) if changes.events or changes.gone else {}
    found = [*changed_there(mirrored, there), *_deleted(mirrored, changes, there, places)]
    found = [one for one in found if one not in decided]
    over = [one for one in open_tasks if _is_settled(one, mirrored, there, busy)]
    renamed = _renamed(changes.events, there, places)
    if found or over or renamed:
        uids = {one.id: one.uid for one in mirrored}
        with writing(engine) as conn:
            _require_still(conn, calendar_id, access)
            _note(conn, found, at)
            for uid, key in renamed.items():
                remotes.put_place(conn, calendar_id, uid, key)
            for clash in found:
                if clash.kind is ClashKind.MOVED:
                    spans = there[uids[clash.appointment_id]]
                    remotes.put_moved(conn, calendar_id, clash.appointment_id, spans)
            for clash in over:
                if clash not in found:
                    remotes.settle(conn, clash, at)


def _renamed(
    events: Sequence[RemoteEvent], there: Mapping[str, list[Busy]], places: Mapping[str, str]
) -> Mapping[str, str]:
    """Our appointments that stand under another name now than is known: by UID, which ("": ours)."""
    seen = {one.uid: "" if _name(one.key) in _names(one.uid) else _key(one.key) for one in events if one.uid in there}
    return {uid: key for uid, key in seen.items() if key != places.get(uid, "")}


def _names(uid: str) -> set[str]:
    """What we call an appointment there."""
    return {google_id(uid), caldav_name(uid)}


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _deleted(
    mirrored: Sequence[Appointment],
    changes: Changes,
    there: Mapping[str, list[Busy]],
    places: Mapping[str, str],
) -> list[Clash]:
    """The confirmed appointments that stood there and do not any more, or that the client has cancelled there.
    `places`: by UID, under which name his program has stored them, if not under ours."""
    gone = {_name(key) for key in changes.gone} | {_key(key) for key in changes.gone}
    told = {one.uid for one in changes.events}
    return [
        Clash(one.id, ClashKind.DELETED)
        for one in mirrored
        if one.state is AppointmentState.CONFIRMED
        and one.uid not in there
        and (changes.whole or one.uid in told or gone & ({places[one.uid]} if one.uid in places else _names(one.uid)))
    ]


def _is_settled(
    clash: Clash, mirrored: Sequence[Appointment], there: Mapping[str, list[Busy]], busy: set[Busy]
) -> bool:
    one = next((each for each in mirrored if each.id == clash.appointment_id), None)
    if one is None:
        return False
    if clash.kind is ClashKind.OVERLAP:
        return not overlaps([one], list(busy))
    return one.uid in there and not changed_there([one], there)


def _note(conn: Connection, clashes: Iterable[Clash], at: datetime) -> None:
    for clash in clashes:
        if remotes.add_task(conn, clash, at):
            log.warning("appointment.clash", appointment=clash.appointment_id, kind=clash.kind.value)


def _portions(spans: Sequence[Busy]) -> Iterable[Sequence[Busy]]:
    return (spans[first : first + ROWS_AT_ONCE] for first in range(0, len(spans), ROWS_AT_ONCE))


def _key(key: str) -> str:
    """The key as it is kept."""
    return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()
