"""The mailbox, the firm and its DNS that the demo has in the outside world: our side takes them for real ones."""

import asyncio
from dataclasses import replace

import pytest
import worker
from mailed_house import House
from writing import NEW, OURS, OWNER

from pbx_control.clock import now
from pbx_control.notify.signatures import keys_from
from pbx_control.services import mail_in
from pbx_control.settings import MailIn
from pbx_control.world.mailbox import HOST, Firm, Mailbox

PORTS = worker.ports(0)
PLACE = f"{HOST}:{PORTS.dns}"


def look(house: House) -> dict[str, int]:
    settings = MailIn(host=HOST, port=PORTS.imap, user=OURS, password="demo", tls="none")
    desk = replace(house.desk, find_key=keys_from(PLACE))
    return {name: number for name, number in mail_in.look(settings, desk, now).values.items() if number}


@pytest.mark.parametrize(("signed", "came_to"), [(True, NEW), (False, "")])
async def test_a_signed_mail_is_in_force_and_a_forged_one_is_not(house: House, signed: bool, came_to: str) -> None:
    before = house.greeting()
    async with Mailbox(PORTS.imap, OURS, "demo") as mailbox, Firm("andes.example", PORTS.dns) as firm:
        mail = firm.writes(f"Rosa Soto <{OWNER}>", OURS, "Saludo", NEW)
        await mailbox.brings(mail if signed else mail[mail.index(b"From:") :])
        assert await asyncio.to_thread(look, house)
        assert house.greeting() == (came_to or before)
        assert await asyncio.to_thread(look, house) == {}, "it was moved"


@pytest.mark.parametrize("name", ["s1._domainkey.other.example", "nobody.andes.example"])
async def test_a_key_that_is_not_there_is_not_found(name: str) -> None:
    async with Firm("andes.example", PORTS.dns):
        assert await asyncio.to_thread(keys_from(PLACE), name) is None
        assert await asyncio.to_thread(keys_from(PLACE), "s1._domainkey.andes.example")


def test_a_server_that_is_not_there_knows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.notify.signatures.DNS_LIMIT", 0.2)
    assert keys_from(f"{HOST}:{PORTS.dns}")("s1._domainkey.andes.example") is None
