"""The daemon: wires everything together. The only module that knows everybody.

A daemon that starts again has live calls to look after within seconds, on a machine that may be busy: what publishes,
what sends letters and what keeps the calendar is imported only when the calls are taken up.
"""

import asyncio
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import structlog
import uvloop

from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.provisioning import examples
from pbx_control.asterisk.absence import Alive
from pbx_control.asterisk.ari import Ari
from pbx_control.asterisk.connection import require_asterisk
from pbx_control.asterisk.perform import Performer
from pbx_control.asterisk.places import Places
from pbx_control.asterisk.translate import (
    AnsweredHere,
    Arrival,
    ChannelGone,
    LeftApplication,
    LegDialled,
    LegMade,
    caller_left,
    translate,
)
from pbx_control.clock import now
from pbx_control.domain.call.commands import PauseSeat, RaiseAlarm, ReportLoss, WriteLetters
from pbx_control.domain.call.events import LoopFound, SecretaryAnswered
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Kind
from pbx_control.domain.office import Office, Trunk
from pbx_control.errors import PbxError, SwitchUnavailable
from pbx_control.garbage import spare_what_stays
from pbx_control.live import reception
from pbx_control.live.attending import Attending
from pbx_control.live.catching_up import CatchingUp
from pbx_control.live.channel import Channel
from pbx_control.live.comparisons import Comparisons
from pbx_control.live.dead_lines import DeadLines
from pbx_control.live.directory import Directory
from pbx_control.live.keeping_out import KeepingOut
from pbx_control.live.kept_running import KeptRunning, log_failure
from pbx_control.live.news import MessageNow
from pbx_control.live.node import Membership
from pbx_control.live.overdue import Overdue
from pbx_control.live.overheard import Overheard
from pbx_control.live.page_telephones import PageTelephones
from pbx_control.live.pages import Child, Pages
from pbx_control.live.pulse import BEAT_EVERY, Pulse, take_lock
from pbx_control.live.reach import Reach
from pbx_control.live.recovery import Recovery
from pbx_control.live.switchboard import Inspection, Switchboard
from pbx_control.live.telephones import Telephones
from pbx_control.live.writer import Writer
from pbx_control.logs import log_to_stderr
from pbx_control.services import call_events, duty
from pbx_control.services.steps import rules_of
from pbx_control.settings import Home, Settings
from pbx_control.store import remotes
from pbx_control.store.engine import notices_address, open_engine, reading
from pbx_control.store.migrate import upgrade

if TYPE_CHECKING:
    from pbx_control.jobs.schedule import Schedule
    from pbx_control.live.publishing import Publishing
    from pbx_control.notify.delivery import Delivery
    from pbx_control.notify.worker import Outbox

log = structlog.get_logger()

# The global variable of the dialplan that tells when the daemon lived last, in seconds since 1970.
HEARTBEAT = "PBX_ALIVE"
# A switch that is away is tried again so often, seconds.
RECONNECT_EVERY = 0.5
# A caller of whom we hear later than this is looked for first: the dialplan waits for us, but not for long.
LATE = timedelta(seconds=3)
# And of an answer of which we hear later than this: the dialplan is about to join the two itself, or has.
LATE_ANSWER = timedelta(seconds=2)
# Seconds from one look to the next whether any client has a remote calendar: until then their process is not needed.
MIRRORS_LOOK = 10.0
# While a step of a caller is under way, it is looked again after this whether the dialplan has taken him, seconds.
LOOK_AGAIN = 0.3
# So long configuration and letters wait for the calls at the start, seconds.
CALLS_FIRST = 3.0


class Daemon:
    """One running daemon. `serve` returns when it is asked to stop."""

    def __init__(
        self, home: Home, settings: Settings, pages: Pages | None = None, mirror: Child | None = None
    ) -> None:
        self._home = home
        self._pages = pages
        self._mirror = mirror
        self._settings = settings
        self._engine = open_engine(home, settings)
        self._outbox: Outbox | None = None
        self._membership = Membership(home, settings, self._engine)
        rules = rules_of(settings)
        self._alarms = rules.alarms
        self._writer = Writer(self._engine, rules, self._committed)
        port = settings.asterisk.http_port
        whose = partial(require_asterisk, port, settings, home)
        self._ari = Ari(port, settings.secrets.ari_password, self._happened, whose)
        self._board = Switchboard(self._writer, self._perform, self._inspect)
        self._board.hold()
        reach = Reach(self._board)
        self._page_telephones = PageTelephones(self._ari, self._board, reach)
        self._channel = Channel(
            home,
            self._board,
            settings.node.name,
            notices_address(self._engine),
            partial(duty.end_rest, self._engine),
            self._page_telephones,
        )
        self._board.on_floor_change = self._channel.changed
        self._pulse = Pulse(home, self._channel.daemon_is)
        self._keeping_out = KeepingOut(
            home, settings, self._engine, self._ari, self._trunks, self._alarms, self._wake_outbox
        )
        places = Places(self._trunks)
        self._telephones = Telephones(
            home, settings, self._engine, self._ari, self._board, self._keeping_out, places, reach
        )
        self._overheard = Overheard(settings, self._trunks, self._telephones.refused)
        self._dead_lines = DeadLines(self._ari, self._board, reach)
        # SQLite is no other daemon's: the board and the switch know everything.
        shared = bool(notices_address(self._engine))
        over_limit = partial(reception.limit_reached, self._engine) if shared else None
        elsewhere = reception.FromElsewhere(self._engine, self._board, self._serve, self._came_back_from_elsewhere)
        self._from_elsewhere = elsewhere if shared else None
        self._performer = Performer(
            self._ari,
            home.root,
            self._board.post,
            self._telephones.redirect,
            places.may_ring,
            over_limit,
            reach.ring,
        )
        self._recovery = Recovery(
            self._board, self._ari, self._performer, places.at_home, lambda: self._catching_up.take_in(), reach
        )
        self._catching_up = CatchingUp(home, self._engine, self._board, rules, self._written_elsewhere)
        self._overdue = Overdue(self._engine, rules, now, self._written_elsewhere)
        self._attending = Attending(self._engine, self._channel.secretaries, now)
        self._requests = reception.Requests()
        self._looks: set[asyncio.Task[None]] = set()  # at calls' files
        self._comparisons = Comparisons(self._compare, self._board, self._pulse)
        self._taken_up = asyncio.Event()
        self._stopping = asyncio.Event()

    async def serve(self) -> None:
        """Runs until SIGTERM or SIGINT. Live calls talk on after the end; the next daemon adopts them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        await self._membership.take_name()
        await reception.adopt_live_calls(self._board, self._engine, self._directory)
        self._channel.adopted()
        self._comparisons.watch_loop()
        async with AsyncExitStack() as stack:
            for work in (
                self._channel.run,
                self._connection,
                self._beat,
                self._membership.run,
                self._comparisons.run,
                self._send_letters,
                self._overdue.run,
                self._attending.run,
                self._keep_calendar,
                self._telephones.run,
                self._telephones.count,
                self._telephones.try_again,
                self._overheard.run,
                self._dead_lines.run,
                self._keeping_out.run,
                self._publish,
                self._catching_up.run,
                *([self._serve_pages] if self._pages else []),
                *([self._keep_mirrors] if self._mirror else []),
            ):
                await stack.enter_async_context(KeptRunning(work))
            await self._stopping.wait()
            self._pulse.set_ready(False)
        await self._ari.close()
        await self._board.drained()
        await self._writer.close()
        await self._membership.leave()
        self._pulse.stop()
        for child in (self._pages, self._mirror):
            if child:
                await child.ended()

    # --- what comes from the switch and goes to it --------------------------------------------------------

    def _happened(self, data: dict[str, Any]) -> None:
        match translate(data, now()):
            case Arrival() as arrival:
                self._receive_in_time(arrival)
            case ChannelGone(channel=channel) as gone:
                self._requests.gone(channel)
                if self._from_elsewhere:
                    self._from_elsewhere.gone(channel)
                self._board.heard(channel, caller_left(gone, now()))
                self._recovery.channel_gone(channel)
            case LeftApplication(channel=channel):
                self._perhaps_taken_over(channel)
            case LegMade(leg=leg):
                self._performer.entered(leg)
            case LegDialled(leg=leg):
                self._performer.dialled(leg)
            case AnsweredHere(leg=leg):
                self._performer.answered(leg)
            case (_, SecretaryAnswered()) if _age(data) > LATE_ANSWER:
                self._comparisons.look_soon()  # the switch tells who has her: it may have joined the two
            case (call_id, event):
                self._board.heard(call_id, event)

    def _receive_in_time(self, arrival: Arrival) -> None:
        """Of one that waited for us, since we hung, the switch tells whether he is still there: it may serve him."""
        if arrival.entered and now() - arrival.entered > LATE:
            self._comparisons.look_soon()
        else:
            self._receive(arrival)

    def _receive(self, arrival: Arrival) -> None:
        if self._requests.is_merged(arrival):
            reception.refuse(self._ari, arrival, "merged")
            return
        consultation = reception.came_back(self._board, arrival)
        if consultation is not None:
            reception.refuse(self._ari, arrival, "loop")
            self._board.post(consultation, LoopFound(now()))
        elif not (self._from_elsewhere and self._from_elsewhere.looks_at(arrival)):
            self._serve(arrival)

    def _came_back_from_elsewhere(self, arrival: Arrival, call_id: str) -> None:
        reception.refuse(self._ari, arrival, "loop")
        self._channel.tell_loop(call_id)

    def _serve(self, arrival: Arrival) -> None:
        if not self._board.arrive(
            arrival.channel,
            arrival.did,
            reception.caller_of(arrival),
            early_media=arrival.early_media,
            trunk=arrival.trunk,
        ):
            reception.send_to_fallback(self._ari, arrival)

    def _perhaps_taken_over(self, channel: str) -> None:
        """A caller who left us without hanging up has been taken by the dialplan (his time limit, say). While a step of
        his is under way, his hang-up may be what it is about."""
        call = self._board.call(channel)
        if call and call.caller_here:
            if self._board.settled_call(channel):
                self._comparisons.look_soon()
            else:
                asyncio.get_running_loop().call_later(LOOK_AGAIN, self._perhaps_taken_over, channel)

    def _perform(self, call_id: str, command: Any) -> None:
        self._performer.perform(call_id, command)

    def _inspect(self, call_id: str, command: Inspection) -> None:
        look = asyncio.ensure_future(reception.look_at_files(self._home, self._board, call_id, command))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        look.add_done_callback(log_failure)

    # --- what goes on all the time ------------------------------------------------------------------------

    async def _connection(self) -> None:
        told = ""
        while True:
            try:
                await self._ari.connect()
                serving = asyncio.create_task(self._ari.serve())
                try:
                    await self._take_up()
                    await serving
                finally:
                    self._pulse.set_ready(False)
                    self._board.hold()
                    serving.cancel()
                told = ""
            except SwitchUnavailable as error:
                if str(error) != told:
                    log.warning("not connected to Asterisk", why=str(error))
                told = str(error)
            await asyncio.sleep(RECONNECT_EVERY)

    async def _take_up(self) -> None:
        """After each new connection: recover what was live, then take calls."""
        await self._ari.choose_events()
        at, last_beat = now(), await self._last_beat()
        channels = await self._ari.listing("channels")
        await self._catching_up.take_in(Alive(frozenset(channel["id"] for channel in channels), at))
        await self._comparisons.take_up(last_beat)
        self._renew_heartbeat()
        self._pulse.set_ready(True)
        self._taken_up.set()
        log.info("ready", calls=len(list(self._board.calls)))
        await self._page_telephones.close_those_without(newly_connected=True)

    async def _last_beat(self) -> datetime | None:
        """When whoever was connected before gave the last sign of life, as the dialplan knows it."""
        reply = await self._ari.ask("GET", "asterisk/variable", variable=HEARTBEAT)
        value = str(reply.body.get("value", "")) if reply.ok else ""
        return datetime.fromtimestamp(int(value), UTC) if value.isdecimal() and len(value) < 11 else None

    async def _compare(self, *, newly_connected: bool, last_beat: datetime | None = None) -> None:
        for arrival in await self._recovery.compare(newly_connected=newly_connected, last_beat=last_beat):
            self._receive(arrival)
        if not newly_connected:
            await self._page_telephones.close_those_without(newly_connected=False)

    async def _beat(self) -> None:
        while True:
            self._pulse.beat()
            if self._pulse.ready:
                self._renew_heartbeat()
            await asyncio.sleep(BEAT_EVERY)

    async def _calls_are_taken_up(self) -> None:
        """Live calls first. Without a switch nobody waits longer than a moment."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._taken_up.wait(), CALLS_FIRST)

    async def _publish(self) -> None:
        await self._calls_are_taken_up()
        publishing = await asyncio.to_thread(self._make_publishing)
        spare_what_stays()
        await publishing.run()

    def _make_publishing(self) -> "Publishing":
        from pbx_control.live.publishing import Publishing

        return Publishing(self._home, self._settings, self._engine, self._adopt, self._pulse.set_published)

    async def _send_letters(self) -> None:
        await self._calls_are_taken_up()
        if self._outbox is None:
            self._outbox = await asyncio.to_thread(self._make_outbox)
        spare_what_stays()
        await self._outbox.run()

    def _make_outbox(self) -> "Outbox":
        from pbx_control.notify.links import Links
        from pbx_control.notify.mail import Mailer
        from pbx_control.notify.taken import TakenLetters
        from pbx_control.notify.telegram import Telegrammer
        from pbx_control.notify.webhooks import Teller
        from pbx_control.notify.worker import Outbox

        mailer = Mailer(self._settings.mail, self._settings.office.name, self._home)
        telegrammer = Telegrammer(self._settings.telegram, self._home)
        links = Links.of(self._home, self._settings)
        taken = TakenLetters(self._home)
        teller = Teller(self._engine, self._settings.webhooks.private)
        return Outbox(self._engine, mailer, telegrammer, now, self._alarms, self._letters_tried, links, taken, teller)

    async def _serve_pages(self) -> None:
        assert self._pages
        await self._calls_are_taken_up()
        await self._pages.run()

    async def _keep_mirrors(self) -> None:
        assert self._mirror
        await self._calls_are_taken_up()
        # Another process may write what is looked for: there is no event to wait for.
        while not await asyncio.to_thread(self._has_remote_calendars):  # noqa: ASYNC110
            await asyncio.sleep(MIRRORS_LOOK)
        await self._mirror.run()

    def _has_remote_calendars(self) -> bool:
        with reading(self._engine) as conn:
            return remotes.any_there(conn)

    async def _keep_calendar(self) -> None:
        await self._calls_are_taken_up()
        schedule = await asyncio.to_thread(self._make_schedule)
        spare_what_stays()
        await schedule.run()

    def _make_schedule(self) -> "Schedule":
        from pbx_control.jobs.schedule import Schedule

        process = self._membership.process
        return Schedule(self._home, self._settings, self._engine, self._wake_outbox, process)

    def _committed(self, steps: Sequence[Save]) -> None:
        self._channel.committed(steps)
        told = [(step.call, command) for step in steps for command in step.commands]
        for call, command in told:
            if isinstance(command, RaiseAlarm):
                client = call.known.slug
                log.warning("a limit of outgoing calls is reached", client=client, limit=command.limit, why=command.why)
        if any(isinstance(command, (WriteLetters, RaiseAlarm, ReportLoss, PauseSeat)) for _, command in told):
            self._wake_outbox()
        elif self._outbox and any(call_events.tells(step) for step in steps):
            self._outbox.wake_to_tell()

    def _letters_tried(self, tried: "Iterable[Delivery]") -> None:
        to_people = (each for each in tried if each.posted.letter.kind is not Kind.WEBHOOK)
        self._channel.letters([_message_now(each) for each in to_people])

    def _written_elsewhere(self) -> None:
        self._wake_outbox()
        self._channel.written_elsewhere()

    def _wake_outbox(self) -> None:
        if self._outbox:
            self._outbox.wake()

    def _renew_heartbeat(self) -> None:
        self._ari.request("POST", "asterisk/variable", variable=HEARTBEAT, value=int(now().timestamp()))

    def _trunks(self) -> Sequence[Trunk]:
        return self._board.directory.office.trunks if self._board.directory else ()

    def _adopt(self, office: Office) -> None:
        self._board.staff(self._directory(office), {})

    def _directory(self, office: Office) -> Directory:
        rules = self._settings.office
        return Directory(office, rules.cap, announces_supervision=rules.announce_listening)


def _message_now(tried: "Delivery") -> MessageNow:
    letter = tried.posted.letter
    state = "failed" if tried.failure else "delivered"
    return MessageNow(state, tried.posted.id, letter.call_id or "", letter.client_id)


def _age(data: Mapping[str, Any]) -> timedelta:
    """How long ago Asterisk told of an event, where it says so."""
    told = data.get("timestamp")
    return now() - datetime.fromisoformat(told) if told else timedelta(0)


@click.command(epilog=examples("--home /srv/pbx run", "run --no-web"))
@click.option("--with-asterisk", is_flag=True, help="Start Asterisk first, if it does not run yet.")
@click.option("--no-web", is_flag=True, help="The pages are served by `web` alone, or not at all.")
@pass_door
def run(door: Door, with_asterisk: bool, no_web: bool) -> None:
    """Run the daemon in the foreground, until Ctrl-C or SIGTERM.

    Live calls go on when it ends: Asterisk keeps the service alone until the next daemon adopts them. The pages are
    served by a process of their own, which it starts, and which ends with it.
    """
    door.about_to_change()
    settings = door.settings
    lock = take_lock(door.home)
    log_to_stderr()
    upgrade(door.home, settings)
    if with_asterisk:
        from pbx_control.asterisk import runtime

        runtime.choose(door.home, settings).start(door.tell)
    try:
        _load_for_letters()
        pages = None if no_web else Pages(settings.web, _command_of(door, "web"))
        uvloop.run(_serve(door.home, settings, pages, Child("mirror", _command_of(door, "mirror"))))
    except PbxError as error:
        log.error("the daemon cannot go on", why=str(error))
        raise
    finally:
        lock.close()


def _command_of(door: Door, name: str) -> tuple[str, ...]:
    """A command of that home, as our child."""
    # -P: what lies in the folder that we were started in is no part of the program.
    program = (sys.executable, "-P", "-m", "cli")
    return (*program, "--home", str(door.home.root), "--lang", door.language, name, "--child")


def _load_for_letters() -> None:
    """Imports what commands do without: the first call must not wait for it."""
    for module in ("babel.dates", "babel.lists", "babel.units", "jinja2", "phonenumbers"):
        import_module(module)


async def _serve(home: Home, settings: Settings, pages: Pages | None, mirror: Child) -> None:
    await Daemon(home, settings, pages, mirror).serve()
