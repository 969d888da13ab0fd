"""Which requests a call's commands become, in order, and what comes of those that Asterisk refuses."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from pbx_control.asterisk import perform
from pbx_control.asterisk.ari import Reply
from pbx_control.asterisk.perform import Performer
from pbx_control.domain.call import commands as c
from pbx_control.domain.call.events import CallerLeft, ContactLeft, DiallingRefused, Event, SecretaryLeft, SwitchRefused
from pbx_control.domain.call.model import Limit, SupervisionMode
from pbx_control.domain.sounds import BEEP

CALL, HERS, CONTACTS = "pbx-1.5", "pbx-1.5-secretary-1", "pbx-1.5-contact-1"
CONSULTATION = "pbx-1.5-consultation-1"
DIAL = c.Dial(
    leg=CONTACTS,
    bridge=CONSULTATION,
    secretary=HERS,
    trunk="trunk-1",
    number_format="e164",
    country="CL",
    number="+56987654321",
    shown="+56225550101",
    give_up=timedelta(seconds=30),
    limit=timedelta(seconds=630),
)


class Asterisk:
    """Notes each request, and answers it at once: with 200, or as `refusals` has it by the end of its path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, object]]] = []
        self.bodies: list[object] = []
        self.refusals: dict[str, Reply] = {}

    def request(self, method, uri, then=None, body=None, **query) -> None:  # type: ignore[no-untyped-def]
        self.asked.append((method, uri, query))
        self.bodies.append(body)
        reply = next((refusal for end, refusal in self.refusals.items() if uri.endswith(end)), Reply(200))
        if then:
            then(reply)

    @property
    def paths(self) -> list[str]:
        return [f"{method} {uri}" for method, uri, _ in self.asked]


@pytest.fixture
def asterisk() -> Asterisk:
    return Asterisk()


@pytest.fixture
def events() -> list[Event]:
    return []


class Redirects:
    """AMI, which sends legs to the dialplan or, if it is `away`, does not."""

    def __init__(self) -> None:
        self.legs: list[str] = []
        self.away = False

    async def __call__(self, leg: str) -> bool:
        self.legs.append(leg)
        return not self.away


@pytest.fixture
def redirects() -> Redirects:
    return Redirects()


@pytest.fixture
def performer(asterisk: Asterisk, events: list[Event], redirects: Redirects) -> Performer:
    return Performer(
        asterisk,  # type: ignore[arg-type]
        Path("/srv/pbx"),
        lambda call, event: events.append(event),
        redirects,
        lambda user, contact: contact.startswith(f"sip:{user}@192.0.2.1"),
    )


def test_the_telephone_in_her_page_is_rung_where_it_is_hers(asterisk, events, redirects):
    rung: list[tuple[str, str]] = []

    def telephone_of(user: str, leg: str) -> str:
        rung.append((user, leg))
        return f"{user}_browser"

    def may_ring(telephone: str, contact: str) -> bool:
        return telephone == "ana_browser"

    told = Path("/srv/pbx"), lambda call, event: events.append(event), redirects
    performer = Performer(asterisk, *told, may_ring, telephone_of=telephone_of)
    asterisk.refusals["variable"] = Reply(200, {"value": "sip:x@127.64.0.1:40000;transport=ws"})
    performer.perform(CALL, RING)
    performer.entered(RING.leg)
    assert asterisk.asked[0][2]["endpoint"] == "PJSIP/ana_browser"
    assert f"POST channels/{RING.leg}/dial" in asterisk.paths
    assert rung == [("ana", RING.leg)]
    assert events == []


def test_a_contact_is_dialled_once_his_leg_is_there(asterisk, performer, events):
    performer.perform(CALL, DIAL)
    assert asterisk.paths == ["POST channels/create", "POST applications/pbx/subscription"]
    performer.entered(CONTACTS)
    performer.entered(CONTACTS)
    assert asterisk.paths[2:] == [f"POST bridges/{CONSULTATION}/addChannel", f"POST channels/{CONTACTS}/dial"]
    assert asterisk.asked[0][2]["endpoint"] == "PJSIP/+56987654321@trunk-1"
    assert asterisk.asked[-1][2] == {"timeout": 30}
    assert events == []


@pytest.mark.parametrize(("calls", "dialled"), [(3, True), (4, False)])
def test_a_contact_is_not_dialled_over_a_trunk_that_is_full(asterisk, performer, events, calls, dialled):
    asterisk.refusals["variable"] = Reply(200, {"value": str(calls)})
    performer.perform(CALL, replace(DIAL, most=3))
    performer.entered(CONTACTS)
    assert asterisk.bodies[0]["variables"]["GROUP(trunk)"] == "trunk-1"
    assert asterisk.asked[2][2] == {"variable": "GROUP_COUNT(trunk-1@trunk)"}
    assert (f"POST channels/{CONTACTS}/dial" in asterisk.paths) == dialled
    assert [type(event) for event in events] == ([] if dialled else [SwitchRefused, ContactLeft])


def test_of_two_contacts_who_want_the_last_place_one_is_dialled(asterisk, performer, events):
    """Both legs are there, and counted, before either is looked at."""
    asterisk.refusals["variable"] = Reply(200, {"value": "4"})
    second = f"{CONTACTS}0"
    for leg in (CONTACTS, second):
        performer.perform(CALL, replace(DIAL, leg=leg, most=3))
    for leg in (CONTACTS, second):
        performer.entered(leg)
    assert [path for path in asterisk.paths if path.endswith("/dial")] == [f"POST channels/{CONTACTS}/dial"]
    assert f"DELETE channels/{second}" in asterisk.paths


@pytest.mark.parametrize(
    ("limit", "told"),
    [(None, []), (Limit.TRUNK, [SwitchRefused, ContactLeft]), (Limit.A_DAY, [DiallingRefused])],
)
async def test_a_contact_is_not_dialled_beyond_a_limit_of_all_nodes(asterisk, events, redirects, limit, told):
    answer = asyncio.get_running_loop().create_future()

    async def over_limit(dial: c.Dial) -> Limit | None:
        return await answer

    performer = Performer(
        asterisk, Path("/srv/pbx"), lambda call, event: events.append(event), redirects, Mock(), over_limit
    )
    asterisk.refusals["variable"] = Reply(200, {"value": "1"})
    performer.perform(CALL, replace(DIAL, most=3))
    performer.entered(CONTACTS)
    await asyncio.sleep(0)
    assert len(asterisk.paths) == 2
    answer.set_result(limit)
    for _ in range(3):
        await asyncio.sleep(0)
    assert [type(event) for event in events] == told
    assert (f"POST channels/{CONTACTS}/dial" in asterisk.paths) == (limit is None)
    assert (f"DELETE channels/{CONTACTS}" in asterisk.paths) == (limit is not None)


def test_a_leg_that_could_not_be_made_takes_no_place(asterisk, performer, events):
    asterisk.refusals["create"] = Reply(500, {"message": "Allocation failed"})
    performer.perform(CALL, replace(DIAL, most=3))
    del asterisk.refusals["create"]
    asterisk.refusals["variable"] = Reply(200, {"value": "4"})
    second = f"{CONTACTS}0"
    performer.perform(CALL, replace(DIAL, leg=second, most=3))
    performer.entered(second)
    assert f"POST channels/{second}/dial" not in asterisk.paths


AT_HOME = Reply(200, {"value": "sip:ana@192.0.2.1:5060"})
RING = c.Ring(HERS, "ana", "Andes, Ñuñoa", "+56912345678<", timedelta(seconds=12))


def test_a_secretary_is_dialled_once_her_leg_is_there_and_shown_who_calls(asterisk, performer, events):
    asterisk.refusals["variable"] = AT_HOME
    performer.perform(CALL, RING)
    made = ["POST channels/create", "POST applications/pbx/subscription", f"GET channels/{HERS}/variable"]
    assert asterisk.paths == made
    assert asterisk.asked[0][2]["endpoint"] == "PJSIP/ana"
    variables = asterisk.bodies[0]["variables"]
    assert (variables["CONNECTEDLINE(name,i)"], variables["CONNECTEDLINE(num,i)"]) == ("Andes, Ñuñoa", "+56912345678")
    performer.entered(HERS)
    assert asterisk.paths[3:] == [f"POST channels/{HERS}/dial"]
    assert asterisk.asked[2][2] == {"variable": "CHANNEL(pjsip,target_uri)"}
    assert asterisk.asked[-1][2] == {"timeout": 12}
    assert events == []


def test_a_telephone_that_is_not_where_it_says_is_not_rung(asterisk, performer, events):
    asterisk.refusals["variable"] = Reply(200, {"value": "sip:+881612345678@carrier.example"})
    performer.perform(CALL, RING)
    performer.entered(HERS)
    assert asterisk.paths[2:] == [f"GET channels/{HERS}/variable", f"DELETE channels/{HERS}"]
    assert [type(event) for event in events] == [SwitchRefused, SecretaryLeft]


@pytest.mark.parametrize("request_that_fails", ["create", "variable", "dial"])
def test_a_secretary_who_cannot_be_rung_has_left(asterisk, performer, events, request_that_fails):
    asterisk.refusals["variable"] = AT_HOME
    asterisk.refusals[request_that_fails] = Reply(500, {"message": "Allocation failed"})
    performer.perform(CALL, RING)
    performer.entered(HERS)
    assert [type(event) for event in events] == [SwitchRefused, SecretaryLeft]


async def test_her_leg_goes_to_the_dialplan_once(asterisk, performer, redirects):
    performer.dialled(HERS)
    performer.dialled(HERS)
    performer.answered(HERS)
    await performer.settled()
    assert (redirects.legs, asterisk.paths) == ([HERS], [])


@pytest.mark.parametrize("dialled", [True, False])
async def test_without_ami_it_goes_there_when_she_has_answered(asterisk, performer, redirects, dialled):
    redirects.away = True
    if dialled:
        performer.dialled(HERS)
    performer.answered(HERS)
    await performer.settled()
    assert asterisk.paths == [f"POST channels/{HERS}/continue"]


@pytest.mark.parametrize(
    ("number_format", "number", "shown"),
    [
        ("e164", "+56987654321", "+56225550101"),
        ("plain", "56987654321", "56225550101"),
        ("national", "987654321", "225550101"),
    ],
)
def test_numbers_are_written_as_the_carrier_wants_them(asterisk, performer, number_format, number, shown):
    performer.perform(CALL, replace(DIAL, number_format=number_format))
    assert asterisk.asked[0][2]["endpoint"] == f"PJSIP/{number}@trunk-1"
    variables = asterisk.bodies[0]["variables"]
    assert (variables["CONNECTEDLINE(num,i)"], variables["TIMEOUT(absolute)"]) == (shown, "630")


@pytest.mark.parametrize("request_that_fails", ["create", "addChannel", "dial"])
def test_a_contact_who_cannot_be_dialled_has_left_and_nothing_of_him_stays(
    asterisk, performer, events, request_that_fails
):
    asterisk.refusals[request_that_fails] = Reply(500, {"message": "Allocation failed"})
    performer.perform(CALL, DIAL)
    performer.entered(CONTACTS)
    refused, left = events
    assert isinstance(refused, SwitchRefused)
    assert (refused.command, refused.why) == ("Dial", "500 Allocation failed")
    assert isinstance(left, ContactLeft)
    assert left.leg == CONTACTS
    assert f"DELETE channels/{CONTACTS}" in asterisk.paths


@pytest.mark.parametrize(("leg", "event"), [(CALL, CallerLeft), (HERS, SecretaryLeft), (CONTACTS, ContactLeft)])
def test_who_is_gone_already_when_he_is_hung_up_is_told_of(asterisk, performer, events, leg, event):
    asterisk.refusals[leg] = Reply(404)
    performer.perform(CALL, c.HangUp(leg))
    assert [type(each) for each in events] == [event]


def test_only_her_keys_are_kept_from_the_others(asterisk, performer):
    performer.perform(CALL, c.Join(CONSULTATION, (HERS, CONTACTS), mixed=False, secretary=HERS))
    adding = [query for _, uri, query in asterisk.asked if uri.endswith("addChannel")]
    assert {query["channel"]: query.get("absorbDTMF") for query in adding} == {CONTACTS: None, HERS: "true"}


def test_a_contact_who_comes_to_the_caller_comes_alone(asterisk, performer):
    performer.perform(CALL, c.Join(f"{CALL}-bridge-1", (CONTACTS,), mixed=True))
    assert [query["channel"] for _, uri, query in asterisk.asked if uri.endswith("addChannel")] == [CONTACTS]


def test_a_prompt_is_noted_when_it_has_begun(asterisk, performer):
    """Of a killed daemon's requests the last ones may be lost: one that was noted before would not be heard.

    Not at the channel: Asterisk would answer nothing on the whole connection for as long as the prompt lasts.
    """
    performer.perform(CALL, c.Play(CALL, "closed-1", ("prompts/closed",)))
    assert asterisk.paths == [f"POST channels/{CALL}/play/closed-1", "POST asterisk/variable"]
    assert asterisk.asked[1][2] == {"variable": perform.prompt_begun(CALL), "value": "closed-1"}


def test_a_word_is_a_file_of_ours_or_a_sound_of_asterisks(asterisk, performer):
    performer.perform(CALL, c.Tell(HERS, "word-1", BEEP))
    performer.perform(CALL, c.Tell(HERS, "word-2", "prompts/spoken/es-12"))
    assert [query["media"] for _, _, query in asterisk.asked] == ["sound:beep", "sound:/srv/pbx/prompts/spoken/es-12"]
    assert asterisk.paths[0] == f"POST channels/{HERS}/play/word-1"


def test_a_word_for_somebody_who_is_gone_is_no_news(asterisk, performer, events):
    asterisk.refusals["word-1"] = Reply(404)
    performer.perform(CALL, c.Tell(HERS, "word-1", BEEP))
    assert events == []


def test_keys_are_passed_on(asterisk, performer):
    performer.perform(CALL, c.PassKeys(CONTACTS, "*9"))
    assert asterisk.asked == [("POST", f"channels/{CONTACTS}/dtmf", {"dtmf": "*9"})]


RECORDING = "2026/11/22/pbx-1.5.wav"
UNMUTE, MUTE = (f"{method} recordings/live/2026%2F11%2F22%2Fpbx-1.5/mute" for method in ("DELETE", "POST"))


def test_a_recording_is_silenced_whether_or_not_it_was_and_goes_on(asterisk, performer):
    """The second of two mutes would have it go on."""
    performer.perform(CALL, c.PauseRecording(RECORDING))
    performer.perform(CALL, c.ResumeRecording(RECORDING))
    assert asterisk.paths == [UNMUTE, MUTE, UNMUTE]


async def test_a_recorder_that_has_not_begun_is_silenced_when_it_has(asterisk, performer, events, monkeypatch):
    monkeypatch.setattr(perform, "PAUSED_AGAIN", 0)
    asterisk.refusals["mute"] = Reply(409, {"message": "Recording not in session"})
    performer.perform(CALL, c.PauseRecording(RECORDING))
    asterisk.refusals.clear()
    await asyncio.sleep(0.01)
    assert asterisk.paths == [UNMUTE, MUTE] * 2
    assert events == []


async def test_she_has_it_go_on_before_it_could_be_silenced(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "PAUSED_AGAIN", 0)
    asterisk.refusals["mute"] = Reply(409, {"message": "Recording not in session"})
    performer.perform(CALL, c.PauseRecording(RECORDING))
    asterisk.refusals.clear()
    performer.perform(CALL, c.ResumeRecording(RECORDING))
    await asyncio.sleep(0.01)
    assert asterisk.paths == [UNMUTE, MUTE, UNMUTE]


async def test_a_recorder_that_is_not_silenced_at_last_is_told(asterisk, performer, events, monkeypatch):
    monkeypatch.setattr(perform, "PAUSED_AGAIN", 0)
    asterisk.refusals["mute"] = Reply(409, {"message": "Recording not in session"})
    performer.perform(CALL, c.PauseRecording(RECORDING))
    for _ in range(2 * perform.PAUSE_TRIES):  # each try takes the loop a round
        await asyncio.sleep(0)
    assert [event.command for event in events] == ["PauseRecording"]
    assert len(asterisk.paths) == 2 * (perform.PAUSE_TRIES + 1)


def test_a_callers_limit_says_what_follows_it(asterisk, performer):
    performer.perform(CALL, c.LimitLeg(CALL, timedelta(seconds=594), then="cap"))
    set_to = [(query["variable"], query["value"]) for _, _, query in asterisk.asked]
    assert set_to == [("PBX_ON_TIMEOUT", "cap"), ("TIMEOUT(absolute)", 594)]


@pytest.mark.parametrize("limit", [c.LimitLeg(CALL, None), c.LimitLeg(CONTACTS, timedelta(seconds=600), then="cap")])
def test_a_limit_that_is_lifted_or_anothers_has_nothing_follow(asterisk, performer, limit):
    performer.perform(CALL, limit)
    assert [query["variable"] for _, _, query in asterisk.asked] == ["TIMEOUT(absolute)"]


@pytest.mark.parametrize(
    ("start", "stop", "verb"), [(c.StartMusic, c.StopMusic, "moh"), (c.StartRingingTone, c.StopRingingTone, "ring")]
)
async def test_waiting_audio_in_a_bridge_is_stopped_until_asterisk_cannot_have_lost_it(
    asterisk, performer, monkeypatch, start, stop, verb
):
    monkeypatch.setattr(perform, "STOPPED_AGAIN", (0, 0))
    performer.perform(CALL, start(CALL))
    performer.perform(CALL, stop(CALL, bridged=True))
    await asyncio.sleep(0.01)
    assert asterisk.paths == [f"POST channels/{CALL}/{verb}", *[f"DELETE channels/{CALL}/{verb}"] * 3]


async def test_waiting_audio_that_began_anew_goes_on(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "STOPPED_AGAIN", (0, 0))
    performer.perform(CALL, c.StopMusic(CALL, bridged=True))
    performer.perform(CALL, c.StartRingingTone(CALL))
    await asyncio.sleep(0.01)
    assert asterisk.paths == [f"DELETE channels/{CALL}/moh", f"POST channels/{CALL}/ring"]


async def test_outside_of_a_bridge_one_stop_is_enough(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "STOPPED_AGAIN", (0, 0))
    performer.perform(CALL, c.StopMusic(CALL))
    await asyncio.sleep(0.01)
    assert asterisk.paths == [f"DELETE channels/{CALL}/moh"]


SNOOP = c.Snoop(HERS, "pbx-1.5-snoop-2", "pbx-1.5-supervision-1", SupervisionMode.LISTEN, moved=True)
CARRIED = f"POST channels/{HERS}/snoop/{SNOOP.snoop}"


async def test_of_a_leg_that_has_moved_it_is_carried_once_asterisk_has_forgotten_the_others(
    asterisk, performer, monkeypatch
):
    monkeypatch.setattr(perform, "FORGOTTEN", 0)
    performer.perform(CALL, SNOOP)
    assert asterisk.paths == []
    await asyncio.sleep(0.01)
    assert CARRIED in asterisk.paths


@pytest.mark.parametrize(("her_side", "heard"), [(False, "both"), (True, "in")])
def test_who_is_on_hold_is_not_carried(asterisk, performer, her_side, heard):
    performer.perform(CALL, replace(SNOOP, moved=False, her_side=her_side))
    assert [query["spy"] for _, uri, query in asterisk.asked if uri.endswith(SNOOP.snoop)] == [heard]


async def test_what_is_over_before_it_was_carried_anew_is_not_carried(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "FORGOTTEN", 0)
    performer.perform(CALL, SNOOP)
    performer.perform(CALL, c.HangUp(SNOOP.snoop))
    assert not performer.coming
    await asyncio.sleep(0.01)
    assert asterisk.paths == [f"DELETE channels/{SNOOP.snoop}"]


async def test_what_is_not_with_us_yet_is_still_coming(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "FORGOTTEN", 0)
    performer.perform(CALL, SNOOP)
    assert performer.coming == {SNOOP.snoop}
    await asyncio.sleep(0.01)
    assert CARRIED in asterisk.paths
    assert performer.coming == {SNOOP.snoop}
    performer.entered(SNOOP.snoop)
    assert not performer.coming


HELD = c.JoinAnew("pbx-1.5-bridge-1", HERS)


async def test_of_a_leg_that_was_on_hold_what_asterisk_knows_of_its_old_stream_is_forgotten(
    asterisk, performer, monkeypatch
):
    monkeypatch.setattr(perform, "RESUMED", 0)
    performer.perform(CALL, HELD)
    assert asterisk.paths == []
    await asyncio.sleep(0.01)
    assert asterisk.paths == [f"POST bridges/{HELD.bridge}/{verb}Channel" for verb in ("remove", "add")]
    assert asterisk.asked[-1][2]["absorbDTMF"] == "true"


async def test_a_bridge_mixes_while_silence_is_played_there(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "RESUMED", 0)
    monkeypatch.setattr(perform, "MIXED", 0)
    performer.perform(CALL, c.MixOnce(CONSULTATION))
    assert asterisk.paths == []
    await asyncio.sleep(0.01)
    silence = f"{CONSULTATION}-mixed"
    assert asterisk.paths == [f"POST bridges/{CONSULTATION}/play/{silence}", f"DELETE playbacks/{silence}"]


async def test_what_a_supervisor_hears_is_carried_anew_when_the_bridge_has_mixed(asterisk, performer, monkeypatch):
    for name in ("RESUMED", "MIXED", "FORGOTTEN"):
        monkeypatch.setattr(perform, name, 0.02)
    performer.perform(CALL, c.MixOnce(HELD.bridge))
    performer.perform(CALL, SNOOP)
    await asyncio.sleep(0.15)
    mixed, carried = asterisk.paths.index(f"DELETE playbacks/{HELD.bridge}-mixed"), asterisk.paths.index(CARRIED)
    assert mixed < carried


@pytest.mark.parametrize("secretary", [HERS, ""])
async def test_who_joins_anew_leaves_when_the_other_is_there(asterisk, performer, secretary):
    """A recording that is left alone in its bridge ends."""
    other = secretary or CONTACTS
    performer.perform(CALL, c.Join(HELD.bridge, (CALL, other), mixed=True, secretary=secretary, anew=CALL))
    asked = [(uri.rpartition("/")[2], query["channel"]) for _, uri, query in asterisk.asked if "channel" in query]
    assert asked == [("addChannel", other), ("removeChannel", CALL), ("addChannel", CALL)]


@pytest.mark.parametrize("waits", [c.StartMusic(CALL), c.StartRingingTone(CALL)])
async def test_nor_does_who_was_to_join_anew_when_nobody_else_is_there_any_more(
    asterisk, performer, monkeypatch, waits
):
    monkeypatch.setattr(perform, "RESUMED", 0)
    performer.perform(CALL, c.JoinAnew(HELD.bridge, CALL))
    performer.perform(CALL, waits)
    await asyncio.sleep(0.01)
    assert not [one for one in asterisk.paths if "bridges" in one]


async def test_a_supervisors_keys_are_no_commands_after_a_hold_of_hers_either(asterisk, performer, monkeypatch):
    monkeypatch.setattr(perform, "RESUMED", 0)
    performer.perform(CALL, c.JoinAnew("pbx-1.5-supervision-1", "pbx-1.5-supervisor-1"))
    await asyncio.sleep(0.01)
    assert "absorbDTMF" not in asterisk.asked[-1][2]


@pytest.mark.parametrize(
    ("leg", "after"),
    [
        (HERS, c.Join(CONSULTATION, (HERS,), mixed=False, secretary=HERS)),
        (HERS, c.HangUp(HERS)),
        (CONTACTS, c.Join(CONSULTATION, (CONTACTS,), mixed=True)),
        (CALL, c.Leave(HELD.bridge, CALL)),
    ],
    ids=["consults", "leaves", "handed over", "is to speak a message"],
)
async def test_who_has_gone_elsewhere_meanwhile_does_not_come_back(asterisk, performer, monkeypatch, leg, after):
    monkeypatch.setattr(perform, "RESUMED", 0)
    performer.perform(CALL, c.JoinAnew(HELD.bridge, leg))
    performer.perform(CALL, after)
    await asyncio.sleep(0.01)
    assert f"POST bridges/{HELD.bridge}/addChannel" not in asterisk.paths
