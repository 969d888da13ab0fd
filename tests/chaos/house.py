"""The installation that is to be shaken: five firms, their secretaries' telephones, and everybody's mail."""

import asyncio
import json
import random
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session
from click.testing import CliRunner
from forked import ForkedInstallation

from cli import main as command
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine
from pbx_control.world.installation import Ports
from pbx_control.world.legs import DidNotHappen, Ringing
from pbx_control.world.people import Telephone
from pbx_control.world.post import PostOffice
from pbx_control.world.world import World

# A letter takes the mail server so long, seconds: time enough for a kill to meet one in flight.
POST_TAKES = 0.3


@dataclass(frozen=True, slots=True)
class Firm:
    """A client: its number, the options it is added with, and how many answer for it."""

    slug: str
    number: str
    options: tuple[str, ...]
    hours: str = "always"
    secretaries: int = 0
    answers: bool = True

    @property
    def mailbox(self) -> str:
        return f"{self.slug}@firma.example"

    @property
    def records(self) -> bool:
        return "--recording" in self.options


# The talkers' firm records; nobody ever answers for the patient one; the polite one greets first.
TALK = Firm("talk", "+56225552001", ("--recording",), secretaries=8)
PATIENT = Firm("patient", "+56225552002", ("--wait-limit", "30s"), secretaries=2, answers=False)
POLITE = Firm("polite", "+56225552003", ("--recording",), secretaries=3)
CLOSED = Firm("closed", "+56225552004", ("--tell-closed",), hours="never")
# Its secretaries call its contacts, and connect callers with them.
TRANSFER = Firm(
    "transfer",
    "+56225552005",
    ("--recording", "--calls-out-at-once", "20", "--calls-out-a-day", "100000"),
    secretaries=8,
)
FIRMS = (TALK, PATIENT, POLITE, CLOSED, TRANSFER)
# All have a plan, so that every call is counted.
PLAN = "ample"
FREE_OF_CHARGE = ("--price", "0", "--extra-call", "0", "--calendars", "0")
# The keys of the contacts, and what everybody says, in hertz.
CONTACTS = range(1, 7)
CALLER, SECRETARY, CONTACT = 700, 880, 1100


def name_of(key: int) -> str:
    """The name of the contact with that key."""
    return f"Rosa {key}"


def number_of(key: int) -> str:
    """The number of the contact with that key: a mobile's."""
    return f"+5698765430{key}"


@dataclass
class SlowPost(PostOffice):
    """A mail server that takes its time; remembers when each letter was taken, and which are in its hands."""

    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    in_hand: set[str] = field(default_factory=set)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message_id = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)["Message-ID"]
        self.in_hand.add(message_id)
        try:
            await asyncio.sleep(POST_TAKES)
            answer = await super().handle_DATA(server, session, envelope)
            self.taken[message_id].append(time.monotonic())
            return answer
        finally:
            self.in_hand.discard(message_id)


class House:
    """All of it, with Asterisk running and no daemon yet; an async context manager.

    `answered` gives, by the caller's number on her display, the secretary's leg that picked up; `contacts` has the
    transferring firm's contacts' telephones by their keys; `open` is set while a daemon is
    there. `cap` is `[office] transfer_cap`, seconds. `beside`: another house, open already, with which it shares
    database, firms, secretaries and mail server.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        database: str = "",
        dice: random.Random | None = None,
        firms: tuple[Firm, ...] = FIRMS,
        cap: int = 600,
        beside: "House | None" = None,
    ) -> None:
        self.office = ForkedInstallation(folder / "home", ports)
        self.post = beside.post if beside else SlowPost(ports.smtp)
        self.accounts: list[tuple[Firm, str, str]] = []  # of the secretaries' telephones: user and password
        self._beside = beside
        self.world = World(self.office.place(folder / "world"))
        self.dice = dice or random.Random()
        self.telephones: dict[str, list[Telephone]] = {}
        self.open = asyncio.Event()
        self.contacts: dict[int, Telephone] = {}
        self._firms, self._cap = firms, cap
        self._database = beside._database if beside else database
        self._picked_up: dict[str, asyncio.Future[Ringing]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.office.ports.require_free()
        try:
            await self._open()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await self.office.clean_up()

    async def answered(self, caller: str) -> Ringing:
        """Waits until some secretary talks with the caller of that number."""
        return await asyncio.shield(self._answer_of(caller))

    async def channels(self) -> list[str]:
        """The channels and bridges that Asterisk has now, as its console tells."""
        channels = await self.office.pbx("asterisk", "console", "-x", "core show channels concise")
        bridges = await self.office.pbx("asterisk", "console", "-x", "bridge show all")
        return [line for line in [*channels.splitlines(), *bridges.splitlines()[1:]] if line.strip()]

    @property
    def node(self) -> str:
        """The name of its daemon among those that share the database."""
        return load(Home(self.office.home)).node.name

    def engine(self) -> Any:
        """A connection pool of one's own to the installation's database."""
        home = Home(self.office.home)
        return open_engine(home, load(home))

    async def _open(self) -> None:
        further = {"database": {"url": self._database}} if self._database else {}
        if self._beside:
            further |= {"mail": {"port": self._beside.office.ports.smtp}}
        await self.office.set_up(office={"transfer_cap": self._cap}, **further)
        self.accounts = self._beside.accounts if self._beside else await asyncio.to_thread(self._provision)
        await self.office.pbx("dialplan", "apply")
        await self.office.pbx("asterisk", "start")
        if not self._beside:
            await self._stack.enter_async_context(self.post)
        await self._stack.enter_async_context(self.world)
        self.contacts = {key: self.world.contact(number_of(key), CONTACT) for key in CONTACTS}
        for firm, user, password in self.accounts:
            await self._seat(firm, user, password)

    def _provision(self) -> list[tuple[Firm, str, str]]:
        carrier = self.world.place.carrier
        self._do("trunk", "add", "carrier", "--match", carrier.host, "--host", str(carrier))
        accounts = []
        self._do("plan", "set", PLAN, "--calls", "100000", *FREE_OF_CHARGE, "--contacts", "10", "--recording")
        for firm in self._firms:
            self._do("client", "add", firm.slug, "--name", firm.slug.title(), *firm.options)
            self._do("plan", "assign", firm.slug, PLAN)
            self._do("did", "add", firm.number)
            self._do("did", "assign", firm.number, firm.slug)
            self._do("hours", "set", firm.slug, firm.hours)
            self._do("recipient", "add", firm.slug, "--email", firm.mailbox)
            for number in range(firm.secretaries):
                accounts.append((firm, *self._secretary(firm, number)))
        if POLITE in self._firms:
            text = "Bienvenido a Polite, un momento por favor."
            self._do("announcement", "set", POLITE.slug, "welcome", "--text", text)
        if TRANSFER in self._firms:
            for key in CONTACTS:
                self._do("contact", "add", TRANSFER.slug, name_of(key), number_of(key), "--key", str(key))
        return accounts

    def _secretary(self, firm: Firm, number: int) -> tuple[str, str]:
        out = self._do("secretary", "add", f"{firm.slug} {number}", "--clients", firm.slug, "--json")
        facts = json.loads(out)
        return facts["user"], facts["password"]

    def _do(self, *words: str) -> str:
        """A command in this process: an admin's thirty take a second so, and half a minute as processes."""
        done = CliRunner().invoke(command, ["--home", str(self.office.home), *words])
        if done.exit_code:
            raise DidNotHappen(f"pbx-control {' '.join(words)}: {done.output}")
        return done.stdout

    async def _seat(self, firm: Firm, user: str, password: str) -> None:
        telephone = await self.world.phone(user, password)
        if firm.answers:
            telephone.conduct = self._pick_up
        self.telephones.setdefault(firm.slug, []).append(telephone)

    async def _pick_up(self, call: Ringing) -> None:
        await asyncio.sleep(self.dice.uniform(0.2, 2.5))
        await call.pick_up()
        try:
            await call.answered()
        except DidNotHappen:  # withdrawn in the very moment: another telephone will ring for him
            return
        answer = self._answer_of(call.number)
        if not answer.done():
            answer.set_result(call)

    def _answer_of(self, caller: str) -> "asyncio.Future[Ringing]":
        return self._picked_up.setdefault(caller, asyncio.get_running_loop().create_future())
