"""A full disk: the caller hears the truth, the letter tells it, the office is told at once; by daemon and by switch.

recordings/ is a disk of its own of one megabyte, and a file on it takes all the room but what a test leaves.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import worker
from ear import listen
from forked import ForkedInstallation
from lengths import listening, waiting

from pbx_control.asterisk.absence import WAV_RATE
from pbx_control.domain.sounds import HouseSound, house_sound
from pbx_control.world import audio
from pbx_control.world.legs import Leg
from pbx_control.world.post import PostOffice
from pbx_control.world.world import World

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

ADMIN = "admin@casa.example"
MARIA = "+56912345678"
WAIT = "10s"  # the shortest
PORTS = worker.ports(0)
STALE = 5.0  # s after which the dialplan takes a daemon that gives no sign for dead, and a second more


class Disk:
    """The disk of recordings/, and the ballast that fills it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, leaving: int = 0) -> None:
        """Nothing more than so many bytes can be written."""
        self.empty()
        room = os.statvfs(self.place)
        (self.place / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize - leaving))

    def empty(self) -> None:
        (self.place / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(place: Path):
    """A file system of one megabyte, mounted there for the length of a block."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(place)], check=True)
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@dataclass
class House:
    """An installation whose recordings lie on a small disk, and the world around it."""

    office: ForkedInstallation
    disk: Disk
    post: PostOffice
    world: World
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def firm(self) -> tuple[str, str]:
        """A new client whose callers wait for nobody and may leave a message: slug and number."""
        serial = next(self.numbers)
        slug, number = f"firma{serial}", f"+562255520{serial:02}"
        await self.office.pbx("client", "add", slug, "--name", f"Firma {serial}", "--wait-limit", WAIT)
        await self.office.pbx("did", "add", number)
        await self.office.pbx("did", "assign", number, slug)
        await self.office.pbx("hours", "set", slug, "always")
        await self.office.pbx("recipient", "add", slug, "--email", f"{slug}@firma.example")
        await self.office.pbx("dialplan", "apply")
        return slug, number

    async def heard(self, leg: Leg, sound: HouseSound) -> bool:
        """Whether a caller whose call is over has heard that sound of the house."""
        file = self.office.home / f"{house_sound(sound, 'es')}.wav"
        return any(one.what == "it" for one in await asyncio.to_thread(listen, leg.heard, {"it": file}, {}))

    async def is_told(self, subject: str) -> bool:
        """Whether the admin gets a letter with that headline."""
        for number in count(1):
            if subject in (await self.post.arrived(ADMIN, number, 60)).text:
                return True
        return False

    async def call(self, slug: str) -> dict[str, Any]:
        (call,) = await self.office.ask("call", "list", "--client", slug)
        return call

    async def story(self, slug: str) -> str:
        return await self.office.pbx("call", "show", (await self.call(slug))["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house():
    folder = Path(tempfile.mkdtemp(prefix="pbx-"))  # short: a UNIX socket's name has 107 bytes at most
    PORTS.require_free()
    office = ForkedInstallation(folder / "home", PORTS)
    await office.set_up(office={"alarms_to": ADMIN, "language": "es"})
    with small_disk(office.home / "recordings") as disk:
        try:
            carrier = office.place(folder).carrier
            await office.pbx("trunk", "add", "carrier", "--match", carrier.host)
            await office.pbx("asterisk", "start")
            await office.start_daemon()
            async with PostOffice(PORTS.smtp) as post, World(office.place(folder / "world")) as world:
                yield House(office, disk, post, world)
        finally:
            await office.clean_up()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def room_again(house: House):
    """The next test finds room."""
    yield
    house.disk.empty()


@pytest.fixture(params=["daemon", "switch"])
def daemon(request):
    return request.param == "daemon"


async def message_left(house: House, daemon: bool, number: str) -> Leg:
    """Somebody who speaks until the system hangs up."""
    if not daemon:
        await house.office.kill_daemon()
        await waiting(STALE)
    caller = await house.world.call(number, MARIA, tone=700)
    await caller.ended(120)
    if not daemon:
        await house.office.start_daemon()
    return caller


async def test_who_left_a_message_that_was_not_kept_hears_so_and_everybody_is_told(house: House, daemon: bool) -> None:
    slug, number = await house.firm()
    house.disk.fill()
    caller = await message_left(house, daemon, number)
    assert await house.heard(caller, HouseSound.MESSAGE_LOST)
    assert not await house.heard(caller, HouseSound.MESSAGE_TAKEN)
    letter = await house.post.arrived(f"{slug}@firma.example", 1, 60)
    assert "quiso dejar un mensaje, pero no se pudo grabar" in letter.text
    call = await house.call(slug)
    assert (call["outcome"], call["message"], call["message_flaw"]) == ("missed", "", "lost")
    assert "no se pudo grabar" in await house.story(slug)
    assert await house.is_told("No se pueden guardar grabaciones")


async def test_of_a_message_that_was_cut_he_hears_so_and_the_letter_carries_the_rest(
    house: House, daemon: bool
) -> None:
    slug, number = await house.firm()
    house.disk.fill(leaving=6 * WAV_RATE)
    caller = await message_left(house, daemon, number)
    assert await house.heard(caller, HouseSound.MESSAGE_LOST)
    letter = await house.post.arrived(f"{slug}@firma.example", 1, 60)
    assert "Mensaje: incompleto: solo se pudieron grabar" in letter.text
    call = await house.call(slug)
    assert (call["outcome"], call["message_flaw"]) == ("left_message", "cut")
    kept = house.office.home / "recordings" / call["message"]
    assert 3 < audio.seconds(kept) < 7
    assert audio.heard(kept, 700) > 3


async def test_with_room_a_message_is_taken_as_ever(house: House, daemon: bool) -> None:
    slug, number = await house.firm()
    if not daemon:
        await house.office.kill_daemon()
        await waiting(STALE)
    caller = await house.world.call(number, MARIA, tone=700)
    await caller.answered(40)
    await listening(20)
    await caller.hang_up()
    if not daemon:
        await house.office.start_daemon()
    letter = await house.post.arrived(f"{slug}@firma.example", 1, 60)
    assert "Mensaje:" not in letter.text
    call = await house.call(slug)
    assert (call["outcome"], call["message_flaw"]) == ("left_message", "")


async def test_the_doctor_names_the_disk_of_the_recordings(house: House) -> None:
    house.disk.fill()
    answer = await house.office.run("doctor", "--json")
    told = f" libres en el disco de {house.disk.place}: haga espacio"
    found = [entry for entry in json.loads(answer.out) if told in entry["finding"]]
    assert [entry["level"] for entry in found] == ["bad"]
    assert found[0]["finding"].startswith("quedan solo 0 ")
    assert answer.status == 1
