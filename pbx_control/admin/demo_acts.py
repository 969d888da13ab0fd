"""The acts of the demo: what an admin types, who calls, and which facts prove that it really happened."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pbx_control.admin.demo_screen import Screen
from pbx_control.admin.door import Desk
from pbx_control.media.prompts import speak
from pbx_control.settings import Home
from pbx_control.world import audio
from pbx_control.world.installation import Installation
from pbx_control.world.legs import Leg, Ringing
from pbx_control.world.people import Telephone
from pbx_control.world.post import PostOffice
from pbx_control.world.world import World

OPEN, CLOSED = "+56225550101", "+56225550102"
MAILBOX = "gerencia@andes.example"
MARIA, PEDRO, LUCIA, JOHN = "+56912345678", "+56223334455", "+56987654321", "+56944445555"
ROSA = "+56222223333"  # a contact of the open client
# Hz: each voice ends with a tone that tells it apart in a mix
TONES = {"maria": 700, "ana": 880, "lucia": 620, "rosa": 1040}
TRANSFER_CAP = 15  # s: the contract's ten minutes are too long to watch
MAIL_LIMIT = 40.0  # s: a daemon that was killed starts first, and reads what the switch wrote down


@dataclass
class Show:
    """The demo once everything runs: our installation, the world around it, and the secretary's telephone."""

    desk: Desk
    screen: Screen
    office: Installation
    world: World
    post: PostOffice
    folder: Path
    ana: Telephone | None = None
    letters: int = 0  # that the open client has got so far

    async def acts(self) -> None:
        """The whole play."""
        await self.provision()
        await self.an_answered_call()
        await self.a_call_outside_the_hours()
        await self.a_missed_call()
        await self.a_transferred_call()
        await self.a_consultation_in_vain()
        await self.a_call_without_the_daemon()
        await self.farewell()

    async def narrate(self) -> None:
        """Shows what `call watch` tells, line by line, as long as the demo lasts."""
        async for line in self.office.watch("call", "watch"):
            self.screen.line(line.partition("  ")[2])

    async def type(self, *words: str) -> str:
        """Shows a command and runs it."""
        self.screen.command(words)
        return await self.office.pbx(*words)

    # --- the acts

    async def provision(self) -> None:
        """What an admin types for two new clients and a secretary."""
        self.screen.chapter("An admin provisions two clients and a secretary")
        carrier = self.world.place.carrier
        await self.type("trunk", "add", "carrier", "--match", carrier.host, "--host", str(carrier))
        await self.type("did", "add", OPEN, CLOSED)
        await self._client("andes", "Clínica Andes", OPEN, "always", "--recording")
        await self.type("recipient", "add", "andes", "--email", MAILBOX)
        await self.type("contact", "add", "andes", "Rosa Díaz", ROSA, "--key", "1")
        greeting = self.desk.say("Clínica Andes, {part_of_day}, this is {secretary}")
        await self.type("greeting", "set", "andes", greeting)
        await self._client("norte", "Notaría Norte", CLOSED, "never")
        self.screen.command(["secretary", "add", "Ana", "--language", "es,en", "--json"])
        ana = await self.office.ask("secretary", "add", "Ana", "--language", "es,en")
        greeting = await self._voice("ana", "Clínica Andes, good morning, this is Ana. How can I help you?")
        self.ana = await self.world.phone(ana["user"], ana["password"], say=greeting)
        self.screen.fact("Ana's softphone has registered as {user}", True, user=ana["user"])

    async def an_answered_call(self) -> None:
        """Somebody calls, Ana answers, both are recorded, the client gets an e-mail."""
        self.screen.chapter("María Soto calls Clínica Andes; Ana answers")
        wish = await self._voice("maria", "Good morning. I would like an appointment with doctor Pérez, please.")
        caller, ring = await self._conversation(MARIA, "María Soto", wish)
        await self._summary()
        call = await self._last_call()
        self._facts_of_a_conversation(caller, ring, MARIA, TONES["maria"])
        self._fact_of_outcome(call, "answered")
        self._fact_of_recording(call, TONES["maria"])

    async def a_call_outside_the_hours(self) -> None:
        """A client that is closed: the caller hears its hours, and no telephone rings."""
        self.screen.chapter("John Smith calls Notaría Norte, which is closed now")
        rung = len(self._ana.calls)
        caller = await self.world.call(CLOSED, JOHN, "John Smith")
        await caller.answered()
        with self.screen.working("he listens to the announcement"):
            await caller.ended(60)
        spoken = audio.speech(caller.heard)
        call = await self._last_call()
        self.screen.fact("he heard {seconds} s of announcement, then was hung up", spoken > 2, seconds=round(spoken, 1))
        self.screen.fact("no telephone rang", len(self._ana.calls) == rung)
        self._fact_of_outcome(call, "closed")

    async def a_missed_call(self) -> None:
        """Ana does not answer, the caller gives up, the client learns of it."""
        self.screen.chapter("Pedro Rojas calls Clínica Andes; nobody answers, and he gives up")
        self._ana.rings_on()
        rung = len(self._ana.calls)
        caller = await self.world.call(OPEN, PEDRO, "Pedro Rojas")
        ring = await self._ana.rung(rung + 1)
        await caller.ringing()
        with self.screen.working("it rings"):
            await asyncio.sleep(4)
        await caller.hang_up()
        await ring.ended(2)
        await self._summary()
        call = await self._last_call()
        self.screen.fact("her telephone stopped ringing when he gave up", True)
        self._fact_of_outcome(call, "missed")

    async def a_transferred_call(self) -> None:
        """Ana asks the client's contact first, then connects the two; the conversation has an end."""
        self.screen.chapter("María calls again and wants Rosa Díaz: Ana asks Rosa first, then connects the two")
        self.screen.note("here a transferred conversation ends after {seconds} s, not 600", seconds=TRANSFER_CAP)
        rosa = self.world.contact(ROSA, say=await self._voice("rosa", "Good morning, this is Rosa Díaz."))
        caller, hers = await self._begun(MARIA, "María Soto", self._said("maria"))
        self.screen.note("Ana presses *1: María hears music, and Rosa's telephone rings")
        rosa.answers(after=1.5)
        await hers.press("*1")
        private = await rosa.rung()
        await private.answered()
        shown = private.number
        self.screen.fact("Rosa's telephone showed the client's own number: {number}", shown == OPEN, number=shown)
        with self.screen.working("Ana and Rosa talk in private"):
            await asyncio.sleep(max(audio.seconds(rosa.say), audio.seconds(self._ana.say)) + 0.5)
        self.screen.note("Ana presses ##: María and Rosa are connected, and Ana is free")
        await hers.press("##")
        await hers.ended(2)
        await self._summary()
        self.screen.fact("the e-mail came while the two were still talking", caller.end.at is None)
        with self.screen.working("they talk until their time is up"):
            await caller.ended(TRANSFER_CAP + 5)
            await private.ended(2)
        await self._facts_of_a_transfer(caller, hers, private)

    async def a_consultation_in_vain(self) -> None:
        """The contact is busy: Ana has the caller again, and knows why."""
        self.screen.chapter("María calls once more; this time Rosa is busy")
        caller, hers = await self._begun(MARIA, "María Soto", self._said("maria"))
        rosa = self.world.telephone(ROSA).refuses(after=1.5)
        rung = len(rosa.calls)
        await hers.press("*1")
        refused = await rosa.rung(rung + 1)
        await refused.ended(5)
        with self.screen.working("Ana is told that Rosa is busy, and talks with María again"):
            await asyncio.sleep(max(audio.seconds(caller.say), audio.seconds(self._ana.say)) + 1)
        await caller.hang_up()
        await hers.ended(2)
        await self._summary()
        again = audio.spans(caller.heard, TONES["ana"])[-1:]
        music = audio.speech(caller.heard) > 0.5
        self.screen.fact("María heard music, then Ana again", music and bool(again))
        self._fact_of_outcome(await self._last_call(), "answered")

    async def a_call_without_the_daemon(self) -> None:
        """The daemon is killed: the switch alone serves the caller, and the daemon catches up when it is back."""
        self.screen.chapter("The daemon is killed; Lucía Vidal calls all the same")
        assert self.office.daemon
        self.screen.command(["-9", str(self.office.daemon.pid)], program="kill")
        await self.office.kill_daemon()
        wish = await self._voice("lucia", "Hello, this is Lucía. Are you open this afternoon?")
        caller, ring = await self._conversation(LUCIA, "Lucía Vidal", wish)
        self._facts_of_a_conversation(caller, ring, LUCIA, TONES["lucia"])
        silent = len(self.post.to(MAILBOX)) == self.letters
        self.screen.fact("no e-mail yet: nobody is there to write it", silent)
        self.screen.command(["run"])
        await self.office.start_daemon()
        await self._summary()
        call = await self._last_call()
        self._fact_of_outcome(call, "answered")
        self.screen.fact("it knows that the switch hosted this call alone", call["hosted_by"] == "switch")
        self._fact_of_recording(call, TONES["lucia"])

    async def farewell(self) -> None:
        """What remains of it: the calls, the recordings, and how to ring a telephone of one's own."""
        self.screen.chapter("What is left of it")
        self.screen.text(await self.type("call", "list"))
        self.screen.note("the conversations, to listen to (each voice ends with a tone of its own):")
        for recording in sorted((self.office.home / "recordings").rglob("*.wav")):
            self.screen.line(str(recording))
        self.screen.note(
            "a softphone of your own: `pbx-control demo --stay` gives you an account at {server} and rings you",
            server=self.world.place.pbx,
        )

    async def stay(self) -> None:
        """Keeps everything running for a softphone of the spectator's own; Enter makes somebody call it."""
        self.screen.chapter("Your turn: register a softphone of your own")
        self.screen.command(["secretary", "add", "Eva", "--language", "es,en"])
        self.screen.text(await self.office.pbx("secretary", "add", "Eva", "--language", "es,en"))
        await self.world.unregister(self._ana.name)
        self.screen.note("Ana goes home. Press Enter and María calls {number}; Ctrl-C ends it all", number=OPEN)
        wish = self.folder / "world" / "say" / "maria.wav"
        async for _ in _enter_keys():
            await self.world.call(OPEN, MARIA, "María Soto", say=wish)
            self.screen.note("María calls {number}", number=OPEN)

    # --- what the acts share

    @property
    def _ana(self) -> Telephone:
        assert self.ana
        return self.ana

    async def _client(self, slug: str, name: str, number: str, hours: str, *options: str) -> None:
        await self.type("client", "add", slug, "--name", name, *options)
        await self.type("did", "assign", number, slug)
        await self.type("hours", "set", slug, hours)

    def _said(self, person: str) -> Path:
        """What that person has said before."""
        return self.world.place.folder / "say" / f"{person}.wav"

    async def _voice(self, person: str, template: str) -> Path:
        """What a person says, spoken, with a tone of his own at its end."""
        text, home = self.desk.say(template), Home(self.office.home)
        name = await asyncio.to_thread(speak, home, text, self.desk.language)
        target = self._said(person)
        return await asyncio.to_thread(audio.write_tone_between, target, home.root / f"{name}.wav", TONES[person])

    async def _conversation(self, number: str, name: str, wish: Path) -> tuple[Leg, Ringing]:
        """Somebody calls the open client and talks with Ana until both have said everything once; then he hangs up."""
        caller, ring = await self._begun(number, name, wish)
        await caller.hang_up()
        await ring.ended(2)
        return caller, ring

    async def _begun(self, number: str, name: str, wish: Path) -> tuple[Leg, Ringing]:
        """Somebody calls the open client and talks with Ana until both have said everything once."""
        self._ana.answers(after=1.5)
        rung = len(self._ana.calls)
        caller = await self.world.call(OPEN, number, name, say=wish)
        ring = await self._ana.rung(rung + 1)
        self.screen.note("Ana's telephone rings and shows: {name} {number}", name=ring.name, number=ring.number)
        await caller.answered()
        with self.screen.working("they talk"):
            await asyncio.sleep(max(audio.seconds(wish), audio.seconds(self._ana.say)) + 1)
        return caller, ring

    async def _facts_of_a_transfer(self, caller: Leg, hers: Ringing, contact: Ringing) -> None:
        heard = audio.heard(caller.heard, TONES["rosa"]) > 0.5 and audio.heard(contact.heard, TONES["maria"]) > 0.5
        self.screen.fact("María and Rosa heard each other, and Ana's leg had ended", heard and bool(hers.end.at))
        assert caller.end.at
        assert hers.end.at
        lasted = (caller.end.at - hers.end.at).total_seconds()
        on_time = abs(lasted - TRANSFER_CAP) < 2
        self.screen.fact("their conversation ended by itself after {seconds} s", on_time, seconds=round(lasted, 1))
        call = await self._last_call()
        self._fact_of_outcome(call, "answered")
        file = self.office.home / "recordings" / call["recording"]
        voices = {float(TONES[person]) for person in ("maria", "ana", "rosa")}
        whole = audio.tones_in(file, voices) == voices
        self.screen.fact("one recording has all three voices: {file}", whole, file=file)

    def _facts_of_a_conversation(self, caller: Leg, ring: Ringing, number: str, tone: float) -> None:
        shown = "Andes" in ring.name and ring.number == number
        self.screen.fact("her display showed the client's name and the caller's number", shown)
        both = audio.heard(caller.heard, TONES["ana"]) > 0.5 and audio.heard(ring.heard, tone) > 0.5
        self.screen.fact("each heard the other's voice", both)

    def _fact_of_outcome(self, call: dict[str, Any], outcome: str) -> None:
        words = self.desk.say(call["outcome"])
        self.screen.fact("the journal says: {outcome}", call["outcome"] == outcome, outcome=words)

    def _fact_of_recording(self, call: dict[str, Any], tone: float) -> None:
        file = self.office.home / "recordings" / call["recording"] if call["recording"] else None
        both = bool(file and file.exists()) and audio.tones_in(file, (tone, TONES["ana"])) == {tone, TONES["ana"]}
        self.screen.fact("the recording has both voices: {file}", both, file=file)

    async def _summary(self) -> None:
        """The client's next e-mail, shown as it arrives."""
        self.letters += 1
        with self.screen.working("the e-mail is on its way"):
            delivery = await self.post.arrived(MAILBOX, self.letters, MAIL_LIMIT)
        self.screen.letter(MAILBOX, str(delivery.letter["Subject"]), delivery.text)

    async def _last_call(self) -> dict[str, Any]:
        calls = await self.office.ask("call", "list")
        last: dict[str, Any] = max(calls, key=lambda call: call["arrived_at"])
        return last


async def _enter_keys() -> AsyncIterator[str]:
    """Each time Enter is pressed; waits for ever if nobody can press it."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    if sys.stdin.isatty():
        loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    while True:
        yield await lines.get()
