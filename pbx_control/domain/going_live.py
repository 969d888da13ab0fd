"""From payment to service: an order's two deadlines, and what the admin is told of them (docs/service.md rule 2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import AlarmDesk, Note, named, to_admin
from pbx_control.domain.opening.deadlines import (
    BusinessHours,
    Urgency,
    add_business_time,
    business_time_between,
    urgency,
)
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time, duration

# Rule 2: from the payment until the number is assigned and the client welcomed, and from there to answered calls.
WELCOME_WITHIN = timedelta(hours=2)
SERVICE_WITHIN = timedelta(hours=1)

# Worst first, as people want to read them.
URGENCIES = (Urgency.LATE, Urgency.SOON_LATE, Urgency.ON_TIME, Urgency.DONE)
WORTH_A_WARNING = (Urgency.LATE, Urgency.SOON_LATE)


class Step(StrEnum):
    """What an order waits for."""

    WELCOME = "welcome"  # the number, and a secretary's call
    SERVICE = "service"  # calls are answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A paid order on its way to service; instants are aware."""

    id: int
    client_id: int
    slug: str
    client_name: str
    number: str = ""  # E.164, the main one, once it is assigned
    paid_at: datetime
    welcome_due: datetime
    welcomed_at: datetime | None = None
    service_due: datetime
    live_at: datetime | None = None
    told: str = ""  # which warning the admin has had last


@dataclass(frozen=True, slots=True)
class Deadline:
    """How one of an order's deadlines stands. `left` is business time: negative is late by so much; zero if done."""

    step: Step
    due: datetime
    done_at: datetime | None
    urgency: Urgency
    left: timedelta


def welcome_due(paid_at: datetime, hours: BusinessHours) -> datetime:
    """Until when the number must be assigned and the client welcomed by telephone."""
    return add_business_time(paid_at, WELCOME_WITHIN, hours)


def service_due(welcomed: datetime, hours: BusinessHours) -> datetime:
    """Until when calls must be answered: `welcomed` is when the client was or, before that, until when it has to be."""
    return add_business_time(welcomed, SERVICE_WITHIN, hours)


def deadlines(order: Order, now: datetime, hours: BusinessHours) -> tuple[Deadline, Deadline]:
    """How the welcome and the service of an order stand at `now`."""
    return (
        _deadline(Step.WELCOME, order.welcome_due, order.welcomed_at, now, hours),
        _deadline(Step.SERVICE, order.service_due, order.live_at, now, hours),
    )


def worst(both: tuple[Deadline, ...]) -> Urgency:
    """What an order is shown as: late if one of its deadlines is, and so on."""
    return min((one.urgency for one in both), key=URGENCIES.index)


def minutes_left(deadline: Deadline) -> int:
    """Business minutes until it is due, rounded so that it is never shown as better than it is; negative: late by."""
    return deadline.left // timedelta(minutes=1)


def compose_warning(order: Order, deadline: Deadline, now: datetime, zone: ZoneInfo, desk: AlarmDesk) -> Letter:
    """The letter that tells the admin that a deadline is late or soon will be; it belongs to no client's letters.

    For each deadline and urgency there is one `message_id`: nobody is told the same thing twice. An hour that is
    counted anew, from a late welcome, is another deadline.
    """
    words = WARNING[desk.language]
    client = clean_line(order.client_name, NAME_LIMIT)
    how = "late" if deadline.urgency is Urgency.LATE else "soon"
    values = {
        "client": client,
        "slug": order.slug,
        "paid": date_and_time(order.paid_at.astimezone(zone), desk.language),
        "due": date_and_time(deadline.due.astimezone(zone), desk.language),
        "time": duration(timedelta(minutes=abs(minutes_left(deadline))), desk.language),
        "office": clean_line(desk.office, NAME_LIMIT),
    }
    note = Note(
        language=desk.language,
        sign="⏰",
        accent="#b3261e" if how == "late" else "#8f5400",
        subject=words[f"subject-{deadline.step}-{how}"].format(**values),
        headline=words[f"headline-{how}"],
        title=client,
        paragraphs=tuple(words[part].format(**values) for part in ("paid", deadline.step.value, how, "done")),
        command=f"pbx-control client {'welcomed' if deadline.step is Step.WELCOME else 'live'} {order.slug}",
        footer=words["footer"].format(**values),
    )
    return to_admin(
        note, desk, named("deadline", str(order.id), deadline.step, deadline.due.isoformat(), deadline.urgency), now
    )


def _deadline(step: Step, due: datetime, done_at: datetime | None, now: datetime, hours: BusinessHours) -> Deadline:
    left = timedelta(0) if done_at else business_time_between(now, due, hours)
    return Deadline(step, due, done_at, urgency(due, done_at, now, hours), left)


WARNING = InLanguages(
    {
        "subject-welcome-soon": "{client}: the welcome call is soon due",
        "subject-welcome-late": "{client}: the welcome call is late",
        "subject-service-soon": "{client}: its calls must soon be answered",
        "subject-service-late": "{client}: its calls are not answered yet",
        "headline-soon": "A deadline is near",
        "headline-late": "A deadline has passed",
        "paid": "{client} ({slug}) paid on {paid}.",
        "welcome": "Number assigned and welcome call made: until {due}.",
        "service": "Calls answered: until {due}.",
        "soon": "Business time left: {time}.",
        "late": "Late, in business time, by {time}.",
        "done": "Once it is done, note it:",
        "footer": "Sent automatically by pbx-control at {office}; once for each deadline when it is near, and once "
        "if it passes.",
    }
)
