"""Keeps the switch's configuration current: each change of provisioning is live within two seconds."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context, parent_process

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk.publish import bring_into_force, stage_provisioned
from pbx_control.clock import now
from pbx_control.domain.office import Office
from pbx_control.domain.sounds import house_sounds, sounds_of
from pbx_control.errors import PbxError
from pbx_control.media import prompts
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_office, read_revision

log = structlog.get_logger()

# The store is asked for its revision so often, seconds.
LOOK_EVERY = 0.25
# What could not be published is tried again so often, seconds.
TRY_AGAIN_EVERY = 10.0


class Publishing:
    """`run` watches the store's revision; `adopt(office)` is called with each new one before it is published,
    `in_force(revision)` after."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        engine: Engine,
        adopt: Callable[[Office], None],
        in_force: Callable[[int], None],
    ) -> None:
        self._home = home
        self._settings = settings
        self._engine = engine
        self._adopt = adopt
        self._in_force = in_force

    async def run(self) -> None:
        """Publishes at once, after every change, and once a day for the holidays to come; for ever."""
        published: tuple[int, datetime] | None = None
        # A process of its own: rendering ten thousand clients must not hold up a call.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
            while True:
                revision = await asyncio.to_thread(self._revision)
                if published is None or published[0] != revision or published[1].date() != now().date():
                    published = await self._publish(pool) or published
                await asyncio.sleep(LOOK_EVERY)

    async def _publish(self, pool: ProcessPoolExecutor) -> tuple[int, datetime] | None:
        """One publication; the revision and when, or None if it failed and is to be tried again."""
        try:
            office = await asyncio.to_thread(self._read)
            await asyncio.to_thread(self._speak, office)
            staged = await asyncio.get_running_loop().run_in_executor(pool, stage_provisioned, str(self._home.root))
            # Adopted first: a call that comes by the new configuration must find its client.
            self._adopt(office)
            done = await bring_into_force(staged, self._home, self._settings)
        except PbxError as error:
            log.error("the configuration could not be published; the former one stays in force", why=str(error))
            await asyncio.sleep(TRY_AGAIN_EVERY)
            return None
        log.info("published", revision=done.revision, changed=done.changed, needs_restart=done.needs_restart)
        self._in_force(office.revision)
        return office.revision, now()

    def _revision(self) -> int:
        with reading(self._engine) as conn:
            return read_revision(conn)

    def _read(self) -> Office:
        with reading(self._engine) as conn:
            return read_office(conn, now().date())

    def _speak(self, office: Office) -> None:
        """Makes sure that everything callers may hear can be played."""
        wanted = {name: (name, text, language) for name, text, language in house_sounds()}
        for client in office.clients:
            wanted |= {name: (name, text, language) for name, text, language in sounds_of(client)}
        prompts.ensure(self._home, wanted.values())


def end_with_parent() -> None:
    """Has this worker end when its daemon is killed: it would wait for work for ever, once for each kill."""
    parent = parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
