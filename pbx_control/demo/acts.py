"""The acts of the demo: what an admin types, who calls, and which facts prove that it really happened."""

import asyncio
import sys
from collections.abc import AsyncIterator

from pbx_control.catalogue import N_
from pbx_control.demo.agenda import an_appointment_is_booked_and_cancelled
from pbx_control.demo.client import the_client_changes_its_greeting_by_mail, the_client_closes_for_today
from pbx_control.demo.desk import a_written_message, goes_home
from pbx_control.demo.month import the_end_of_a_plan
from pbx_control.demo.stage import (
    CLOSED,
    JOHN,
    LUCIA,
    MAILBOX,
    MARIA,
    OPEN,
    PEDRO,
    ROSA,
    SPOKEN,
    TONES,
    TRANSFER_CAP,
    Stage,
)
from pbx_control.domain.words.sentences import said
from pbx_control.world import audio
from pbx_control.world.legs import Leg, Ringing

# How long Ana's telephone talks to a spectator's caller, s.
STAYS_ON = 60


class Show(Stage):
    """The play, act by act."""

    async def acts(self) -> None:
        """The whole play."""
        await self.provision()
        await self.an_answered_call()
        await a_written_message(self)
        await self.a_call_outside_the_hours()
        await self.a_missed_call()
        await the_client_closes_for_today(self)
        await the_client_changes_its_greeting_by_mail(self)
        await an_appointment_is_booked_and_cancelled(self)
        await self.a_transferred_call()
        await self.a_consultation_in_vain()
        await the_end_of_a_plan(self)
        await self.a_call_without_the_daemon()
        await self.farewell()

    # --- the acts

    async def provision(self) -> None:
        """What an admin types for two new clients and a secretary."""
        self.screen.chapter("An admin provisions two clients and a secretary")
        carrier = self.world.place.carrier
        await self.type("trunk", "add", "carrier", "--match", carrier.host, "--host", str(carrier))
        await self.type("did", "add", OPEN, CLOSED)
        await self.client("andes", "Clínica Andes", OPEN, "always", "--recording")
        await self.type("recipient", "add", "andes", "--email", MAILBOX)
        await self.type("contact", "add", "andes", "Rosa Díaz", ROSA, "--key", "1")
        greeting = said(SPOKEN, N_("Clínica Andes, {part_of_day}, this is {secretary}"), {})
        await self.type("greeting", "set", "andes", greeting)
        await self.client("norte", "Notaría Norte", CLOSED, "never")
        self.screen.command(["secretary", "add", "Ana", "--language", "es,en", "--json"])
        ana = await self.office.ask("secretary", "add", "Ana", "--language", "es,en")
        welcome = await self.voice("ana", N_("Clínica Andes, good morning, this is Ana. How can I help you?"))
        self.ana = await self.world.phone(ana["user"], ana["password"], say=welcome)
        self.screen.fact("Ana's softphone has registered as {user}", True, user=ana["user"])

    async def an_answered_call(self) -> None:
        """Somebody calls, Ana answers, both are recorded, the client gets an e-mail."""
        self.screen.chapter("María Soto calls Clínica Andes; Ana answers")
        wish = await self.voice("maria", N_("Good morning. I would like an appointment with doctor Pérez, please."))
        caller, ring = await self.conversation(MARIA, "María Soto", wish)
        await self.summary()
        call = await self.last_call()
        self.facts_of_a_conversation(caller, ring, MARIA, TONES["maria"])
        self.fact_of_outcome(call, "answered")
        self.fact_of_recording(call, TONES["maria"])

    async def a_call_outside_the_hours(self) -> None:
        """A client that is closed: the caller hears its hours, and no telephone rings."""
        self.screen.chapter("John Smith calls Notaría Norte, which is closed now")
        rung = len(self.secretary.calls)
        caller = await self.world.call(CLOSED, JOHN, "John Smith")
        await caller.answered()
        with self.screen.working("he listens to the announcement"):
            await caller.ended(60)
        spoken = audio.speech(caller.heard)
        call = await self.last_call()
        self.screen.fact("he heard {seconds} s of announcement, then was hung up", spoken > 2, seconds=round(spoken, 1))
        self.screen.fact("no telephone rang", len(self.secretary.calls) == rung)
        self.fact_of_outcome(call, "closed")

    async def a_missed_call(self) -> None:
        """Ana does not answer, the caller gives up, the client learns of it."""
        self.screen.chapter("Pedro Rojas calls Clínica Andes; nobody answers, and he gives up")
        self.secretary.rings_on()
        rung = len(self.secretary.calls)
        caller = await self.world.call(OPEN, PEDRO, "Pedro Rojas")
        ring = await self.secretary.rung(rung + 1)
        with self.screen.working("it rings"):
            await asyncio.sleep(4)
        await caller.hang_up()
        await ring.ended(2)
        await self.summary()
        call = await self.last_call()
        self.screen.fact("her telephone stopped ringing when he gave up", True)
        self.fact_of_outcome(call, "missed")

    async def a_transferred_call(self) -> None:
        """Ana asks the client's contact first, then connects the two; the conversation has an end."""
        self.screen.chapter("María calls again and wants Rosa Díaz: Ana asks Rosa first, then connects the two")
        self.screen.note("here a transferred conversation ends after {seconds} s, not 600", seconds=TRANSFER_CAP)
        rosa = self.world.contact(ROSA, say=await self.voice("rosa", N_("Good morning, this is Rosa Díaz.")))
        caller, hers = await self.begun(MARIA, "María Soto", self.said("maria"))
        self.screen.note("Ana presses *1: María hears music, and Rosa's telephone rings")
        rosa.answers(after=1.5)
        await hers.press("*1")
        private = await rosa.rung()
        await private.answered()
        shown = private.number
        self.screen.fact("Rosa's telephone showed the client's own number: {number}", shown == OPEN, number=shown)
        with self.screen.working("Ana and Rosa talk in private"):
            await asyncio.sleep(max(audio.seconds(rosa.say), audio.seconds(self.secretary.say)) + 0.5)
        self.screen.note("Ana presses ##: María and Rosa are connected, and Ana is free")
        await hers.press("##")
        await hers.ended(2)
        await self.summary()
        self.screen.fact("the e-mail came while the two were still talking", caller.end.at is None)
        with self.screen.working("they talk until their time is up"):
            await caller.ended(TRANSFER_CAP + 5)
            await private.ended(2)
        await self._facts_of_a_transfer(caller, hers, private)

    async def a_consultation_in_vain(self) -> None:
        """The contact is busy: Ana has the caller again, and knows why."""
        self.screen.chapter("María calls once more; this time Rosa is busy")
        caller, hers = await self.begun(MARIA, "María Soto", self.said("maria"))
        rosa = self.world.telephone(ROSA).refuses(after=1.5)
        rung = len(rosa.calls)
        await hers.press("*1")
        refused = await rosa.rung(rung + 1)
        await refused.ended(5)
        with self.screen.working("Ana is told that Rosa is busy, and talks with María again"):
            await asyncio.sleep(max(audio.seconds(caller.say), audio.seconds(self.secretary.say)) + 1)
        await caller.hang_up()
        await hers.ended(2)
        await self.summary()
        again = audio.spans(caller.heard, TONES["ana"])[-1:]
        music = audio.speech(caller.heard) > 0.5
        self.screen.fact("María heard music, then Ana again", music and bool(again))
        self.fact_of_outcome(await self.last_call(), "answered")

    async def a_call_without_the_daemon(self) -> None:
        """The daemon is killed: the switch alone serves the caller, and the daemon catches up when it is back."""
        self.screen.chapter("The daemon is killed; Lucía Vidal calls all the same")
        assert self.office.daemon
        self.screen.command(["-9", str(self.office.daemon.pid)], program="kill")
        await self.office.kill_daemon()
        self.screen.note("the switch serves callers alone now; what it did is told when the daemon is back")
        wish = await self.voice("lucia", N_("Hello, this is Lucía. Are you open this afternoon?"))
        caller, ring = await self.conversation(LUCIA, "Lucía Vidal", wish)
        self.facts_of_a_conversation(caller, ring, LUCIA, TONES["lucia"])
        silent = len(self.post.to(MAILBOX)) == self.letters
        self.screen.fact("no e-mail yet: nobody is there to write it", silent)
        self.screen.command(["run"])
        await self.office.start_daemon()
        await self.summary()
        call = await self.last_call()
        self.fact_of_outcome(call, "answered")
        self.screen.fact("it knows that the switch hosted this call alone", call["hosted_by"] == "switch")
        self.fact_of_recording(call, TONES["lucia"])

    async def farewell(self) -> None:
        """What remains of it: the calls, the recordings, and how to ring a telephone of one's own."""
        self.screen.chapter("What is left of it")
        await self.type_out("call", "list")
        self.screen.note("the conversations, to listen to (each voice ends with a tone of its own):")
        for recording in sorted((self.office.home / "recordings").rglob("*.wav")):
            self.screen.line(str(recording))
        self.screen.note(
            "a desk or a softphone of your own: `pbx-control demo --stay` gives you accounts at {desk} and {server} "
            "and calls you",
            desk=self.office.url,
            server=self.world.place.pbx,
        )

    async def stay(self) -> None:
        """Keeps everything running for a desk and a softphone of the spectator's own; Enter makes somebody call."""
        self.screen.chapter("Your turn: sit at a desk, or register a softphone of your own")
        await self.type_out("secretary", "add", "Eva", "--language", "es,en")
        await self.desk_for("eva", "Eva")
        await goes_home(self)
        self.secretary.answers(after=4, hang_up_after=STAYS_ON)
        self.screen.desks(f"{self.office.url}/login", self.desks)
        self.screen.note("Ana's telephone answers by itself as long as somebody is signed in as ana; Eva's is yours")
        self.screen.note(
            "What the client is sent: `pbx-control --home {home} message list`, `message show ID`",
            home=self.office.home,
        )
        self.screen.note("Press Enter and María calls {number}; Ctrl-C ends it all", number=OPEN)
        async for _ in _enter_keys():
            await self.world.call(OPEN, MARIA, "María Soto", say=self.said("maria"))
            self.screen.note("María calls {number}", number=OPEN)

    async def _facts_of_a_transfer(self, caller: Leg, hers: Ringing, contact: Ringing) -> None:
        heard = audio.heard(caller.heard, TONES["rosa"]) > 0.5 and audio.heard(contact.heard, TONES["maria"]) > 0.5
        self.screen.fact("María and Rosa heard each other, and Ana's leg had ended", heard and bool(hers.end.at))
        assert caller.end.at
        assert hers.end.at
        lasted = (caller.end.at - hers.end.at).total_seconds()
        on_time = abs(lasted - TRANSFER_CAP) < 2
        self.screen.fact("their conversation ended by itself after {seconds} s", on_time, seconds=round(lasted, 1))
        call = await self.last_call()
        self.fact_of_outcome(call, "answered")
        file = self.office.home / "recordings" / call["recording"]
        voices = {float(TONES[person]) for person in ("maria", "ana", "rosa")}
        whole = audio.tones_in(file, voices) == voices
        self.screen.fact("one recording has all three voices: {file}", whole, file=file)


async def _enter_keys() -> AsyncIterator[str]:
    """Each time Enter is pressed; waits for ever if nobody can press it."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    if sys.stdin.isatty():
        loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    while True:
        yield await lines.get()
