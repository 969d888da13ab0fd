"""`pbx-control caller`: what is known of a caller, handed out, blocked or erased at his wish; callers who are not
charged or not let in."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command, table_options
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import CLIENT, book, change, examples
from pbx_control.catalogue import N_, counted
from pbx_control.domain import checks
from pbx_control.domain.telephony.callers import distinct_number, known_number
from pbx_control.domain.telephony.numbering import is_complete
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, readable_number
from pbx_control.errors import ClientMistake, Size, reason
from pbx_control.media import caller_files, erasure
from pbx_control.media.erasure import Erased, ErasureOrder
from pbx_control.services import caller_copies, restricting
from pbx_control.services import marks as marked
from pbx_control.services.caller_copies import CopyOrder
from pbx_control.store import caller_data, caller_marks, callers, restrictions
from pbx_control.store.caller_marks import Listed
from pbx_control.store.callers import CallerCall
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

FILE = click.Path(dir_okay=False, path_type=Path)
COLUMNS = ("call", "client", "arrived", "outcome", "name", "recording", "message", "hold")

# What is not counted in the line about a caller's calls, in words (store/caller_data.py, media/caller_files.py).
OTHERS = {
    "sounds": N_("recordings"),
    "messages": N_("messages of secretaries"),
    "reports": N_("reports"),
    "documents": N_("lines of documents"),
    "records": N_("lines of the switch's records"),
    "requests": N_("requests"),
    "restrictions": N_("blocks of the data"),
    "appointments": N_("appointments"),
    "entries": N_("entries of the audit trail"),
}

client_option = click.option("--client", "slug", metavar="SLUG", type=CLIENT, help="For this client only [all].")


@click.group()
def caller() -> None:
    """Callers: what is known of one, a copy of it, blocking or erasing it; whose calls are tests or not answered."""


@caller.command(epilog=examples("caller find +56987654321", "caller find +56987654321 --json"))
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
        restricted = restrictions.in_force(conn, known)
        whose = callers.whose(calls, known)
        kept = caller_data.counts(conn, whose) | caller_files.counts(door.home, whose)
    if not (any(kept.values()) or contacts or is_complete(known)):
        raise ClientMistake(
            "nothing is known of {number}, which is no complete telephone number", number=clean_line(known, NAME_LIMIT)
        )
    if as_json:
        found = {"calls": [asdict(call) for call in calls], "letters": letters, "marks": list(map(facts, marks))}
        found |= {"contacts": list(map(facts, contacts)), "kept": kept}
        found |= {"blocked": list(map(facts, restricted))}
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
    others = {name: kept[name] for name in OTHERS if kept[name]}
    if others:
        door.tell("kept besides: {what}", what=", ".join(f"{door.say(OTHERS[name])} {n}" for name, n in others.items()))
    for block in restricted:
        door.tell(
            "the data is blocked while a request is decided, since {since}: {why}",
            since=door.plain(block.since),
            why=clean_line(f"{block.client}: {block.why}" if block.client else block.why, NAME_LIMIT * 2),
        )
    for one in contacts:
        door.tell(
            "the number is also that of {name}, a contact of {client}: `contact remove` takes that away",
            name=clean_line(one.name, NAME_LIMIT),
            client=one.client,
        )


@caller.command(epilog=examples('caller erase +56987654321 --why "his letter of 3 August"'))
@click.argument("number")
@click.option("--why", required=True, help="Who asked for it, and how; it stands in the receipts.")
@click.option("--keep-held", is_flag=True, help="Leave calls under a legal hold as they are, and erase the rest.")
@click.option("--drop-waiting", is_flag=True, help="Give up messages about the calls that are still to be sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_door
def erase(door: Door, number: str, why: str, keep_held: bool, drop_waiting: bool, yes: bool) -> None:
    """Erase a caller's recordings, messages, number and name, at his wish (Ley 21.719). This cannot be undone.

    Calls and what they cost stay, without saying whose they were. A call that lasts, is held, or of which a message
    is still to be sent is refused, and then nothing is erased. What `caller block` keeps stays. A backup that was made
    before still has everything: `restore` erases it again.
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
    count = erasure.refuse_impossible(door.engine, order, clock.now())
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


@caller.command(epilog=examples("caller export +56987654321", "caller export +56987654321 --client andes -o soto.zip"))
@click.argument("number")
@click.option("-o", "--output", "file", metavar="FILE", type=FILE, help="Where to [caller-TIME.zip here].")
@client_option
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@pass_door
def export(door: Door, number: str, file: Path | None, slug: str | None, force: bool, as_json: bool) -> None:
    """Writes a copy of all that is kept of the caller, to be handed out to him (Ley 21.719).

    It is a ZIP: caller.json, which says what is in it, and the recordings. Only you may read it. A receipt is kept of
    what was handed out, when, by whom, and of the file's SHA-256: `recording receipts` shows it.
    """
    door.about_to_change()
    now = clock.now()
    target = file or Path(f"caller-{now.astimezone(door.zone):%Y%m%dT%H%M%S}.zip")
    order = CopyOrder(
        number=known_number(number),
        client=slug,
        office=door.settings.office,
        key=door.settings.secrets.ari_password,
        actor=door.actor,
    )
    with telling(door) as tell:
        tell("copying")
        copy = _written(door, order, target, now, force=force)
    if as_json:
        print_json(asdict(copy))
        return
    door.tell(
        "{file}: calls {calls}, recordings {sounds}, {size}; SHA-256 {sha256}",
        file=clean_line(str(copy.file), 200),
        calls=copy.calls,
        sounds=len(copy.sounds),
        size=Size(copy.size),
        sha256=copy.sha256,
    )
    if copy.absent:
        door.tell("recordings that calls name and that are not here: {count}", count=len(copy.absent))
    for name in copy.elsewhere:
        door.tell("the node {node} has recordings of this caller, too: run the same command there", node=name)


def _written(door: Door, order: CopyOrder, target: Path, now: datetime, *, force: bool) -> caller_copies.Copy:
    try:
        return caller_copies.hand_out(door.home, door.engine, order, target, now, replacing=force)
    except OSError as error:
        shown = clean_line(str(target), 200)
        raise ClientMistake("{file} cannot be written: {why}", file=shown, why=reason(error)) from None


@caller.command(epilog=examples('caller block +56987654321 --why "asks for deletion, we are looking into it"'))
@click.argument("number")
@client_option
@click.option("--why", required=True, help="For whoever asks later.")
@pass_door
def block(door: Door, number: str, slug: str | None, why: str) -> None:
    """Nobody uses what there is of the caller while a request of his is decided (Ley 21.719).

    Nobody reads or hears it, nothing of it is sent, and it is neither purged nor erased: `caller find` and `caller
    export` alone show it. New calls of his are answered and told as any other. So that his calls are not answered:
    `caller mark NUMBER blocked`.
    """
    known = book(door, lambda work: restricting.block(work, door.home, number, why, slug))
    door.tell(
        "what there is of {number} is blocked while a request is decided: nobody sees it, and nothing is deleted",
        number=readable_number(known),
    )


@caller.command(epilog=examples("caller unblock +56987654321", "caller unblock +56987654321 --client andes"))
@click.argument("number")
@client_option
@pass_door
def unblock(door: Door, number: str, slug: str | None) -> None:
    """What there is of the caller is used again: messages that waited are sent, and what is due is deleted tonight."""
    door.about_to_change()
    known = restricting.unblock(door.home, door.engine, door.actor, number, clock.now(), slug)
    door.tell("what there is of {number} is used again", number=readable_number(known))


@caller.command(
    epilog=examples(
        'caller mark +56987654321 test --why "our own line"',
        'caller mark +56987654321 blocked --client andes --why "threatens the secretaries"',
    )
)
@click.argument("number")
@click.argument("kind", type=click.Choice(caller_marks.KINDS))
@client_option
@click.option("--why", required=True, help="For whoever asks later.")
@pass_door
def mark(door: Door, number: str, kind: str, slug: str | None, why: str) -> None:
    """Calls from that number are tests, which are never charged; or they are blocked, and nobody answers them.

    To keep what there is of a caller from being used, while a request of his is decided: `caller block`.
    """
    known = change(door, lambda work: marked.mark(work, number, kind, why, slug))
    wait_until_live(door)
    number = readable_number(known)
    if kind == "test":
        door.tell("calls from {number} are tests from now on: they are not charged", number=number)
    else:
        door.tell("calls from {number} are blocked from now on: nobody answers them", number=number)


@caller.command(epilog=examples("caller unmark +56987654321", "caller unmark +56987654321 --client andes"))
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
    if erased.restricted:
        door.tell(
            counted(
                "{count} call stays as it is: blocked while a request is decided",
                "{count} calls stay as they are: blocked while a request is decided",
                by="count",
            ),
            count=len(erased.restricted),
        )
    for call_id in erased.kept:
        door.tell("the call {call} stays as it is: it is under a legal hold", call=call_id)
