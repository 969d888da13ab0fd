"""Publishing on a running Asterisk: without cutting a call, and undone if Asterisk does not take it."""

import asyncio
import os
from dataclasses import replace

import pytest
from alone import number_of
from msgspec import structs

from pbx_control.asterisk import log_file, publish
from pbx_control.asterisk.ami import connected
from pbx_control.domain.office import Client, Did
from pbx_control.domain.opening.hours import ALWAYS
from pbx_control.errors import SwitchUnavailable

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MANY = 10_000


async def test_with_ten_thousand_clients_a_change_is_live_when_it_is_said_to_be_and_no_call_is_cut(alone):
    firm = await alone.firm("Ana")
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2)
    caller = await alone.call(firm)
    ring = await ana.rung()
    await ring.answered()
    crowd = tuple(Client(100 + n, f"crowd{n}", f"Cliente {n}", week=ALWAYS) for n in range(MANY))
    numbers = tuple(Did(f"+5644{client.id:07}", "carrier", client.id, True) for client in crowd)
    await alone.publish(clients=(*alone.office.clients, *crowd), dids=(*alone.office.dids, *numbers))
    done = await alone.publish(clients=(*alone.office.clients[:-1], replace(crowd[-1], name="Otro")))
    assert (done.running, done.changed, done.reloaded) == (True, ("extensions.conf",), ("pbx_config",))
    assert "PBX_NAME=Otro" in alone.console(f"dialplan show did-{numbers[-1].number}")
    assert caller.end.at is None
    assert ring.end.at is None
    await caller.hang_up()
    await alone.publish(clients=(firm,), dids=alone.office.dids[:1])
    assert "no existence" in alone.console(f"dialplan show did-{numbers[-1].number}")


async def test_a_full_log_is_turned_over(alone, monkeypatch):
    monkeypatch.setattr(log_file, "LARGEST", -1)
    log = alone.home.asterisk / "log"
    full = log / "messages.log"
    for serial in range(log_file.KEPT + 2):
        full.write_text(f"full {serial}")
        await asyncio.to_thread(log_file.turn_over, alone.home, alone.settings)
        assert f"full {serial}" not in full.read_text()
    kept = {path.name: path.read_text() for path in log.glob("messages.log.*")}
    assert len(kept) == log_file.KEPT
    for number in range(log_file.KEPT):
        assert f"full {log_file.KEPT + 1 - number}" in kept[f"messages.log.{number}"]


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("extensions.conf", "[broken\nexten => s,1,NoOp()\n"),
        ("queues.conf", "[broken\n"),
        ("pjsip.conf", "[broken]\ntype = endpoint\ndtmf_mode = semaphore\ncontext = nobody\n"),
    ],
)
async def test_what_asterisk_does_not_take_is_undone(alone, file, fault):
    firm = await alone.firm("Ana")
    before = publish.current(alone.home)
    staged = publish.stage(alone.home, alone.settings, replace(alone.office, clients=alone.office.clients[:-1]))
    (staged.folder / file).write_text(stained((staged.folder / file).read_text(), fault))
    with pytest.raises(SwitchUnavailable, match=file):
        await publish.bring_into_force(staged, alone.home, alone.settings)
    assert publish.current(alone.home) == before
    ana = await alone.phone(firm, "Ana")
    caller = await alone.call(firm)
    await ana.rung()
    await caller.hang_up()


def stained(text, fault):
    """The file with a fault in it and a new generation, as our own fault would be."""
    old = publish.marker_of(text)
    return text.replace(old, "f" * len(old)) + fault


async def test_a_crash_before_the_reload_is_made_good_by_the_next_publication(alone):
    firm = await alone.firm("Ana")
    renamed = replace(alone.office, clients=(*alone.office.clients[:-1], replace(firm, name="Otra Firma")))
    staged = publish.stage(alone.home, alone.settings, renamed)
    publish._point(alone.home, staged.folder)  # here the machine went down
    alone.office = renamed
    assert "Otra Firma" not in alone.console(f"dialplan show did-{number_of(firm)}")
    done = await alone.publish()
    assert (done.changed, done.reloaded) == ((), ("pbx_config",))
    assert "Otra Firma" in alone.console(f"dialplan show did-{number_of(firm)}")


async def test_a_crash_before_the_swap_leaves_the_old_generation_in_force(alone):
    firm = await alone.firm("Ana")
    before = publish.current(alone.home)
    publish.stage(alone.home, alone.settings, replace(alone.office, clients=(replace(firm, name="Nunca"),)))
    assert publish.current(alone.home) == before
    await alone.publish()
    assert publish.current(alone.home) == before


async def test_asterisk_may_read_the_configuration_and_not_change_it(alone):
    files = list((alone.home.asterisk / "etc").resolve().iterdir())
    owner = os.geteuid()
    assert {file.stat().st_uid for file in files} == {owner}
    assert not any(file.stat().st_mode & 0o007 for file in files)
    done = await alone.publish()
    assert done.running


async def test_a_wrong_password_says_so(alone):
    secrets = structs.replace(alone.settings.secrets, ami_password="another one")
    other = structs.replace(alone.settings, secrets=secrets)
    with pytest.raises(SwitchUnavailable, match="does not take our password"):
        async with connected(other, alone.home):
            pass


async def test_two_publications_at_once_follow_each_other(alone):
    firm = await alone.firm("Ana")
    offices = [
        replace(alone.office, clients=(replace(firm, name=name),), dids=alone.office.dids[-1:]) for name in "ABC"
    ]
    staged = [publish.stage(alone.home, alone.settings, office) for office in offices]
    await asyncio.gather(*(publish.bring_into_force(one, alone.home, alone.settings) for one in staged))
    text = publish.current(alone.home)["extensions.conf"]
    assert publish.marker_of(text) in alone.console("dialplan show generation")
