"""The whole demo: calls through a real Asterisk, a second one as the outside world, each fact checked."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from pbx_control.admin.door import Door
from pbx_control.demo.acts import Show
from pbx_control.demo.screen import Screen
from pbx_control.demo.stage import OFFICE_MAILBOX, OWNER, SPOKEN, TRANSFER_CAP
from pbx_control.world.calendars import CalendarServer
from pbx_control.world.desk import find_browser
from pbx_control.world.installation import PBX, Installation, Ports, free_ports
from pbx_control.world.legs import DidNotHappen
from pbx_control.world.mailbox import Firm, Mailbox
from pbx_control.world.post import PostOffice
from pbx_control.world.telegram import TOKEN, TelegramServer
from pbx_control.world.world import World, end_leftovers

# Who answers for the clients, and issues their invoices.
ISSUER = {
    "issuer_name": "Secretariado Demo SpA",
    "issuer_rut": "76.086.428-5",
    "issuer_business": "Servicios de secretariado",
    "issuer_address": "Av. Providencia 1234, Santiago",
}
MAILBOX_PASSWORD = CALENDAR_PASSWORD = "demo"
PORT_BLOCKS = (25000, 35000, 45000)  # the first in which nobody listens


def perform(door: Door, stay: bool) -> NoReturn:
    """Plays it in the folder `demo` of the home and ends the command: with exit status 0 if all of it happened."""
    door.about_to_change()
    screen = Screen(door)
    with suppress(asyncio.CancelledError):
        asyncio.run(_perform(door, screen, stay))
        screen.end()
        sys.exit(1 if screen.failures else 0)
    door.tell("the demo was broken off")
    sys.exit(1)


async def _perform(door: Door, screen: Screen, stay: bool) -> None:
    _cancel_on_signals()
    async with AsyncExitStack() as stack:
        try:
            show = await _raise_curtain(door, screen, stack)
            await stack.enter_async_context(_meanwhile(show.narrate()))
            await show.acts()
        except DidNotHappen as missing:
            screen.fact("{what}", False, what=missing)
            return
        if stay:
            with suppress(asyncio.CancelledError):  # Ctrl-C is how it ends
                await show.stay()


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does something beside the block, and ends it with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _cancel_on_signals() -> None:
    """The first Ctrl-C (or other goodbye) ends the demo in good order; further ones do not disturb the tidying."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task
    for goodbye in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(goodbye, _once(task.cancel))


def _once(act: Any) -> Any:
    acts = iter([act])
    return lambda: next(acts, lambda: None)()


async def _raise_curtain(door: Door, screen: Screen, stack: AsyncExitStack) -> Show:
    """Sets up home, Asterisk, daemon and outside world; all of it ends with `stack`."""
    folder = door.home.root / "demo"
    screen.title("a second Asterisk plays the carrier, the callers and the secretary's telephone")
    telegram = TelegramServer()
    telegram.start()
    stack.callback(telegram.stop)
    office = await _fresh_installation(door, folder, telegram)
    stack.push_async_callback(office.clean_up)
    screen.chapter("The stage: an installation of its own in {folder}", folder=folder)
    post = PostOffice(office.ports.smtp)
    show = Show(door, screen, office, World(office.place(folder / "world")), post, folder, telegram)
    await show.type("setup")
    await show.type("asterisk", "start")
    screen.command(["run"])
    await office.start_daemon()
    await office.served()
    show.browser = find_browser()
    await stack.enter_async_context(show.post)
    mailbox = Mailbox(office.ports.imap, OFFICE_MAILBOX, MAILBOX_PASSWORD)
    show.mailbox = await stack.enter_async_context(mailbox)
    show.firm = await stack.enter_async_context(Firm(OWNER.partition("@")[2], office.ports.dns))
    calendars = CalendarServer(office.ports.caldav, folder / "calendars", "perez", CALENDAR_PASSWORD)
    show.calendars = await stack.enter_async_context(calendars)
    await stack.enter_async_context(show.world)
    place = show.world.place
    screen.note(
        "Asterisk listens on {pbx}; outside are a carrier ({carrier}), telephones ({phones}) and a mail server",
        pbx=place.pbx,
        carrier=place.carrier,
        phones=place.phones,
    )
    return show


async def _fresh_installation(door: Door, folder: Path, telegram: TelegramServer) -> Installation:
    """The demo's own installation, not yet set up; what an earlier demo left there is ended and removed."""
    if folder.exists():
        await Installation(folder, Ports(PORT_BLOCKS[0])).clean_up()
        await end_leftovers(folder / "world")
        await asyncio.to_thread(shutil.rmtree, folder)
    office = Installation(folder, free_ports(PORT_BLOCKS), door.language)
    office.pages = True
    ports = office.ports
    office.write_settings(
        office={"transfer_cap": TRANSFER_CAP, "language": SPOKEN},
        billing=ISSUER,
        telegram={"token": TOKEN, "base_url": telegram.base_url},
        agenda={"private_networks": [f"{PBX}/32"]},
        mail_in={"host": PBX, "port": ports.imap, "tls": "none", "dns": f"{PBX}:{ports.dns}"}
        | {"user": OFFICE_MAILBOX, "password": MAILBOX_PASSWORD},
    )
    return office
