"""The letter to the admin about what a client has ordered on its page."""

from pbx_control.catalogue import InLanguages
from pbx_control.domain.money.billing import pesos
from pbx_control.domain.money.orders import ClientOrder, OrderKind
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import AlarmDesk, Note, named, to_admin
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line


def compose_order(order: ClientOrder, client_name: str, desk: AlarmDesk) -> Letter:
    """The letter; one for each order."""
    words = WORDS[desk.language]
    values = {
        "client": clean_line(client_name, NAME_LIMIT),
        "office": clean_line(desk.office, NAME_LIMIT),
        "slug": order.client,
        "who": clean_line(order.asked_by, NAME_LIMIT),
        "calls": order.calls,
        "plan": clean_line(order.plan or "", NAME_LIMIT),
        "price": pesos(order.price, desk.language),
    }
    kind = "bag" if order.kind is OrderKind.BAG else "plan"
    note = Note(
        language=desk.language,
        sign="🛒",
        accent="#1d5fbf",
        subject=words[f"{kind}-subject"].format(**values),
        headline=words["headline"],
        title=str(values["client"]),
        paragraphs=(words[kind].format(**values), words["decide"].format(**values)),
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
        "footer": "Sent automatically by pbx-control at {office}.",
    }
)
