"""Listens to AMI: which telephones can be reached, and who was refused by the switch."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk.ami import WRONG_PASSWORD, Ami, Refused, refusal, telephone, to_dialplan
from pbx_control.asterisk.ari import Ari, path
from pbx_control.clock import now
from pbx_control.errors import StoreUnavailable, SwitchUnavailable
from pbx_control.keeping_out import KeepingOut
from pbx_control.settings import Home, Settings
from pbx_control.store import refusals, secretaries
from pbx_control.store.engine import writing
from pbx_control.store.refusals import Counted
from pbx_control.switchboard import Switchboard

log = structlog.get_logger()

# AMI that is away is tried again so often, seconds.
RECONNECT_EVERY = 1.0
# Counted refusals are written so often, seconds: a flood of them costs one transaction.
WRITE_EVERY = 10.0
# More sources than this in an hour are counted together: memory and rows of a flood are bounded, too.
MOST_SOURCES = 1000
# So many numbers that one source asked for are kept of an hour.
MOST_NUMBERS = 20
OTHERS = "others"


class Telephones:
    """`run` listens and `count` writes down, for ever."""

    def __init__(
        self, home: Home, settings: Settings, engine: Engine, ari: Ari, board: Switchboard, keeping_out: KeepingOut
    ) -> None:
        self._home = home
        self._settings = settings
        self._engine = engine
        self._ari = ari
        self._board = board
        self._keeping_out = keeping_out
        self._refused: Counter[Counted] = Counter()
        self._numbers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # by source and reason, within an hour
        self._numbers_of: datetime | None = None  # which hour
        self._asking: set[asyncio.Task[None]] = set()
        self._gone: set[str] = set()  # telephones that were there and are not any more
        self._ami: Ami | None = None

    async def run(self) -> None:
        """Connects to AMI; the connection comes back by itself after a break."""
        self._ami = ami = Ami(self._settings, self._home, self._happened)
        try:
            while True:
                try:
                    await ami.connect()
                    await asyncio.Event().wait()
                except SwitchUnavailable:
                    ami.close()
                    await asyncio.sleep(RECONNECT_EVERY)
                    self._ami = ami = Ami(self._settings, self._home, self._happened)
        finally:
            ami.close()

    async def redirect(self, leg: str) -> bool:
        """Sends a secretary's leg to the dialplan, where it waits for her answer. False if that cannot be done now."""
        try:
            if self._ami is None:
                return False
            await self._ami.ask("Redirect", Channel=leg, **to_dialplan())
        except SwitchUnavailable:  # AMI is away, or the leg is gone already
            return False
        return True

    async def count(self) -> None:
        """Writes the counted refusals down now and then."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            if self._refused:
                counted, self._refused = self._refused, Counter()
                try:
                    await asyncio.to_thread(self._write, counted)
                except StoreUnavailable:
                    self._refused += counted

    def _write(self, counted: Counter[Counted]) -> None:
        with writing(self._engine) as conn:
            refusals.add(conn, counted)

    def _happened(self, name: str, event: Mapping[str, str]) -> None:
        if phone := telephone(name, event):
            task = asyncio.ensure_future(self._ask(phone.user))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        elif (refused := refusal(name, event)) and self._is_to_count(refused):
            self.refused(refused)

    def _is_to_count(self, refused: Refused) -> bool:
        """Also has wrong passwords judged. Of whom is kept out the switch tells each request by another event, too."""
        return refused.reason != WRONG_PASSWORD or self._keeping_out.wrong_password(refused.source)

    def refused(self, refused: Refused) -> None:
        """Counts a refusal."""
        hour = now().replace(minute=0, second=0, microsecond=0)
        if hour != self._numbers_of:
            self._numbers_of = hour
            self._numbers.clear()
        known = (refused.source, refused.reason) in self._numbers or len(self._numbers) < MOST_SOURCES
        source = refused.source if known else OTHERS
        self._refused[source, hour, refused.reason, self._asked_for(source, refused)] += 1

    def _asked_for(self, source: str, refused: Refused) -> str:
        """The number that was asked for; "" if its source has asked for many others within the hour: it scans."""
        numbers = self._numbers[source, refused.reason]
        if len(numbers) < MOST_NUMBERS:
            numbers.add(refused.number)
        return refused.number if refused.number in numbers else ""

    async def _ask(self, user: str) -> None:
        """Asks the switch itself: of an old and a new contact of one telephone the events come in either order."""
        try:
            reply = await self._ari.ask("GET", path("endpoints", "PJSIP", user))
        except SwitchUnavailable:
            return  # the comparison after the next connection asks for all telephones
        if reply.ok:
            there = reply.body["state"] == "online"
            self._board.registered(user, there)
            await self._noted(user, there)

    async def _noted(self, user: str, there: bool) -> None:
        """Somebody has switched her telephone off and on again: a pause of the system's ends."""
        if not there:
            self._gone.add(user)
        elif user in self._gone:
            self._gone.discard(user)
            try:
                ended = await asyncio.to_thread(self._end_pause, user)
            except StoreUnavailable:
                self._gone.add(user)  # it is tried again when the telephone is next heard of
                return
            if ended:
                log.info("a telephone is back: its secretary is no longer paused", telephone=user)

    def _end_pause(self, user: str) -> bool:
        with writing(self._engine) as conn:
            return secretaries.end_pause(conn, user)
