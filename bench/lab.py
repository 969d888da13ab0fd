"""The one installation that everything is measured on: its Asterisk, its daemon, a client, and telephones enough."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Self

import psutil
from sqlalchemy import Engine, func, select

from bench.registrar import Account, register
from bench.sipp import Carrier, Contacts, Phones
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.money.plans import Plan
from pbx_control.services import clientele, numbers, people, staff, subscriptions
from pbx_control.services.work import Work, changing
from pbx_control.settings import Home, load
from pbx_control.store import clients, trunks
from pbx_control.store.engine import open_engine, reading
from pbx_control.store.tables import call
from pbx_control.world.installation import CARRIER, PBX, PHONES, Installation, Ports

BENCH = Actor(ActorKind.ADMIN, "bench")
PORTS = Ports(16500)
# Room for 800 calls at once; SIPp names its audio port in its SDP but sends nothing.
RTP = "40000-43499"
AUDIO = 43500
# From here the telephones' keys are pressed.
KEYS_PORT = AUDIO + 10
# Where the carrier takes calls to contacts; its own come from PORTS.sip.
CONTACTS_PORT = PORTS.base + 61
FASTAGI_PORT = PORTS.base + 73
TRUNK = "carrier"
CLIENT, DID = "andes", "+56225550101"
# Its calls are counted by nobody: it has no plan.
FREE_CLIENT, FREE_DID = "free", "+56225550102"
# Clients with contacts, and those of each, one on each key: at 20 transfers a second a contact is called every 3 s.
FIRMS, CONTACTS = 10, 6
# Of all the others: more calls than are ever placed, so that nobody comes near the end.
PLAN = Plan(name="bench", calls=1_000_000, price=0, extra_call=0, contacts=CONTACTS, calendars=0)
# None of a firm's calls is refused for being one too many.
NO_LIMIT = {"calls_out_at_once": 1000, "calls_out_a_day": 100_000}
# The first trunk's own context, which everything that the carrier dials enters.
TRUNK_CONTEXT = "trunk-1"
# The last calls' ends may take so long to be written, seconds.
SETTLING = 15.0


@dataclass(frozen=True, slots=True)
class Firm:
    """A client with contacts: the number that its callers dial, and the contacts' numbers by key, *1 first."""

    did: str
    contacts: tuple[str, ...]


class Lab:
    """A context manager: inside it, everything runs."""

    def __init__(self, folder: Path, secretaries: int, *, pages: bool = False) -> None:
        self.office = Installation(folder / "home", PORTS)
        self.office.pages = pages
        self.home = Home(folder / "home")
        self._wanted = secretaries
        self.phones = Phones(folder / "phones", (PHONES, PORTS.sip), AUDIO, KEYS_PORT)
        self.contacts = Contacts(folder / "contacts", (CARRIER, CONTACTS_PORT), AUDIO + 40)
        self.carrier = Carrier(folder / "carrier", (CARRIER, PORTS.sip), (PBX, PORTS.sip), AUDIO)
        self.users: list[str] = []
        self._accounts: list[Account] = []
        self.firms = list(_firms())
        self._engine: Engine | None = None
        self._asterisk: psutil.Process | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        PORTS.require_free()
        # The bench's calendar server is on this machine.
        private = {"private_networks": ["127.0.0.0/8"]}
        self.office.write_settings(sip={"rtp_ports": RTP}, agenda=private)
        await self.office.pbx("setup")
        self._accounts = await self._provision()
        await self.office.pbx("dialplan", "apply")
        self._stack.push_async_callback(self.office.clean_up)
        await self.office.pbx("asterisk", "start")
        await self.office.start_daemon()
        self._stack.push_async_callback(self.phones.hang_up)
        await self.register()
        self._stack.push_async_callback(self.contacts.hang_up)
        await self.contacts.start()

    async def register(self) -> None:
        """Registers all telephones, again before the switch forgets them (`registrar.EXPIRES`): between calls only."""
        await self.phones.hang_up()
        await asyncio.to_thread(register, self._accounts, (PBX, PORTS.sip), (PHONES, PORTS.sip))
        await self.phones.start()

    async def _provision(self) -> list[Account]:
        """As an admin does; the many secretaries at once, since a command for each would take minutes."""
        pbx = self.office.pbx
        await pbx("trunk", "add", TRUNK, "--match", CARRIER, "--host", f"{CARRIER}:{CONTACTS_PORT}")
        for client, did in ((CLIENT, DID), (FREE_CLIENT, FREE_DID)):
            await pbx("client", "add", client, "--name", "Andes", "--no-recording")
            await pbx("did", "add", did)
            await pbx("did", "assign", did, client)
            await pbx("hours", "set", client, "always")
        self._engine = open_engine(self.home, load(self.home))
        self._stack.callback(self._engine.dispose)
        with changing(self._engine, BENCH, now()) as work:
            subscriptions.set_plan(work, PLAN)
            subscriptions.assign(work, clients.find(work.conn, CLIENT).id, PLAN.name)
            _take_on(work, self.firms)
            hired = [staff.add(work, name, languages=["es"], client_ids=None) for name in _names(self._wanted)]
        self.users = [each.user for each in hired]
        return [Account(each.user, each.password) for each in hired]

    async def extension(self, pattern: str, *applications: str) -> None:
        """Adds an extension to what the carrier can dial, beside the generated ones, in the running Asterisk only."""
        for priority, application in enumerate(applications, 1):
            command = f"dialplan add extension {pattern},{priority},{application} into {TRUNK_CONTEXT}"
            await self.office.pbx("asterisk", "console", "-x", command)

    @property
    def daemon(self) -> psutil.Process:
        """The daemon's process."""
        assert self.office.daemon
        return psutil.Process(self.office.daemon.pid)

    async def asterisk(self) -> psutil.Process:
        """Asterisk's own process, below whatever started it."""
        if self._asterisk is None:
            spawned = psutil.Process((await self.office.ask("asterisk", "status"))["pid"])
            family = [spawned, *spawned.children(recursive=True)]
            self._asterisk = next(process for process in family if process.name() == "asterisk")
        return self._asterisk

    @property
    def engine(self) -> Engine:
        """The database that the daemon has, too."""
        assert self._engine
        return self._engine

    async def answered_by_the_daemon(self) -> int:
        """How many calls the store knows as served by the daemon and answered, once no call is live any more."""
        until = asyncio.get_running_loop().time() + SETTLING
        while self._count(call.c.state.is_not(None)) and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return self._count(call.c.outcome == "answered", call.c.hosted_by == "daemon")

    async def handed_over(self) -> int:
        """How many calls the store knows as transferred by the daemon, once no call is live any more."""
        await self.answered_by_the_daemon()
        return self._count(call.c.transferred_to != "", call.c.hosted_by == "daemon")

    def _count(self, *conditions: object) -> int:
        with reading(self.engine) as conn:
            return conn.scalar(select(func.count()).select_from(call).where(*conditions)) or 0  # type: ignore[arg-type]


def _names(count: int) -> Iterator[str]:
    """Names of which no two are alike: a telephone's user name is made of the letters alone."""
    for letters in islice(product(ascii_lowercase, repeat=2), count):
        yield "Ana" + "".join(letters)


def _firms() -> Iterator[Firm]:
    """No two have a number in common."""
    for number in range(FIRMS):
        called = range(80_000_000 + CONTACTS * number, 80_000_000 + CONTACTS * (number + 1))
        yield Firm(f"+5622556{1000 + number}", tuple(f"+569{each}" for each in called))


def _take_on(work: Work, firms: list[Firm]) -> None:
    """Clients of one name: all that callers could hear of them is spoken already."""
    numbers.add(work, [firm.did for firm in firms], trunks.find(work.conn, TRUNK).id)
    for place, firm in enumerate(firms):
        client_id = clientele.add(work, f"firm{place}", name="Andes", week="always", recording=False, **NO_LIMIT)
        numbers.assign(work, firm.did, client_id)
        subscriptions.assign(work, client_id, PLAN.name)
        for key, number in enumerate(firm.contacts, start=1):
            people.add_contact(work, client_id, f"Contact {key}", number, key=key)
