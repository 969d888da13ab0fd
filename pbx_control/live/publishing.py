"""Keeps the switch's configuration current: each change of provisioning is live within two seconds."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk.publish import Staged, bring_into_force, read_provisioned, stage
from pbx_control.clock import now
from pbx_control.domain.office import Office
from pbx_control.domain.sounds import house_sounds, sounds_of
from pbx_control.errors import PbxError
from pbx_control.media import prompts
from pbx_control.offspring import end_with_parent
from pbx_control.settings import Home, Settings, load
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_revision

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
        published: tuple[int, date] | None = None
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
            while True:
                try:
                    if published != (await asyncio.to_thread(self._revision), now().date()):
                        published = await self._publish(pool)
                except PbxError as error:
                    log.error("nothing could be published; the former configuration stays in force", why=str(error))
                    await asyncio.sleep(TRY_AGAIN_EVERY)
                await asyncio.sleep(LOOK_EVERY)

    async def _publish(self, pool: ProcessPoolExecutor) -> tuple[int, date]:
        """One publication; gives the revision that is in force now, and the day."""
        prepared = await asyncio.get_running_loop().run_in_executor(pool, prepare, str(self._home.root))
        # Adopted first: a call that comes by the new configuration must find its client.
        self._adopt(prepared.office)
        done = await bring_into_force(prepared.staged, self._home, self._settings)
        log.info("published", revision=done.revision, changed=done.changed, needs_restart=done.needs_restart)
        self._in_force(done.revision)
        return done.revision, now().date()

    def _revision(self) -> int:
        with reading(self._engine) as conn:
            return read_revision(conn)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A revision of the office whose sounds can be played and whose configuration is written."""

    office: Office
    staged: Staged


def prepare(root: str) -> Prepared:
    """Reads the office of the home `root`, speaks what is missing, renders and writes its configuration.

    For a process of its own: with ten thousand clients this takes seconds, and must not hold up a call.
    """
    home = Home(Path(root))
    settings = load(home)
    office = read_provisioned(home, settings)
    spoken = [*house_sounds(), *(sound for client in office.clients for sound in sounds_of(client))]
    prompts.ensure(home, {name: (name, text, language) for name, text, language in spoken}.values())
    return Prepared(office, stage(home, settings, office))
