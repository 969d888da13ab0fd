"""Who is sent a client's messages: its people add, change and remove recipients by themselves (rule 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.notices.kinds import LABELS, About, Wants
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line
from pbx_control.errors import ClientMistake
from pbx_control.services import invitations, people
from pbx_control.services.invitations import Place
from pbx_control.services.tenant import Recipient, Tenant, as_tenant
from pbx_control.services.work import Work
from pbx_control.web.pages import go_to, language_of, page, say
from pbx_control.web.portal.changes import changed
from pbx_control.web.site import person_of, site_of

LONGEST_ADDRESS = 254
# What is offered for urgent messages that nobody has seen, beside what the office has set.
MINUTES, ROUNDS = (1, 2, 3, 5, 10, 15, 30, 60), (0, 1, 2, 3, 5, 10)
MINUTES_OF_A_DAY, MOST_ROUNDS = 1440, 20
HERE = "/portal/recipients"


@dataclass(frozen=True, slots=True)
class Row:
    """One who is sent messages."""

    channel: str
    address: str
    shown: str
    gets: Sequence[str]
    fails: str  # since when and why letters do not arrive; "": they do


@dataclass(frozen=True, slots=True)
class Waiting:
    """One who has been asked and has not answered."""

    id: int
    shown: str
    until: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    firm: str
    rows: Sequence[Row]
    waiting: Sequence[Waiting]
    told: bool  # somebody is sent the messages about calls
    order: Sequence[tuple[str, str]]  # of whom is told again of an urgent message: address, and what is shown
    minutes: int
    rounds: int
    accounts: int  # Telegram accounts that count as his who looks

    @classmethod
    def of(cls, tenant: Tenant, language: str) -> "Shown":
        firm, at = tenant.client, clock.now()
        zone = ZoneInfo(firm.timezone)
        found = tenant.recipients()
        rows = [
            Row(
                channel=one.channel,
                address=one.address,
                shown=clean_line(one.name, NAME_LIMIT) or one.address,
                gets=[kind.value for kind in one.wants.kinds],
                fails=_fails(one, language, zone),
            )
            for one in found
        ]
        waiting = [
            Waiting(
                id=one.id,
                shown=one.address or said(language, N_("a Telegram chat"), {}),
                until=brief_time(one.ends_at.astimezone(zone), language),
            )
            for one in tenant.waiting(at)
        ]
        order = [(row.address, row.shown) for row in rows if About.CALLS.value in row.gets]
        return cls(
            firm=firm.name,
            rows=rows,
            waiting=waiting,
            told=bool(order),
            order=order,
            minutes=max(1, round(firm.urgent_interval / 60)),
            rounds=firm.urgent_rounds,
            accounts=tenant.telegram_accounts(),
        )


async def page_of_recipients(request: Request) -> Response:
    """GET /portal/recipients"""
    return await _page(request)


async def ask_address(request: Request) -> Response:
    """POST /portal/recipients with `email` and `gets`: the address is asked by a letter."""
    form = await request.form()
    typed, wants = str(form.get("email", ""))[:LONGEST_ADDRESS], _wants(form)
    site, person = site_of(request), person_of(request)
    place = Place(site.settings.office.name, site.settings.web.url)

    def ask(work: Work, client_id: int) -> str:
        return invitations.ask_address(work, client_id, person.user_id, typed.strip(), wants, place)

    try:
        await changed(request, ask)
    except ClientMistake as error:
        return await _page(request, error, typed=typed, chosen=wants)
    return go_to(HERE)


async def ask_chat(request: Request) -> Response:
    """POST /portal/recipients/chat with `gets`: a code for a Telegram chat is shown, once."""
    form, person = await request.form(), person_of(request)

    def ask(work: Work, client_id: int) -> str:
        return invitations.ask_chat(work, client_id, person.user_id, _wants(form))

    try:
        code = await changed(request, ask)
    except ClientMistake as error:
        return await _page(request, error, at="chat")
    return await _page(request, code=code)


async def change(request: Request) -> Response:
    """POST /portal/recipients/change with `address` and `gets`, or `remove`."""
    form = await request.form()
    address = str(form.get("address", ""))[:LONGEST_ADDRESS]

    def do(work: Work, client_id: int) -> None:
        if "remove" in form:
            people.remove_recipient(work, client_id, address)
        else:
            people.set_wants(work, client_id, address, _wants(form))

    try:
        if "remove" not in form and not _wants(form).kinds:
            raise ClientMistake(N_("choose at least one kind of message, or remove the recipient"))
        await changed(request, do)
    except ClientMistake as error:
        return await _page(request, error, at=address)
    return go_to(HERE)


async def put_first(request: Request) -> Response:
    """POST /portal/recipients/order with `address`: he is told again of an urgent message before the one above him."""
    address = str((await request.form()).get("address", ""))[:LONGEST_ADDRESS]

    def do(work: Work, client_id: int) -> None:
        people.move_up(work, client_id, address)

    try:
        await changed(request, do)
    except ClientMistake as error:
        return await _page(request, error, at=address)
    return go_to(f"{HERE}#urgent")


async def set_patience(request: Request) -> Response:
    """POST /portal/recipients/urgent with `minutes` and `rounds`: when, and how often, the next one is told again."""
    form = await request.form()
    minutes, rounds = (_number(str(form.get(name, ""))) if form.get(name) else -1 for name in ("minutes", "rounds"))
    try:
        if not (1 <= minutes <= MINUTES_OF_A_DAY and 0 <= rounds <= MOST_ROUNDS):
            raise ClientMistake(N_("choose one of those that are offered"))
        interval = timedelta(minutes=minutes)
        await changed(request, lambda work, client_id: people.set_patience(work, client_id, interval, rounds))
    except ClientMistake as error:
        return await _page(request, error, at="urgent")
    return go_to(f"{HERE}#urgent")


async def withdraw(request: Request) -> Response:
    """POST /portal/recipients/withdraw with `request`: a link or code is dead."""
    number = str((await request.form()).get("request", ""))
    try:
        await changed(request, lambda work, client_id: invitations.withdraw(work, client_id, _number(number)))
    except ClientMistake as error:
        return await _page(request, error)
    return go_to(HERE)


async def disconnect(request: Request) -> Response:
    """POST /portal/recipients/disconnect: what his Telegram account writes does not count as his any more."""
    person = person_of(request)
    await changed(request, lambda work, client_id: invitations.disconnect(work, client_id, person.user_id))
    return go_to(f"{HERE}#telegram")


async def _page(
    request: Request,
    error: ClientMistake | None = None,
    *,
    at: str = "",
    typed: str = "",
    chosen: Wants | None = None,
    code: str = "",
) -> Response:
    site, person = site_of(request), person_of(request)

    def read() -> Shown:
        with as_tenant(site.engine, person) as tenant:
            return Shown.of(tenant, language_of(request))

    bot = site.bot.name if site.bot else ""
    shown = await run_sync(read)
    return page(
        request,
        "portal/recipients.html.j2",
        status=422 if error else 200,
        shown=shown,
        here=HERE,
        kinds=[(kind.value, LABELS[kind]) for kind in About],
        problem=say(request, error.template, **error.values) if error else "",
        problem_at=at,
        typed=typed,
        chosen=[kind.value for kind in (chosen or Wants()).kinds],
        code=code,
        bot=bot,
        offered_minutes=sorted({*MINUTES, shown.minutes}),
        offered_rounds=sorted({*ROUNDS, shown.rounds}),
        has_bot=site.bot is not None,
        minutes=int(invitations.CODE_LIVES.total_seconds() // 60),
    )


def _wants(form: FormData) -> Wants:
    given = {str(value) for value in form.getlist("gets")}
    return Wants.only(*(kind for kind in About if kind.value in given))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _fails(one: Recipient, language: str, zone: ZoneInfo) -> str:
    if not one.failing_since:
        return ""
    since, why = brief_time(one.failing_since.astimezone(zone), language), read_kept(one.kept_error).said(language)
    return said(language, N_("Nothing arrives there since {since}: {why}"), {"since": since, "why": why})
