"""The letter to the admin about what a client has ordered on its page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.money.billing import pesos
from pbx_control.domain.money.orders import ClientOrder, OrderKind
from pbx_control.domain.notices.messages import Fact, Letter
from pbx_control.domain.notices.notes import AlarmDesk, Note, named, to_admin
from pbx_control.domain.notices.staffing_notes import hours_of_week, lacking_in
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

if TYPE_CHECKING:
    from pbx_control.domain.staffing.outlook import Gap

# More times than this nobody reads in an order.
MOST_TIMES = 8


def compose_order(order: ClientOrder, client_name: str, desk: AlarmDesk, worse: "Sequence[Gap]" = ()) -> Letter:
    """The letter; one for each order. `worse`: where in a usual week it would make too few secretaries be there."""
    words = WORDS[desk.language]
    values = {
        "client": clean_line(client_name, NAME_LIMIT),
        "office": clean_line(desk.office, NAME_LIMIT),
        "slug": order.client,
        "who": clean_line(order.asked_by, NAME_LIMIT),
        "calls": order.calls,
        "plan": clean_line(order.plan or "", NAME_LIMIT),
        "price": pesos(order.price, desk.language),
        "count": sum(gap.half_hours for gap in worse),
        "more": len(worse) - MOST_TIMES,
    }
    zone = ZoneInfo(desk.timezone)
    kind = "bag" if order.kind is OrderKind.BAG else "plan"
    note = Note(
        language=desk.language,
        sign="🛒",
        accent="#1d5fbf",
        subject=words[f"{kind}-subject"].format(**values),
        headline=words["headline"],
        title=str(values["client"]),
        paragraphs=tuple(words[part].format(**values) for part in (kind, "decide", *(["staffing"] if worse else []))),
        facts=tuple(
            Fact(hours_of_week(gap, zone, desk.language), lacking_in(gap, desk.language)) for gap in worse[:MOST_TIMES]
        ),
        afterwards=(words["more"].format(**values),) if len(worse) > MOST_TIMES else (),
        command=f"pbx-control order confirm {order.id}",
        footer=words["footer"].format(**values),
    )
    return to_admin(note, desk, named("order", str(order.id)), order.asked_at)


WORDS = InLanguages(
    {
        "bag-subject": "{client} orders a bag of calls: {calls}",
        "plan-subject": "{client} orders the plan {plan}",
        "headline": "An order",
        "bag": "{who} of {client} ({slug}) orders a bag of calls: {calls} for {price} net.",
        "plan": "{who} of {client} ({slug}) orders the plan {plan}, {price} net a month.",
        "decide": "Nothing changes until you confirm it. `order refuse` says why not: the client reads it on its page.",
        "staffing": "Too few secretaries if you confirm it: fewer than 80 % of the callers would be answered within "
        "20 seconds in half hours of a usual week: {count}. `staffing show` tells of each half hour as it is now.",
        "more": "Further times: {more}.",
        "footer": "Sent automatically by pbx-control at {office}.",
    }
)
