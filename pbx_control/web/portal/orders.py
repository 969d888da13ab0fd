"""`/portal/orders`: a client's owner orders bags and another plan; the office confirms or refuses."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.money.billing import pesos
from pbx_control.domain.money.orders import ClientOrder, OrderKind, OrderState
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line
from pbx_control.errors import ClientMistake
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_orders import OrdersOf
from pbx_control.web.pages import go_to, language_of, page, say
from pbx_control.web.site import person_of, site_of

HERE = "/portal/orders"
# Characters of what is ordered, and of a reason.
LONGEST, LONGEST_WHY = 60, 300
STATES = {
    OrderState.OPEN: N_("waits to be confirmed"),
    OrderState.CONFIRMED: N_("done"),
    OrderState.REFUSED: N_("refused"),
    OrderState.WITHDRAWN: N_("withdrawn"),
}
DONE = {
    "ordered": N_("Ordered. The office confirms it; nothing changes before."),
    "withdrawn": N_("Withdrawn."),
}


@dataclass(frozen=True, slots=True)
class PlanShown:
    """A plan that may be ordered."""

    name: str
    calls: int
    price: str
    extra_call: str
    recording: bool


async def orders(request: Request) -> Response:
    """GET /portal/orders"""
    return await _page(request)


async def place(request: Request) -> Response:
    """POST /portal/orders, with `calls` of a bag, or a `plan`; or the order to `withdraw`."""
    fields, his, now = await request.form(), _of(request), clock.now()
    given = {name: str(fields.get(name, ""))[:LONGEST] for name in ("calls", "plan", "withdraw")}
    try:
        if given["withdraw"]:
            await run_sync(his.withdraw, _number(given["withdraw"]), now)
            return go_to(f"{HERE}?done=withdrawn")
        if given["plan"]:
            await run_sync(his.plan, given["plan"], now)
        else:
            await run_sync(his.bag, _number(given["calls"]), now)
    except ClientMistake as mistake:
        return await _page(request, say(request, mistake.template, **mistake.values))
    return go_to(f"{HERE}?done=ordered")


def _of(request: Request) -> OrdersOf:
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return OrdersOf(site.engine, site.settings, person.client_id, actor)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


async def _page(request: Request, problem: str = "") -> Response:
    language = language_of(request)
    found = await run_sync(_of(request).offered)
    zone, done = ZoneInfo(found.timezone), DONE.get(request.query_params.get("done", ""), "")
    shown = {
        "firm": found.firm,
        "plan": _plan(found.plan, language) if found.plan else None,
        "bags": [(calls, pesos(price, language)) for calls, price in found.bags],
        "plans": [_plan(one, language) for one in found.plans],
        "orders": [_order(one, zone, language) for one in found.orders],
        "waits": {one.kind.value for one in found.orders if one.state is OrderState.OPEN},
        "problem": problem,
        "done": say(request, done) if done and not problem else "",
    }
    return page(request, "portal/orders.html.j2", status=400 if problem else 200, shown=shown, here=HERE)


def _plan(one: Plan, language: str) -> PlanShown:
    price, extra = pesos(one.price, language), pesos(one.extra_call, language)
    return PlanShown(one.name, one.calls, price, extra, one.recording)


def _order(one: ClientOrder, zone: ZoneInfo, language: str) -> dict[str, object]:
    return {
        "id": one.id,
        "is_bag": one.kind is OrderKind.BAG,
        "calls": one.calls,
        "plan": clean_line(one.plan or "", NAME_LIMIT),
        "price": pesos(one.price, language),
        "when": brief_time(one.asked_at.astimezone(zone), language),
        "who": clean_line(one.asked_by, NAME_LIMIT),
        "state": one.state.value,
        "words": said(language, STATES[one.state], {}),
        "why": clean_line(one.why, LONGEST_WHY),
    }
