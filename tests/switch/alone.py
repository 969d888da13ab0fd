"""A switch without a daemon: our Asterisk with generated configuration, and the outside world around it.

Every announcement is a tone of its own, so that a test hears which one was played.
"""

import asyncio
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import worker
from websockets.asyncio.client import connect

from pbx_control.asterisk import runtime
from pbx_control.asterisk.absence import Absence, AbsentCall
from pbx_control.asterisk.publish import Publication, bring_into_force, stage
from pbx_control.domain.office import AnnouncementKind, Client, Did, Office, Secretary, Trunk
from pbx_control.domain.opening.hours import ALWAYS
from pbx_control.domain.opening.overrides import Override
from pbx_control.domain.sounds import HouseSound, announced_sound, announcement_sound, house_sound
from pbx_control.settings import AsteriskSettings, Home, Secrets, Settings, Sip
from pbx_control.world import audio
from pbx_control.world.installation import CARRIER, PBX, Installation, Ports
from pbx_control.world.legs import Leg, patience
from pbx_control.world.people import Telephone
from pbx_control.world.world import World

PORTS = worker.ports(0)
ARI_PASSWORD = "ari;password-of-the-tests"  # a semicolon begins a comment in Asterisk's files

CLOSED, EXHAUSTED, BUSY, MESSAGE, WELCOME, NOTICE, TAKEN = 450.0, 500.0, 550.0, 600.0, 650.0, 750.0, 950.0
TONES = {
    AnnouncementKind.CLOSED: CLOSED,
    AnnouncementKind.EXHAUSTED: EXHAUSTED,
    AnnouncementKind.BUSY: BUSY,
    AnnouncementKind.MESSAGE: MESSAGE,
    AnnouncementKind.WELCOME: WELCOME,
    AnnouncementKind.RECORDING: NOTICE,
}
HOLIDAY, CLOSED_TODAY, CLOSED_NOW, ANNOUNCED = 1000.0, 1050.0, 1100.0, 1150.0
HOUSE_TONES = {
    HouseSound.HOLIDAY: HOLIDAY,
    HouseSound.CLOSED_TODAY: CLOSED_TODAY,
    HouseSound.CLOSED_NOW: CLOSED_NOW,
}
CARRIERS = (Trunk(1, "carrier", (CARRIER,)),)


@dataclass
class Alone:
    """The switch, its office and the world; `office` is what was last published."""

    home: Home
    settings: Settings
    asterisk: runtime.Runtime
    world: World
    office: Office = field(default_factory=lambda: Office(trunks=CARRIERS))

    async def publish(self, **changes: Any) -> Publication:
        """Changes the office and brings it into force."""
        self.office = replace(self.office, revision=self.office.revision + 1, **changes)
        return await bring_into_force(stage(self.home, self.settings, self.office), self.home, self.settings)

    async def firm(self, *secretaries: str, **facts: Any) -> Client:
        """A new client, open always, with the number +5622555xxxx and those secretaries of its own."""
        number = len(self.office.clients) + 1
        client = Client(number, f"firma{number}", f"Firma {number} Ñandú", **{"week": ALWAYS} | facts)
        self._speak(client)
        hired = tuple(_secretary(1000 + number * 10 + i, name, number) for i, name in enumerate(secretaries))
        await self.publish(
            clients=(*self.office.clients, client),
            dids=(*self.office.dids, Did(number_of(client), "carrier", number, True)),
            secretaries=(*self.office.secretaries, *hired),
        )
        return client

    async def says(self, client: Client, *said: Override) -> None:
        """The client says something for today."""
        changed = replace(client, overrides=said)
        for one in said:
            if one.text:
                self._tone(announced_sound(changed, one), ANNOUNCED)
        await self.publish(clients=tuple(changed if one.id == client.id else one for one in self.office.clients))

    async def phone(self, client: Client, name: str, tone: float = 880) -> Telephone:
        """The registered telephone of one of the client's secretaries."""
        user = f"{name.lower()}{client.id}"
        secretary = next(one for one in self.office.secretaries if one.user == user)
        telephone = await self.world.phone(user, secretary.password, tone)
        await self.until(lambda: "Unavailable" not in self._queue_line(user) and self._queue_line(user))
        return telephone

    async def call(self, client: Client, **options: Any) -> Leg:
        """A caller dials the client's number."""
        return await self.world.call(number_of(client), **options)

    async def absent(self, client: Client, seconds: float = 5) -> AbsentCall:
        """What the switch tells of the client's last call, once it is over."""

        def last() -> AbsentCall | None:
            calls = [call for call in self.absence.gather() if call.client_id == client.id]
            return calls[-1] if calls else None

        await self.until(last, seconds)
        call = last()
        assert call
        return call

    async def absent_by_id(self, ident: str, seconds: float = 5) -> AbsentCall:
        """What the switch tells of that call."""
        await self.until(lambda: any(call.id == ident for call in self.absence.gather()), seconds)
        return next(call for call in self.absence.gather() if call.id == ident)

    @property
    def absence(self) -> Absence:
        return Absence(self.home)

    def console(self, command: str) -> str:
        """What Asterisk's console answers."""
        return self.asterisk.command(command)

    def beat(self) -> None:
        """The daemon's heartbeat, as if there were one."""
        self.console("dialplan set global PBX_ALIVE 99999999999")

    def stop_beating(self) -> None:
        self.console("dialplan set global PBX_ALIVE 1")

    @asynccontextmanager
    async def daemon_that_does_nothing(self):
        """Holds ARI's websocket, as a daemon does that hangs. Gives a function that sends an ARI request."""
        query = urlencode({"app": "pbx", "api_key": f"pbx:{ARI_PASSWORD}"})
        async with connect(f"ws://127.0.0.1:{PORTS.http}/ari/events?{query}") as socket:
            yield socket

    def channels(self) -> list[str]:
        """The names of the channels that Asterisk has now."""
        return [line.split("!")[0] for line in self.console("core show channels concise").splitlines() if line]

    async def until(self, condition: Any, seconds: float = 5) -> None:
        """Waits until something holds that no event tells of."""
        async with asyncio.timeout(patience(seconds)):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def recording(self, call: AbsentCall) -> Path:
        return self.home.recordings / call.recording

    def message(self, call: AbsentCall) -> Path:
        return self.home.recordings / call.message

    def _queue_line(self, user: str) -> str:
        lines = self.console("queue show").splitlines()
        return next((line for line in lines if f"PJSIP/{user})" in line), "")

    def _speak(self, client: Client) -> None:
        for kind, tone in TONES.items():
            if sound := announcement_sound(client, kind):
                self._tone(sound, tone)
        for sound in HouseSound:
            self._tone(house_sound(sound, client.language), HOUSE_TONES.get(sound, TAKEN))

    def _tone(self, sound: str, hertz: float) -> None:
        path = self.home.root / f"{sound}.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write_tone(path, hertz, seconds=1.5)


def number_of(client: Client) -> str:
    return f"+5622555{client.id:04}"


def _secretary(ident: int, name: str, client_id: int) -> Secretary:
    user = f"{name.lower()}{client_id}"
    return Secretary(ident, name, user, f"password-of-{user}-1234567890", clients=frozenset({client_id}))


def settings_of(ports: Ports) -> Settings:
    return Settings(
        asterisk=AsteriskSettings(http_port=ports.http, ami_port=ports.ami),
        sip=Sip(bind=f"{PBX}:{ports.sip}", rtp_ports="{}-{}".format(*ports.rtp)),
        secrets=Secrets(ari_password=ARI_PASSWORD, ami_password="ami;password-of-the-tests"),
    )


@asynccontextmanager
async def switch_alone(folder: Path):
    """Starts both Asterisks; everything ends with the block. A new home's records tell of no other module's calls."""
    PORTS.require_free()
    below = Path(tempfile.mkdtemp(dir=folder))
    home, settings = Home(below / "alone"), settings_of(PORTS)
    place = Installation(home.root, PORTS).place(below / "world")
    asterisk = runtime.choose(home, settings)
    staged = stage(home, settings, Office(trunks=CARRIERS))
    await bring_into_force(staged, home, settings)
    await asyncio.to_thread(asterisk.start)
    try:
        async with World(place) as world:
            yield Alone(home, settings, asterisk, world)
    finally:
        await asyncio.to_thread(asterisk.stop)


WAIT_A_LITTLE = timedelta(seconds=3)
