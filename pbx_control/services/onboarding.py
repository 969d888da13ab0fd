"""From payment to service: two deadlines in business hours (docs/service.md rule 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Verb
from pbx_control.domain.going_live import (
    URGENCIES,
    WORTH_A_WARNING,
    Deadline,
    Order,
    compose_warning,
    deadlines,
    service_due,
    welcome_due,
    worst,
)
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.welcome import Welcome, compose_welcome
from pbx_control.domain.office import ClientState, Holiday, Lack
from pbx_control.domain.opening import holidays as calendar
from pbx_control.domain.opening.deadlines import OFFICE_WEEK, BusinessHours, Urgency
from pbx_control.domain.opening.hours import NEVER, parse_week
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.settings import Settings
from pbx_control.store import clients, dids, holidays, letters, orders, recipients
from pbx_control.store.engine import reading, writing

# The house's own holidays are those of everybody: no client has this id.
NO_CLIENT = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """An order and how its two deadlines stand."""

    order: Order
    deadlines: tuple[Deadline, Deadline]

    @property
    def urgency(self) -> Urgency:
        """That of the deadline that is worse off."""
        return worst(self.deadlines)


def office_hours(conn: Connection, zone: ZoneInfo, *around: datetime) -> BusinessHours:
    """The office's hours of rule 3 in its zone, with the holidays of the years about these instants.

    Holidays are Chile's and those that the office added or took away for everybody.
    """
    years = {at.year for at in around}
    public_days = [
        Holiday(day, name)
        for year in range(min(years) - 1, max(years) + 2)
        for day, name in calendar.public(year).items()
    ]
    entries = calendar.with_changes(public_days, holidays.changes(conn))
    closed: dict[date, str] = calendar.of_client(entries, NO_CLIENT, OFFICE_WEEK)
    return BusinessHours(OFFICE_WEEK, closed, zone)


def paid(work: Work, client_id: int, at: datetime, zone: ZoneInfo) -> Order:
    """The client's payment has arrived at `at`: both deadlines run. `zone` is the office's.

    Raises ClientMistake if the client has cancelled or has an order already.
    """
    _refuse_second(work, client_id)
    hours = office_hours(work.conn, zone, at)
    welcome = welcome_due(at, hours)
    orders.add(work.conn, client_id, at, welcome, service_due(welcome, hours))
    order = _open_order(work, client_id)
    new = {"paid_at": at, "welcome_due": order.welcome_due, "service_due": order.service_due}
    work.note(Verb.PAYMENT_NOTED, order.slug, client_id=client_id, new=new)
    return order


def welcomed(work: Work, client_id: int, at: datetime, zone: ZoneInfo, office_name: str) -> Order:
    """A secretary called at `at` to welcome the client: the last hour runs from then, and the welcome letter is
    written.

    Raises ClientMistake if there is no paid order, it was welcomed already, or there is no number to tell of or
    nobody to write to.
    """
    order = _open_order(work, client_id)
    if order.welcomed_at is not None:
        raise ClientMistake(
            "the client {slug} has been welcomed already: nothing to do", Code.NOTHING_TO_DO, slug=order.slug
        )
    if at < order.paid_at:
        raise ClientMistake(
            "a welcome before the payment ({paid:%Y-%m-%d %H:%M} UTC) cannot be",
            Code.BAD_VALUE,
            paid=order.paid_at,
            field=Field("at"),
        )
    lacking = missing(work.conn, client_id)
    _refuse_lacking(order.slug, [one for one in lacking if one in (Lack.NUMBER, Lack.RECIPIENT)])
    due = service_due(at, office_hours(work.conn, zone, at))
    _mark(work, order, "welcomed_at", {"welcomed_at": at, "service_due": due}, Verb.WELCOME_NOTED)
    welcome = _welcome(work.conn, order, due, work.at)
    people = recipients.of_client(work.conn, client_id)
    letters.add(work.conn, [compose_welcome(welcome, person, office_name) for person in people])
    return _open_order(work, client_id)


def live(work: Work, client_id: int, at: datetime) -> Order:
    """Calls of the client are answered from `at` on: the order is done.

    Raises ClientMistake if the client has not been welcomed, is live already, or lacks something without which
    nobody could answer.
    """
    order = _open_order(work, client_id)
    if order.live_at is not None:
        raise ClientMistake("the client {slug} is live already: nothing to do", Code.NOTHING_TO_DO, slug=order.slug)
    if order.welcomed_at is None:
        raise ClientMistake("the client {slug} has not been welcomed yet", Code.NOT_WELCOMED, slug=order.slug)
    if at < order.welcomed_at:
        raise ClientMistake(
            "answered calls before the welcome ({welcomed:%Y-%m-%d %H:%M} UTC) cannot be",
            Code.BAD_VALUE,
            welcomed=order.welcomed_at,
            field=Field("at"),
        )
    _refuse_lacking(order.slug, missing(work.conn, client_id))
    _mark(work, order, "live_at", {"live_at": at}, Verb.LIVE_NOTED)
    return _open_order(work, client_id)


def status(conn: Connection, now: datetime, zone: ZoneInfo) -> list[Progress]:
    """The orders under way: the late ones first, then those soon late, each by what is due next."""
    waiting = orders.under_way(conn)
    hours = office_hours(conn, zone, now, *(order.paid_at for order in waiting))
    found = [Progress(order, deadlines(order, now, hours)) for order in waiting]
    return sorted(found, key=lambda each: (URGENCIES.index(each.urgency), _next_due(each), each.order.slug))


def of_client(conn: Connection, client_id: int, now: datetime, zone: ZoneInfo) -> Progress | None:
    """How the client's order stands, one that is done included; None if it has none."""
    order = orders.open_order(conn, client_id)
    if order is None:
        return None
    return Progress(order, deadlines(order, now, office_hours(conn, zone, now, order.paid_at)))


def missing(conn: Connection, client_id: int) -> list[Lack]:
    """What the client still lacks that its calls can be answered; nothing, if they can."""
    row = clients.get(conn, client_id)
    wanted: Mapping[Lack, bool] = {
        Lack.NUMBER: not dids.of_client(conn, client_id),
        Lack.HOURS: parse_week([row.week]) == NEVER,
        Lack.GREETING: not orders.has_greeting(conn, client_id),
        Lack.SECRETARY: not orders.somebody_may_answer(conn, client_id),
        Lack.RECIPIENT: not orders.has_recipient(conn, client_id),
        Lack.ACTIVITY: row.state != ClientState.ACTIVE,
    }
    return [one for one, lacks in wanted.items() if lacks]


def warn_of_deadlines(engine: Engine, settings: Settings, now: datetime) -> Sentence:
    """Writes to the admin of each deadline that is late or soon will be, once each; for the schedule, often.

    Gives what was done.
    """
    office = settings.office
    zone = ZoneInfo(office.timezone)
    with reading(engine) as conn:
        found = _worth_a_warning(status(conn, now, zone))
    if not found or not office.alarms_to:
        nobody = N_("deadlines late or soon late: {count}, nobody to tell ([office] alarms_to)")
        return Sentence(nobody if found else "deadlines late or soon late: {count}", count=len(found))
    desk = AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)
    with writing(engine) as conn:
        letters.add(conn, [compose_warning(order, deadline, now, zone, desk) for order, deadline in found])
        for order, deadline in found:
            orders.note_told(conn, order.id, f"{deadline.step} {deadline.urgency}")
    return Sentence("deadlines late or soon late: {count}", count=len(found))


# --- how it is found out ----------------------------------------------------------------------------------


def _worth_a_warning(orders: Sequence[Progress]) -> list[tuple[Order, Deadline]]:
    return [
        (each.order, deadline) for each in orders for deadline in each.deadlines if deadline.urgency in WORTH_A_WARNING
    ]


def _next_due(progress: Progress) -> datetime:
    return min(deadline.due for deadline in progress.deadlines if deadline.done_at is None)


def _open_order(work: Work, client_id: int) -> Order:
    order = orders.open_order(work.conn, client_id)
    if order is None:
        slug = clients.get(work.conn, client_id).slug
        raise ClientMistake("no payment of {slug} is noted", Code.NOT_PAID, slug=slug)
    return order


def _mark(work: Work, order: Order, step: str, values: Mapping[str, datetime], verb: Verb) -> None:
    """Notes that a step is done, unless somebody else has just done so."""
    if not orders.mark(work.conn, order.id, step, values):
        raise ClientMistake(
            "somebody else has just changed the same thing: look at it and try again", Code.CHANGED_MEANWHILE
        )
    work.note(verb, order.slug, client_id=order.client_id, new=values)


def _refuse_second(work: Work, client_id: int) -> None:
    slug = refuse_cancelled(work.conn, client_id)
    known = orders.open_order(work.conn, client_id)
    if known is not None and known.live_at is not None:
        raise ClientMistake("the client {slug} is live already: nothing to do", Code.NOTHING_TO_DO, slug=slug)
    if known is not None:
        raise ClientMistake("the payment of {slug} is noted already", Code.PAID_ALREADY, slug=slug)


def _welcome(conn: Connection, order: Order, due: datetime, now: datetime) -> Welcome:
    row = clients.get(conn, order.client_id)
    return Welcome(
        order_id=order.id,
        client_id=order.client_id,
        client_name=row.name,
        language=row.language,
        timezone=row.timezone,
        week=parse_week([row.week]),
        numbers=tuple(dids.of_client(conn, order.client_id)),
        answered_by=due,
        at=now,
    )


def _refuse_lacking(slug: str, lacking: Sequence[Lack]) -> None:
    if lacking:
        raise ClientMistake("the client {slug} is not ready", Code.CLIENT_NOT_READY, slug=slug, lacking=tuple(lacking))
