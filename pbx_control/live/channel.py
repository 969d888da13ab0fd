"""The one way into a live call from outside the switch: a UNIX socket in the home (docs/channel.md).

Who connects asks for something in a call, or listens to what was committed. Nothing here waits for anybody: what is
told is written to all listeners at once, and one that does not read is passed over until it does, then told the rest,
or everything anew.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from secrets import randbits
from typing import cast
from uuid import uuid4

import msgspec
import structlog

from pbx_control.clock import now
from pbx_control.domain.call import events
from pbx_control.domain.call.commands import Refusal, Reply, WriteLetters
from pbx_control.domain.call.model import Phase, SupervisionMode
from pbx_control.domain.call.saving import Save
from pbx_control.errors import StoreUnavailable
from pbx_control.live.bulletin import Bulletin, Piece
from pbx_control.live.kept_running import KeptRunning, log_failure
from pbx_control.live.listener import path, socket_name
from pbx_control.live.news import (
    LONGEST_LINE,
    SUPERVISORS_ACTS,
    Act,
    Answered,
    AnswerKind,
    Asker,
    CallNow,
    DaemonNow,
    Desks,
    Free,
    Instruct,
    Lend,
    Lent,
    Listen,
    MessageNow,
    Role,
    SecretaryNow,
    TakeBack,
    ToDaemon,
    Trouble,
    asked_by,
    line_of,
)
from pbx_control.live.page_telephones import PageTelephones
from pbx_control.live.relay import Relay
from pbx_control.live.switchboard import Switchboard
from pbx_control.settings import Home

log = structlog.get_logger()

# News are told at most so often, seconds: a hundred listeners cost a busy daemon little, and a person sees no delay.
TOLD_EVERY = 0.05
# So many may be connected; a web process needs one connection, whatever number of browsers it serves.
MOST_PEERS = 256
# Who has said nothing that makes sense by then is not one of ours, seconds.
SAY_SOMETHING_WITHIN = 10.0
# What waits for a listener that does not read, bytes; then it is passed over, and after so many seconds ended.
MOST_UNREAD, UNREAD_FOR = 256 * 1024, 30.0
# Questions of one connection that wait for their answer.
MOST_QUESTIONS = 100
# A listener that keeps up again is told the news that it missed if there are at most so many; else everything once.
REPLAYED = 200
# A question for a call at another daemon that is not answered by then gets no answer any more, seconds.
ANSWER_WITHIN = 3.0
# Other daemons are told so often whose pages are open here, and forget it when they hear nothing for so long, seconds.
DESKS_TOLD_EVERY, DESKS_HOLD = 10.0, 30.0
# Characters of the name of whoever asks; the journal keeps it.
LONGEST_ASKER = 80
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED
_ROOT = 0

_EVENTS: dict[Act, type[events.Asked]] = {
    Act.HAND_OVER: events.HandOverAsked,
    Act.TAKE_BACK: events.TakeBackAsked,
    Act.PAUSE_RECORDING: events.RecordingPauseAsked,
    Act.RESUME_RECORDING: events.RecordingResumeAsked,
    Act.LANGUAGE: events.LanguageAsked,
    Act.WRONG_NUMBER: events.WrongNumberAsked,
    Act.SPAM: events.SpamAsked,
    Act.UNMARK: events.UnmarkAsked,
    Act.WORK_DONE: events.WorkDone,
}


@dataclass(frozen=True, slots=True)
class Question:
    """Something that was asked for and waits for its one answer."""

    id: int  # as whoever asked numbers it
    call: str
    reply: Callable[[Answered], None]
    peer: "_Peer | None" = None  # None: another daemon asks, or it is done even if whoever asked is gone


class Channel:
    """The daemon's end. Everything but `run` returns at once.

    `node` names this daemon among those that share its database. `database` is libpq's address of a PostgreSQL by which
    they are told and asked; empty: there are none. `end_rest(secretary_id, instant)` has the store end a rest.
    """

    def __init__(
        self,
        home: Home,
        board: Switchboard,
        node: str = "",
        database: str = "",
        end_rest: Callable[[int, datetime], None] = lambda secretary_id, at: None,
        telephones: PageTelephones | None = None,
    ) -> None:
        self._home = home
        self._board = board
        self._bulletin = Bulletin(uuid4().hex, DaemonNow(os.getpid(), ready=False, since=now()))
        self._peers: set[_Peer] = set()
        # Not from 1: what another daemon still answers to an earlier one of this name is the answer to nothing here.
        self._tickets = count(1 + randbits(48))
        self._asked: dict[int, Question] = {}  # by ticket
        self._relay = Relay(database, node, self) if database else None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._end_rest = end_rest
        self._telephones = telephones
        self._desks: dict[_Peer, Desks] = {}  # what web processes here say
        self._desks_elsewhere: dict[str, tuple[Desks, float]] = {}  # by node; with the time until which they hold
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listens until it is cancelled."""
        listening = await self._loop.create_unix_server(lambda: _Peer(self), sock=_socket(self._home))
        try:
            async with AsyncExitStack() as stack:
                if self._relay:
                    for work in (self._relay.run, self._repeat_desks):
                        await stack.enter_async_context(KeptRunning(work))
                await listening.serve_forever()
        finally:
            listening.close()
            path(self._home).unlink(missing_ok=True)
            for peer in list(self._peers):
                peer.end()

    # --- what the daemon tells ----------------------------------------------------------------------------

    def adopted(self) -> None:
        """The calls on the board are those of an earlier daemon."""
        for call in self._board.calls:
            self._bulletin.adopted(call, self._board.lines_of(call.id))
        self.changed()

    def secretaries(self) -> Sequence[SecretaryNow]:
        """How each secretary was when news were told last."""
        return self._bulletin.state().secretaries

    def committed(self, steps: Sequence[Save]) -> None:
        """These steps are remembered: who asked for one is answered, everybody told."""
        self._bulletin.committed(steps)
        for step in steps:
            for command in step.commands:
                if isinstance(command, Reply):
                    self._answer(command)
                elif isinstance(command, WriteLetters):
                    letters = MessageNow("written", call=step.call.id, client_id=step.call.known.client_id)
                    self._bulletin.letters([letters])
            if step.call.phase is Phase.ENDED and self._asked:
                self._leave_unknown(step.call.id)
        self.changed()

    def _leave_unknown(self, call_id: str) -> None:
        """A call is over: what was asked for in it and not answered (the database refused that step, say) never is."""
        for ticket in [ticket for ticket, question in self._asked.items() if question.call == call_id]:
            self.answered_by(Answered(ticket, AnswerKind.UNKNOWN))

    def letters(self, messages: Sequence[MessageNow]) -> None:
        """What became of letters."""
        self._bulletin.letters(messages)
        self.changed()

    def daemon_is(self, ready: bool, since: datetime, published: int) -> None:
        """The daemon takes calls or not, or has published."""
        self._bulletin.daemon_is(DaemonNow(os.getpid(), ready, since, published))
        self.changed()

    def written_elsewhere(self) -> None:
        """The database has got more than the steps here wrote: what the switch did alone."""
        self._bulletin.written_elsewhere()
        self.changed()

    def changed(self) -> None:
        """Something is different: it is told at once, or when the last news are `TOLD_EVERY` old."""
        if self._timer is None:
            due = self._told_at + TOLD_EVERY - self._loop.time()
            self._timer = self._loop.call_later(max(0.0, due), self._tell)

    def _tell(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._told_at = None, self._loop.time()
        if piece := self._bulletin.cut(self._board.chairs):
            for peer in self._peers:
                peer.tell(piece)
            if self._relay:
                self._relay.tell(piece.calls, piece.messages, look=piece.look)

    # --- what is asked ------------------------------------------------------------------------------------

    def joined(self, peer: "_Peer") -> None:
        """Lets somebody in, or not."""
        if len(self._peers) >= MOST_PEERS:
            peer.refuse("too_many_connections")
            return
        self._peers.add(peer)

    def left(self, peer: "_Peer") -> None:
        """Forgets a connection and what it had asked."""
        self._peers.discard(peer)
        if self._desks.pop(peer, None):
            self._desks_changed()
        for ticket in [ticket for ticket, question in self._asked.items() if question.peer is peer]:
            del self._asked[ticket]

    def take(self, peer: "_Peer", message: ToDaemon) -> None:
        """What a peer says, once it is understood."""
        match message:
            case Listen():
                self.begin(peer, message)
            case Instruct():
                self.ask(peer, message)
            case Free():
                self.free(peer, message)
            case Desks():
                self.desks(peer, message)
            case Lend():
                self.lend(peer, message)
            case TakeBack():
                self._take_back(message)

    def begin(self, peer: "_Peer", wish: Listen) -> None:
        """Tells a listener what it missed, else everything once."""
        self._tell()  # to the others, so that the state has nothing that the next news would tell again
        peer.keeps_up(wish)
        missed = self._bulletin.since(wish.epoch, wish.after)
        if missed is None or len(missed) > REPLAYED:
            peer.send(line_of(self._bulletin.state()))
            peer.number = self._bulletin.number
        else:
            peer.number = wish.after
            for piece in missed:
                peer.tell(piece)

    def catch_up(self, peer: "_Peer", wish: Listen) -> None:
        """A listener that had not kept up reads again."""
        self.begin(peer, Listen(self._bulletin.epoch, peer.number, wish.lines))

    def ask(self, peer: "_Peer", instruct: Instruct) -> None:
        """Puts what is asked for into its call's inbox."""
        if peer.questions >= MOST_QUESTIONS:
            peer.send(line_of(Answered(instruct.id, AnswerKind.REFUSED, "too_many_questions")))
        else:
            peer.questions += 1
            self._put(instruct, Question(instruct.id, instruct.call, peer.answered, peer))

    def _put(self, instruct: Instruct, question: Question, *, relayed: bool = False) -> None:
        """Puts what is asked for into its call's inbox, here or at the daemon where the call lives."""
        by, ticket = self._known(instruct.by), next(self._tickets)
        instruct = msgspec.structs.replace(instruct, by=by)
        if refusal := _not_allowed(instruct):
            question.reply(Answered(question.id, AnswerKind.REFUSED, refusal.value))
        elif self._board.call(instruct.call):
            self._asked[ticket] = question
            telephone = self._board.telephone_of(by.user_id) if instruct.act in SUPERVISORS_ACTS else ""
            self._board.post(instruct.call, _event(instruct, ticket, telephone))
        elif self._relay and (question.peer or relayed) and self._bulletin.lives_elsewhere(instruct.call):
            self._asked[ticket] = question
            self._relay.ask(msgspec.structs.replace(instruct, id=ticket))
            self._loop.call_later(ANSWER_WITHIN, self.answered_by, Answered(ticket, AnswerKind.UNKNOWN))
        else:
            question.reply(Answered(question.id, AnswerKind.UNKNOWN))

    def _known(self, by: Asker) -> Asker:
        """Who asks, with a secretary's own name: the journal calls her by no other, whatever she signs in with."""
        hers = (chair.seat.name for chair in self._board.chairs if chair.seat.secretary_id == by.secretary_id)
        # Cut here, since another daemon is asked by a notification, which is short.
        return msgspec.structs.replace(by, name=next(hers, by.name)[:LONGEST_ASKER])

    def _answer(self, reply: Reply) -> None:
        outcome = AnswerKind.REFUSED if reply.refusal else AnswerKind.DONE
        self.answered_by(Answered(reply.ticket, outcome, reply.refusal.value if reply.refusal else ""))

    # --- desks --------------------------------------------------------------------------------------------

    def desks(self, peer: "_Peer", desks: Desks) -> None:
        """Whose pages a web process has open, or has lost: all of them."""
        if self._desks.get(peer) != desks:
            self._desks[peer] = desks
            self._desks_changed()

    def _desks_changed(self) -> None:
        if self._relay:
            self._relay.tell_desks(self.own_desks())
        self._set_desks()

    def _set_desks(self) -> None:
        """Who has a page open anywhere has lost none."""
        said = [*self._desks.values(), *(desks for desks, _ in self._desks_elsewhere.values())]
        self._board.desks(_all(desks.open for desks in said), _all(desks.lost for desks in said))
        if self._telephones:  # of the pages here alone: those elsewhere register at another switch
            self._telephones.are_ready(_all(desks.telephones for desks in self._desks.values()))

    def own_desks(self) -> Desks:
        """What the web processes here say together."""
        return Desks(_all(one.open for one in self._desks.values()), _all(one.lost for one in self._desks.values()))

    def desks_at(self, node: str, desks: Desks) -> None:
        """What the web processes at another daemon say. It holds for a while only: a daemon may die without a word."""
        self._desks_elsewhere[node] = desks, self._loop.time() + DESKS_HOLD
        self._set_desks()

    async def _repeat_desks(self) -> None:
        while True:
            await asyncio.sleep(DESKS_TOLD_EVERY)
            if self._relay and self._desks:
                self._relay.tell_desks(self.own_desks())
            if old := [node for node, (_, until) in self._desks_elsewhere.items() if until < self._loop.time()]:
                for node in old:
                    del self._desks_elsewhere[node]
                self._set_desks()

    # --- telephones in pages ------------------------------------------------------------------------------

    def lend(self, peer: "_Peer", wish: Lend) -> None:
        """Her page is given a password for its telephone."""
        if peer.questions >= MOST_QUESTIONS:
            peer.send(line_of(Answered(wish.id, AnswerKind.REFUSED, "too_many_questions")))
        else:
            peer.questions += 1
            self._spawn(self._lend(peer, wish))

    async def _lend(self, peer: "_Peer", wish: Lend) -> None:
        lent = await self._telephones.lend(wish.secretary_id) if self._telephones else None
        if lent is None:
            peer.answered(Answered(wish.id, AnswerKind.REFUSED, Refusal.NOT_NOW.value))
        else:
            peer.answered(Lent(wish.id, *lent))

    def _take_back(self, wish: TakeBack) -> None:
        if self._telephones:
            self._spawn(self._telephones.take_back(wish.secretary_id))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.add_done_callback(log_failure)

    def free(self, peer: "_Peer", wish: Free) -> None:
        """Ends her after-call work, or has none follow if she is still in that call: the call itself keeps that, so a
        new daemon knows it. If the call has let go of her meanwhile, it is her work that ends."""
        if peer.questions >= MOST_QUESTIONS:
            peer.send(line_of(Answered(wish.id, AnswerKind.REFUSED, "too_many_questions")))
            return
        peer.questions += 1
        if not self._bulletin.has_her(wish.call, wish.secretary_id):
            self._end_work(wish, peer)
            return

        def answered(answer: Answered) -> None:
            if answer.outcome is AnswerKind.DONE:
                peer.answered(answer)
            else:
                self._end_work(wish, peer)

        by = Asker(Role.SECRETARY, wish.name, wish.secretary_id)
        self._put(Instruct(wish.id, wish.call, Act.WORK_DONE, by), Question(wish.id, wish.call, answered), relayed=True)

    def _end_work(self, wish: Free, peer: "_Peer") -> None:
        if self._board.may_end_work(wish.secretary_id, wish.call, now()):
            self._spawn(self._end_work_in_store(wish, peer))
        else:
            peer.answered(Answered(wish.id, AnswerKind.REFUSED, Refusal.NOT_NOW.value))

    async def _end_work_in_store(self, wish: Free, peer: "_Peer") -> None:
        """The row first: an offer that was made before it says so would lose its claim."""
        at = now()
        try:
            await asyncio.to_thread(self._end_rest, wish.secretary_id, at)
        except StoreUnavailable:
            peer.answered(Answered(wish.id, AnswerKind.REFUSED, Refusal.NOT_NOW.value))
            return
        self._board.end_work(wish.secretary_id, wish.call, at)
        if self._relay:
            self._relay.tell_freed(wish.secretary_id, wish.call)
        peer.answered(Answered(wish.id, AnswerKind.DONE))

    def freed_elsewhere(self, secretary_id: int, call_id: str) -> None:
        """Another daemon was told that her after-call work is over."""
        self._board.end_work(secretary_id, call_id, now())

    # --- other daemons ------------------------------------------------------------------------------------

    def own_calls(self) -> Sequence[CallNow]:
        """What this daemon tells one that begins."""
        return self._bulletin.own_calls()

    def node_began(self, node: str) -> None:
        """Another daemon is there, or there again."""
        self._bulletin.forget(node)
        if self._desks_elsewhere.pop(node, None):
            self._set_desks()
        self.changed()

    def all_tell_anew(self) -> None:
        """What other daemons told may hold no more: nothing was heard of them for a while."""
        for node in self._bulletin.nodes_elsewhere() | self._desks_elsewhere.keys():
            self.node_began(node)

    def told_by(self, node: str, calls: Sequence[CallNow], messages: Sequence[MessageNow], *, look: bool) -> None:
        """What another daemon has committed; of a call that lives here it knows nothing any more."""
        theirs = [now for now in calls if self._board.call(now.id) is None]
        self._bulletin.told_by(node, theirs, messages)
        self.changed()

    def asked_by(self, node: str, ask: Instruct) -> None:
        """Somebody at another daemon asks for something in a call; if it lives here, it is answered from here."""
        if self._relay and self._board.call(ask.call):
            self._put(ask, Question(ask.id, ask.call, partial(self._relay.answer, node=node)))

    def tell_loop(self, call_id: str) -> None:
        """The consultation of another daemon's call has come back here; "": it is not clear of which."""
        if self._relay and call_id:
            self._relay.tell_loop(call_id)

    def loop_found(self, call_id: str) -> None:
        """Another daemon was called by a consultation, of a call here perhaps."""
        self._board.post(call_id, events.LoopFound(now()))

    def answered_by(self, answer: Answered) -> None:
        """The answer to the question with the ticket `id`. A second one is nobody's."""
        if question := self._asked.pop(answer.id, None):
            question.reply(msgspec.structs.replace(answer, id=question.id))


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._half = bytearray()  # what is not read yet: a line whose end has not come, as a rule
        self._unread: asyncio.TimerHandle | None = None  # ends one that does not read
        self._over = False
        self._wish: Listen | None = None
        self.number = 0  # of the last news that it was told
        self.questions = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MOST_UNREAD)
        loop = asyncio.get_running_loop()
        self._silence = loop.call_later(SAY_SOMETHING_WITHIN, self.refuse, "silent")
        if _uid_of(self._transport) not in (os.geteuid(), _ROOT):
            log.warning("a process of another user's is not let into the channel", uid=_uid_of(self._transport))
            self._transport.abort()
            return
        self._channel.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._silence.cancel()
        if self._unread:
            self._unread.cancel()
        self._channel.left(self)

    def data_received(self, data: bytes) -> None:
        if not self._over:
            self._half += data
            self._read_lines()

    def _read_lines(self) -> None:
        """Reads what has come, until it does not read what it is told: a line may be answered with very much."""
        while not self._over and self._unread is None and (end := self._half.find(b"\n")) >= 0:
            line = self._half[:end]
            del self._half[: end + 1]
            self._read(line)
        if not self._over and self._unread is None and len(self._half) > LONGEST_LINE:
            self.refuse("line_too_long")

    def _read(self, line: bytearray) -> None:
        try:
            if len(line) > LONGEST_LINE:
                self.refuse("line_too_long")
                return
            message = asked_by(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.refuse("not_understood")
            return
        self._silence.cancel()
        if isinstance(message, Listen):
            self._wish = None  # until it has been told how things stand
        self._channel.take(self, message)

    def keeps_up(self, wish: Listen) -> None:
        """It is told everything from now on."""
        self._wish = wish

    def tell(self, piece: Piece) -> None:
        """News, for a listener that keeps up."""
        if self._wish and self._unread is None and not self._over:
            self.number = piece.number
            self._transport.write(piece.full if self._wish.lines else piece.short)

    def answered(self, answer: Answered | Lent) -> None:
        """What it asked for is answered."""
        self.questions -= 1
        self.send(line_of(answer))

    def send(self, line: bytes) -> None:
        """A line to this one alone."""
        if not self._over:
            self._transport.write(line)

    def pause_writing(self) -> None:
        """It does not read: it is told nothing more, and asked nothing; one that goes on like that is ended."""
        self._unread = asyncio.get_running_loop().call_later(UNREAD_FOR, self._transport.abort)
        if not self._over:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again, and is told what it missed."""
        if self._unread:
            self._unread.cancel()
            self._unread = None
        if not self._over:
            self._transport.resume_reading()
            if wish := self._wish:
                self._wish = None
                self._channel.catch_up(self, wish)
            self._read_lines()

    def refuse(self, why: str) -> None:
        """Says why, and ends the connection."""
        if not self._over:
            self.send(line_of(Trouble(why)))
            self.end()

    def end(self) -> None:
        """Ends the connection; what is written already may still be read for a while."""
        self._over = True
        self._half = bytearray()
        self._silence.cancel()
        self._transport.close()
        if self._transport.get_write_buffer_size() and self._unread is None:
            self._unread = asyncio.get_running_loop().call_later(UNREAD_FOR, self._transport.abort)


def _all(ids: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset[int]().union(*ids)


def _not_allowed(instruct: Instruct) -> Refusal | None:
    """Why who asks may not ask for that, whatever the call."""
    by, supervises = instruct.by, instruct.act in SUPERVISORS_ACTS
    if by.role is Role.SECRETARY and by.secretary_id is None:
        return Refusal.NOT_HERS
    if supervises and (by.role is Role.SECRETARY or not by.user_id):
        return Refusal.NOT_A_SUPERVISOR
    if by.role is Role.SUPERVISOR and not supervises:
        return Refusal.NOT_HERS
    return None


def _event(instruct: Instruct, ticket: int, telephone: str = "") -> events.Asked:
    """What is asked for, as an event of the call; `telephone` is that of a supervisor who asks."""
    by = instruct.by
    if instruct.act in (Act.LEAVE, Act.END_SUPERVISION):
        anybodys = instruct.act is Act.END_SUPERVISION and by.role is Role.ADMIN
        return events.SupervisionEndAsked(now(), by.user_id, anybodys, ticket=ticket, asker=by.name)
    if instruct.act in SUPERVISORS_ACTS:
        mode = SupervisionMode(instruct.act.value)
        return events.SupervisionAsked(now(), by.user_id, mode, telephone, ticket=ticket, asker=by.name)
    secretary_id = by.secretary_id if by.role is Role.SECRETARY else None
    if instruct.act is Act.CONSULT:
        return events.ConsultationAsked(
            now(), instruct.contact, ticket=ticket, secretary_id=secretary_id, asker=by.name
        )
    return _EVENTS[instruct.act](now(), ticket=ticket, secretary_id=secretary_id, asker=by.name)


def _socket(home: Home) -> socket.socket:
    """The listening socket, which nobody but this user can open: its folder is closed to others, too."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    path(home).unlink(missing_ok=True)  # of a daemon that was killed: this one holds the home's lock
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with socket_name(home) as name:
            made.bind(name)
    finally:
        os.umask(before)
    made.setblocking(False)
    return made


def _uid_of(transport: asyncio.BaseTransport) -> int:
    wire = transport.get_extra_info("socket")
    _pid, uid, _gid = _CREDENTIALS.unpack(wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)
