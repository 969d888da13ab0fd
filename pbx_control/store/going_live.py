"""Paid orders on their way to service, in the store: two deadlines in business hours (docs/service.md rule 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, Engine, Row, Select, and_, exists, func, insert, or_, select, update

from pbx_control.catalogue import N_
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
from pbx_control.domain.office import ClientState, Holiday
from pbx_control.domain.opening import holidays as calendar
from pbx_control.domain.opening.deadlines import OFFICE_WEEK, BusinessHours, Urgency
from pbx_control.domain.opening.hours import NEVER, parse_week
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake
from pbx_control.settings import Settings
from pbx_control.store import dids, holidays, letters, recipients
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client, did, going_live, greeting, recipient, secretary, secretary_client

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


def paid(conn: Connection, client_id: int, at: datetime, zone: ZoneInfo) -> Order:
    """The client's payment has arrived at `at`: both deadlines run. `zone` is the office's.

    Raises ClientMistake if the client has cancelled or has an order already.
    """
    _refuse_second(conn, client_id)
    hours = office_hours(conn, zone, at)
    welcome = welcome_due(at, hours)
    due = {"welcome_due": welcome, "service_due": service_due(welcome, hours)}
    conn.execute(insert(going_live).values(client_id=client_id, paid_at=at, **due))
    return _open_order(conn, client_id)


def welcomed(conn: Connection, client_id: int, at: datetime, zone: ZoneInfo, office_name: str, now: datetime) -> Order:
    """A secretary called at `at` to welcome the client: the last hour runs from then, and the welcome letter is
    written, `now`.

    Raises ClientMistake if there is no paid order, it was welcomed already, or there is no number to tell of or
    nobody to write to.
    """
    order = _open_order(conn, client_id)
    if order.welcomed_at is not None:
        raise ClientMistake("the client {slug} has been welcomed already: nothing to do", slug=order.slug)
    if at < order.paid_at:
        raise ClientMistake("a welcome before the payment ({paid:%Y-%m-%d %H:%M} UTC) cannot be", paid=order.paid_at)
    lacking = [word for word in missing(conn, client_id) if word.startswith(("did ", "recipient "))]
    _refuse_lacking(order.slug, lacking)
    due = service_due(at, office_hours(conn, zone, at))
    _mark(conn, order, going_live.c.welcomed_at, at, service_due=due)
    welcome = _welcome(conn, order, due, now)
    people = recipients.of_client(conn, client_id)
    letters.add(conn, [compose_welcome(welcome, person, office_name) for person in people])
    return _open_order(conn, client_id)


def live(conn: Connection, client_id: int, at: datetime) -> Order:
    """Calls of the client are answered from `at` on: the order is done.

    Raises ClientMistake if the client has not been welcomed, is live already, or lacks something without which
    nobody could answer.
    """
    order = _open_order(conn, client_id)
    if order.live_at is not None:
        raise ClientMistake("the client {slug} is live already: nothing to do", slug=order.slug)
    if order.welcomed_at is None:
        raise ClientMistake(
            "the client {slug} has not been welcomed yet: `client welcomed {slug}` comes first", slug=order.slug
        )
    if at < order.welcomed_at:
        raise ClientMistake(
            "answered calls before the welcome ({welcomed:%Y-%m-%d %H:%M} UTC) cannot be", welcomed=order.welcomed_at
        )
    _refuse_lacking(order.slug, missing(conn, client_id))
    _mark(conn, order, going_live.c.live_at, at)
    return _open_order(conn, client_id)


def ended(conn: Connection, client_id: int, at: datetime) -> None:
    """The client has cancelled: its order is no longer waited for."""
    open_row = going_live.c.client_id == client_id, going_live.c.ended_at.is_(None)
    conn.execute(update(going_live).where(*open_row).values(ended_at=at))


def status(conn: Connection, now: datetime, zone: ZoneInfo) -> list[Progress]:
    """The orders under way: the late ones first, then those soon late, each by what is due next."""
    rows = conn.execute(_orders().where(going_live.c.ended_at.is_(None), going_live.c.live_at.is_(None))).all()
    hours = office_hours(conn, zone, now, *(row.paid_at for row in rows))
    found = [Progress(order, deadlines(order, now, hours)) for order in map(_order, rows)]
    return sorted(found, key=lambda each: (URGENCIES.index(each.urgency), _next_due(each), each.order.slug))


def of_client(conn: Connection, client_id: int, now: datetime, zone: ZoneInfo) -> Progress | None:
    """How the client's order stands, one that is done included; None if it has none."""
    row = conn.execute(_orders().where(_of(client_id))).one_or_none()
    if row is None:
        return None
    order = _order(row)
    return Progress(order, deadlines(order, now, office_hours(conn, zone, now, order.paid_at)))


def missing(conn: Connection, client_id: int) -> list[str]:
    """What is still to be done before the client's calls can be answered, as commands of ours; nothing, if it can."""
    row = conn.execute(select(client).where(client.c.id == client_id)).one()
    wanted: Mapping[str, bool] = {
        f"did assign NUMBER {row.slug}": not dids.of_client(conn, client_id),
        f"hours set {row.slug} HOURS": parse_week([row.week]) == NEVER,
        f"greeting set {row.slug} TEXT": not _has(conn, greeting, client_id),
        f"secretary add NAME --clients {row.slug}": not _somebody_may_answer(conn, client_id),
        f"recipient add {row.slug} --email ADDRESS": not _has(conn, recipient, client_id),
        f"client resume {row.slug}": row.state != ClientState.ACTIVE,
    }
    return [command for command, lacks in wanted.items() if lacks]


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
            told = f"{deadline.step} {deadline.urgency}"
            conn.execute(update(going_live).where(going_live.c.id == order.id).values(told=told))
    return Sentence("deadlines late or soon late: {count}", count=len(found))


# --- how it is found out ----------------------------------------------------------------------------------


def _worth_a_warning(orders: Sequence[Progress]) -> list[tuple[Order, Deadline]]:
    return [
        (each.order, deadline) for each in orders for deadline in each.deadlines if deadline.urgency in WORTH_A_WARNING
    ]


def _next_due(progress: Progress) -> datetime:
    return min(deadline.due for deadline in progress.deadlines if deadline.done_at is None)


def _orders() -> Select[Any]:
    main = and_(did.c.client_id == going_live.c.client_id, did.c.main)
    return select(going_live, client.c.slug, client.c.name, did.c.number).select_from(
        going_live.join(client, client.c.id == going_live.c.client_id).outerjoin(did, main)
    )


def _of(client_id: int) -> Any:
    return and_(going_live.c.client_id == client_id, going_live.c.ended_at.is_(None))


def _open_order(conn: Connection, client_id: int) -> Order:
    row = conn.execute(_orders().where(_of(client_id))).one_or_none()
    if row is None:
        slug = conn.scalar(select(client.c.slug).where(client.c.id == client_id))
        raise ClientMistake("no payment of {slug} is noted: `client paid {slug}` comes first", slug=slug)
    return _order(row)


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        client_id=row.client_id,
        slug=row.slug,
        client_name=row.name,
        number=row.number or "",
        paid_at=row.paid_at,
        welcome_due=row.welcome_due,
        welcomed_at=row.welcomed_at,
        service_due=row.service_due,
        live_at=row.live_at,
        told=row.told,
    )


def _welcome(conn: Connection, order: Order, due: datetime, now: datetime) -> Welcome:
    row = conn.execute(select(client).where(client.c.id == order.client_id)).one()
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


def _mark(conn: Connection, order: Order, column: Column[Any], at: datetime, **more: datetime) -> None:
    """Notes that a step is done, unless somebody else has just done so."""
    open_row = going_live.c.id == order.id, column.is_(None)
    if not conn.execute(update(going_live).where(*open_row).values({column.name: at, **more})).rowcount:
        raise ClientMistake("somebody else has just changed the same thing: look at it and try again")


def _refuse_second(conn: Connection, client_id: int) -> None:
    row = conn.execute(select(client.c.slug, client.c.state).where(client.c.id == client_id)).one()
    if row.state == ClientState.CANCELLED:
        raise ClientMistake("the client {slug} has cancelled: `client resume {slug}` it first", slug=row.slug)
    known = conn.execute(_orders().where(_of(client_id))).one_or_none()
    if known is not None and known.live_at is not None:
        raise ClientMistake("the client {slug} is live already: nothing to do", slug=row.slug)
    if known is not None:
        raise ClientMistake(
            "the payment of {slug} is noted already: `client list --onboarding` shows what it waits for", slug=row.slug
        )


def _refuse_lacking(slug: str, lacking: Sequence[str]) -> None:
    if lacking:
        raise ClientMistake(
            "the client {slug} is not ready, first do: {commands}",
            slug=slug,
            commands=", ".join(f"`{command}`" for command in lacking),
        )


def _has(conn: Connection, table: Any, client_id: int) -> bool:
    return bool(conn.scalar(select(func.count()).select_from(table).where(table.c.client_id == client_id)))


def _somebody_may_answer(conn: Connection, client_id: int) -> bool:
    for_it = exists().where(
        secretary_client.c.secretary_id == secretary.c.id, secretary_client.c.client_id == client_id
    )
    there = secretary.c.removed_at.is_(None), or_(secretary.c.all_clients, for_it)
    return bool(conn.scalar(select(func.count()).select_from(secretary).where(*there)))
