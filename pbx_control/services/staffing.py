"""How many secretaries a week needs, and how many are there, by past weeks and the plans sold (docs/staffing.md)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.desk.duty import Present
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.staffing_notes import compose_month
from pbx_control.domain.office import Holiday
from pbx_control.domain.opening import holidays
from pbx_control.domain.opening.hours import USUAL_WEEK, parse_week
from pbx_control.domain.staffing import forecast
from pbx_control.domain.staffing.forecast import HALF, Profile, Slot, Sold, half_hours, slot_of
from pbx_control.domain.staffing.outlook import Gap, HalfHour, Manner, gaps, level_of, manner_of, outlook
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.settings import Settings
from pbx_control.store import attendance, clients, letters, plans
from pbx_control.store import holidays as stored_holidays
from pbx_control.store import staffing as store
from pbx_control.store.attendance import Stay
from pbx_control.store.engine import reading, writing

A_DAY, A_WEEK = timedelta(days=1), timedelta(weeks=1)
# So many past weeks tell of the calls, so many of who is there; holidays are looked for in the whole last year.
WEEKS_OF_CALLS, WEEKS_OF_STAFF, A_YEAR = 8 * A_WEEK, 4 * A_WEEK, 53 * A_WEEK
# The office is warned of a month so long before it begins, once.
WARNED_BEFORE = timedelta(days=7)
LONGEST = 400  # days
# A firm that nobody knows yet: what it is sold.
NEW = "?"

# What would be if other plans were sold.
Change = Callable[[Sequence[Sold]], Sequence[Sold]]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Days half hour by half hour."""

    halves: Sequence[HalfHour]
    manner: Manner

    @property
    def gaps(self) -> list[Gap]:
        """Where too few callers would be answered in time."""
        return gaps(self.halves)

    @property
    def level(self) -> float | None:
        """The share of all callers who are answered in time."""
        return level_of(self.halves)

    @property
    def known(self) -> bool:
        """Whether it is known, of any half hour, who is there."""
        return any(one.there is not None for one in self.halves)


@dataclass(frozen=True, slots=True)
class Known:
    """What past weeks tell."""

    zone: ZoneInfo
    now: datetime
    past: Mapping[Slot, float]  # calls
    days: int  # usual ones that `past` is of
    sold: Sequence[Sold]
    manner: Manner
    stays: Sequence[Stay]
    off: frozenset[date]  # holidays of the last year
    since: datetime | None  # when it began to be known who was there


def look(
    conn: Connection, zone: ZoneInfo, first: date, days: int, now: datetime, changes: Iterable[Change] = ()
) -> Outlook:
    """These days: with the calls of the weeks before them, the plans sold, and who was there or usually is.

    Raises ClientMistake for more days than anybody plans.
    """
    if not 1 <= days <= LONGEST:
        raise ClientMistake(
            "{days} d cannot be planned: 1 to {longest}",
            Code.BAD_VALUE,
            days=days,
            longest=LONGEST,
            field=Field("days"),
        )
    known = read(conn, zone, first, now)
    off = _holidays(conn, first - A_DAY, first + timedelta(days=days))
    return _looked(conn, known, first, days, off, changes)


def what_gets_worse(
    conn: Connection, zone: ZoneInfo, now: datetime, sales: Sequence[Sequence[Change]]
) -> list[list[Gap]]:
    """For each of these sales, on its own: where in a usual week more secretaries would lack than do now."""
    if not any(sales):
        return [[] for _ in sales]
    today = now.astimezone(zone).date()
    monday = today + timedelta(days=7 - today.weekday())
    known = read(conn, zone, monday, now)

    def lacking(changes: Sequence[Change]) -> list[HalfHour]:
        return [one for one in _looked(conn, known, monday, 7, frozenset(), changes).halves if one.breaks]

    already = {one.at: one.lacking for one in lacking(())}
    worse = ([one for one in lacking(sale) if one.lacking > already.get(one.at, 0)] if sale else [] for sale in sales)
    return [gaps(found) for found in worse]


def selling(conn: Connection, slug: str, plan: str) -> list[Change]:
    """What changes if that client is given that plan; nothing if either is unknown: whoever sells it says so."""
    offer = plans.known(conn, plan)
    return [lambda sold: forecast.sold(sold, slug, plan, offer.plan.calls)] if offer else []


def selling_to_somebody(conn: Connection, plan: str, number: int = 0) -> Change:
    """What changes if a new firm with the usual hours is given that plan. Raises ClientMistake if it is unknown."""
    calls = plans.get(conn, plan).calls
    return lambda sold: [*sold, Sold(-1 - number, NEW, parse_week([USUAL_WEEK]), calls, plan)]


def losing(conn: Connection, slug: str) -> Change:
    """What changes if that client leaves. Raises ClientMistake if it is unknown."""
    gone = clients.find(conn, slug).id
    return lambda sold: [replace(one, gone=True) if one.client_id == gone else one for one in sold]


def warn_of_month(engine: Engine, settings: Settings, now: datetime) -> Sentence:
    """Writes to the office, once, which half hours of the coming month would break, in its last days before."""
    office = settings.office
    desk = AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)
    zone = ZoneInfo(office.timezone)
    first = _next_month(now.astimezone(zone).date())
    if first - now.astimezone(zone).date() > WARNED_BEFORE:
        return Sentence("no month begins soon")
    with reading(engine) as conn:
        found = look(conn, zone, first, (_next_month(first) - first).days, now).gaps
    count = sum(gap.half_hours for gap in found)
    if found and desk.address:
        with writing(engine) as conn:
            letters.add(conn, [compose_month(first, found, zone, now, desk)])
    elif found:
        nobody = N_("half hours of {month} with too few secretaries: {count}, nobody to tell ([office] alarms_to)")
        return Sentence(nobody, month=f"{first:%Y-%m}", count=count)
    return Sentence("half hours of {month} with too few secretaries: {count}", month=f"{first:%Y-%m}", count=count)


# --- what past weeks tell ---------------------------------------------------------------------------------


def read(conn: Connection, zone: ZoneInfo, first: date, now: datetime) -> Known:
    """What the weeks before that day tell, as far as they are over."""
    last = min(first, now.astimezone(zone).date())
    begins = last - WEEKS_OF_CALLS
    off = _holidays(conn, last - A_YEAR, last)
    usual = [begins + number * A_DAY for number in range((last - begins).days) if begins + number * A_DAY not in off]
    past = _means(conn, zone, _runs(usual), off) | _means(conn, zone, _runs(sorted(off)), off)
    since, until = _midnight(begins, zone), _midnight(last, zone)
    seen_since = _midnight(last - WEEKS_OF_STAFF, zone)
    # Who was there after a week that is long over is not asked for.
    stays = attendance.stays(conn, seen_since, min(max(until, now), until + 2 * A_WEEK))
    return Known(
        zone=zone,
        now=now,
        past=past,
        days=len(usual),
        sold=_sold(conn, zone, usual, since),
        manner=manner_of(store.sample(conn, since, until), _wrap_up(conn, stays, until)),
        stays=stays,
        off=off,
        since=attendance.first(conn),
    )


def _means(
    conn: Connection, zone: ZoneInfo, runs: Sequence[tuple[date, date]], off: frozenset[date]
) -> dict[Slot, float]:
    """Calls of each half hour of these days, on average."""
    counts, halves = defaultdict[datetime, float](float), list[datetime]()
    for first, end in runs:
        begins = _midnight(first, zone)
        halves += half_hours(first, (end - first).days, zone)
        for one in store.by_quarter(conn, begins, _midnight(end, zone)):
            counts[one.at - (one.at - begins) % HALF] += one.calls
    return forecast.means(counts, halves, zone, off)


def _sold(conn: Connection, zone: ZoneInfo, usual: Sequence[date], since: datetime) -> list[Sold]:
    came = defaultdict[int, int](int)
    for first, end in _runs(usual):
        for client_id, count in store.by_client(conn, _midnight(first, zone), _midnight(end, zone)).items():
            came[client_id] += count
    found = []
    for one in store.subscribers(conn):
        began = one.first_call.astimezone(zone).date() if one.first_call else None
        found.append(
            Sold(
                client_id=one.client_id,
                slug=one.slug,
                week=one.week,
                calls=one.calls,
                plan=one.plan or "",
                came=came[one.client_id],
                days=sum(1 for day in usual if began and day >= began),
                changed=one.had_plan_before and one.plan_since is not None and one.plan_since > since,
            )
        )
    return found


def _wrap_up(conn: Connection, stays: Sequence[Stay], until: datetime) -> float:
    """How long secretaries write after a call, on average, seconds."""
    seen = [one for one in stays if one.began_at < until]
    if not seen:
        return store.usual_wrap_up(conn)
    answered = sum(one.answered for one in store.by_quarter(conn, seen[0].began_at, until))
    written = (one.until - one.began_at for one in seen if one.state is Present.WRAP_UP)
    spent = sum(written, timedelta(0)) / timedelta(seconds=1)
    return spent / answered if answered else store.usual_wrap_up(conn)


# --- the days that are asked for --------------------------------------------------------------------------


def _looked(
    conn: Connection, known: Known, first: date, days: int, off: frozenset[date], changes: Iterable[Change]
) -> Outlook:
    clients: Sequence[Sold] = known.sold
    for change in changes:
        clients = change(clients)
    profile = forecast.expected(known.past, known.days, clients)
    begins = _midnight(first, known.zone)
    # The day before, too: somebody may wait at midnight.
    halves = half_hours(first - A_DAY, days + 1, known.zone)
    stays = [*known.stays]
    if halves[0] < known.now and (not stays or halves[0] < stays[0].began_at):
        stays = attendance.stays(conn, halves[0], min(halves[-1] + HALF, known.now))
    rows = _rows(known, profile, halves, off, _there(stays, known.since, halves[0]))
    past = _past(conn, halves[0], min(halves[-1] + HALF, known.now))
    return Outlook([one for one in outlook(rows, known.manner, past) if one.at >= begins], known.manner)


def _rows(
    known: Known,
    profile: Profile,
    halves: Sequence[datetime],
    off: frozenset[date],
    there: Callable[[datetime], float | None],
) -> list[tuple[datetime, float, float | None, bool]]:
    usual = _usual_staff(known)
    rows = []
    for at in halves:
        planned = at + HALF > known.now
        staff = usual.get(slot_of(at, known.zone, off)) if planned else there(at)
        rows.append((at, profile.at(at, known.zone, off), staff, planned))
    return rows


def _usual_staff(known: Known) -> dict[Slot, float]:
    """Who usually is there: as in the last weeks, as far as that is known."""
    if known.since is None:
        return {}
    last = known.now.astimezone(known.zone).date()
    first = max(last - WEEKS_OF_STAFF, known.since.astimezone(known.zone).date() + A_DAY)
    halves = half_hours(first, max((last - first).days, 0), known.zone)
    seen = _by_half_hour(known.stays, _midnight(first, known.zone))
    return forecast.means(seen, halves, known.zone, known.off)


def _there(stays: Sequence[Stay], since: datetime | None, begins: datetime) -> Callable[[datetime], float | None]:
    seen = _by_half_hour(stays, begins)
    return lambda at: None if since is None or at + HALF <= since else seen.get(at, 0.0)


def _by_half_hour(stays: Iterable[Stay], begins: datetime) -> dict[datetime, float]:
    """How many secretaries took calls in each half hour, on average; one of the half hours begins at `begins`. Two
    daemons may have seen the same secretary."""
    seen, seen_until = defaultdict[datetime, float](float), dict[int, datetime]()
    for one in stays:
        if one.state is Present.PAUSE:
            continue
        at = max(one.began_at, seen_until.get(one.secretary_id, one.began_at))
        while at < one.until:
            half = at - (at - begins) % HALF
            end = min(half + HALF, one.until)
            seen[half] += (end - at) / HALF
            at = end
        seen_until[one.secretary_id] = max(one.until, seen_until.get(one.secretary_id, one.until))
    return seen


def _past(conn: Connection, since: datetime, until: datetime) -> dict[datetime, tuple[int, int]]:
    found: dict[datetime, tuple[int, int]] = {}
    for one in store.by_quarter(conn, since, until) if since < until else ():
        half = one.at - (one.at - since) % HALF
        calls, in_time = found.get(half, (0, 0))
        found[half] = calls + one.calls, in_time + one.in_time
    return found


# --- days -------------------------------------------------------------------------------------------------


def _holidays(conn: Connection, first: date, end: date) -> frozenset[date]:
    """The days that are holidays for everybody."""
    public = [
        Holiday(day, name) for year in range(first.year, end.year + 1) for day, name in holidays.public(year).items()
    ]
    days = holidays.common(holidays.with_changes(public, stored_holidays.changes(conn)))
    return frozenset(day for day in days if first <= day < end)


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days in order as runs: the first, and the one after the last."""
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs and runs[-1][1] == day:
            runs[-1] = runs[-1][0], day + A_DAY
        else:
            runs.append((day, day + A_DAY))
    return runs


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
