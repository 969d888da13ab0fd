"""The web process's one connection to the daemon: how calls and secretaries stand, and what is asked for in a call."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

import msgspec
import structlog

from pbx_control.domain.users import Person, UserRole
from pbx_control.live.listener import socket_name
from pbx_control.live.news import (
    Act,
    Answered,
    AnswerKind,
    Asker,
    CallNow,
    DaemonNow,
    Desks,
    Free,
    FromDaemon,
    Instruct,
    Lend,
    Lent,
    Listen,
    MessageNow,
    News,
    Role,
    SecretaryNow,
    State,
    TakeBack,
    ToDaemon,
    line_of,
    told_by,
)
from pbx_control.settings import Home

log = structlog.get_logger()

# How soon a connection that is lost is tried again, seconds: a daemon that starts anew is there within one.
AGAIN_AFTER = 0.3
# A daemon that does not answer by then is taken for away, seconds.
ANSWER_WITHIN = 4.0
# The longest line of the daemon's: the whole state of a large house.
LONGEST = 64 * 1024 * 1024
ENDED = "ended"

# Whom the news concern: secretaries by id, or everybody.
Concerned = set[int] | None


@dataclass(slots=True)
class Standing:
    """How things stand, as far as the daemon has told."""

    daemon: DaemonNow | None = None  # None: no daemon is connected
    calls: dict[str, CallNow] = field(default_factory=dict)
    secretaries: dict[int, SecretaryNow] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether a daemon takes calls."""
        return self.daemon is not None and self.daemon.ready

    def call_of(self, secretary_id: int) -> CallNow | None:
        """The call that she is offered or has."""
        her = self.secretaries.get(secretary_id)
        found = self.calls.get(her.call) if her and her.call else None
        return found if found and found.secretary_id == secretary_id else None


class Feed:
    """`run` keeps the connection; `tell` is called with whom each piece of news concerns."""

    def __init__(self, home: Home, tell: Callable[[Concerned, Iterable[MessageNow]], None]) -> None:
        self._home = home
        self._tell = tell
        self.standing = Standing()
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[Answered | Lent]] = {}
        self._tickets = count(1)
        self._desks = Desks()
        self._away = ""  # why no daemon is there, as the log has it: it is told once

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self._listen()
            except (OSError, msgspec.DecodeError, asyncio.LimitOverrunError, ValueError) as error:
                if self._away != str(error):
                    self._away = str(error)
                    log.debug("no daemon", why=self._away)
            self._lost()
            await asyncio.sleep(AGAIN_AFTER)

    async def _listen(self) -> None:
        with socket_name(self._home) as name:
            reader, self._writer = await asyncio.open_unix_connection(name, limit=LONGEST)
        try:
            self._away = ""
            self._say(Listen())
            self._say(self._desks)
            while line := await reader.readline():
                self._hear(told_by(line))
        finally:
            self._writer.close()
            self._writer = None

    def _lost(self) -> None:
        """What is not answered by now never will be."""
        was_there, self.standing.daemon = self.standing.daemon is not None, None
        for future in self._asked.values():
            if not future.done():
                future.set_result(Answered(0, AnswerKind.UNKNOWN))
        self._asked.clear()
        if was_there:
            self._tell(None, ())

    def _say(self, message: ToDaemon) -> None:
        if self._writer:
            self._writer.write(line_of(message))

    # --- what is heard ------------------------------------------------------------------------------------

    def _hear(self, message: FromDaemon) -> None:
        match message:
            case State():
                self._begin(message)
            case News():
                self._go_on(message)
            case Answered() | Lent():
                future = self._asked.pop(message.id, None)
                if future and not future.done():
                    future.set_result(message)

    def _begin(self, state: State) -> None:
        self.standing = Standing(
            daemon=state.daemon,
            calls={call.id: call for call in state.calls},
            secretaries={one.id: one for one in state.secretaries},
        )
        self._tell(None, ())

    def _go_on(self, news: News) -> None:
        now = self.standing
        now.daemon = news.daemon or now.daemon
        concerned: set[int] = set()
        for call in news.calls:
            concerned |= self._take_call(call)
        for her in news.secretaries:
            concerned.add(her.id)
            if her.gone:
                now.secretaries.pop(her.id, None)
            else:
                now.secretaries[her.id] = her
        self._tell(None if news.daemon else concerned, news.messages)

    def _take_call(self, call: CallNow) -> set[int]:
        before = self.standing.calls.get(call.id)
        if call.phase == ENDED:
            self.standing.calls.pop(call.id, None)
        else:
            self.standing.calls[call.id] = call
        return {one.secretary_id for one in (before, call) if one and one.secretary_id is not None}

    # --- what is said -------------------------------------------------------------------------------------

    def desks_are(self, present: Iterable[int], lost: Iterable[int], telephones: Iterable[int] = ()) -> None:
        """Whose page is open, whose has vanished, whose has a telephone; told again to each daemon that connects."""
        desks = Desks(frozenset(present), frozenset(lost), frozenset(telephones))
        if desks != self._desks:
            self._desks = desks
            self._say(desks)

    def free(self, person: Person, call_id: str = "") -> None:
        """Her after-call work is over, for that call (or whatever she has): the news tell what came of it."""
        if person.secretary_id is not None:
            self._say(Free(next(self._tickets), person.secretary_id, call_id, person.name))

    async def ask(self, person: Person, call_id: str, act: Act, contact: int = 0) -> Answered:
        """Asks for something in a call; UNKNOWN if no daemon answers: then the page looks."""
        by = Asker(Role.SECRETARY, person.name, person.secretary_id)
        return await self._ask(by, call_id, act, contact)

    async def supervise(self, person: Person, call_id: str, act: Act) -> Answered:
        """Asks for what supervisors do in a call."""
        role = Role.ADMIN if person.role is UserRole.ADMIN else Role.SUPERVISOR
        return await self._ask(Asker(role, person.name, user_id=person.user_id), call_id, act)

    async def _ask(self, by: Asker, call_id: str, act: Act, contact: int = 0) -> Answered:
        answer = await self._answered(lambda ticket: Instruct(ticket, call_id, act, by, contact))
        return answer if isinstance(answer, Answered) else Answered(0, AnswerKind.UNKNOWN)

    async def lend(self, secretary_id: int) -> Lent | None:
        """What her page's telephone registers with; None if she gets none now."""
        answer = await self._answered(lambda ticket: Lend(ticket, secretary_id))
        return answer if isinstance(answer, Lent) else None

    def take_back(self, secretary_id: int) -> None:
        """The page that had it is gone."""
        self._say(TakeBack(secretary_id))

    async def _answered(self, question: Callable[[int], ToDaemon]) -> Answered | Lent:
        if self._writer is None:
            return Answered(0, AnswerKind.UNKNOWN)
        ticket = next(self._tickets)
        future = self._asked[ticket] = asyncio.get_running_loop().create_future()
        self._say(question(ticket))
        try:
            return await asyncio.wait_for(future, ANSWER_WITHIN)
        except TimeoutError:
            self._asked.pop(ticket, None)
            return Answered(0, AnswerKind.UNKNOWN)
