"""The generated configuration: the same bytes for the same office, and nothing hostile in it.

After a wanted change write the golden files anew, and read the difference: `python tests/unit/test_dialplan.py`.
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pbx_control.asterisk import dialplan
from pbx_control.asterisk.confcheck import check, sections
from pbx_control.asterisk.dialplan import render, safe, secret
from pbx_control.domain.office import (
    Announcement,
    AnnouncementKind,
    Client,
    ClientState,
    Did,
    Holiday,
    Mark,
    MarkKind,
    Office,
    Secretary,
    SupervisorTelephone,
    Trunk,
)
from pbx_control.domain.opening.hours import ALWAYS, NEVER, Span, parse_week
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.domain.words.characters import printable
from pbx_control.errors import ClientMistake, SwitchUnavailable
from pbx_control.settings import Home, Secrets, Settings, Sip

GOLDEN = Path(__file__).parents[1] / "golden"
HOME = Home(Path("/srv/pbx"))
SETTINGS = Settings(
    sip=Sip(
        bind="192.0.2.10:5060", tls_bind="192.0.2.10:5061", certificate="/etc/pbx/cert.pem", key="/etc/pbx/key.pem"
    ),
    secrets=Secrets(ari_password="ari;secret", ami_password="ami-secret"),
)
# Anything that has a meaning in Asterisk's files, expressions or argument lists.
HOSTILE = "&;,|${}$[]()\"'\\\r\n\x00<>=`!?%~^"

AT = datetime(2026, 9, 18, 19, tzinfo=UTC)

OFFICE = Office(
    revision=7,
    trunks=(
        Trunk(1, "entel", ("192.0.2.1", "192.0.2.128/25"), max_calls=30),
        Trunk(
            2,
            "voip",
            ("198.51.100.7",),
            host="198.51.100.7:5070",
            user="cuenta",
            password="p;w",
            register=True,
            transport="tcp",
            codecs=("alaw",),
            identity="pai",
            number_format="national",
            did_from="to",
            early_media=False,
        ),
    ),
    dids=(
        Did("+56225550101", "entel", 1, True),
        Did("+56322550102", "", 2, True),
        Did("+56225550199", "entel"),
    ),
    marks=(
        Mark("+56911112222", MarkKind.BLOCKED),
        Mark("+56933334444", MarkKind.BLOCKED, 1),
        Mark("+56933334444", MarkKind.BLOCKED, 2),
        Mark("+56955556666", MarkKind.TEST),
        Mark("]\n[x", MarkKind.BLOCKED),
    ),
    clients=(
        Client(
            1,
            "andes",
            "Clínica Andes",
            week=parse_week(["mon-fri 09:00-13:00 14:00-18:00"]),
            recording=True,
            announcements=(
                Announcement(AnnouncementKind.WELCOME, "Bienvenido a {name}"),
                Announcement(AnnouncementKind.CLOSED, audio="audio/0123456789abcdef"),
            ),
            overrides=(
                Override(OverrideKind.OPEN, AT, AT + timedelta(hours=2)),
                Override(OverrideKind.CLOSED, AT + timedelta(hours=1), AT + timedelta(hours=5)),
                Override(OverrideKind.ANNOUNCED, AT, AT + timedelta(hours=9), "Hoy estamos de inventario."),
            ),
        ),
        Client(
            2,
            "pacific",
            "Pacific Ltd.",
            language="en",
            timezone="America/Punta_Arenas",
            state=ClientState.SUSPENDED,
            week=ALWAYS,
            music=False,
            wait_limit=timedelta(seconds=15),
            takes_messages=False,
            overrides=(Override(OverrideKind.OPEN, AT, AT + timedelta(hours=3)),),
        ),
    ),
    secretaries=(
        Secretary(1, "Ana", "ana", "a" * 20, wrap_up=timedelta(seconds=20)),
        Secretary(2, "Eva", "eva", "e" * 20, clients=frozenset({1}), secure=True, paused=True),
        Secretary(3, "Iris", "iris", "i" * 20, clients=frozenset(), browser_telephone=True),
    ),
    holidays=(
        Holiday(date(2026, 9, 18), "Independencia"),
        Holiday(date(2026, 9, 18), "", client_id=2, kept=False),
        Holiday(date(2026, 12, 31), "Balance", client_id=1),
    ),
)


@pytest.fixture(autouse=True)
def zones_of_any_version(monkeypatch):
    """The zones' files change with each new law somewhere."""
    monkeypatch.setattr(dialplan, "zone_file", zone_file_of_any_version)


def zone_file_of_any_version(name):
    return f"{name.replace('/', '-')}-0123456789ab"


def rendered(**changes):
    return render(replace(OFFICE, **changes), SETTINGS, HOME)


def test_it_is_what_it_was():
    files = rendered()
    assert {path.name for path in GOLDEN.iterdir()} == files.keys()
    for name, text in files.items():
        assert text == (GOLDEN / name).read_text(), f"{name} differs: read the difference, then write it anew"


def test_it_is_sound():
    check(rendered())
    check(render(Office(), Settings(), HOME))


def test_the_same_office_gives_the_same_bytes_and_another_order_too():
    mixed = replace(OFFICE, clients=OFFICE.clients[::-1], secretaries=OFFICE.secretaries)
    assert rendered() == rendered()
    contexts = {section.name for section in sections(rendered()["extensions.conf"])}
    assert contexts == {section.name for section in sections(render(mixed, SETTINGS, HOME)["extensions.conf"])}


def test_a_change_of_one_client_changes_the_dialplan_only():
    renamed = (replace(OFFICE.clients[0], name="Clínica del Sur"), *OFFICE.clients[1:])
    before, after = rendered(), rendered(clients=renamed)
    assert {name for name in before if before[name] != after[name]} == {"extensions.conf"}


@given(st.text(alphabet=st.one_of(st.sampled_from(HOSTILE), st.characters()), max_size=200))
def test_nothing_that_asterisk_could_read_as_its_own_passes(text):
    passed = safe(text)
    assert not set(passed) & set(HOSTILE)
    assert printable(passed) or not passed
    assert safe(passed) == passed


@given(name=st.text(alphabet=st.sampled_from(HOSTILE + "ab é😀"), min_size=1, max_size=300))
def test_whatever_a_client_is_called_the_files_keep_their_shape(name):
    named = (replace(OFFICE.clients[0], name=name), *OFFICE.clients[1:])
    files = rendered(clients=named, trunks=(OFFICE.trunks[0], replace(OFFICE.trunks[1], name=name)))
    check(files)
    usual = [(section.name, len(section.lines)) for section in sections(rendered()["extensions.conf"])]
    now = [(section.name, len(section.lines)) for section in sections(files["extensions.conf"])]
    assert [one for one in now if one[0] != "generation"] == [one for one in usual if one[0] != "generation"]


def test_a_password_passes_unaltered_but_for_the_escape():
    assert secret("a;b\\;c${x}") == "a\\;b\\\\;c${x}"
    for bad in ("line\nbreak", "nul\0", " space"):
        with pytest.raises(ClientMistake, match="password"):
            secret(bad)


def test_a_supervisors_telephone_registers_and_is_in_no_queue():
    files = rendered(supervisors=(SupervisorTelephone(9, "jefa-2b3c", "secreto"),))
    names = {section.name for section in sections(files["pjsip.conf"])}
    assert "jefa-2b3c" in names
    assert "jefa-2b3c" not in files["queues.conf"]
    assert "jefa-2b3c" not in files["extensions.conf"]


def test_numbers_are_written_as_each_carrier_writes_them():
    contexts = {section.name for section in sections(rendered()["extensions.conf"])}
    assert {"trunk-1-+56225550101", "trunk-1-+56322550102", "trunk-2-322550102"} <= contexts
    plain = rendered(trunks=(replace(OFFICE.trunks[0], number_format="plain"),))["extensions.conf"]
    assert "[trunk-1-56225550101]" in plain


def test_a_number_of_nobody_and_one_of_another_carrier_are_not_taken():
    text = rendered()["extensions.conf"]
    assert "+56225550199" not in text
    assert "trunk-2-225550101" not in text


def test_behind_a_router_every_transport_tells_the_outside_address_and_knows_who_is_local():
    outside = {"external_address": "203.0.113.9", "local_networks": ["192.168.1.0/24", "10.0.0.0/8"]}
    behind = structs.replace(SETTINGS, sip=structs.replace(SETTINGS.sip, **outside))
    text = render(OFFICE, behind, HOME)["pjsip.conf"]
    network = text[text.index("[network](!)") : text.index("[transport-udp](network)")].split("\n")
    assert {"external_media_address = 203.0.113.9", "external_signaling_address = 203.0.113.9"} < set(network)
    assert [line for line in network if "local_net" in line] == ["local_net = 192.168.1.0/24", "local_net = 10.0.0.0/8"]
    assert re.findall(r"^\[transport-(\w+)\]\(network\)", text, re.MULTILINE) == ["udp", "tcp", "tls"]
    assert "external" not in rendered()["pjsip.conf"]


def test_clients_with_the_same_secretaries_and_hours_share_queue_and_calendar():
    crowd = tuple(Client(number, f"c{number}", f"C {number}", week=ALWAYS) for number in range(10, 60))
    files = rendered(clients=crowd, dids=(), secretaries=OFFICE.secretaries[:1])
    queues = [section.name for section in sections(files["queues.conf"]) if section.name.startswith("queue-")]
    calendars = re.findall(r"^\[(hours-\w+)\]", files["extensions.conf"], re.MULTILINE)
    assert len(queues) == 2  # one, and its twin for callers who are still unanswered
    assert len(calendars) == 1


def test_only_secretaries_who_may_answer_and_are_not_paused_are_in_a_clients_queue():
    at_work = (OFFICE.secretaries[0], replace(OFFICE.secretaries[1], paused=False))
    assert members_of(rendered(secretaries=at_work)) == {"1": ["PJSIP/ana", "PJSIP/eva"], "2": ["PJSIP/ana"]}
    assert members_of(rendered()) == {"1": ["PJSIP/ana"], "2": ["PJSIP/ana"]}


def members_of(files):
    """The telephones in each client's queue."""
    queues = {section.name: section for section in sections(files["queues.conf"])}
    of_client = re.findall(r"PBX_CLIENT=(\d+),.*?PBX_QUEUE=([\w-]+)", files["extensions.conf"])
    return {
        client: [value.partition(",")[0] for key, value in queues[queue].lines if key == "member"]
        for client, queue in of_client
    }


def test_pausing_somebody_does_not_rename_the_queue_that_callers_wait_in():
    at_work = (OFFICE.secretaries[0], replace(OFFICE.secretaries[1], paused=False))
    names = [
        [section.name for section in sections(files["queues.conf"]) if section.name.startswith("queue-")]
        for files in (rendered(), rendered(secretaries=at_work))
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("week", "lines"),
    [
        (NEVER, []),
        ((Span(0, time(9), time(13)),), ["${NOW} >= 10900 & ${NOW} < 11300"]),
        ((Span(6, time(0, 30), time.max),), ["${NOW} >= 70030 & ${NOW} < 72400"]),
    ],
)
def test_hours_become_comparisons(week, lines):
    text = rendered(clients=(replace(OFFICE.clients[0], week=week),))["extensions.conf"]
    assert re.findall(r"\$\{NOW\} >= \d+ & \$\{NOW\} < \d+", text) == lines


def test_what_lasts_can_be_ended_by_a_limit():
    """Asterisk looks for T in the context where the leg is, a subroutine's too, and hangs up without one (22.10.1)."""
    text = rendered()["extensions.conf"]
    contexts = dict(re.findall(r"^\[([a-z-]+)\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL))
    long_step = re.compile(r"[,?](Playback|Queue|Record|Wait\w*|Bridge)\(")
    lasting = {name for name, body in contexts.items() if long_step.search(body)}
    assert lasting >= {"say", "notice", "open", "take-message", "secretary-leg", "joined", "deadline"}
    assert [name for name in lasting - {"deadline"} if "include => deadline" not in contexts[name]] == []


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("extensions.conf", "Gosub(caller,", "Gosub(nowhere,", "nowhere"),
        ("extensions.conf", "include => deadline", "include => lost", "lost"),
        ("extensions.conf", "[arrival]", "[say]", "twice"),
        ("extensions.conf", "PBX_QUEUE=queue-", "PBX_QUEUE=other-", "queue"),
        ("extensions.conf", "PBX_CALENDAR=hours-", "PBX_CALENDAR=other-", "hours"),
        ("extensions.conf", "Clínica", "{{ name", "template"),
        ("extensions.conf", "Clínica", "Clí\x1bnica", "x1b"),
        ("extensions.conf", "Clínica", "x" * 5000, "too long"),
        ("pjsip.conf", "auth = ana", "auth = nobody", "nobody"),
        ("pjsip.conf", "context = nobody", "context = somewhere", "somewhere"),
        ("pjsip.conf", "[eva](telephone)", "[ana](telephone)", "two"),
        ("queues.conf", "PJSIP/ana,", "PJSIP/zoe,", "zoe"),
    ],
)
def test_what_refers_to_nothing_is_noticed(file, old, new, why):
    files = rendered()
    assert old in files[file]
    with pytest.raises(SwitchUnavailable, match=why):
        check(files | {file: files[file].replace(old, new)})


if __name__ == "__main__":
    dialplan.zone_file = zone_file_of_any_version
    for name, text in rendered().items():
        (GOLDEN / name).write_text(text)
