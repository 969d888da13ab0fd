"""Starting is recovering: compares what the calls want with what Asterisk has, and posts the difference as events.

The same comparison serves a new daemon, a new connection, a new Asterisk, and the look that is taken every minute.
It dials nothing: a leg that is absent is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from pbx_control.asterisk.ari import APP, Ari, path
from pbx_control.asterisk.perform import Performer, prompt_begun
from pbx_control.asterisk.translate import BRIDGE, CONTACT, LEG, MADE, SNOOP, SUPERVISOR, Arrival, arrival, call_of
from pbx_control.clock import now
from pbx_control.domain.call.events import (
    CallerLeft,
    CallerTakenOver,
    ContactAnswered,
    ContactLeft,
    Event,
    Held,
    Recovered,
    SecretaryAnswered,
    SecretaryLeft,
    SupervisorAnswered,
    SupervisorLeft,
    Unheld,
)
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.supervision import SUPERVISED
from pbx_control.domain.telephony.browser import user_of
from pbx_control.live.reach import Reach
from pbx_control.live.switchboard import Switchboard

log = structlog.get_logger()

# The context of the hangup handler in dialplans/extensions.conf.j2.
HANGUP_HANDLER = "departure"
# Whether a leg's telephone holds it: "1".
HOLDS = "CHANNEL(rtp,hold)"
# Where that of a secretary's leg says how she went: `LEG CAUSE`.
SECRETARY_LEFT = "SHARED(SECRETARY_LEFT)"
# The dialplan takes a daemon for alive, and keeps no record of an end, for so long after its last sign of life.
RECORDED_AFTER = timedelta(seconds=2)
# Phases in which a call has a secretary's leg.
WITH_HER_LEG = (
    Phase.OFFERING,
    Phase.WITHDRAWING,
    Phase.TALKING,
    Phase.CALLING_CONTACT,
    Phase.CONSULTING,
    Phase.CALLER_GONE,
    Phase.HANDED_OVER,
    Phase.ENDING,
)
# Those in which people talk in bridges; how she left is known of those in which she is with the caller.
CONSULTING = (Phase.CALLING_CONTACT, Phase.CONSULTING)
CONVERSING = (Phase.TALKING, *CONSULTING, Phase.HANDED_OVER)
# Those in which a consultation's bridge is wanted, or is about to be removed by the call itself.
WITH_CONSULTATION = (*CONSULTING, Phase.CALLER_GONE, Phase.ENDING)


@dataclass(frozen=True, slots=True)
class FoundLeg:
    """A channel as Asterisk describes it."""

    id: str
    name: str
    up: bool
    ours: bool  # in our application
    did: str  # the DID a caller came by, "" for any other channel
    arrival: Arrival | None = None  # a caller's
    leaving: bool = False  # in its hangup handler: as good as gone
    made: bool = False  # made by us and in our application since: a secretary's leg that is not in the dialplan yet
    dialled: bool = True

    @property
    def telephone(self) -> str:
        """The endpoint's name: `ana` of PJSIP/ana-00000001."""
        return self.name.removeprefix("PJSIP/").rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Found:
    """What Asterisk had at one moment."""

    legs: dict[str, FoundLeg] = field(default_factory=dict)
    bridges: dict[str, frozenset[str]] = field(default_factory=dict)
    registered: dict[str, bool] = field(default_factory=dict)  # telephone -> whether it can be reached
    recording: frozenset[str] = frozenset()  # paths being written
    stored: frozenset[str] = frozenset()  # paths of left messages that are over
    playing: frozenset[str] = frozenset()  # ids of prompts
    begun: frozenset[str] = frozenset()  # those that were begun last on their callers' legs
    causes: dict[str, int] = field(default_factory=dict)  # legs that are gone -> why (Q.850), where the switch knows
    coming: frozenset[str] = frozenset()  # legs that the switch was told to make, and may not have made yet
    holding: frozenset[str] | None = None  # legs of secretaries whose telephones hold them; None: not asked for
    # Who is gone and of whose end the switch kept no record left before this: later ones it does record.
    unrecorded_until: datetime | None = None


class Recovery:
    """Knows the board and the switch; `compare` brings the two together."""

    def __init__(
        self,
        board: Switchboard,
        ari: Ari,
        performer: Performer,
        at_home: Callable[[str], bool] = lambda _: True,
        take_in: Callable[[], Awaitable[None]] | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._reach = reach or Reach(board)
        self._at_home = at_home
        self._take_in = take_in  # the switch's own records of calls that it has served to their end
        self._board = board
        self._ari = ari
        self._performer = performer
        self._busy: dict[str, str] = {}  # channel id -> telephone, of conversations that are not ours

    async def compare(self, *, newly_connected: bool, last_beat: datetime | None = None) -> list[Arrival]:
        """One comparison; gives the callers in our application that no call knows.

        Only calls of which nothing is under way are judged: what the others want, Asterisk may not have heard yet.
        After a new connection every call is told, since ends of prompts may have been missed. `last_beat` is the last
        sign of life of whoever was connected before.
        """
        known = {call.id for call in self._board.calls}
        before = self._board.settled()
        # Looked at first: what is still to come then, the switch may not have. (Of a lost connection's nothing comes.)
        coming = frozenset() if newly_connected else self._performer.coming
        found = replace(await self._look(before.values()), coming=coming)
        if last_beat:
            found = replace(found, unrecorded_until=last_beat + RECORDED_AFTER)
        if newly_connected:
            found = await self._without_undialled(before.values(), found)
            found = replace(found, holding=await self._holding(before.values(), found))
        if self._take_in and any(call.id not in found.legs for call in before.values() if call.caller_here):
            await self._take_in()  # whose caller is gone may have been joined, and have ended, by the switch alone
        still = {call_id: call for call_id, call in self._board.settled().items() if before.get(call_id) is call}
        at = now()
        for call in still.values():
            told = differences(call, found, at, newly_connected)
            for event in told:
                self._board.post(call.id, event)
            if any(isinstance(event, CallerTakenOver) for event in told):
                await self._silence(call, found)
            for name in _legs_with_him(call):
                if name in found.legs:
                    self._performer.follow(name)
            if _is_made(call, found):
                leg = found.legs[call.secretary_leg]
                (self._performer.answered if leg.up else self._performer.dialled)(leg.id)
        self._note_telephones(found)
        await self._remove_strays(found)
        # A call that ended since the look was taken still has its leg in it: it must not come back to life.
        entered = [leg.arrival for leg in found.legs.values() if leg.arrival and leg.did and leg.ours]
        return [one for one in entered if one.channel not in known and not self._board.call(one.channel)]

    def channel_gone(self, channel: str) -> None:
        """A channel that is no leg of ours is gone: its telephone is free again."""
        if telephone := self._busy.pop(channel, ""):
            self._board.busy(telephone, telephone in self._busy.values())

    async def _look(self, calls: Iterable[Call]) -> Found:
        channels, bridges, endpoints = await asyncio.gather(
            self._ari.listing("channels"), self._ari.listing("bridges"), self._ari.listing("endpoints/PJSIP")
        )
        legs = {leg.id: leg for leg in map(_leg, channels) if not leg.leaving}
        begun = await self._begun(call.id for call in calls if call.prompt_playing and call.id in legs)
        return Found(
            legs,
            {bridge["id"]: frozenset(bridge["channels"]) for bridge in bridges},
            {endpoint["resource"]: endpoint["state"] == "online" for endpoint in endpoints},
            await self._there("recordings/live", {file: file.removesuffix(".wav") for file in _written(calls)}),
            await self._there("recordings/stored", {file: file.removesuffix(".wav") for file in _left(calls)}),
            await self._there("playbacks", {call.prompt: call.prompt for call in calls if call.prompt_playing}),
            begun,
            await self._causes(call for call in calls if call.id in legs and call.secretary_leg not in legs),
        )

    async def _without_undialled(self, calls: Iterable[Call], found: Found) -> Found:
        """Removes legs that were made while nobody was left to dial them: they would be silent for as long as a
        telephone rings. Another secretary is asked at once; one who consults is told, and may try again."""
        hers = {call.secretary_leg for call in calls if _is_made(call, found, dialled=False)}
        undialled = hers | {call.contact_leg for call in calls if _is_undialled(call, found)}
        for leg in undialled:
            log.info("removing a leg that was never dialled", leg=leg)
            await self._ari.ask("DELETE", path("channels", leg))
        return replace(found, legs={key: leg for key, leg in found.legs.items() if key not in undialled})

    async def _there(self, kind: str, names: Mapping[str, str]) -> frozenset[str]:
        """Those of which the switch has one of a kind, by what it calls them."""
        replies = await asyncio.gather(*(self._ari.ask("GET", f"{kind}/{path(name)}") for name in names.values()))
        return frozenset(key for key, reply in zip(names, replies, strict=True) if reply.ok)

    async def _begun(self, callers: Iterable[str]) -> frozenset[str]:
        """The prompts that were begun last in those callers' calls. (Asked before which of them still play.)"""
        names = map(prompt_begun, callers)
        replies = await asyncio.gather(*(self._ari.ask("GET", "asterisk/variable", variable=name) for name in names))
        return frozenset(str(reply.body["value"]) for reply in replies if reply.ok)

    async def _causes(self, calls: Iterable[Call]) -> dict[str, int]:
        """Why secretaries who talked are gone: her leg's last act in the dialplan was to leave that with the caller."""
        in_conversation = [call.id for call in calls if call.phase in CONVERSING]
        uris = [path("channels", caller, "variable") for caller in in_conversation]
        replies = await asyncio.gather(*(self._ari.ask("GET", uri, variable=SECRETARY_LEFT) for uri in uris))
        told = [str(reply.body["value"]).split() for reply in replies if reply.ok]
        return {leg: int(cause) for leg, cause in (words for words in told if len(words) == 2) if cause.isdecimal()}

    async def _holding(self, calls: Iterable[Call], found: Found) -> frozenset[str]:
        """The secretaries' legs that their telephones hold: nobody was there to be told."""
        legs = [call.secretary_leg for call in calls if call.phase in SUPERVISED and call.secretary_leg in found.legs]
        uris = [path("channels", leg, "variable") for leg in legs]
        replies = await asyncio.gather(*(self._ari.ask("GET", uri, variable=HOLDS) for uri in uris))
        told = zip(legs, replies, strict=True)
        return frozenset(leg for leg, reply in told if reply.ok and str(reply.body["value"]) == "1")

    def _note_telephones(self, found: Found) -> None:
        for telephone, is_registered in found.registered.items():
            self._reach.is_online(telephone, is_registered and self._at_home(telephone))
        for leg in found.legs.values():
            self._reach.rings(leg.id, leg.telephone)
        alone = {leg.id: user_of(leg.telephone) for leg in found.legs.values() if self._is_not_ours(leg)}
        users = {chair.seat.user for chair in self._board.chairs}
        self._busy = {channel: telephone for channel, telephone in alone.items() if telephone in users}
        for user in users:
            self._board.busy(user, user in self._busy.values())
        for channel in self._busy:
            self._performer.follow(channel)

    def _is_not_ours(self, leg: FoundLeg) -> bool:
        call_id = call_of(LEG, leg.id)
        call = self._board.call(call_id) if call_id else None
        return call is None or call.seat is None or call.secretary_leg != leg.id

    async def _remove_strays(self, found: Found) -> None:
        """Removes legs and bridges of ours that no call wants, one at a time. A leg that talks in the dialplan with
        its caller is left alone: the switch connected the two while nobody was here."""
        for leg in found.legs.values():
            if self._is_stray(leg):
                log.info("removing a stray leg", leg=leg.id)
                await self._ari.ask("DELETE", path("channels", leg.id))
        for bridge in found.bridges:
            call_id = call_of(BRIDGE, bridge)
            if call_id and not _wants(self._board.call(call_id), bridge):
                log.info("removing a stray bridge", bridge=bridge)
                await self._ari.ask("DELETE", path("bridges", bridge))

    async def _silence(self, call: Call, found: Found) -> None:
        """Her telephone rings on, or is in our application, for a caller whom the switch has taken: she would answer
        into silence. One that talks with him in the dialplan is left alone."""
        leg = found.legs.get(call.secretary_leg) if call.seat else None
        if leg and (leg.ours or not leg.up):
            await self._ari.ask("DELETE", path("channels", leg.id))

    def _is_stray(self, leg: FoundLeg) -> bool:
        if call_id := call_of(CONTACT, leg.id):
            call = self._board.call(call_id)
            return call is None or not call.contact_here or call.contact_leg != leg.id
        for kind in (SUPERVISOR, SNOOP):
            if call_id := call_of(kind, leg.id):
                call = self._board.call(call_id)
                return call is None or call.supervision is None or leg.id not in (call.supervisor_leg, call.snoop)
        return bool(call_of(LEG, leg.id)) and self._is_not_ours(leg) and (leg.ours or not leg.up)


def differences(call: Call, found: Found, at: datetime, newly_connected: bool) -> list[Event]:
    """What must have happened to a call, seeing what Asterisk has; pure."""
    caller = found.legs.get(call.id)
    if caller and not caller.ours:
        return [CallerTakenOver(at)]
    left: list[Event] = [_caller_left(call, found, at)] if caller is None and call.caller_here else []
    supervisor = _what_the_supervisor_did(call, found, at, newly_connected)
    hers = [*_what_she_did(call, found, at), *_what_she_holds(call, found, at)]
    people = [*left, *supervisor, *hers, *_what_the_contact_did(call, found, at)]
    if call.phase in CONVERSING and any(isinstance(event, ENDS[call.phase]) for event in people):
        return people
    if call.phase is not Phase.ENDING and left:
        return people
    # First what he hears and what was let go is put in order, then what people did is told.
    return [*_put_in_order(call, caller, found, at, newly_connected), *people]


def _caller_left(call: Call, found: Found, at: datetime) -> CallerLeft:
    """While nobody was here his time would go on: it would be told as talked, and stand in the summary."""
    until = found.unrecorded_until
    began = call.answered_at or call.arrived_at or at
    return CallerLeft(at, since=min(at, max(until, began)) if until else None)


# What ends a conversation: then there is nothing in it to put in order.
ENDS: dict[Phase, tuple[type[Event], ...]] = {
    Phase.TALKING: (SecretaryLeft,),
    Phase.CALLING_CONTACT: (SecretaryLeft, ContactLeft),
    Phase.CONSULTING: (SecretaryLeft, ContactLeft),
    Phase.HANDED_OVER: (ContactLeft,),
}


def _put_in_order(
    call: Call, caller: FoundLeg | None, found: Found, at: datetime, newly_connected: bool
) -> list[Event]:
    bridged = _in_their_places(call, found)
    recorded = (call.recording if call.phase in CONVERSING else call.message) in found.recording
    amiss = call.phase in CONVERSING and not (bridged and (recorded or not call.recording))
    if not (newly_connected or amiss):
        return []
    playing = call.prompt_playing and call.prompt in found.playing
    heard = call.prompt_playing and not playing and call.prompt in found.begun
    picked_up = caller is not None and caller.up
    return [Recovered(at, picked_up, bridged, recorded, playing, call.message in found.stored, heard)]


def _in_their_places(call: Call, found: Found) -> bool:
    """Whether everybody is in the bridge where the phase has him."""
    his, theirs = found.bridges.get(call.bridge, frozenset()), found.bridges.get(call.consultation, frozenset())
    if call.phase in CONSULTING:
        return {call.secretary_leg, call.contact_leg} <= theirs and call.id in his
    return {call.id, call.contact_leg if call.phase is Phase.HANDED_OVER else call.secretary_leg} <= his


def _is_undialled(call: Call, found: Found) -> bool:
    """A contact's leg enters the consultation's bridge before it is dialled."""
    leg = found.legs.get(call.contact_leg) if call.contact_here else None
    somewhere = any(call.contact_leg in legs for legs in found.bridges.values())
    return call.phase is Phase.CALLING_CONTACT and leg is not None and not leg.up and not somewhere


def _is_made(call: Call, found: Found, *, dialled: bool = True) -> bool:
    """Whether a secretary is offered the call and her leg has got no further than that: dialled, or not even that."""
    leg = found.legs.get(call.secretary_leg) if call.seat and call.phase is Phase.OFFERING else None
    return leg is not None and leg.made and leg.dialled is dialled


def _what_she_did(call: Call, found: Found, at: datetime) -> list[Event]:
    if not (call.seat and call.phase in WITH_HER_LEG):
        return []
    leg = found.legs.get(call.secretary_leg)
    if leg is None:
        return [SecretaryLeft(at, call.secretary_leg, found.causes.get(call.secretary_leg, 0))]
    if call.phase is Phase.OFFERING and leg.up and leg.ours and not leg.made:
        return [SecretaryAnswered(at, call.secretary_leg)]
    return []


def _what_she_holds(call: Call, found: Found, at: datetime) -> list[Event]:
    """Her telephone may have begun or ended its hold meanwhile. A hold that lasts is told once more: music goes on."""
    leg = call.secretary_leg
    if found.holding is None or call.phase not in SUPERVISED or leg not in found.legs:
        return []
    if leg in found.holding:
        return [Held(at, leg)]
    return [Unheld(at, leg)] if call.held else []


def _what_the_contact_did(call: Call, found: Found, at: datetime) -> list[Event]:
    if not call.contact_here:
        return []
    leg = found.legs.get(call.contact_leg)
    if leg is None:
        return [ContactLeft(at, call.contact_leg)]
    return [ContactAnswered(at, call.contact_leg)] if leg.up and call.phase is Phase.CALLING_CONTACT else []


def _what_the_supervisor_did(call: Call, found: Found, at: datetime, newly_connected: bool) -> list[Event]:
    """She has answered or gone. Who was to be rung, or to hear something, when the daemon died, is not: nobody knows
    whether the requests arrived, and she can press the button again."""
    if call.supervision is None:
        return []
    leg = found.legs.get(call.supervisor_leg)
    if leg is None or (newly_connected and not leg.up):
        return [SupervisorLeft(at, call.supervisor_leg)]
    if not call.supervision.here:
        return [SupervisorAnswered(at, leg.id)] if leg.up else []
    together = found.bridges.get(call.supervision_bridge, frozenset())
    hears = {leg.id, call.snoop} <= together if newly_connected else call.snoop in (*found.legs, *found.coming)
    return [] if hears else [SupervisorLeft(at, leg.id)]


def _legs_with_him(call: Call) -> list[str]:
    """The legs of others that the call has."""
    supervisors = [call.supervisor_leg, call.snoop] if call.supervision else []
    contacts = [call.contact_leg] if call.contact_here else []
    return [*([call.secretary_leg] if call.seat else []), *contacts, *supervisors]


def _wants(call: Call | None, bridge: str) -> bool:
    """Whether a bridge of ours belongs to something that the call is still about."""
    if call is None:
        return False
    if bridge == call.supervision_bridge:
        return call.supervision is not None
    return bridge == call.bridge or (bridge == call.consultation and call.phase in WITH_CONSULTATION)


def _written(calls: Iterable[Call]) -> list[str]:
    """The files that should be being written."""
    files = {**dict.fromkeys(CONVERSING, "recording"), Phase.TAKING_MESSAGE: "message"}
    return [file for call in calls if call.phase in files and (file := getattr(call, files[call.phase]))]


def _left(calls: Iterable[Call]) -> list[str]:
    return [call.message for call in calls if call.phase is Phase.TAKING_MESSAGE and call.message]


def _leg(channel: dict[str, Any]) -> FoundLeg:
    dialplan = channel.get("dialplan", {})
    app, _, data = str(dialplan.get("app_data", "")).partition(",")
    ours = dialplan.get("app_name") == "Stasis" and app == APP
    role, *args = data.split(",")
    arrived = role == "arrived"
    return FoundLeg(
        id=channel["id"],
        name=channel["name"],
        up=channel["state"] == "Up",
        ours=ours,
        did=args[0] if arrived and args else "",
        arrival=arrival(channel["id"], channel.get("caller", {}), args) if arrived else None,
        leaving=dialplan.get("context") == HANGUP_HANDLER,
        made=ours and role == MADE,
        dialled=channel["state"] != "Down",
    )
