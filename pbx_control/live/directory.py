"""The provisioning as the daemon asks for it: which client a DID belongs to, and the facts for a call that arrives."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from pbx_control.domain.call.model import Facts, Outgoing, Seat, Sounds
from pbx_control.domain.floor import Chair
from pbx_control.domain.office import Client, Did, MarkKind, Office, Secretary
from pbx_control.domain.opening import holidays
from pbx_control.domain.opening.admission import facts_of, outgoing_for, sounds_at, sounds_for
from pbx_control.domain.opening.hours import OpenState, state_at
from pbx_control.domain.opening.overrides import boundaries, end_of_day
from pbx_control.domain.telephony.campaigns import is_campaign

# An answer that nothing is known to change is still looked up anew after this.
TRUSTED_FOR = timedelta(hours=1)
# The contract's ten minutes (docs/service.md rule 9).
LONGEST_TRANSFER = timedelta(minutes=10)


class Directory:
    """One revision of the office, indexed. What is costly is made when first asked for, once for each client.

    `cap` is how long a transferred conversation may last (`[office] transfer_cap`); `announces_supervision`, whether a
    secretary hears that a supervisor comes in (`[office] announce_listening`).
    """

    def __init__(
        self, office: Office, cap: timedelta = LONGEST_TRANSFER, *, announces_supervision: bool = True
    ) -> None:
        self.office = office
        self._cap = cap
        self._announces_supervision = announces_supervision
        self._supervisors = {one.user_id: one.user for one in office.supervisors}
        clients = {client.id: client for client in office.clients}
        self._by_did = {did.number: clients[did.client_id] for did in office.dids if did.client_id in clients}
        self._numbers: dict[int, list[Did]] = defaultdict(list)
        for did in office.dids:
            if did.client_id is not None:
                self._numbers[did.client_id].append(did)
        self._ours = frozenset(did.number for did in office.dids)
        self._marks = {(mark.number, mark.client_id): mark.kind for mark in office.marks}
        self._common_holidays = holidays.common(office.holidays)
        self._sounds: dict[int, Sounds] = {}
        self._outgoing: dict[int, Outgoing | None] = {}
        self._holidays: dict[int, dict[date, str]] = {}
        self._hours: dict[int, tuple[OpenState, datetime]] = {}

    def facts(self, did: str, at: datetime, caller: str = "") -> Facts | None:
        """The facts for a call to that DID, or None if the DID belongs to no client at this revision. `caller` is the
        number that calls, E.164 if it could be read as one."""
        client = self._by_did.get(did)
        if client is None:
            return None
        if client.id not in self._sounds:
            self._sounds[client.id] = sounds_for(client)
        mark = self._marks.get((caller, client.id)) or self._marks.get((caller, None))
        if mark is None and not client.campaigns and is_campaign(caller):
            mark = MarkKind.BLOCKED
        state, outgoing = self._state(client, at), self.outgoing(client)
        today = at.astimezone(ZoneInfo(client.timezone)).date()
        sounds = sounds_at(client, self._sounds[client.id], state, at, today in self._common_holidays)
        facts = facts_of(client, did, state, sounds, outgoing, self._cap, mark)
        return replace(facts, announces_supervision=self._announces_supervision)

    def telephone_of(self, user_id: int) -> str:
        """The telephone of a supervisor by her account's id; "" if she has none."""
        return self._supervisors.get(user_id, "")

    def outgoing(self, client: Client) -> Outgoing | None:
        """How the client's contacts are called; None if they cannot be."""
        if client.id not in self._outgoing:
            self._outgoing[client.id] = outgoing_for(client, self._numbers[client.id], self.office.trunks)
        return self._outgoing[client.id]

    def contacts_of(self, did: str) -> list[str]:
        """The numbers of the contacts of whoever has that DID."""
        client = self._by_did.get(did)
        return [number for contact in client.contacts for number in contact.numbers] if client else []

    def notice_text(self, client_id: int | None, sound: str) -> str:
        """The words by which a client's callers are told that they are recorded, if that sound still says so."""
        client = next((one for one in self.office.clients if one.id == client_id), None)
        sounds = sounds_for(client) if client else None
        return sounds.notice_text if sounds and sounds.notice == sound else ""

    def owns(self, number: str) -> bool:
        """Whether the E.164 number is a DID of ours, whoever has it."""
        return number in self._ours

    def _state(self, client: Client, at: datetime) -> OpenState:
        """Open or not: asked of the rule only when the last answer has run out."""
        known = self._hours.get(client.id)
        if known and at < known[1]:
            return known[0]
        if client.id not in self._holidays:
            self._holidays[client.id] = holidays.of_client(self.office.holidays, client.id, client.week)
        zone = ZoneInfo(client.timezone)
        state = state_at(client.week, self._holidays[client.id], zone, at, client.overrides)
        # Why it is closed may change before it opens: at midnight, or when what was said for today ends.
        changes = [state.until or at + TRUSTED_FOR, end_of_day(zone, at), *boundaries(client.overrides)]
        self._hours[client.id] = state, min([at + TRUSTED_FOR, *(one for one in changes if one > at)])
        return state


def chair_of(secretary: Secretary, idle_since: datetime) -> Chair:
    """A secretary's place on the floor, before anything is known of her telephone."""
    return Chair(
        seat=Seat(secretary.id, secretary.user, secretary.name, secretary.wrap_up, secretary.languages[0]),
        languages=secretary.languages,
        clients=secretary.clients,
        idle_since=idle_since,
        free_from=secretary.free_from or idle_since,
        after_call=secretary.free_from is not None,
        paused=secretary.paused,
        paused_by=secretary.paused_by,
        pause_reason=secretary.pause_reason,
        paused_at=secretary.paused_at,
        forwards=secretary.forwards,
    )
