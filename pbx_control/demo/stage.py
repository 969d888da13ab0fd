"""The stage of the demo: everything that runs for it, and what its acts have in common."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbx_control.admin.door import Door
from pbx_control.demo.screen import Screen
from pbx_control.domain.words.sentences import said
from pbx_control.media.prompts import speak
from pbx_control.settings import Home
from pbx_control.world import audio
from pbx_control.world.calendars import CalendarServer
from pbx_control.world.desk import NO_BROWSER, Browser
from pbx_control.world.installation import Installation
from pbx_control.world.legs import Leg, Ringing
from pbx_control.world.mailbox import Firm, Mailbox
from pbx_control.world.people import Telephone
from pbx_control.world.post import Delivery, PostOffice
from pbx_control.world.telegram import TelegramServer
from pbx_control.world.world import World

OPEN, CLOSED = "+56225550101", "+56225550102"
SMALL = "+56225550103"  # of a client whose plan has one call a month
MAILBOX = "gerencia@andes.example"
SMALL_MAILBOX = "taller@sur.example"
OWNER = "rosa.soto@andes.example"  # the open client's, who may change what its callers are told
OFFICE_MAILBOX = "cambios@secretariado.example"
# Nobody's: no operator has the block 9 1234 (Chile has none for fiction), and 020 7946 0xxx is Ofcom's for drama.
# A caller may have any number; a contact's must be one that its country gives out.
MARIA, PEDRO, LUCIA, JOHN = "+56912345678", "+56912340002", "+56912340003", "+56912340004"
ROSA = "+442079460123"  # a contact of the open client
# What the office speaks with its clients and their callers, whatever the terminal's language is.
SPOKEN = "es"
# Hz: each voice ends with a tone that tells it apart in a mix
TONES = {"maria": 700, "ana": 880, "lucia": 620, "rosa": 1040}
TRANSFER_CAP = 15  # s: the contract's ten minutes are too long to watch
LIVE_LIMIT = 30.0  # s
MAIL_LIMIT = 40.0  # s: a daemon that was killed starts first, and reads what the switch wrote down


@dataclass
class Stage:
    """The demo once everything runs: our installation, the world around it, and the secretary's telephone."""

    door: Door
    screen: Screen
    office: Installation
    world: World
    post: PostOffice
    folder: Path
    telegram: TelegramServer = field(default_factory=TelegramServer)
    mailbox: Mailbox | None = None  # of the office, which clients write to
    firm: Firm | None = None  # the open client's mail server
    calendars: CalendarServer | None = None  # which has a calendar of the open client's
    ana: Telephone | None = None
    letters: int = 0  # that the open client has got so far
    browser: Browser = NO_BROWSER  # in which desks are opened; if it cannot be driven, by their requests alone
    desks: dict[str, str] = field(default_factory=dict)  # who has one: user and password

    async def narrate(self) -> None:
        """Shows what `call watch` tells, line by line, as long as the demo lasts."""
        async for line in self.office.watch("call", "watch"):
            _call, _, story = line.partition("  ")
            # It also says that it waits for a daemon that we have killed: that is meant.
            if story or not self._without_daemon:
                self.screen.line(story or line)

    @property
    def _without_daemon(self) -> bool:
        return self.office.daemon is not None and self.office.daemon.returncode is not None

    async def type(self, *words: str) -> str:
        """Shows a command and runs it."""
        self.screen.command(words)
        return await self.office.pbx(*words)

    async def type_out(self, *words: str) -> None:
        """The same, and shows what it prints."""
        self.screen.text(await self.type(*words))

    @property
    def secretary(self) -> Telephone:
        assert self.ana
        return self.ana

    async def client(self, slug: str, name: str, number: str, hours: str, *options: str) -> None:
        await self.type("client", "add", slug, "--name", name, *options)
        await self.type("did", "assign", number, slug)
        await self.type("hours", "set", slug, hours)

    def said(self, person: str) -> Path:
        """What that person has said before."""
        return self.world.place.folder / "say" / f"{person}.wav"

    async def voice(self, person: str, template: str) -> Path:
        """What a person says, spoken, with a tone of his own at its end."""
        home = Home(self.office.home)
        name = await asyncio.to_thread(speak, home, said(SPOKEN, template, {}), SPOKEN)
        target = self.said(person)
        return await asyncio.to_thread(audio.write_tone_between, target, home.root / f"{name}.wav", TONES[person])

    async def conversation(self, number: str, name: str, wish: Path, did: str = OPEN) -> tuple[Leg, Ringing]:
        """Somebody calls a client and talks with Ana until both have said everything once; then he hangs up."""
        caller, ring = await self.begun(number, name, wish, did)
        await caller.hang_up()
        await ring.ended(2)
        return caller, ring

    async def begun(self, number: str, name: str, wish: Path, did: str = OPEN) -> tuple[Leg, Ringing]:
        """Somebody calls a client and talks with Ana until both have said everything once."""
        self.secretary.answers(after=1.5)
        rung = len(self.secretary.calls)
        caller = await self.world.call(did, number, name, say=wish)
        ring = await self.secretary.rung(rung + 1)
        self.screen.note("Ana's telephone rings and shows: {name} {number}", name=ring.name, number=ring.number)
        await caller.answered()
        await ring.answered()
        with self.screen.working("they talk"):
            await asyncio.sleep(max(audio.seconds(wish), audio.seconds(self.secretary.say)) + 1)
        return caller, ring

    def facts_of_a_conversation(
        self, caller: Leg, ring: Ringing, number: str, tone: float, client: str = "Andes"
    ) -> None:
        shown = client in ring.name and ring.number == number
        self.screen.fact("her display showed the client's name and the caller's number", shown)
        both = audio.heard(caller.heard, TONES["ana"]) > 0.5 and audio.heard(ring.heard, tone) > 0.5
        self.screen.fact("each heard the other's voice", both)

    def fact_of_outcome(self, call: dict[str, Any], outcome: str) -> None:
        words = self.door.say(call["outcome"])
        self.screen.fact("the journal says: {outcome}", call["outcome"] == outcome, outcome=words)

    def fact_of_recording(self, call: dict[str, Any], tone: float) -> None:
        file = self.office.home / "recordings" / str(call["recording"]) if call["recording"] else None
        voices = {tone, TONES["ana"]}
        both = file is not None and file.exists() and audio.tones_in(file, voices) == voices
        self.screen.fact("the recording has both voices: {file}", both, file=file)

    async def desk_for(self, user: str, secretary: str) -> None:
        """A secretary's account at the pages."""
        words = ("user", "add", user, "--role", "secretary", "--secretary", secretary)
        self.screen.command([*words, "--json"])
        account = await self.office.ask(*words)
        self.desks[user] = account["password"]

    async def summary(self) -> Delivery:
        """The client's next e-mail, shown as it arrives."""
        self.letters += 1
        return await self.letter(MAILBOX, self.letters)

    async def letter(self, mailbox: str, number: int) -> Delivery:
        """The letter of that number to a mailbox, shown as it arrives."""
        with self.screen.working("the e-mail is on its way"):
            delivery = await self.post.arrived(mailbox, number, MAIL_LIMIT)
        self.screen.letter(mailbox, str(delivery.letter["Subject"]), delivery.text)
        return delivery

    async def live(self) -> None:
        """Waits until the switch has what has been changed."""
        async with asyncio.timeout(LIVE_LIMIT):
            while (await self.office.ask("dialplan", "diff"))["diff"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def last_call(self) -> dict[str, Any]:
        calls = await self.office.ask("call", "list")
        last: dict[str, Any] = max(calls, key=lambda call: call["arrived_at"])
        return last
