"""`pbx-control caller`: what is known of a caller, erased at his wish; callers who are not charged or not let in."""

from dataclasses import asdict
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json, reading_command, table_options
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import CLIENT, change, examples
from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.telephony.callers import distinct_number, known_number
from pbx_control.domain.telephony.numbering import is_complete
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, readable_number
from pbx_control.errors import ClientMistake
from pbx_control.media import erasure
from pbx_control.media.erasure import Erased, ErasureOrder
from pbx_control.services import marks as marked
from pbx_control.store import caller_marks, callers
from pbx_control.store.caller_marks import Listed
from pbx_control.store.callers import CallerCall
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

COLUMNS = ("call", "client", "arrived", "outcome", "name", "recording", "message", "hold")

client_option = click.option("--client", "slug", metavar="SLUG", type=CLIENT, help="For this client only [all].")


@click.group()
def caller() -> None:
    """Callers: what is known of one, erasing it, and whose calls are tests or blocked."""


@caller.command(epilog=examples("caller find +56912345678", "caller find +56912345678 --json"))
@click.argument("number")
@table_options
@pass_door
def find(door: Door, number: str, as_json: bool) -> None:
    """Everything that is kept of the caller of that number."""
    known = known_number(number)
    with reading(door.engine) as conn:
        calls = callers.calls_of(conn, known)
        letters = callers.letters_about(conn, [call.id for call in calls])
        marks = caller_marks.rows(conn, known)
        contacts = callers.contacts_with(conn, known)
    if not (calls or marks or contacts or is_complete(known)):
        raise ClientMistake(
            "nothing is known of {number}, which is no complete telephone number", number=clean_line(known, NAME_LIMIT)
        )
    if as_json:
        found = {"calls": [asdict(call) for call in calls], "letters": letters, "marks": list(map(facts, marks))}
        found |= {"contacts": list(map(facts, contacts))}
        print_json({"number": known} | found)
        return
    if calls:
        door.table(COLUMNS, [_row(door, call) for call in calls])
    door.tell(
        "{number}: calls {calls}, messages to clients {letters}, marks {marks}",
        number=readable_number(known),
        calls=len(calls),
        letters=len(letters),
        marks=len(marks),
    )
    for one in contacts:
        door.tell(
            "the number is also that of {name}, a contact of {client}: `contact remove` takes that away",
            name=clean_line(one.name, NAME_LIMIT),
            client=one.client,
        )


@caller.command(epilog=examples('caller erase +56912345678 --why "his letter of 3 August"'))
@click.argument("number")
@click.option("--why", required=True, help="Who asked for it, and how; it stands in the receipts.")
@click.option("--keep-held", is_flag=True, help="Leave calls under a legal hold as they are, and erase the rest.")
@click.option("--drop-waiting", is_flag=True, help="Give up messages about the calls that are still to be sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_door
def erase(door: Door, number: str, why: str, keep_held: bool, drop_waiting: bool, yes: bool) -> None:
    """Erase a caller's recordings, messages, number and name, at his wish (Ley 21.719). This cannot be undone.

    Calls and what they cost stay, without saying whose they were. A call that lasts, is held, or of which a message
    is still to be sent is refused, and then nothing is erased. Backups made before still have everything.
    """
    door.about_to_change()
    known, kept_why = distinct_number(number), checks.reason(why)
    order = ErasureOrder(
        number=known,
        why=kept_why,
        key=door.settings.secrets.ari_password,
        actor=door.actor,
        keep_held=keep_held,
        drop_waiting=drop_waiting,
    )
    count = erasure.refuse_impossible(door.engine, order)
    if not yes:
        question = counted(
            "erase {count} call's recordings, and number and name of {number}, for ever?",
            "erase {count} calls' recordings, and number and name of {number}, for ever?",
            by="count",
        )
        door.confirm(question, count=count, number=readable_number(known))
    with telling(door) as tell:
        tell("erasing")
        erased = erasure.erase(door.home, door.engine, order, clock.now())
    _tell_erased(door, erased)


@caller.command(
    epilog=examples(
        'caller mark +56912345678 test --why "our own line"',
        'caller mark +56912345678 blocked --client andes --why "threatens the secretaries"',
    )
)
@click.argument("number")
@click.argument("kind", type=click.Choice(caller_marks.KINDS))
@client_option
@click.option("--why", required=True, help="For whoever asks later.")
@pass_door
def mark(door: Door, number: str, kind: str, slug: str | None, why: str) -> None:
    """Calls from that number are tests, which are never charged; or they are blocked, and nobody answers them."""
    known = change(door, lambda work: marked.mark(work, number, kind, why, slug))
    wait_until_live(door)
    number = readable_number(known)
    if kind == "test":
        door.tell("calls from {number} are tests from now on: they are not charged", number=number)
    else:
        door.tell("calls from {number} are blocked from now on: nobody answers them", number=number)


@caller.command(epilog=examples("caller unmark +56912345678", "caller unmark +56912345678 --client andes"))
@click.argument("number")
@client_option
@pass_door
def unmark(door: Door, number: str, slug: str | None) -> None:
    """Calls from that number are like any other again."""
    known = change(door, lambda work: marked.unmark(work, number, slug))
    door.tell("calls from {number} are like any other again", number=readable_number(known))


def _marked(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"number": readable_number(row["number"]), "kind": door.say(row["kind"])}


@caller.command(epilog=examples("caller marks", "caller marks --json"))
@reading_command(["number", "kind", "client", "why"], _marked)
def marks(door: Door) -> list[Listed]:
    """Whose calls are tests, and whose are blocked."""
    with reading(door.engine) as conn:
        return caller_marks.rows(conn)


def _row(door: Door, call: CallerCall) -> list[object]:
    return [
        call.id,
        call.client,
        call.arrived_at,
        door.say("live" if call.lasts else call.outcome),
        clean_line(call.name, NAME_LIMIT),
        bool(call.recording),
        bool(call.message),
        call.held,
    ]


def _tell_erased(door: Door, erased: Erased) -> None:
    door.tell(
        "erased: calls {calls}, files {files}, messages {letters}, documents {documents}, marks {marks}",
        calls=erased.calls,
        files=erased.done.deleted,
        letters=erased.letters,
        documents=erased.documents,
        marks=erased.marks,
    )
    for name in erased.elsewhere:
        door.tell("the node {node} has recordings of this caller, too: run the same command there", node=name)
    for call_id in erased.kept:
        door.tell("the call {call} stays as it is: it is under a legal hold", call=call_id)
