"""The notifying processes of a storm: storm_process.py DATABASE_URL MAIL_PORT BOT_URL TIME_FILE.

They are killed again and again. Each line of input has one forked, of which everything is imported already; its number
is printed, and when it has ended, its exit status.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos.fast_time import FastLoop, SharedTime
from pbx_control.domain.notices.messages import Letter
from pbx_control.notify.delivery import Delivery
from pbx_control.notify.lanes import Sender
from pbx_control.notify.mail import Mailer
from pbx_control.notify.taken import TakenLetters
from pbx_control.notify.telegram import Telegrammer
from pbx_control.notify.turns import LastStep, at_once
from pbx_control.notify.worker import Outbox
from pbx_control.settings import Database, Home, Mail, Settings, Telegram
from pbx_control.store.engine import open_engine
from pbx_control.world.telegram import TOKEN


class Telling:
    """Tells those outside how many tries were begun, and of how many letters nothing is written down yet."""

    def __init__(self, shared: SharedTime) -> None:
        self._shared = shared
        self._tries = 0
        self._open: set[str] = set()  # message_ids

    def begin(self, letter: Letter) -> None:
        self._tries += 1
        self._open.add(letter.message_id)
        self._tell()

    def written_down(self, tried: Sequence[Delivery]) -> None:
        # What the last process had sent is written down as well.
        self._open -= {one.posted.letter.message_id for one in tried}
        self._tell()

    def _tell(self) -> None:
        self._shared.say(self._tries, len(self._open), begun=True)


class Counted:
    """A sender of which each try is told."""

    def __init__(self, sender: Sender, telling: Telling) -> None:
        self._sender, self._telling = sender, telling

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        self._telling.begin(letter)
        return await self._sender.send(letter, last_step)

    async def rest(self) -> None:
        await self._sender.rest()


def notify(url: str, port: int, bot: str, time_file: Path) -> None:
    """Empties the outbox of that database until it is killed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    shared = SharedTime(time_file)
    telling = Telling(shared)
    home = Home(time_file.parent)
    engine = open_engine(home, Settings(database=Database(url=url)))
    mail = Mail(host="127.0.0.1", port=port, tls="none", sender="avisos@sur.example")
    mailer = Counted(Mailer(mail, "Secretariado Sur", home), telling)
    telegrammer = Counted(Telegrammer(Telegram(token=TOKEN, base_url=bot), home), telling)
    outbox = Outbox(engine, mailer, telegrammer, shared.now, told=telling.written_down, taken=TakenLetters(home))
    shared.say(0, 0, begun=True)
    with asyncio.Runner(loop_factory=lambda: FastLoop(shared)) as runner:
        runner.run(outbox.run())


def main(url: str, port: str, bot: str, time_file: str) -> None:
    """Forks until the input ends."""
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            notify(url, int(port), bot, Path(time_file))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
