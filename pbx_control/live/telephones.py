"""Listens to AMI: which telephones can be reached, who was refused by the switch, and which leg begins a new stream."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk.ami import (
    ANSWER_TIMEOUT,
    WRONG_PASSWORD,
    Ami,
    Refused,
    authenticated,
    refusal,
    stream,
    telephone,
    to_dialplan,
)
from pbx_control.asterisk.ari import Ari, path
from pbx_control.asterisk.places import Places
from pbx_control.asterisk.reached import contacts
from pbx_control.asterisk.translate import new_stream
from pbx_control.clock import now
from pbx_control.domain.audit import SWITCH
from pbx_control.domain.call.flow import PAUSE_AFTER_REFUSALS
from pbx_control.domain.telephony.browser import is_browser
from pbx_control.errors import StoreUnavailable, SwitchUnavailable
from pbx_control.live.keeping_out import KeepingOut
from pbx_control.live.once_at_a_time import OnceAtATime
from pbx_control.live.reach import Reach
from pbx_control.live.streams import Streams
from pbx_control.live.switchboard import Switchboard
from pbx_control.services import staff
from pbx_control.services.work import booking
from pbx_control.settings import Home, Settings
from pbx_control.store import refusals, secretaries
from pbx_control.store.engine import reading, writing
from pbx_control.store.refusals import Counted

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
# Where a telephone is and where its password came from are told in either order, so far apart at most, seconds.
TOLD_WITHIN = 2.0
# Whether a pause of the system's is over is looked at so often, seconds.
LOOK_AT_PAUSES_EVERY = 10.0


class Telephones:
    """`run` listens and `count` writes down, for ever."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        engine: Engine,
        ari: Ari,
        board: Switchboard,
        keeping_out: KeepingOut,
        places: Places,
        reach: Reach,
    ) -> None:
        self._home = home
        self._settings = settings
        self._engine = engine
        self._ari = ari
        self._board = board
        self._keeping_out = keeping_out
        self._places = places
        self._reach = reach
        self._refused: Counter[Counted] = Counter()
        self._numbers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)  # by source and reason, within an hour
        self._numbers_of: datetime | None = None  # which hour
        self._asking = OnceAtATime(self._ask)
        self._sending_away = OnceAtATime(self._send_away)
        self._reading: asyncio.Task[None] | None = None
        self._gone: set[str] = set()  # telephones that were there and are not any more
        self._ami: Ami | None = None
        self._streams = Streams()

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
        if name == "FullyBooted":
            self._reading = asyncio.ensure_future(self._read_places())
        elif sent := stream(name, event):
            if self._streams.is_new(sent):
                self._board.heard(*new_stream(sent.leg, now()))
        elif phone := telephone(name, event):
            if phone.reachable:
                self._places.registered(phone.user, phone.uri)
            self._asking.want(phone.user)
        elif known := authenticated(name, event):
            if self._places.authenticated(known.user, known.host):
                self._asking.want(known.user)
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
            online, at_home = reply.body["state"] == "online", self._places.at_home(user)
            self._reach.is_online(user, online and at_home)
            await self._noted(user, online and at_home)
            if online and not at_home:
                self._sending_away.want(user)

    async def _read_places(self) -> None:
        """After each login."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                while not (self._ami and self._ami.connected):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # the login itself was answered a moment ago
            for user in await self._places.read(self._ami):
                self._asking.want(user)
        except (SwitchUnavailable, TimeoutError) as error:
            log.warning("where telephones are is read after the next login", why=str(error) or "no login")

    async def _send_away(self, user: str) -> None:
        """Has the switch forget a contact that is not where its telephone's password came from: it would ask it for a
        sign of life each few seconds. What events told may have been of an older contact, so the switch is asked."""
        if not (at_once := self._places.is_lost(user)):
            await asyncio.sleep(TOLD_WITHIN)
        try:
            there = await contacts(self._ami) if self._ami else []
            for one in (each for each in there if each.user == user):
                self._places.registered(user, one.uri)
                if self._places.at_home(user):
                    self._reach.is_online(user, True)
                    continue
                if at_once and not self._places.is_lost(user):
                    self._asking.want(user)  # it has moved: it is given its two seconds
                    continue
                lost = self._places.is_lost(user)
                why = "a carrier's address, or none" if lost else "its password came from elsewhere"
                log.warning("a telephone is not rung where it registered", telephone=user, at=one.uri, why=why)
                await self._ari.ask("DELETE", path("asterisk", "config", "dynamic", "res_pjsip", "contact", one.id))
        except SwitchUnavailable as error:
            log.warning("a contact stays that is not rung", telephone=user, why=str(error))

    async def _noted(self, user: str, there: bool) -> None:
        """Somebody has switched her telephone off and on again: a pause of the system's ends."""
        if is_browser(user):
            return  # it comes and goes with her page
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

    async def try_again(self) -> None:
        """Ends pauses of the system's that have lasted long enough."""
        while True:
            for user in await asyncio.to_thread(self._end_old_pauses):
                log.info("a telephone that refused its calls is offered one again", telephone=user)
                self._board.tried_again(user)
            await asyncio.sleep(LOOK_AT_PAUSES_EVERY)

    def _end_old_pauses(self) -> list[str]:
        before = now() - PAUSE_AFTER_REFUSALS
        with reading(self._engine) as conn:
            if not secretaries.old_pauses(conn, before):
                return []
        with booking(self._engine, SWITCH, now()) as work:
            return staff.end_old_pauses(work, before)

    def _end_pause(self, user: str) -> bool:
        with booking(self._engine, SWITCH, now()) as work:
            return staff.end_pause(work, user)
