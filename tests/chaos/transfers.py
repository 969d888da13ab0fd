"""Callers for whom a contact is called: handed over, taken back, in vain because he is busy, or gone meanwhile.

The secretary presses a key again if nothing came of it because no daemon was there to see it, as anybody would.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chaos.crowd import GOODBYE, Crowd, Kind, Kinds, Visit
from chaos.house import CALLER, CONTACT, SECRETARY, TRANSFER, name_of
from pbx_control.domain.call.model import Outcome
from pbx_control.world.legs import DidNotHappen, Leg, Ringing
from pbx_control.world.people import answering, refusing

# She waits so long for a key's effect before she presses it again, seconds: longer than a first key is remembered.
AGAIN = 4.5
# So often she presses a key that nothing comes of.
PRESSES = 40
# Whoever is connected anew talks for so long, seconds.
TALK_ON = (5.0, 9.0)

T = TypeVar("T")


async def is_transferred(crowd: Crowd, visit: Visit) -> None:
    """She asks the contact, then connects the two; one of them hangs up."""
    if (both := await _in_private(crowd, visit)) is None:
        return
    caller, hers, contact = both

    async def is_free(seconds: float) -> bool:
        return await _unless_served_by_switch(crowd, visit, hers.ended(seconds)) is not None

    if not await _pressing(crowd, hers, "##", is_free):
        await _in_vain(crowd, visit, caller, hers)
        return
    visit.transferred_to = name_of(visit.key)
    await _hear_each_other(crowd, visit, (caller, CALLER), (contact, CONTACT))
    await crowd.part(visit, caller, contact)


async def is_taken_back(crowd: Crowd, visit: Visit) -> None:
    """She asks the contact, who is let go, and talks with the caller again."""
    if (both := await _in_private(crowd, visit)) is None:
        return
    caller, hers, contact = both
    await _pressing(crowd, hers, "*0", contact.ended)
    await _talks_again(crowd, visit, caller, hers)


async def finds_him_busy(crowd: Crowd, visit: Visit) -> None:
    """The contact refuses the call; she talks with the caller again."""
    crowd.house.contacts[visit.key].conduct = refusing(crowd.house.dice.uniform(0.2, 2.5))
    if (both := await _talking(crowd, visit)) is None:
        return
    if (contact := await _called(crowd, visit, *both)) is None:
        return
    await contact.ended(GOODBYE)
    await _talks_again(crowd, visit, *both)


async def leaves_on_hold(crowd: Crowd, visit: Visit) -> None:
    """He hangs up while she talks with the contact: both are let go."""
    if (both := await _in_private(crowd, visit)) is None:
        return
    caller, hers, contact = both
    await caller.hang_up()
    await contact.ended(GOODBYE)
    await hers.ended(GOODBYE)


async def _talking(crowd: Crowd, visit: Visit) -> tuple[Leg, Ringing] | None:
    """He calls while a daemon is there: whom the switch serves alone cannot be transferred."""
    await crowd.house.open.wait()
    return await crowd.conversation(visit)


async def _in_private(crowd: Crowd, visit: Visit) -> tuple[Leg, Ringing, Ringing] | None:
    """The caller is on hold and she talks with the contact: the three legs."""
    dice = crowd.house.dice
    crowd.house.contacts[visit.key].conduct = answering(dice.uniform(0.3, 3))
    if (both := await _talking(crowd, visit)) is None:
        return None
    if (contact := await _called(crowd, visit, *both)) is None:
        return None
    await contact.answered(GOODBYE)
    await crowd.stays(dice.uniform(1, 5), visit, *both, contact, to_the_end=True)
    return (*both, contact)


async def _called(crowd: Crowd, visit: Visit, caller: Leg, hers: Ringing) -> Ringing | None:
    """They talk for a moment; she presses the contact's key, and his telephone rings.

    None, and they part, if the switch serves them alone: then nobody can be called.
    """
    await crowd.stays(crowd.house.dice.uniform(1.5, 4), visit, caller, hers, to_the_end=True)
    telephone = crowd.house.contacts[visit.key]
    before = len(telephone.calls)

    async def rings(seconds: float) -> Ringing | None:
        return await _unless_served_by_switch(crowd, visit, telephone.rung(before + 1, seconds))

    if (contact := await _pressing(crowd, hers, f"*{visit.key}", rings)) is None:
        await _in_vain(crowd, visit, caller, hers)
    return contact


async def _unless_served_by_switch(crowd: Crowd, visit: Visit, effect: Awaitable[T]) -> T | None:
    """What a key brings about; None if it can bring nothing about, as no daemon has the call."""
    try:
        return await effect
    except DidNotHappen:
        if not await asyncio.to_thread(crowd.served_by_switch, visit):
            raise
    return None


async def _in_vain(crowd: Crowd, visit: Visit, caller: Leg, hers: Leg) -> None:
    """The switch serves caller and secretary alone: they say goodbye."""
    visit.in_vain = True
    await crowd.part(visit, caller, hers)


async def _pressing(crowd: Crowd, hers: Ringing, keys: str, effect: Callable[[float], Awaitable[T]]) -> T:
    """She presses keys, and again once a daemon is there, until they have their effect; gives what it is.

    How many daemons die while she does depends on the machine, and each key needs one: presses count, not seconds.
    """
    for _ in range(PRESSES):
        await hers.press(keys)
        try:
            return await effect(AGAIN)
        except DidNotHappen:
            if hers.end.at:
                raise
        await crowd.house.open.wait()
    raise DidNotHappen(f"{hers.label} pressed {keys} {PRESSES} times in vain")


async def _talks_again(crowd: Crowd, visit: Visit, caller: Leg, hers: Ringing) -> None:
    """Caller and secretary hear each other until he hangs up."""
    await _hear_each_other(crowd, visit, (caller, CALLER), (hers, SECRETARY))
    await caller.hang_up()
    await hers.ended(GOODBYE)


async def _hear_each_other(crowd: Crowd, visit: Visit, one: tuple[Leg, float], other: tuple[Leg, float]) -> None:
    """Two who are connected anew, each with his tone, talk for a while and hear each other at its end."""
    (leg, tone), (other_leg, other_tone) = one, other
    await crowd.stays(crowd.house.dice.uniform(*TALK_ON), visit, leg, other_leg, to_the_end=True)
    await asyncio.gather(leg.hears(other_tone, GOODBYE), other_leg.hears(tone, GOODBYE))


def _kind(name: str, way: Callable[[Crowd, Visit], Awaitable[None]], key: int) -> tuple[int, Kind]:
    return 1, Kind(name, TRANSFER, way, (Outcome.ANSWERED,), key)


TRANSFERS: Kinds = (
    *(_kind("transferred", is_transferred, key) for key in (1, 2, 3)),
    _kind("taken back", is_taken_back, 4),
    _kind("busy contact", finds_him_busy, 5),
    _kind("gone on hold", leaves_on_hold, 6),
)
