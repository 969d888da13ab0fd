"""Hostile SIP: whatever a stranger or a carrier sends, nothing is dialled that is not ours, and nothing breaks."""

import socket
from contextlib import closing

import pytest
import pytest_asyncio
from conftest import Town
from sipp import CARRIER, STRANGER, play

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

NASTY = {
    "separators": '"A&B;C,D|E" <sip:+56912345678@carrier>',
    "variables": '"${EXTEN} ${SHELL(touch /tmp/owned)} $[1+1]" <sip:+56912345678@carrier>',
    "percent": '"%0d%0aBYE %00" <sip:+56912345678@carrier>',
    "quotes": '"a\\"b\\\\c)(]" <sip:+56912345678@carrier>',
    "emoji": '"📞😀 Ñandú" <sip:+56912345678@carrier>',
    "latin-1": '"Mar\udced\udca0" <sip:+56912345678@carrier>',
    "long and latin-1": '"' + "Jos\udce9 " * 600 + '" <sip:+56912345678@carrier>',
    "long": f'"{"x" * 10_000}" <sip:+56912345678@carrier>',
    "number": "<sip:PJSIP%2Fana&Local%2Fs@carrier>",
    "number of variables": "<sip:%24%7BEXTEN%7D,1@carrier>",
    "no number": "<sip:carrier>",
    "anonymous": '"Anonymous" <sip:anonymous@anonymous.invalid>',
}

# Of Asterisk's log, bytes, whatever a carrier or stranger sends.
LONGEST_LINE = 1200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def staffed(switch, world, post):
    """A firm and the telephones of its two secretaries, who let it ring."""
    if not switch.daemon or switch.daemon.returncode is not None:
        await switch.start_daemon()
    town = Town(switch, world, post)
    firm = await town.firm()
    return firm, [(await town.secretary(firm, name)).rings_on() for name in ("Ana", "Eva")]


@pytest.mark.parametrize("sender", NASTY.values(), ids=NASTY.keys())
async def test_whoever_says_he_calls_one_telephone_rings_once(town, staffed, tmp_path, sender):
    firm, telephones = staffed
    before = [ring for telephone in telephones for ring in telephone.calls]
    switch = str(town.world.place.pbx)
    outcome = await play(tmp_path, "cancelled", switch, service=firm.number, sender=sender, subject="x")
    assert outcome.as_expected, outcome.errors
    (ring,) = [ring for telephone in telephones for ring in telephone.calls if ring not in before]
    await ring.ended(2)
    shown = ring.sender + ring.identity
    assert not set("${}|`\\\0\r\n") & set(shown)
    assert ring.name == firm.name
    call = (await town.calls(firm))[-1]
    assert call["outcome"] == "missed"
    assert len(call["caller"]) <= 40
    assert call["caller_name"].isprintable()
    await _nothing_broke(town)


async def test_a_number_that_is_not_ours_is_refused_and_nobody_is_dialled(town, tmp_path):
    for number in ("+56229999999", "133", "firma1", "s", "h", "PJSIP%2Fana", "%24%7BEXTEN%7D"):
        outcome = await play(
            tmp_path, "refused", str(town.world.place.pbx), service=number, user="+56912345678", STATUS="404"
        )
        assert outcome.as_expected, (number, outcome.errors)
    await _nothing_broke(town)


async def test_a_stranger_is_not_let_in(town, tmp_path):
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana")
    switch = str(town.world.place.pbx)
    for user in ("stranger", ana.name, "carrier"):
        outcome = await play(tmp_path, "refused", switch, STRANGER, service=firm.number, user=user, STATUS="401")
        assert outcome.as_expected, (user, outcome.errors)
    assert ana.calls == []
    assert await town.calls(firm) == []


async def test_a_wrong_password_registers_nothing(town, tmp_path):
    firm = await town.firm()
    account = await town.office.ask("secretary", "add", "Ida", "--clients", firm.slug)
    switch = str(town.world.place.pbx)
    outcome = await play(tmp_path, "register", switch, STRANGER, user=account["user"], USER=account["user"])
    assert outcome.as_expected, outcome.errors
    contacts = await town.office.pbx("asterisk", "console", "-x", "pjsip show contacts")
    assert account["user"] not in contacts


async def test_a_refer_of_the_carrier_is_refused_and_dials_nobody(town, tmp_path):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana")).answers(after=0.2)
    eva = await town.secretary(firm, "Eva")
    await town.office.pbx("secretary", "set", f"Eva {firm.slug}", "--paused")
    outcome = await play(
        tmp_path,
        "refer",
        str(town.world.place.pbx),
        service=firm.number,
        user="+56912345678",
        target=eva.name,
        STATUS="603",
    )
    assert outcome.as_expected, outcome.errors
    assert eva.calls == []
    await (await ana.rung()).ended(2)


@pytest.mark.parametrize(
    "datagram",
    [
        b"\0" * 600,
        b'INVITE sip:+56225551001@127.0.0.1 SIP/2.0\r\nFrom: "\0\0" <sip:\0@x>\r\n\r\n',
        b"OPTIONS " + b"A" * 60_000,
        b"INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\nVia: \r\n\r\n",
    ],
    ids=["zeros", "NUL in a name", "60 kB", "negative length"],
)
async def test_what_is_no_sip_disturbs_nothing(town, datagram):
    place = town.world.place
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
        wire.bind((CARRIER, 0))
        wire.sendto(datagram, (place.pbx.host, place.pbx.port))
    firm = await town.firm()
    (await town.secretary(firm, "Ana")).answers(after=0.1)
    caller = await town.world.call(firm.number)
    await caller.answered()
    await caller.hang_up()
    await _nothing_broke(town)


async def _nothing_broke(town):
    """The daemon is ready, has said nothing of an error, and no channel stays."""
    assert (await town.office.run("status")).status == 0
    said = (town.office.home / "run" / "daemon.out").read_text()
    assert "Traceback" not in said
    logged = (town.office.home / "asterisk" / "log" / "messages.log").read_bytes().splitlines()
    assert max(map(len, logged), default=0) < LONGEST_LINE
    assert await town.quiet() == ""
