"""`webhook`: where programs are told of events."""

from datetime import timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem
from sqlalchemy import Connection

from pbx_control.admin.completion import Several, from_store
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.provisioning import CLIENT, book, examples
from pbx_control.admin.whole import NumberOf
from pbx_control.domain.webhooks import BOTH_SIGN_FOR, EventType
from pbx_control.domain.words.programs import LOST, STATES
from pbx_control.errors import DeliveryFailed
from pbx_control.services import webhooks as services
from pbx_control.services.work import Work
from pbx_control.store import clients, webhooks
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts
from pbx_control.store.webhooks import Webhook


class Number(NumberOf):
    """The number of a webhook, which the shell completes."""

    def shell_complete(
        self, context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Those that begin so."""

        def begun(connection: Connection) -> list[str]:
            return [number for one in webhooks.rows(connection) if (number := str(one.id)).startswith(incomplete)]

        return from_store(context, begun)


NUMBER = Number("webhook list")
HIDDEN = ("secret", "former_secret", "client_id", "kept_error", "lost")


@click.group()
def webhook() -> None:
    """Where programs are told what happens in calls, signed by the Standard Webhooks convention."""


@webhook.command(
    epilog=examples(
        "webhook add --client andes --url https://crm.andes.cl/calls",
        "webhook add --url https://wall.example.com/calls --event call.started --event call.ended",
    )
)
@click.option("--url", metavar="URL", required=True, help="The receiver's address: https://…")
@click.option(
    "--event",
    "events",
    metavar="EVENT[,…]",
    type=Several(EventType),
    multiple=True,
    help=f"Only these: {', '.join(EventType)} [all].",
)
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Of this client's calls; else of all.")
@json_option
@pass_door
def add(door: Door, url: str, events: tuple[str, ...], slug: str | None, as_json: bool) -> None:
    """Makes a webhook and prints its secret, once: by that the receiver knows what is ours."""
    wanted = [one for given in events for one in given.split(",") if one]
    private = bool(door.settings.webhooks.private)

    def act(work: Work) -> Webhook:
        client_id = None if slug is None else clients.find(work.conn, slug).id
        return services.add(work, url, wanted, client_id, private=private)

    made = book(door, act)
    if as_json:
        print_json({"id": made.id, "url": made.url, "events": list(made.events), "secret": made.secret})
        return
    door.tell("secret: {secret}   (shown only now)", secret=made.secret)
    door.tell("next:   pbx-control webhook test {id}", id=made.id)


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    whose, events = row["client"] or door.say("office"), row["events"] or door.say("all")
    times = {name: row[name] and door.minute(row[name]) for name in ("delivered_at", "failing_since", "stopped_at")}
    state = door.say(STATES[row["state"]], last_error=row["last_error"], **times)
    lost = door.say(LOST, lost=row["events_lost"]) if row["events_lost"] else ""
    return row | {"client": whose, "events": events, "state": "; ".join(filter(None, (state, lost)))}


def _row(one: Webhook) -> dict[str, Any]:
    """What a list shows: never the secret."""
    kept = {name: value for name, value in facts(one).items() if name not in HIDDEN}
    told = {"events": list(one.events), "state": one.state, "events_lost": one.lost, "last_error": one.error}
    return kept | told


@webhook.command("list", epilog=examples("webhook list", "webhook list --json"))
@reading_command(["id", "client", "url", "events", "waiting", "state"], _said)
def list_(door: Door) -> list[dict[str, Any]]:
    """All webhooks: whose each is, how many events wait for it, whether it works and since when it does not, and how
    many events it never took. --json has each of these as a field."""
    with reading(door.engine) as connection:
        return [_row(one) for one in webhooks.rows(connection)]


@webhook.command(epilog=examples("webhook test 3"))
@click.argument("number", metavar="ID", type=NUMBER)
@json_option
@pass_door
def test(door: Door, number: int, as_json: bool) -> None:
    """Sends the event `webhook.test` now. If it is taken, a webhook that was stopped goes on."""
    # Imported here: no other command of this group speaks with receivers.
    from pbx_control.notify.webhooks import Teller

    door.about_to_change()
    with reading(door.engine) as connection:
        found = webhooks.get(connection, number)
    try:
        status, seconds = Teller(door.engine, door.settings.webhooks.private).test(found)
    except DeliveryFailed:
        book(door, lambda work: services.note_test(work, number, taken=False))
        raise
    book(door, lambda work: services.note_test(work, number, taken=True))
    if as_json:
        print_json({"id": number, "status": status, "seconds": round(seconds, 3)})
        return
    door.tell("taken: {status}, in {seconds} s", status=status, seconds=f"{seconds:.2f}")


@webhook.command(epilog=examples("webhook rotate 3", "webhook rotate 3 --json"))
@click.argument("number", metavar="ID", type=NUMBER)
@json_option
@pass_door
def rotate(door: Door, number: int, as_json: bool) -> None:
    """Gives a webhook another secret and prints it, once.

    For 24 hours events are signed by both, the new one first: give it to the receiver meanwhile. Afterwards the new
    one alone signs. Renewed twice within that time, the last two sign.
    """
    made = book(door, lambda work: services.rotate(work, number))
    if as_json:
        print_json({"id": made.id, "secret": made.secret})
        return
    door.tell("secret: {secret}   (shown only now)", secret=made.secret)
    door.tell("the former one signs, too, for {hours} h", hours=BOTH_SIGN_FOR // timedelta(hours=1))


@webhook.command(epilog=examples("webhook remove 3"))
@click.argument("number", metavar="ID", type=NUMBER)
@pass_door
def remove(door: Door, number: int) -> None:
    """Ends a webhook: nothing more is told there, and what waits for it is dropped."""
    book(door, lambda work: services.remove(work, number))
    door.tell("webhook {id} removed", id=number)
