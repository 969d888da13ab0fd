"""What a key of hers depends on outside its call: others' consultations, those of today, and who else is there."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from pbx_control.domain.call.commands import Command, Dial, PassKeys, SwitchCommand, Tell
from pbx_control.domain.call.events import ConsultationAsked, KeyPressed
from pbx_control.domain.call.model import Admission, Call, Contact, Facts, Outgoing, Phase, Seat, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.office import Office, Secretary
from pbx_control.domain.sounds import HouseSound, house_sound
from pbx_control.live import switchboard
from pbx_control.live.directory import Directory
from pbx_control.live.switchboard import Switchboard

AT = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
ROSA = Contact(7, "Rosa", ("+56987654321",), key=1)
OUTGOING = Outgoing("trunk-1", "e164", "CL", "+56225550101", at_once=2, a_day=3)
ANA = Secretary(1, "Ana", "ana", "x", languages=("es",))
EVA = Secretary(2, "Eva", "eva", "x", languages=("es", "en"))
TOO_MANY = house_sound(HouseSound.TOO_MANY_CALLS, "es")


class Memory:
    """A writer that keeps what is saved."""

    stalled = False

    def __init__(self) -> None:
        self.saves: list[Save] = []

    def saved(self, steps: Sequence[Save]) -> "asyncio.Future[int]":
        self.saves += steps
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        done.set_result(len(steps))
        return done


class Board:
    """A switchboard with Ana and Eva, and what it told the switch."""

    def __init__(self, *secretaries: Secretary) -> None:
        self.memory = Memory()
        self.told: list[Command] = []
        self.board = Switchboard(self.memory, lambda _, command: self.told.append(command), lambda *_: None)  # type: ignore[arg-type]
        self.board.staff(Directory(Office(1, secretaries=secretaries or (ANA, EVA))), {})

    def talking(self, call_id: str = "c1", client: int = 1, phase: Phase = Phase.TALKING) -> str:
        facts = Facts("+56225550101", client, "andes", "Andes", "es", "UTC", Admission.OPEN, Sounds())
        facts = structs.replace(facts, contacts=(ROSA,), outgoing=OUTGOING)
        self.board.adopt(Call(call_id, phase, facts, arrived_at=AT, seat=Seat(1, "ana", "Ana"), offers=1), seq=0)
        return call_id

    async def press(self, keys: str, call_id: str = "c1", at: datetime = AT) -> list[Command]:
        """What the switch is told of that."""
        self.told.clear()
        for key in keys:
            self.board.post(call_id, KeyPressed(at, f"{call_id}-secretary-1", key))
        await self.board.drained()
        return list(self.told)


def dialled(commands: Sequence[Command]) -> bool:
    return any(isinstance(command, Dial) for command in commands)


def words(commands: Sequence[SwitchCommand]) -> list[str]:
    return [command.sound for command in commands if isinstance(command, Tell)]


async def test_what_was_dialled_today_counts_also_by_earlier_daemons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "now", lambda: AT)
    here = Board()
    here.talking()
    here.board.dialled_before({1: 1, 2: 9})
    for _ in range(2):
        assert dialled(await here.press("*1"))
        await here.press("*0")
    assert words(await here.press("*1")) == [TOO_MANY]


async def test_the_next_day_utc_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard, "now", lambda: AT)
    here = Board()
    here.talking()
    here.board.dialled_before({1: 3})
    assert words(await here.press("*1")) == [TOO_MANY]
    assert dialled(await here.press("*1", at=AT + timedelta(minutes=1)))


@pytest.mark.parametrize("phase", [Phase.CALLING_CONTACT, Phase.CONSULTING, Phase.HANDED_OVER])
async def test_the_clients_other_calls_with_contacts_count(phase: Phase) -> None:
    here = Board()
    here.talking()
    for other in ("c2", "c3"):
        here.talking(other, phase=phase)
    assert words(await here.press("*1")) == [TOO_MANY]


async def test_neither_do_other_clients_calls_count_nor_those_without_a_contact() -> None:
    here = Board()
    here.talking()
    here.talking("c2", client=2, phase=Phase.CONSULTING)
    here.talking("c3", client=2, phase=Phase.HANDED_OVER)
    here.talking("c4")
    assert dialled(await here.press("*1"))


async def test_the_desk_asks_under_the_same_limits() -> None:
    here = Board()
    here.talking()
    for other in ("c2", "c3"):
        here.talking(other, phase=Phase.CONSULTING)
    here.board.post("c1", ConsultationAsked(AT, ROSA.id))
    await here.board.drained()
    assert words(here.told) == [TOO_MANY]


@pytest.mark.parametrize(
    ("eva", "is_there", "phase"),
    [
        (EVA, True, Phase.WAITING),
        (EVA, False, Phase.TALKING),
        (replace(EVA, paused=True), True, Phase.TALKING),
        (replace(EVA, clients=frozenset({2})), True, Phase.TALKING),
    ],
    ids=["there", "not registered", "paused", "not for this client"],
)
async def test_a_caller_goes_to_who_speaks_his_language_only_if_she_is_there(eva, is_there, phase) -> None:
    here = Board(replace(ANA, languages=("es", "en")), eva)
    here.board.hold()  # nobody is offered anything meanwhile
    here.talking()
    here.board.registered("ana", True)
    here.board.registered("eva", is_there)
    await here.press("*#")
    call = here.board.call("c1")
    assert call
    assert call.phase is phase


async def test_a_key_that_is_no_command_is_passed_on_and_not_remembered() -> None:
    here = Board()
    here.talking()
    assert await here.press("5") == [PassKeys("c1", "5")]
    assert here.memory.saves == []
