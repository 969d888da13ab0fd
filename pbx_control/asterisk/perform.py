"""Does what a call commands, by ARI requests. Asking twice does no harm; a refusal comes back as an event."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

from pbx_control.asterisk.ari import APP, Ari, OnReply, Reply, path
from pbx_control.asterisk.translate import CONTACT, LEG, MADE, MARK_HEADER, SNOOP, SUPERVISOR, WAITS_IN, call_of
from pbx_control.clock import now
from pbx_control.domain.call import commands as c
from pbx_control.domain.call.events import (
    CallerLeft,
    ContactLeft,
    DiallingRefused,
    Event,
    PromptEnded,
    RecordingEnded,
    SecretaryLeft,
    SnoopEnded,
    SupervisorLeft,
    SwitchRefused,
)
from pbx_control.domain.call.flow import SILENCE_ENDS_MESSAGE
from pbx_control.domain.call.model import Limit, SupervisionMode
from pbx_control.domain.telephony.numbering import written_for
from pbx_control.domain.words.wording import display_name

# What stands before the name of a sound that Asterisk brings along.
ASTERISKS_OWN = "asterisk:"
# People's keys are to be seen: without the latter, Asterisk lets two legs' packets pass it by.
BRIDGE_TYPE = "mixing,dtmf_events"
# Who enters a bridge shows nobody there whose number he has: a contact would be shown the caller's.
UNSEEN = {"inhibitConnectedLineUpdates": "true"}
# So many global variables have the ids of the prompts that were begun last: Asterisk looks for one in a list of all.
PROMPTS_NOTED = 256
# The contact that a leg is dialled at.
WHERE_TO = "CHANNEL(pjsip,target_uri)"
# The thing is gone already, which is what was wanted.
GONE = 404
# It is there already (a leg of that id lives), or the channel is not in our application (any more).
CONFLICT = 409

# Who hears a supervisor, as Asterisk says it: her voice goes out to the telephone that is snooped on, comes in as if
# from it, or both.
HEARD_BY = {SupervisionMode.LISTEN: "none", SupervisionMode.WHISPER: "out", SupervisionMode.BARGE: "both"}

Post = Callable[[str, Event], None]
# Which limit a leg that is to be dialled is beyond; it never fails.
OverLimit = Callable[[c.Dial], Coroutine[None, None, Limit | None]]
Redirect = Callable[[str], Awaitable[bool]]
MayRing = Callable[[str, str], bool]
TelephoneOf = Callable[[str, str], str]
# So many secretaries' legs are remembered as moved: far more than ring at once.
MOST_MOVES = 1000
# s after a stop of music or tone in a bridge. Of 1,200 on a busy machine one was lost; the next one ended the music.
STOPPED_AGAIN = (0.1, 0.3)
# s after which Asterisk has forgotten whose packets a snoop channel carried: some frames of 20 ms after its end.
FORGOTTEN = 0.15
# s after a telephone has ended its hold: what is on its way then belongs to its old stream.
RESUMED = 0.3
# What a bridge of two mixes with, and for how long, s; a killed daemon's ends after a second.
SILENCE, MIXED = "sound:silence/1", 0.06
# s between two tries to mute a recorder that has not begun, and how many: it begins within some milliseconds.
PAUSED_AGAIN, PAUSE_TRIES = 0.02, 250


class Performer:
    """Performs switch commands. `post(call id, event)` takes what comes of a refusal; `redirect(leg)` has a secretary's
    leg go to the dialplan, and tells whether it does; `may_ring(telephone, contact)` whether a secretary's telephone
    is where it says; `over_limit` what other daemons' calls leave of the limits of outgoing ones, if there are any;
    `telephone_of(user, leg)` which endpoint of hers that leg rings."""

    def __init__(
        self,
        ari: Ari,
        home: Path,
        post: Post,
        redirect: Redirect,
        may_ring: MayRing,
        over_limit: OverLimit | None = None,
        telephone_of: TelephoneOf = lambda user, leg: user,
    ) -> None:
        self._ari = ari
        self._redirect = redirect
        self._may_ring = may_ring
        self._over_limit = over_limit
        self._telephone_of = telephone_of
        self._moves: dict[str, asyncio.Future[bool]] = {}  # secretaries' legs -> whether they go to the dialplan
        self._home = home
        self._post = post
        self._going: set[asyncio.Task[None]] = set()
        self._made: dict[str, Callable[[], None]] = {}  # legs -> what dials them once they are there
        self._stops: dict[str, list[asyncio.TimerHandle]] = {}  # legs -> the stops of their waiting audio still to come
        self._renewals: dict[str, asyncio.TimerHandle] = {}  # snoop channels that are soon made -> when
        self._anew: dict[str, asyncio.TimerHandle] = {}  # legs that soon join anew, bridges that soon mix -> when
        self._pauses: dict[str, asyncio.TimerHandle] = {}  # recordings -> the next try to mute one that has not begun
        self._uncounted: dict[str, list[str]] = {}  # trunks -> legs that may find it full, in the order they were made
        self._ways: dict[type[c.Command], Callable[[str, Any], None]] = {
            c.Answer: lambda call, do: self._channel(call, do, "POST", "answer"),
            c.IndicateRinging: lambda call, do: self._channel(call, do, "POST", "ring"),
            c.StartRingingTone: lambda call, do: self._start_waiting_audio(call, do, "ring"),
            c.StopRingingTone: lambda call, do: self._stop_waiting_audio(call, do, "ring"),
            c.StartMusic: lambda call, do: self._start_waiting_audio(call, do, "moh"),
            c.StopMusic: lambda call, do: self._stop_waiting_audio(call, do, "moh"),
            c.Play: self._play,
            c.StopPlaying: lambda call, do: self._send(call, do, "DELETE", path("playbacks", do.prompt)),
            c.Ring: self._ring,
            c.Dial: self._dial,
            c.RingSupervisor: self._ring_supervisor,
            c.Snoop: self._snoop,
            c.Tell: self._tell,
            c.PassKeys: self._pass_keys,
            c.PauseRecording: self._pause_recording,
            c.ResumeRecording: self._resume_recording,
            c.Join: self._join,
            c.JoinAnew: self._join_anew,
            c.MixOnce: self._mix_once,
            c.Leave: self._leave,
            c.RecordBridge: self._record_bridge,
            c.RecordMessage: self._record_message,
            c.LimitLeg: self._limit,
            c.HangUp: self._hang_up,
            c.RemoveBridge: lambda call, do: self._send(call, do, "DELETE", path("bridges", do.bridge)),
        }

    def perform(self, call_id: str, command: c.Command) -> None:
        """Sends what the command takes. Returns at once; requests are carried out in the order of the calls."""
        self._ways[type(command)](call_id, command)

    def _send(self, call_id: str, command: c.Command, method: str, uri: str, **query: object) -> None:
        def replied(reply: Reply) -> None:
            self._refused(call_id, command, reply)

        self._ari.request(method, uri, replied, **query)

    def _channel(self, call_id: str, command: Any, method: str, verb: str) -> None:
        self._send(call_id, command, method, path("channels", command.leg, verb))

    def _start_waiting_audio(self, call_id: str, do: c.StartMusic | c.StartRingingTone, verb: str) -> None:
        """Who waits for somebody leaves his bridge no more: a recording would be left alone there, and end."""
        self._not_anew(do.leg)
        self._stop_no_more(do.leg)
        self._channel(call_id, do, "POST", verb)

    def _stop_waiting_audio(self, call_id: str, do: c.StopMusic | c.StopRingingTone, verb: str) -> None:
        """Stops it, in a bridge three times: Asterisk 22 loses a stop that comes while the bridge's thread has the next
        20 ms of the music made (`ast_deactivate_generator` finds nothing to end then)."""
        self._stop_no_more(do.leg)
        self._channel(call_id, do, "DELETE", verb)
        if do.bridged:
            later = asyncio.get_running_loop().call_later
            again = partial(self._ari.request, "DELETE", path("channels", do.leg, verb))
            self._stops[do.leg] = [later(seconds, again) for seconds in STOPPED_AGAIN]
            self._stops[do.leg].append(later(STOPPED_AGAIN[-1], self._stop_no_more, do.leg))

    def _stop_no_more(self, leg: str) -> None:
        for stop in self._stops.pop(leg, ()):
            stop.cancel()

    def _refused(self, call_id: str, command: c.Command, reply: Reply) -> bool:
        """Whether the request failed in a way that matters; if so it is kept in the call's journal."""
        if reply.ok or reply.status in (0, GONE):
            return False
        self._post(call_id, SwitchRefused(now(), type(command).__name__, reply.why))
        return True

    def _play(self, call_id: str, do: c.Play) -> None:
        def replied(reply: Reply) -> None:
            if self._refused(call_id, do, reply):
                self._post(call_id, PromptEnded(now(), do.prompt, failed=True))

        media = ",".join(map(self._media, do.sounds))
        self._ari.request("POST", path("channels", do.leg, "play", do.prompt), replied, media=media)
        # After it: what is lost of a killed daemon's requests is the last of them, and a prompt that is wrongly noted
        # would not be heard. Not at the channel: its thread plays, and has no time until the prompt is over.
        self._ari.request("POST", "asterisk/variable", variable=prompt_begun(call_id), value=do.prompt)

    def _tell(self, call_id: str, do: c.Tell) -> None:
        self._send(call_id, do, "POST", path("channels", do.leg, "play", do.word), media=self._media(do.sound))

    def _media(self, sound: str) -> str:
        """A sound as ARI names it: one of Asterisk's own, or a file under the home."""
        if sound.startswith(ASTERISKS_OWN):
            return f"sound:{sound.removeprefix(ASTERISKS_OWN)}"
        return f"sound:{self._home / sound}"

    def _pass_keys(self, call_id: str, do: c.PassKeys) -> None:
        self._send(call_id, do, "POST", path("channels", do.leg, "dtmf"), dtmf=do.keys)

    def _ring(self, call_id: str, do: c.Ring) -> None:
        """Rings her telephone: her leg is made, dialled once it is in our application, then sent to the dialplan
        (`dialled`). ARI's originate would follow a 302 to whatever channel her telephone names."""
        telephone = self._telephone_of(do.user, do.leg)
        leg = {"endpoint": f"PJSIP/{telephone}", "channelId": do.leg, "originator": call_id}
        variables = variables_of_hers(call_id, do)
        self._make_at_home(call_id, do, telephone, leg, variables, lambda: SecretaryLeft(now(), do.leg))

    def _ring_supervisor(self, call_id: str, do: c.RingSupervisor) -> None:
        """Her leg stays in our application: without us nobody needs it."""
        variables = {
            "CONNECTEDLINE(name,i)": display_name(do.display_name),
            "TIMEOUT(absolute)": str(int(do.limit.total_seconds())),
        }
        leg = {"endpoint": f"PJSIP/{do.user}", "channelId": do.leg}
        self._make_at_home(call_id, do, do.user, leg, variables, lambda: SupervisorLeft(now(), do.leg))

    def _make_at_home(
        self,
        call_id: str,
        do: c.Ring | c.RingSupervisor,
        telephone: str,
        leg: Mapping[str, str],
        variables: Mapping[str, str],
        gone: Callable[[], Event],
    ) -> None:
        """Makes the leg of one of our telephones, and dials it if it is where it says."""
        give_up = int(do.give_up.total_seconds())

        def dial(replied: OnReply) -> None:
            self._ari.request("POST", path("channels", do.leg, "dial"), replied, timeout=give_up)

        where: Future[Reply] = Future()  # of concurrent: it calls back at once

        def if_at_home(replied: OnReply) -> None:
            """Where the leg would be dialled is settled when it is made: that is asked for before it is with us."""

            def looked(found: Future[Reply]) -> None:
                reply = found.result()
                if reply.ok and not self._may_ring(telephone, str(reply.body["value"])):
                    reply = Reply(CONFLICT, {"message": "her telephone has registered where it is not"})
                if reply.ok:
                    dial(replied)
                else:
                    replied(reply)

            where.add_done_callback(looked)

        self._make(call_id, do, leg, variables, if_at_home, gone)
        self._ari.request("GET", path("channels", do.leg, "variable"), where.set_result, variable=WHERE_TO)

    def _dial(self, call_id: str, do: c.Dial) -> None:
        """Calls a contact: the leg is made, and once it is in our application it is put into the bridge and dialled, so
        that she hears what the carrier lets her hear. It has no place in the dialplan: when it leaves us, it ends."""
        asked = asyncio.ensure_future(self._over_limit(do)) if self._over_limit else None

        def dial(replied: OnReply) -> None:
            give_up = int(do.give_up.total_seconds())
            self._ari.request("POST", path("bridges", do.bridge, "addChannel"), replied, channel=do.leg, **UNSEEN)
            self._ari.request("POST", path("channels", do.leg, "dial"), replied, timeout=give_up)

        def unless_full(replied: OnReply) -> None:
            if do.most:
                self._dial_unless_full(do, dial, replied)
            else:
                dial(replied)

        def unless_over(replied: OnReply) -> None:
            if asked:
                asked.add_done_callback(partial(self._dial_unless_over, call_id, do, unless_full, replied))
            else:
                unless_full(replied)

        number = written_for(do.number, do.number_format, do.country)
        leg = {"endpoint": f"PJSIP/{number}@{do.trunk}", "channelId": do.leg, "originator": call_id}
        variables = variables_of(do) | departure_of(call_id, do)
        if do.most:
            self._uncounted.setdefault(do.trunk, []).append(do.leg)
        self._make(call_id, do, leg, variables, unless_over, lambda: ContactLeft(now(), do.leg))

    def _dial_unless_full(self, do: c.Dial, dial: Callable[[OnReply], None], replied: OnReply) -> None:
        """The leg is one of the trunk's calls by now. Of two that want the last place the earlier one gets it."""
        uncounted = self._uncounted[do.trunk]
        if do.leg not in uncounted:  # it has failed meanwhile
            return
        later = len(uncounted) - 1 - uncounted.index(do.leg)
        uncounted.remove(do.leg)

        def counted(reply: Reply) -> None:
            if reply.ok and int(reply.body["value"] or 0) - later > do.most:
                replied(_full(do))
            else:
                dial(replied)

        calls = f"GROUP_COUNT({do.trunk}@trunk)"
        self._ari.request("GET", path("channels", do.leg, "variable"), counted, variable=calls)

    def _dial_unless_over(
        self,
        call_id: str,
        do: c.Dial,
        dial: Callable[[OnReply], None],
        replied: OnReply,
        answer: "asyncio.Future[Limit | None]",
    ) -> None:
        """Other daemons may have called so many that this one is beyond a limit: asked for as the leg is made."""
        if (limit := answer.result()) is None:
            dial(replied)
        elif limit is Limit.TRUNK:
            replied(_full(do))
        else:
            self._remove(do.leg)
            self._post(call_id, DiallingRefused(now(), do.leg, limit))

    def _make(
        self,
        call_id: str,
        do: c.Ring | c.RingSupervisor | c.Dial,
        leg: Mapping[str, str],
        variables: Mapping[str, str],
        dial: Callable[[OnReply], None],
        gone: Callable[[], Event],
    ) -> None:
        """Makes a leg, and dials it once it is there. If either fails the leg is removed, and `gone` is told, with
        Asterisk's reason noted."""
        failed = False

        def replied(reply: Reply) -> None:
            nonlocal failed
            if reply.status == 0 or reply.ok or failed:
                return
            failed = True  # what follows can only fail, too
            self._refused(call_id, do, reply)
            self._remove(do.leg)
            self._post(call_id, gone())

        self._made[do.leg] = lambda: dial(replied)
        self._ari.request("POST", "channels/create", replied, {"variables": variables}, **leg, app=APP, appArgs=MADE)
        # Without this, its end would not be told: it has left our application by then.
        self.follow(do.leg, replied)

    def _snoop(self, call_id: str, do: c.Snoop) -> None:
        """Once the channel that carries the leg is in our application, it enters the supervisor's bridge."""
        add = path("bridges", do.bridge, "addChannel")

        def replied(reply: Reply) -> None:
            if reply.status == 0 or reply.ok:
                return
            self._made.pop(do.snoop, None)
            self._refused(call_id, do, reply)
            self._post(call_id, SnoopEnded(now(), do.snoop))

        def carry() -> None:
            self._renewals.pop(do.snoop, None)
            uri = path("channels", do.leg, "snoop", do.snoop)
            heard = {"spy": "in" if do.her_side else "both", "whisper": HEARD_BY[do.mode]}
            self._ari.request("POST", uri, replied, app=APP, appArgs=MADE, **heard)
            self.follow(do.snoop)

        self._made[do.snoop] = lambda: self._send(call_id, do, "POST", add, channel=do.snoop, **UNSEEN)
        if do.moved:
            # A bridge that is still to mix would have what is carried from it dropped again.
            mixes = RESUMED + MIXED if any(name.startswith(f"{call_id}-") for name in self._anew) else 0
            self._renewals[do.snoop] = asyncio.get_running_loop().call_later(mixes + FORGOTTEN, carry)
        else:
            carry()

    def _remove(self, leg: str) -> None:
        """A leg that is not dialled after all ends, and takes no place."""
        self._made.pop(leg, None)
        for uncounted in self._uncounted.values():
            uncounted[:] = [each for each in uncounted if each != leg]
        self._ari.request("DELETE", path("channels", leg))

    def entered(self, leg: str) -> None:
        """A leg that was made is in our application now; before, nothing can be done with it."""
        if dial := self._made.pop(leg, None):
            dial()

    @property
    def coming(self) -> frozenset[str]:
        """The legs that were commanded and are not in our application yet."""
        return frozenset(self._made)

    def dialled(self, leg: str) -> None:
        """Has a secretary's leg wait for her answer in the dialplan, where she is connected even if nobody of us is
        left by then. (By AMI: ARI lets no leg go that is not answered.)"""
        if leg not in self._moves:
            self._moves[leg] = asyncio.ensure_future(self._redirect(leg))
        while len(self._moves) > MOST_MOVES:
            self._moves.pop(next(iter(self._moves)))

    def answered(self, leg: str) -> None:
        """A secretary's leg is answered and was still in our application: unless it is on its way, it goes to the
        dialplan now."""
        going = asyncio.ensure_future(self._go_on(leg))
        self._going.add(going)
        going.add_done_callback(self._going.discard)

    async def settled(self) -> None:
        """Waits until every secretary's leg that was answered is on its way."""
        await asyncio.gather(*self._going)

    async def _go_on(self, leg: str) -> None:
        move = self._moves.get(leg)
        if not (move and await move):
            target = {"context": WAITS_IN, "extension": "s", "priority": 1}
            self._ari.request("POST", path("channels", leg, "continue"), None, **target)

    def follow(self, leg: str, then: Callable[[Reply], None] | None = None) -> None:
        """Subscribes to a channel's events."""
        self._ari.request("POST", f"applications/{APP}/subscription", then, eventSource=f"channel:{leg}")

    def _hang_up(self, call_id: str, do: c.HangUp) -> None:
        """Hangs a leg up. One that is gone already is told of once more: its end may have been missed."""

        def replied(reply: Reply) -> None:
            if reply.status == GONE:
                self._post(call_id, left(call_id, do.leg))
            else:
                self._refused(call_id, do, reply)

        self._not_anew(do.leg)
        if renewal := self._renewals.pop(do.leg, None):
            renewal.cancel()
            self._made.pop(do.leg, None)
        self._ari.request("DELETE", path("channels", do.leg), replied)

    def _join(self, call_id: str, do: c.Join) -> None:
        def made(reply: Reply) -> None:
            if reply.status != CONFLICT:  # it is there: the caller waits in it for his next secretary
                self._refused(call_id, do, reply)

        for leg in do.legs:
            self._not_anew(leg)
        bridge = path("bridges", do.bridge)
        add = f"{bridge}/addChannel"
        self._ari.request("POST", bridge, made, type=BRIDGE_TYPE)
        if others := [leg for leg in do.legs if leg not in (do.secretary, do.anew)]:
            self._send(call_id, do, "POST", add, channel=",".join(others), **UNSEEN)
        if do.secretary:  # what she presses comes to us alone; what is no command is passed on
            self._send(call_id, do, "POST", add, channel=do.secretary, absorbDTMF="true", **UNSEEN)
        if do.anew:  # after the others: a recording ends when it is left alone in its bridge
            self._ari.request("POST", f"{bridge}/removeChannel", None, channel=do.anew)
            self._send(call_id, do, "POST", add, channel=do.anew, **UNSEEN)

    def _join_anew(self, call_id: str, do: c.JoinAnew) -> None:
        """Asterisk forgets what it has translated for a leg when that leaves the bridge."""

        def again() -> None:
            self._anew.pop(do.leg, None)
            bridge = path("bridges", do.bridge)
            self._ari.request("POST", f"{bridge}/removeChannel", None, channel=do.leg)
            keys = {"absorbDTMF": "true"} if call_of(LEG, do.leg) else {}
            self._ari.request("POST", f"{bridge}/addChannel", None, channel=do.leg, **keys, **UNSEEN)

        self._soon(do.leg, again)

    def _mix_once(self, call_id: str, do: c.MixOnce) -> None:
        """A third one in the bridge has it mix: silence that is played there."""
        silence = f"{do.bridge}-mixed"

        def mix() -> None:
            self._anew.pop(do.bridge, None)
            self._ari.request("POST", path("bridges", do.bridge, "play", silence), None, media=SILENCE)
            later = asyncio.get_running_loop().call_later
            later(MIXED, self._ari.request, "DELETE", path("playbacks", silence))

        self._soon(do.bridge, mix)

    def _soon(self, name: str, anew: Callable[[], None]) -> None:
        self._not_anew(name)
        self._anew[name] = asyncio.get_running_loop().call_later(RESUMED, anew)

    def _not_anew(self, name: str) -> None:
        """A leg goes elsewhere, or ends."""
        if later := self._anew.pop(name, None):
            later.cancel()

    def _leave(self, call_id: str, do: c.Leave) -> None:
        self._not_anew(do.leg)
        self._send(call_id, do, "POST", path("bridges", do.bridge, "removeChannel"), channel=do.leg)

    def _record_bridge(self, call_id: str, do: c.RecordBridge) -> None:
        query = {"name": do.path.removesuffix(".wav"), "format": "wav", "ifExists": "append"}
        self._record(call_id, do, path("bridges", do.bridge, "record"), do.path, query)

    def _record_message(self, call_id: str, do: c.RecordMessage) -> None:
        query = {
            "name": do.path.removesuffix(".wav"),
            "format": "wav",
            "maxDurationSeconds": int(do.limit.total_seconds()),
            "maxSilenceSeconds": int(SILENCE_ENDS_MESSAGE.total_seconds()),
            "ifExists": "overwrite",
            "beep": "true",
            "terminateOn": "#",
        }
        self._record(call_id, do, path("channels", do.leg, "record"), do.path, query)

    def _record(self, call_id: str, do: c.Command, uri: str, file: str, query: Mapping[str, object]) -> None:
        def replied(reply: Reply) -> None:
            if not reply.ok:
                self._refused(call_id, do, reply)
                self._post(call_id, RecordingEnded(now(), file))

        self._ari.request("POST", uri, replied, **query)

    def _pause_recording(self, call_id: str, do: c.PauseRecording, tries: int = PAUSE_TRIES) -> None:
        """Mutes it, whether or not it is muted already (a new daemon does not know whether the last one came to it).

        The second of two mutes turns the sound on again in Asterisk 22 (`toggle_recording_mute` compares a signed bit,
        -1, with 1), so each is preceded by an unmute, which does nothing where there was no mute.
        A recorder that has been asked for and has not begun refuses both; until it has, they are sent again.
        """

        def replied(reply: Reply) -> None:
            if reply.status == CONFLICT and tries:
                later = asyncio.get_running_loop().call_later
                self._pauses[do.path] = later(PAUSED_AGAIN, self._pause_recording, call_id, do, tries - 1)
            else:
                self._refused(call_id, do, reply)

        self._pause_no_more(do.path)
        mute = live_recording(do.path, "mute")
        self._ari.request("DELETE", mute)
        self._ari.request("POST", mute, replied)

    def _resume_recording(self, call_id: str, do: c.ResumeRecording) -> None:
        self._pause_no_more(do.path)
        self._send(call_id, do, "DELETE", live_recording(do.path, "mute"))

    def _pause_no_more(self, file: str) -> None:
        if again := self._pauses.pop(file, None):
            again.cancel()

    def _limit(self, call_id: str, do: c.LimitLeg) -> None:
        seconds = int(do.after.total_seconds()) if do.after else 0
        uri = path("channels", do.leg, "variable")
        if do.after and do.leg == call_id:  # where the dialplan then has the caller go
            self._send(call_id, do, "POST", uri, variable="PBX_ON_TIMEOUT", value=do.then)
        self._send(call_id, do, "POST", uri, variable="TIMEOUT(absolute)", value=seconds)


def _full(do: c.Dial) -> Reply:
    """What stands for Asterisk's refusal of a leg for which its trunk has no place."""
    return Reply(CONFLICT, {"message": f"{do.trunk} has {do.most} calls, its limit"})


def prompt_begun(call_id: str) -> str:
    """The global variable that has the id of the prompt that was begun last in a call, unless another call's has taken
    its place: a new daemon knows by it that a prompt which no longer plays was heard."""
    return f"PBX_PROMPT_{crc32(call_id.encode()) % PROMPTS_NOTED}"


def live_recording(file: str, *verb: str) -> str:
    """The REST path of what is being written to that file."""
    return path("recordings", "live", file.removesuffix(".wav"), *verb)


def left(call_id: str, leg: str) -> Event:
    """The event for a leg of a call that turned out to be gone."""
    if leg == call_id:
        return CallerLeft(now())
    if call_of(SNOOP, leg):
        return SnoopEnded(now(), leg)
    if call_of(SUPERVISOR, leg):
        return SupervisorLeft(now(), leg)
    return ContactLeft(now(), leg) if call_of(CONTACT, leg) else SecretaryLeft(now(), leg)


def variables_of(do: c.Dial) -> dict[str, str]:
    """What a contact's leg starts with: the number it shows, for an outgoing leg that of the connected line, how long
    it lives, and how it is known if it comes back to us."""
    shown = written_for(do.shown, do.number_format, do.country)
    return {
        "GROUP(trunk)": do.trunk,  # a trunk's limit counts both ways together
        "CONNECTEDLINE(num,i)": shown,
        "CONNECTEDLINE(num-pres,i)": "allowed_passed_screen",
        "CALLERID(num)": shown,
        "TIMEOUT(absolute)": str(int(do.limit.total_seconds())),
        f"PJSIP_HEADER(add,{MARK_HEADER})": do.leg,
        # For the time without us: the dialplan must know this call if the contact's telephone forwards it to us.
        f"GLOBAL(PBX_ASKING_{do.shown.removeprefix('+')})": f"{do.leg} {do.number}",
    }


def departure_of(call_id: str, do: c.Dial) -> dict[str, str]:
    """What the dialplan does if no daemon can: when a contact's leg is gone it gives the secretary her caller back, and
    when the caller is gone it ends the contact's leg."""
    return {
        "PEER": call_id,
        "HER": do.secretary,
        f"SHARED(CONTACT_LEG,{call_id})": do.leg,
        "CHANNEL(hangup_handler_push)": "contact-departure,s,1",
    }


def variables_of_hers(call_id: str, do: c.Ring) -> dict[str, str]:
    """What a secretary's leg starts with: what her display shows, for an outgoing leg the connected line, and what the
    dialplan must know of its call. The time limit is for the moment in which it may be dialled by nobody any more."""
    give_up = int(do.give_up.total_seconds())
    return {
        "CONNECTEDLINE(name,i)": display_name(do.display_name),
        "CONNECTEDLINE(num,i)": "".join(char for char in do.display_number if char in "+0123456789")[:20],
        "TIMEOUT(absolute)": str(give_up + 1),
        "CALL_ID": call_id,
        "PEER": call_id,
        "GIVE_UP": str(give_up),
        **({f"SHARED(TOLD,{call_id})": "1"} if do.recording_announced else {}),
    }
