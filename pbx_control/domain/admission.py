"""What is known of the client when a call arrives: open or not, what its callers hear, how long they wait."""

from pbx_control.domain.call.model import Admission, Facts, Sounds
from pbx_control.domain.hours import OpenState
from pbx_control.domain.office import AnnouncementKind, Client, ClientState
from pbx_control.domain.sounds import LAST_POSITION, HouseSound, announcement_sound, house_sound, position_sound


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
        closed=announcement_sound(client, AnnouncementKind.CLOSED),
        exhausted=announcement_sound(client, AnnouncementKind.EXHAUSTED),
        busy=announcement_sound(client, AnnouncementKind.BUSY),
        message=announcement_sound(client, AnnouncementKind.MESSAGE),
        thanks=house_sound(HouseSound.MESSAGE_TAKEN, client.language),
        positions=tuple(position_sound(number, client.language) for number in range(1, LAST_POSITION + 2)),
    )


def facts_of(client: Client, did: str, hours: OpenState, sounds: Sounds) -> Facts:
    """The facts that travel with the call; `sounds` as `sounds_for` made them (made once for each client)."""
    admission = admission_of(client, hours)
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
        recording=client.recording,
        music=client.music,
        takes_messages=client.takes_messages,
        summary_closed=client.summary_closed,
        wait_limit=client.wait_limit,
    )
