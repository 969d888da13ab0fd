"""`client`: the firms that are answered for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.advice import giving
from pbx_control.admin.door import Door, Late, LateGroup, json_option, pass_door, print_json, show_rows, table_options
from pbx_control.admin.provisioning import (
    card,
    change,
    change_heard,
    client_argument,
    examples,
    noting,
    tell_change,
)
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_, counted
from pbx_control.domain import checks
from pbx_control.domain.money.repeats import LONGEST_SHORT, LONGEST_WITHIN
from pbx_control.domain.office import EARLY_MEDIA, EarlyMedia, Lack
from pbx_control.services import clientele
from pbx_control.services.work import Work
from pbx_control.store import clients
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

if TYPE_CHECKING:
    from pbx_control.services.leaving import Left

COLUMNS = ("slug", "name", "state", "number", "language", "week")

# Least and most, in seconds. The waiting caller's limit in the dialplan itself is 30 s later.
DURATIONS = {
    "wait_limit": (10, 3600),
    "after_call": (5, 1800),
    "urgent_interval": (5, 86_400),
    "repeat_within": (0, int(LONGEST_WITHIN.total_seconds())),
    "short_call": (0, int(LONGEST_SHORT.total_seconds())),
}
# Of calls to a client's contacts: what nobody reaches in earnest is a slip of the finger.
MOST_AT_ONCE, MOST_A_DAY = 1000, 100_000
MOST_ROUNDS = 20

LATE = {
    "annex": Late(
        "pbx_control.admin.annex:annex",
        "The annex to a client's contract on the processing of personal data (Ley 21.719), as a PDF to read and sign.",
    ),
    "paid": Late(
        "pbx_control.admin.onboarding:paid",
        "Notes a payment: number and welcome call are due 2 business hours later, answered calls 1 hour after that.",
    ),
    "welcomed": Late(
        "pbx_control.admin.onboarding:welcomed",
        "Notes the welcome call, and writes to the recipients how the number is used.",
    ),
    "live": Late(
        "pbx_control.admin.onboarding:live",
        "Notes that calls are answered. Refused while something lacks for that: number, hours, greeting, secretary …",
    ),
}


@click.group(cls=LateGroup, late=LATE)
def client() -> None:
    """The firms that are answered for."""


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# In the order in which --help shows them.
OF_THE_FIRM: tuple[Decorator, ...] = (
    click.option("--language", metavar="es|en", help="What its callers speak [that of the office]."),
    click.option("--timezone", metavar="TZ", help="Its hours' zone [that of the office: America/Santiago]."),
    click.option("--recording/--no-recording", default=None, help="Record its calls, if its plan has that [no]."),
)
OF_ITS_INVOICES: tuple[Decorator, ...] = (
    click.option("--rut", metavar="RUT", help="Chilean tax number, for invoices."),
    click.option("--legal-name", metavar="NAME", help="Registered name (razón social), for a factura."),
    click.option("--business", metavar="TEXT", help="Line of business (giro), for a factura."),
    click.option("--address", metavar="TEXT", help="Registered address, for a factura."),
    click.option(
        "--invoice-as",
        type=click.Choice(["boleta", "factura"]),
        help="A factura needs RUT, registered name, business and address [boleta].",
    ),
)
OF_WAITING_CALLERS: tuple[Decorator, ...] = (
    click.option("--wait-limit", metavar="LENGTH", help="How long a caller waits before he may leave a message [90s]."),
    click.option("--after-call", metavar="LENGTH", help="What a secretary at her desk has for the message [2m]."),
    click.option("--music/--ringing", default=None, help="What a waiting caller hears after 20 s [music]."),
    click.option(
        "--messages/--no-messages",
        "takes_messages",
        default=None,
        help="At the limit, take a message or say that all are busy [messages].",
    ),
)
OF_EARLY_MEDIA: tuple[Decorator, ...] = (
    click.option(
        "--early-media",
        "early_media",
        flag_value=EarlyMedia.YES.value,
        default=None,
        help="Its callers hear us before the answer, forwarded ones too [--early-media-as-trunk].",
    ),
    click.option(
        "--no-early-media",
        "early_media",
        flag_value=EarlyMedia.NO.value,
        default=None,
        help="They do not: they are answered for the recording notice.",
    ),
    click.option(
        "--early-media-as-trunk",
        "early_media",
        flag_value=EarlyMedia.AS_TRUNK.value,
        default=None,
        help="As `trunk list` says of the trunk; who was forwarded to us is answered.",
    ),
)
OF_LETTERS: tuple[Decorator, ...] = (
    click.option(
        "--tell-closed/--no-tell-closed",
        "summary_closed",
        default=None,
        help="Write to the recipients about calls outside the hours too [no].",
    ),
    click.option(
        "--exhausted-messages/--no-exhausted-messages",
        default=None,
        help="Out of calls, callers may leave a message [no].",
    ),
    click.option(
        "--exhausted-report/--no-exhausted-report",
        default=None,
        help="Out of calls, a daily e-mail lists the missed ones [yes].",
    ),
)
OF_URGENT_MESSAGES: tuple[Decorator, ...] = (
    click.option(
        "--urgent-interval",
        metavar="LENGTH",
        help="How long somebody has to say that he has seen an urgent message before the next one is told again [5m].",
    ),
    click.option(
        "--urgent-rounds",
        type=WholeNumber(0, MOST_ROUNDS),
        metavar="N",
        help="How often each recipient is told again; then it is a task of the secretaries [3].",
    ),
)
OF_PRIVACY: tuple[Decorator, ...] = (
    click.option(
        "--sensitive/--no-sensitive",
        default=None,
        help="E-mails and Telegram bear no content, only a link to the portal: for doctors, say [no].",
    ),
    click.option(
        "--campaigns/--no-campaigns",
        default=None,
        help="Let in who shows a number of mass calls (+56 809 …) [yes].",
    ),
)
OF_COUNTING: tuple[Decorator, ...] = (
    click.option(
        "--repeat-within",
        metavar="LENGTH",
        help="Who calls again so soon after a short conversation is not charged; 0s: is charged [60s].",
    ),
    click.option("--short-call", metavar="LENGTH", help="Shorter conversations are short ones [10s]."),
)
OF_CALLS_OUT: tuple[Decorator, ...] = (
    click.option(
        "--calls-out-at-once",
        type=WholeNumber(0, MOST_AT_ONCE),
        metavar="N",
        help="How many of its contacts may be called or talked with at the same time [3].",
    ),
    click.option(
        "--calls-out-a-day",
        type=WholeNumber(0, MOST_A_DAY),
        metavar="N",
        help="How many calls to its contacts may be made in a UTC day [100].",
    ),
)
FIELDS = (
    *OF_THE_FIRM,
    *OF_ITS_INVOICES,
    *OF_WAITING_CALLERS,
    *OF_EARLY_MEDIA,
    *OF_LETTERS,
    *OF_URGENT_MESSAGES,
    *OF_PRIVACY,
    *OF_COUNTING,
    *OF_CALLS_OUT,
)


def fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `add` and `set` share."""
    for option in reversed(FIELDS):
        command = option(command)
    return command


@client.command(epilog=examples('client add andes --name "Andes Ltda" --rut 76.086.428-5 --recording'))
@click.argument("slug")
@click.option("--name", required=True, help="As callers and secretaries know it.")
@fields
@pass_door
def add(door: Door, slug: str, **given: Any) -> None:
    """Adds the client SLUG, a short name for commands. Its hours are mon-fri 09:00-13:00 14:00-18:00."""
    office = {"language": door.settings.office.language, "timezone": door.settings.office.timezone}
    values = office | _given(given)
    change_heard(door, slug, lambda work: clientele.add(work, slug, **values))
    door.tell("client {slug} added; next: `did assign NUMBER {slug}`", slug=slug)


@client.command(
    "set",
    epilog=examples(
        "client set andes --wait-limit 2m --ringing",
        'client set andes --rut ""',
        "client set andes --urgent-interval 5m --urgent-rounds 3",
        "client set andes --invoice-as factura --rut 76.086.428-5 --legal-name 'Andes Limitada' "
        "--business Ferretería --address 'Av. Matta 12, Santiago'",
    ),
)
@client_argument
@click.option("--name", help="As callers and secretaries know it.")
@fields
@pass_door
def set_(door: Door, slug: str, **given: Any) -> None:
    """Changes what is given; the rest stays."""
    values = _given(given)
    changed = change_heard(door, slug, noting(lambda work: clientele.change(work, slug, **values)))
    tell_change(door, changed, N_("client {slug} changed"), slug=slug)


@client.command("list", epilog=examples("client list", "client list --onboarding", "client list --json"))
@click.option("--onboarding", is_flag=True, help="Those that have paid and are not live yet, the late ones first.")
@table_options
@pass_door
def list_(door: Door, onboarding: bool, as_json: bool) -> None:
    """All clients with their main number."""
    if onboarding:
        from pbx_control.admin.onboarding import under_way

        under_way(door, as_json)
        return
    with reading(door.engine) as connection:
        rows = clients.rows(connection)
    show_rows(door, COLUMNS, rows, as_json, _said)


@client.command(epilog=examples("client show andes"))
@client_argument
@json_option
@pass_door
def show(door: Door, slug: str, as_json: bool) -> None:
    """Everything about one client."""
    from pbx_control.admin.onboarding import going_live_facts

    with reading(door.engine) as connection:
        known = clients.find(connection, slug)
        own = {name: value for name, value in facts(known).items() if name != "id"}
        told = own | facts(clients.surroundings(connection, known.id)) | _account(connection, known.id)
        told |= going_live_facts(door, connection, slug, as_json)
    if as_json:
        print_json(told)
    else:
        card(door, _said(door, told) | {name: f"{told[name]} s" for name in DURATIONS})


@client.command(epilog=examples("client suspend andes"))
@client_argument
@pass_door
def suspend(door: Door, slug: str) -> None:
    """Stops answering for a client: its callers hear the `exhausted` announcement."""
    change(door, lambda work: clientele.suspend(work, slug))
    door.tell("client {slug} suspended", slug=slug)


@client.command(epilog=examples("client resume andes"))
@client_argument
@pass_door
def resume(door: Door, slug: str) -> None:
    """Answers again for a suspended or cancelled client, and says what it lacks."""

    def act(work: Work) -> list[Lack]:
        clientele.resume(work, slug)
        return clientele.still_to_do(work.conn, slug)

    if lacking := change(door, act):
        door.tell("client {slug} resumed; still to do: {commands}", slug=slug, commands=giving(slug, lacking))
    else:
        door.tell("client {slug} resumed", slug=slug)


@client.command(epilog=examples("client cancel andes", "client cancel andes --cancel-appointments"))
@client_argument
@click.option("--cancel-appointments", "calls_off", is_flag=True, help="Those to come are cancelled, with letters.")
@pass_door
def cancel(door: Door, slug: str, calls_off: bool) -> None:
    """Ends a subscription: the numbers are released, the plan ends. What was told to us is erased after 90 days.

    Appointments that are to come stay as they are, and the client is written to how to take them along."""
    # Imported here: of this group's commands only this one issues anything.
    from pbx_control.admin.plan import send_invoices
    from pbx_control.services import invoicing, leaving

    now = clock.now()

    def act(work: Work) -> tuple[list[str], list[Any], "Left"]:
        numbers = clientele.cancel(work, slug)
        left = leaving.settle_appointments(work, slug, door.settings, cancel=calls_off)
        return numbers, invoicing.credit_paid_ahead(work, door.settings, slug), left

    numbers, issued, left = change(door, act)
    door.tell("client {slug} cancelled; released: {numbers}", slug=slug, numbers=", ".join(numbers) or "–")
    _tell_left(door, slug, left)
    send_invoices(door, issued, now)


def _tell_left(door: Door, slug: str, left: "Left") -> None:
    """What became of the appointments that were to come."""
    values = {"count": left.coming, "until": left.until.isoformat(), "slug": slug}
    if left.coming and left.cancelled:
        door.tell(
            counted(
                "{count} appointment was to come: it is cancelled, and whom it concerns is written to",
                "{count} appointments were to come: they are cancelled, and whom they concern is written to",
                by="count",
            ),
            **values,
        )
    elif left.coming:
        door.tell(
            counted(
                "{count} appointment is to come: it stays as it is, and is erased after {until}",
                "{count} appointments are to come: they stay as they are, and are erased after {until}",
                by="count",
            ),
            **values,
        )
        told = N_("the client is written to how to take them along from the portal (letters: {told})")
        untold = N_("nobody could be written to: `appointment list --client {slug} --json` has them for the client")
        door.tell(told if left.told else untold, told=left.told, **values)


def _said(door: Door, facts: dict[str, Any]) -> dict[str, Any]:
    """A client's facts for a person."""
    words = {"state": facts["state"]}
    if "early_media" in facts:
        words["early_media"] = EARLY_MEDIA[facts["early_media"]]
    return facts | {name: door.say(word) for name, word in words.items()}


def _account(connection: Connection, client_id: int) -> dict[str, Any]:
    """Its plan, for how many months it is paid at a time, and what is left of its calls."""
    from pbx_control.store import ledger, plans

    current, account = plans.current(connection, client_id), ledger.find(connection, client_id)
    return {
        "plan": current.plan.name if current else None,
        "months_ahead": current.months if current else None,
        "calls_left": account.left if account else None,
    }


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as columns."""
    values = {name: value for name, value in options.items() if value is not None}
    for name, (least, most) in DURATIONS.items():
        if name in values:
            limit = checks.duration(values[name], name, least, most)
            values[name] = int(limit.total_seconds())
    return values
