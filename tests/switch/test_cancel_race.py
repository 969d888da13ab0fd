"""A caller who gives up in the very instant in which a secretary answers: his INVITE gets one final answer, not two.

A 200 that comes beside the 487 is the answer to the CANCEL (RFC 3261 section 9.2).
"""

import asyncio
import re

import pytest
from peer import peer

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

ROUNDS = 40
CARRIER, PORT = "127.0.0.16", 74
ANSWERS_AFTER = 0.2


def finals(answers: list[str]) -> list[str]:
    """The final answers to the INVITE, retransmissions left out."""
    numbers = [re.match(r"SIP/2.0 (\d+)", text)[1] for text in answers]
    return sorted({number for number in numbers if number >= "200"})


async def test_an_invite_has_one_final_answer_however_close_cancel_and_answer_are(town):
    await town.office.pbx("trunk", "add", "racer", "--match", CARRIER)
    firm = await town.firm()
    (await town.secretary(firm, "Ana")).answers(after=ANSWERS_AFTER)
    seen: list[list[str]] = []
    async with peer(town.world.place.pbx, CARRIER, town.office.ports.base + PORT) as carrier:
        for number in range(ROUNDS):
            carrier.invite(firm.number, "<sip:+56912345678@carrier>")
            await carrier.answer("180")
            # from some ms before the answer to some ms after it
            await asyncio.sleep(ANSWERS_AFTER - 0.02 + number / ROUNDS * 0.06)
            if not finals(carrier.answers):
                carrier.cancel()
            await asyncio.sleep(0.4)
            seen.append(finals(carrier.answers))
            await carrier.give_up()
            await town.quiet()
    assert {tuple(one) for one in seen} == {("200",), ("487",)}
