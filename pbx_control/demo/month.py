"""An act of the demo: the last call of a plan, and what comes after it."""

from pbx_control.catalogue import counted
from pbx_control.demo.stage import MARIA, PEDRO, SMALL, SMALL_MAILBOX, Stage
from pbx_control.world import audio

SLUG = "sur"


async def the_end_of_a_plan(stage: Stage) -> None:
    """A client's last call is answered; the next caller hears that nobody can, until a bag is bought."""
    stage.screen.chapter("Taller Sur has a plan of one call a month: its last call, and what comes after it")
    await _provision(stage)
    await _the_last_call(stage)
    await _a_call_too_many(stage)
    await _the_report(stage)
    await _a_bag(stage)
    await stage.type_out("ledger", "show", SLUG)


async def _provision(stage: Stage) -> None:
    await stage.type("did", "add", SMALL)
    await stage.client(SLUG, "Taller Sur", SMALL, "always")
    await stage.type("recipient", "add", SLUG, "--email", SMALL_MAILBOX)
    terms = ("--price", "9900", "--extra-call", "450", "--contacts", "1", "--calendars", "0")
    await stage.type("plan", "set", "mini", "--calls", "1", *terms)
    await stage.type("plan", "assign", SLUG, "mini")
    invoice = await stage.letter(SMALL_MAILBOX, 1)
    enclosed = [part.get_content_type() for part in invoice.letter.iter_attachments()]
    stage.screen.fact("the boleta came with the plan, as a PDF", enclosed == ["application/pdf"])


async def _the_last_call(stage: Stage) -> None:
    caller, ring = await stage.conversation(MARIA, "María Soto", stage.said("maria"), SMALL)
    stage.facts_of_a_conversation(caller, ring, MARIA, 700, "Taller Sur")
    stage.screen.note("it was the last one: Taller Sur is offered bags, and gets the message about the call")
    first, second = await stage.letter(SMALL_MAILBOX, 2), await stage.letter(SMALL_MAILBOX, 3)
    offered = any("450" in letter.text and "net" in letter.text for letter in (first, second))
    stage.screen.fact("the offer names its own price of a call", offered)


async def _a_call_too_many(stage: Stage) -> None:
    rung = len(stage.secretary.calls)
    caller = await stage.world.call(SMALL, PEDRO, "Pedro Rojas")
    await caller.answered()
    with stage.screen.working("he listens to the announcement"):
        await caller.ended(60)
    spoken = audio.speech(caller.heard)
    stage.screen.fact("he heard {seconds} s of announcement, then was hung up", spoken > 2, seconds=round(spoken, 1))
    stage.screen.fact("no telephone rang", len(stage.secretary.calls) == rung)
    stage.fact_of_outcome(await stage.last_call(), "exhausted")


async def _the_report(stage: Stage) -> None:
    stage.screen.note("at 18:15 each day the client gets what it missed; here somebody asks for it now")
    await stage.type("job", "run", "reports")
    report = await stage.letter(SMALL_MAILBOX, 4)
    sheets = [part.get_content() for part in report.letter.iter_attachments() if part.get_content_type() == "text/csv"]
    listed = len(sheets) == 1 and PEDRO[1:] in str(sheets[0]).replace(" ", "")
    stage.screen.fact("the report has his number, as a table and as CSV", listed)


async def _a_bag(stage: Stage) -> None:
    await stage.type("bag", "add", SLUG, "25")
    caller, ring = await stage.begun(PEDRO, "Pedro Rojas", stage.said("maria"), SMALL)
    await caller.hang_up()
    await ring.ended(2)
    stage.fact_of_outcome(await stage.last_call(), "answered")
    left = (await stage.office.ask("ledger", "show", SLUG))["closing"]
    stage.screen.fact(
        counted("{left} call of the bag is left", "{left} calls of the bag are left", by="left"), left == 24, left=left
    )
