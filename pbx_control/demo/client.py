"""Acts of the demo: a client closes for today from a chat, and its owner changes the greeting by e-mail."""

import asyncio
import re

import httpx

from pbx_control.catalogue import N_
from pbx_control.demo.stage import MAIL_LIMIT, OFFICE_MAILBOX, OPEN, OWNER, PEDRO, SPOKEN, Stage
from pbx_control.domain.words.sentences import said
from pbx_control.errors import PbxError
from pbx_control.world import audio

# His own chat with the bot, by its number.
CHAT = 77
# How long the pages and the bot may take for an answer, s.
PATIENCE = 20.0


async def the_client_closes_for_today(stage: Stage) -> None:
    """From the portal a code, in the chat the code, and then a word that the next caller hears."""
    stage.screen.chapter("Clínica Andes connects a Telegram chat, and closes for today from it")
    stage.screen.note("a stand-in plays Telegram's servers here")
    code = await _code(stage)
    stage.screen.note("in the portal its manager gets a code: {code}", code=code)
    answer = await _writes(stage, f"/start {code}")
    stage.screen.fact("the chat is connected: {answer}", "Andes" in answer, answer=answer)
    answer = await _writes(stage, "/hoy cerrado")
    stage.screen.fact("closed for today: {answer}", "🌙" in answer, answer=answer)
    await _a_caller_hears_it(stage)
    answer = await _writes(stage, "/hoy normal")
    stage.screen.fact("and back to normal: {answer}", "Andes" in answer, answer=answer)
    await stage.live()


async def the_client_changes_its_greeting_by_mail(stage: Stage) -> None:
    """A mail that the firm's server has signed is in force at once; a forged one makes a letter with a link."""
    stage.screen.chapter("Clínica Andes changes its greeting by e-mail")
    assert stage.firm
    new = said(SPOKEN, N_("Clínica Andes, {part_of_day}, {secretary} speaking. How can I help you?"), {})
    await _mail(stage, stage.firm.writes(f"Rosa Soto <{OWNER}>", OFFICE_MAILBOX, "Saludo", new))
    shown = await stage.type("greeting", "show", "andes")
    stage.screen.fact("signed by the firm's mail server, in force at once: {greeting}", new in shown, greeting=new)
    stage.screen.note("somebody forges a mail of the owner's")
    forged = stage.firm.writes(f"Rosa Soto <{OWNER}>", OFFICE_MAILBOX, "Saludo", "Llame a otro")
    await _mail(stage, forged.partition(b"From:")[1] + forged.partition(b"From:")[2])
    shown = await stage.type("greeting", "show", "andes")
    stage.screen.fact("the greeting is as before", new in shown)
    link = await stage.post.arrived(OWNER, len(stage.post.to(OWNER)))
    stage.screen.fact(
        "the owner is asked by a letter: {subject}", "/changes/" in link.text, subject=link.letter["Subject"]
    )


async def _mail(stage: Stage, mail: bytes) -> None:
    """A mail arrives; waits for what the owner is told about it."""
    assert stage.mailbox
    told = len(stage.post.to(OWNER))
    await stage.mailbox.brings(mail)
    await stage.type("job", "run", "mail")
    await stage.post.arrived(OWNER, told + 1, MAIL_LIMIT)


async def _code(stage: Stage) -> str:
    words = ("user", "add", "gerencia", "--role", "client", "--client", "andes", "--email", OWNER)
    stage.screen.command([*words, "--json"])
    account = await stage.office.ask(*words)
    async with httpx.AsyncClient(base_url=stage.office.url, timeout=PATIENCE) as browser:
        await browser.post("/login", data={"name": "gerencia", "password": account["password"]})
        page = await browser.get("/portal/recipients")
        token = _found(r'name="csrf" value="([^"]+)"', page.text)
        made = await browser.post("/portal/recipients/chat", data={"csrf": token, "gets": "calls"})
    return _found(r'data-code="([^"]+)"', made.text)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise PbxError("the portal does not answer as it should")
    return match[1]


async def _writes(stage: Stage, text: str) -> str:
    """Somebody writes to the bot; what it answers."""
    stage.screen.note("in the chat: {text}", text=text)
    before = len(stage.telegram.sent)
    stage.telegram.writes(text, chat=CHAT, user=CHAT)
    with stage.screen.working("the bot answers"):
        await asyncio.to_thread(stage.telegram.until, lambda: len(stage.telegram.sent) > before, PATIENCE)
    return stage.telegram.sent[before].fields["text"]


async def _a_caller_hears_it(stage: Stage) -> None:
    await stage.live()
    rung = len(stage.secretary.calls)
    caller = await stage.world.call(OPEN, PEDRO, "Pedro Rojas")
    await caller.answered()
    with stage.screen.working("Pedro calls, and listens"):
        await caller.ended(60)
    spoken = audio.speech(caller.heard)
    stage.screen.fact("he heard {seconds} s of announcement, then was hung up", spoken > 2, seconds=round(spoken, 1))
    stage.screen.fact("no telephone rang", len(stage.secretary.calls) == rung)
    stage.fact_of_outcome(await stage.last_call(), "closed")
