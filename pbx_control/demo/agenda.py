"""An act of the demo: a caller gets an appointment, which stands in the client's own calendar and in her mail."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage

from pbx_control.catalogue import N_
from pbx_control.demo.stage import MAIL_LIMIT, MARIA, Stage
from pbx_control.world.post import Delivery

MARIAS_MAILBOX = "maria.soto@correo.example"
CALENDAR = ("andes", "perez")


async def an_appointment_is_booked_and_cancelled(stage: Stage) -> None:
    """Booked, it is green in the client's calendar and María has an invitation; cancelled, it is red, and hers goes."""
    stage.screen.chapter("María gets an appointment: it stands in the doctor's own calendar")
    assert stage.calendars
    stage.screen.note("a real CalDAV server (Radicale) has the doctor's calendar: {url}", url=stage.calendars.url)
    hours = ("--kind", "Consulta=30", "--hours", "mon-sun 09:00-18:00")
    await stage.type("calendar", "add", *CALENDAR, "--name", "Dra. Pérez", *hours, "--address", "Av. Matta 12")
    there = ("--caldav", stage.calendars.url, "--user", stage.calendars.user, "--password", stage.calendars.password)
    await stage.type("calendar", "connect", *CALENDAR, *there)
    number, when = await _booked(stage)
    again = await stage.office.run("appointment", "book", *CALENDAR, when, "--name", "Pedro Rojas")
    stage.screen.fact("nobody else can have that time: {answer}", again.status != 0, answer=again.err.strip())
    await _cancelled(stage, number)


async def _booked(stage: Stage) -> tuple[int, str]:
    free = await stage.office.ask("appointment", "slots", *CALENDAR, "--day", "tomorrow", "--days", "7")
    when = f"{free[0]['day']} {free[0]['starts']}"
    whom = ("--name", "María Soto", "--number", MARIA, "--email", MARIAS_MAILBOX)
    await stage.type("appointment", "book", *CALENDAR, when, *whom)
    hers = await stage.letter(MARIAS_MAILBOX, 1)
    stage.screen.fact("María's mail has an invitation", _method(hers) == "REQUEST")
    told = await stage.summary()
    stage.screen.fact("the client has an e-mail about it", "María Soto" in told.text)
    await stage.type("calendar", "sync", *CALENDAR)
    await _stands_there(stage, N_("in the doctor's calendar it is green: {title}"), "COLOR:green")
    booked = await stage.office.ask("appointment", "list", "--client", "andes")
    return int(booked[0]["id"]), when


async def _cancelled(stage: Stage, number: int) -> None:
    await stage.type("appointment", "cancel", str(number))
    hers = await stage.letter(MARIAS_MAILBOX, 2)
    stage.screen.fact("María's second mail takes it out of her calendar", _method(hers) == "CANCEL")
    await stage.summary()
    await stage.type("calendar", "sync", *CALENDAR)
    await _stands_there(stage, N_("in the doctor's calendar it is red, and takes no time: {title}"), "COLOR:red")


async def _stands_there(stage: Stage, words: str, mark: str) -> None:
    """Tells that the one event has that mark, as soon as it has."""
    assert stage.calendars
    events: list[str] = []
    with suppress(TimeoutError), stage.screen.working("the two calendars are compared"):
        async with asyncio.timeout(MAIL_LIMIT):
            while not any(mark in event for event in events):
                events = await stage.calendars.events()
                await asyncio.sleep(0.2)
    titles = [line.partition(":")[2] for event in events for line in event.splitlines() if line.startswith("SUMMARY")]
    stage.screen.fact(words, len(events) == 1 and mark in events[0], title=", ".join(titles))


def _method(delivery: Delivery) -> str:
    """What the letter's invitation asks a calendar program to do; "" without one."""
    parts: list[EmailMessage] = [part for part in delivery.letter.walk() if part.get_content_type() == "text/calendar"]
    return str(parts[0].get_param("method", "")) if parts else ""
