"""Keeps out of SIP whoever guesses passwords of telephones; the rule is domain/telephony/guessing.py's."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk import kept_out as switch
from pbx_control.asterisk.ami import connected
from pbx_control.asterisk.ari import Ari
from pbx_control.clock import now
from pbx_control.domain.notices.guess_notes import compose_guessing
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony import guessing
from pbx_control.domain.telephony.guessing import Watch
from pbx_control.errors import StoreUnavailable, SwitchUnavailable
from pbx_control.settings import Home, Settings
from pbx_control.store import letters
from pbx_control.store.engine import writing

log = structlog.get_logger()

# While somebody is kept out, the switch is asked so often who is, seconds: it may have been started anew.
LOOK_EVERY = 5.0


class KeepingOut:
    """`wrong_password` is told of each one; `run` acts on it, for ever."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        engine: Engine,
        ari: Ari,
        trunks: Callable[[], Iterable[Trunk]],
        desk: AlarmDesk,
        letter_written: Callable[[], None],
    ) -> None:
        self._home = home
        self._settings = settings
        self._engine = engine
        self._ari = ari
        self._trunks = trunks
        self._desk = desk
        self._letter_written = letter_written
        self._watch = Watch()
        self._known = False  # whether the switch was asked since the daemon began
        self._guessing: set[str] = set()
        self._wake = asyncio.Event()

    def wrong_password(self, source: str) -> bool:
        """A wrong password came from that address. False if it is kept out: the switch has not even looked at it."""
        place = guessing.place_of(source)
        if not place:
            return True
        self._watch, too_many = guessing.wrong_password(self._watch, place, now())
        if too_many:
            self._guessing.add(place)
            self._wake.set()
        return place not in self._watch.out

    async def run(self) -> None:
        while True:
            with suppress(SwitchUnavailable):
                await self._look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY)
            self._wake.clear()

    async def _look(self) -> None:
        """Keeps out and lets in whom it is time for. Raises SwitchUnavailable."""
        if self._known and not self._guessing and not self._watch.out:
            return
        async with connected(self._settings, self._home) as ami:
            self._watch = guessing.in_force(self._watch, await switch.kept_out(ami))
            self._known = True
            telephones = await switch.registered_from(ami) if self._guessing else frozenset()
        while self._guessing:
            await self._decide(self._guessing.pop(), telephones)
        for place in guessing.over(self._watch, now(), self._trunks()):
            await self._let_in(place)

    async def _decide(self, place: str, telephones: Iterable[str]) -> None:
        if guessing.is_ours(place, telephones, self._trunks()):
            self._watch = guessing.spare(self._watch, place, now())
            log.warning("passwords are guessed from where one of ours is: not kept out", source=place)
            return
        until = now() + guessing.KEPT_OUT
        if not guessing.has_room(self._watch):
            log.warning("passwords are guessed, and too many addresses are kept out already", source=place)
            return
        self._watch = guessing.keep_out(self._watch, place, until)
        if await switch.shut(self._ari, self._watch.out, place):
            log.warning("an address is kept out: it guesses passwords", source=place, until=until.isoformat())
            await self._tell(place)
        else:
            self._watch = guessing.let_in(self._watch, place)
            self._watch = guessing.spare(self._watch, place, now())
            log.warning("Asterisk keeps nobody out: start it anew, it has old modules", source=place)

    async def _let_in(self, place: str) -> None:
        self._watch = guessing.let_in(self._watch, place)
        await switch.open_again(self._ari, self._watch.out, place)
        log.info("an address is let in again", source=place)

    async def _tell(self, place: str) -> None:
        """Writes to the admin, at most once an hour."""
        if not self._desk.address:
            return
        with suppress(StoreUnavailable):  # the journal of refusals has it, too
            await asyncio.to_thread(self._write, place)
            self._letter_written()

    def _write(self, place: str) -> None:
        with writing(self._engine) as conn:
            letters.add(conn, [compose_guessing(place, now(), self._desk)])
