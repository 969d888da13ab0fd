"""What is known of the client when a call arrives: open or not, what its callers hear, how long they wait."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from pbx_control.domain.call.model import Admission, Facts, Outgoing, Sounds, TurnedAway
from pbx_control.domain.office import AnnouncementKind, Client, ClientState, Did, MarkKind, Trunk
from pbx_control.domain.opening.hours import OpenState
from pbx_control.domain.opening.overrides import Override, words_first
from pbx_control.domain.sounds import (
    LAST_POSITION,
    HouseSound,
    announced_sound,
    announced_text,
    announcement_sound,
    announcement_text,
    day_off_sound,
    house_sound,
    house_text,
    position_sound,
)


def admission_of(client: Client, hours: OpenState) -> Admission:
    """Whether the client takes calls now. A suspended one counts as out of calls; one that cancelled, as closed."""
    if client.state is ClientState.SUSPENDED:
        return Admission.EXHAUSTED
    if client.state is ClientState.CANCELLED or not hours.open:
        return Admission.CLOSED
    return Admission.OPEN


def sounds_for(client: Client) -> Sounds:
    """All that this client's callers may hear, as paths under the home."""
    before = [AnnouncementKind.WELCOME, *([AnnouncementKind.RECORDING] if client.recording else [])]
    return Sounds(
        welcome=tuple(sound for kind in before if (sound := announcement_sound(client, kind))),
        notice=announcement_sound(client, AnnouncementKind.RECORDING) if client.recording else "",
        notice_text=announcement_text(client, AnnouncementKind.RECORDING) if client.recording else "",
        closed=announcement_sound(client, AnnouncementKind.CLOSED),
        exhausted=announcement_sound(client, AnnouncementKind.EXHAUSTED),
        busy=announcement_sound(client, AnnouncementKind.BUSY),
        message=announcement_sound(client, AnnouncementKind.MESSAGE),
        thanks=house_sound(HouseSound.MESSAGE_TAKEN, client.language),
        not_taken=house_sound(HouseSound.MESSAGE_LOST, client.language),
        positions=tuple(position_sound(number, client.language) for number in range(1, LAST_POSITION + 2)),
    )


def sounds_at(client: Client, usual: Sounds, state: OpenState, at: datetime, is_holiday: bool) -> Sounds:
    """The client's sounds (`sounds_for`) at one instant: with what it says today first, and on a day that is closed
    besides the weekly hours with the sentence that says so. `is_holiday`: that day is one for everybody."""
    if said := words_first(client.overrides, at):
        first = announced_sound(client, said)
        notice = (usual.notice,) if usual.notice else ()
        # In place of the welcome: nobody waits for two before a telephone rings.
        usual = replace(usual, announced=first, welcome=(first, *notice))
    if state.override and not state.open:
        return replace(usual, day_off=house_sound(closed_for(state.override, client, at), client.language))
    return replace(usual, day_off=day_off_sound(client, is_holiday)) if state.day_off else usual


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that a caller hears, and its words; "" for an uploaded file."""

    sound: str
    text: str


def heard_at(client: Client, state: OpenState, at: datetime, is_holiday: bool) -> list[Heard]:
    """What a caller hears at that instant before a telephone rings, or before the call is ended, in order."""
    sounds = sounds_at(client, sounds_for(client), state, at, is_holiday)
    texts = {announcement_sound(client, kind): announcement_text(client, kind) for kind in AnnouncementKind}
    texts |= {house_sound(one, client.language): house_text(one, client.language) for one in HouseSound}
    if said := words_first(client.overrides, at):
        texts[sounds.announced] = announced_text(client, said)
    played = sounds.welcome if state.open else sounds.closing
    return [Heard(sound, texts.get(sound, "")) for sound in played]


def closed_for(said: Override, client: Client, at: datetime) -> HouseSound:
    """Whether the client has closed for the rest of the local day, or for some hours of it."""
    today, last = (instant.astimezone(ZoneInfo(client.timezone)).date() for instant in (at, said.until))
    return HouseSound.CLOSED_TODAY if last > today else HouseSound.CLOSED_NOW


def outgoing_for(client: Client, numbers: Iterable[Did], trunks: Sequence[Trunk]) -> Outgoing | None:
    """How the client's contacts are called: through the carrier that owns its main number, which is shown to them
    (docs/service.md rule 9). A carrier that we may not send to (it has no host) owns none of them: then it is the
    client's next number. None if no number is left. `numbers` are the client's own.
    """
    for did in sorted(numbers, key=lambda one: (not one.main, one.number)):
        # A number that any carrier may deliver goes out by the first that we may send to.
        trunk = next((one for one in trunks if one.host and did.trunk in ("", one.name)), None)
        if trunk:
            return Outgoing(
                trunk=trunk.section,
                number_format=trunk.number_format,
                country=trunk.country,
                shown=did.number,
                at_once=client.calls_out_at_once,
                a_day=client.calls_out_a_day,
                most=trunk.max_calls,
            )
    return None


def facts_of(
    client: Client,
    did: str,
    hours: OpenState,
    sounds: Sounds,
    outgoing: Outgoing | None,
    cap: timedelta,
    mark: MarkKind | None = None,
) -> Facts:
    """The facts that travel with the call; `sounds` and `outgoing` as `sounds_for` and `outgoing_for` made them (made
    once for each client), `cap` is that of a transferred conversation, `mark` what is different about its caller."""
    admission = Admission.BLOCKED if mark is MarkKind.BLOCKED else admission_of(client, hours)
    return Facts(
        did=did,
        client_id=client.id,
        slug=client.slug,
        client_name=client.name,
        language=client.language,
        timezone=client.timezone,
        admission=admission,
        sounds=sounds,
        why="" if admission is Admission.OPEN else hours.why,
        # Who is not told that the call is recorded is not recorded (Código Penal 161-A).
        recording=client.recording and bool(sounds.notice),
        music=client.music,
        takes_messages=client.takes_messages,
        summary_closed=client.summary_closed,
        exhausted_messages=client.exhausted_messages,
        exhausted_report=client.exhausted_report and client.metered,
        metered=client.metered and mark is not MarkKind.TEST,
        wait_limit=client.wait_limit,
        after_call=client.after_call,
        contacts=client.contacts,
        outgoing=outgoing,
        cap=cap,
        turned_away=TurnedAway.SUSPENDED if admission is Admission.EXHAUSTED else None,
    )
