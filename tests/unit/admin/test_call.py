"""`pbx-control call`: list, show and watch, as an admin types them."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from answering_daemon import answering
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert, update

from cli import main
from pbx_control.domain.call import journal as call_journal
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.live.listener import Wire
from pbx_control.live.news import FromDaemon
from pbx_control.settings import Home, Settings
from pbx_control.store.call_log import Following, Line
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client, journal, secretary

SOON = 30.0  # a test that waits longer has failed, seconds
NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
KEYS = [
    *("id", "client", "did", "caller", "caller_name", "outcome", "secretary", "transferred_to"),
    *("arrived_at", "answered_at", "handed_over_at", "ended_at"),
    *("waited", "talked", "transferred", "recording", "recording_flaw", "message"),
    *("message_flaw", "hosted_by", "live", "phase", "restricted"),
]
SERVED = {
    "client_id": 1,
    "did": "+56225550101",
    "caller": "+56223334455",
    "caller_name": "María",
    "phase": "ended",
    "outcome": "answered",
    "secretary_id": 1,
    "arrived_at": NOON,
    "answered_at": NOON + timedelta(seconds=4),
    "talked": 60.5,
    "ended_at": NOON + timedelta(seconds=64.5),
    "recording": "2026/08/03/x.wav",
    "hosted_by": "daemon",
    "state": None,
}
NOT_YET = dict.fromkeys(("secretary_id", "answered_at", "ended_at", "talked"))
LASTING = {"phase": "offering", "outcome": ""} | NOT_YET


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one call of the daemon's, the same of the switch's, and one that lasts still."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text("")
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="never", created_at=NOON))
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        add(conn, "pbx-100.1")
        add(conn, "pbx-100.2", hosted_by="switch")
        add(conn, "pbx-200.3", arrived_at=NOON + timedelta(hours=1), state=b"{}", recording="", **LASTING)
    engine.dispose()
    return home


def add(conn, ident: str, **fields: object) -> None:  # type: ignore[no-untyped-def]
    conn.execute(insert(call).values(SERVED | {"id": ident} | fields))
    for seq, (event, details) in enumerate((("SecretaryRinging", {"secretary": "Ana"}), ("Recovered", {})), 1):
        conn.execute(insert(journal).values(call_id=ident, seq=seq, at=NOON, event=event, details=json.dumps(details)))


def pbx(home: Home, *words: str, language: str = "en") -> Result:
    return CliRunner().invoke(main, ["--home", str(home.root), "--lang", language, "call", *words])


def test_list_as_json_has_every_key_that_was_promised(home: Home) -> None:
    rows = json.loads(pbx(home, "list", "--json").stdout)
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [(row["id"], row["live"], row["waited"], row["talked"]) for row in rows] == [
        ("pbx-200.3", True, None, None),
        ("pbx-100.2", False, 4.0, 60.5),
        ("pbx-100.1", False, 4.0, 60.5),
    ]


def test_a_transferred_call_names_the_contact_and_both_conversations(home: Home) -> None:
    engine = open_engine(home, Settings())
    handed_over = {"transferred_to": "Rosa\x1b[2J", "handed_over_at": NOON + timedelta(seconds=34)}
    handed_over |= {"talked": 30.0, "transferred": 30.5}
    with writing(engine) as conn:
        conn.execute(update(call).where(call.c.id == "pbx-100.1").values(handed_over))
    engine.dispose()
    shown = pbx(home, "show", "100.1", language="es").stdout
    assert [" ".join(line.split()) for line in shown.splitlines()[5:11]] == [
        "resultado atendida → Rosa[2J",
        "secretaria Ana",
        "espera 4 segundos",
        "conversación 30 segundos",
        "transferida a Rosa[2J",
        "con el contacto 30 segundos",
    ]
    row = json.loads(pbx(home, "show", "100.1", "--json").stdout)
    assert (row["outcome"], row["talked"], row["transferred"]) == ("answered", 30.0, 30.5)


def test_a_call_reads_the_same_whoever_served_it(home: Home) -> None:
    _, switch, daemon = json.loads(pbx(home, "list", "--json").stdout)
    differing = {key for key in KEYS if switch[key] != daemon[key]}
    assert differing == {"id", "hosted_by"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--live"], ["pbx-200.3"]),
        (["--since", "2026-08-03T16:30+00:00"], ["pbx-200.3"]),
        (["--client", "andes", "--limit", "1"], ["pbx-200.3"]),
        (["--since", "2027-01-01"], []),
    ],
)
def test_list_shows_what_was_asked_for(home: Home, words: list[str], found: list[str]) -> None:
    assert [row["id"] for row in json.loads(pbx(home, "list", "--json", *words).stdout)] == found


def test_list_for_a_person(home: Home) -> None:
    result = pbx(home, "list", language="es")
    assert "María +56 2 2333 4455" in result.stdout
    assert "suena un teléfono" in result.stdout
    assert "atendida" in result.stdout


@pytest.mark.parametrize("part", ["pbx-100.1", "pbx-2", "200.3", ".3"])
def test_show_takes_any_part_that_only_one_call_has(home: Home, part: str) -> None:
    assert json.loads(pbx(home, "show", part, "--json").stdout)["id"].startswith(("pbx-100.1", "pbx-200.3"))


@pytest.mark.parametrize("part", ["pbx-1", "pbx", "100.9", "", "%", "_", "\x00", "'; DROP TABLE call", "x" * 10_000])
def test_show_says_in_one_line_what_it_cannot_find(home: Home, part: str) -> None:
    result = pbx(home, "show", part)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "call" in result.stderr


def test_show_tells_the_story(home: Home) -> None:
    told = pbx(home, "show", "100.1", language="es").stdout
    assert "María +56 2 2333 4455" in told
    assert told.splitlines()[-2].endswith("  Suena el teléfono de Ana")
    as_json = json.loads(pbx(home, "show", "100.1", "--json").stdout)
    assert [line["event"] for line in as_json["journal"]] == ["SecretaryRinging", "Recovered"]


@pytest.mark.parametrize("time", ["soon", "", "2026-13-01", "0001-01-01", "9" * 5000])
def test_list_refuses_what_is_no_time(home: Home, time: str) -> None:
    result = pbx(home, "list", "--since", time)
    assert result.exit_code == 1 or time == "0001-01-01"
    assert len(result.stderr.splitlines()) <= 1


def test_people_read_times_by_the_offices_clock_and_programs_in_utc(home: Home) -> None:
    home.settings_file.write_text('[office]\ntimezone = "America/Lima"\n')  # UTC-5, without summer time
    assert "2026-08-03 11:00:00 -05" in pbx(home, "list").stdout
    told = pbx(home, "show", "100.1").stdout
    assert "2026-08-03 11:00:00 -05" in told
    assert "\n11:00:00  Ana" in told
    assert json.loads(pbx(home, "show", "100.1", "--json").stdout)["arrived_at"] == "2026-08-03T16:00:00+00:00"


@pytest.mark.parametrize(("since", "found"), [("2026-08-03T12:00", 1), ("2026-08-03T11:00", 3)])
def test_since_is_by_the_offices_clock_too(home: Home, since: str, found: int) -> None:
    home.settings_file.write_text('[office]\ntimezone = "America/Lima"\n')
    assert len(json.loads(pbx(home, "list", "--json", "--since", since).stdout)) == found


def test_a_zone_that_does_not_exist_is_refused(home: Home) -> None:
    home.settings_file.write_text('[office]\ntimezone = "America/Sur"\n')
    result = pbx(home, "list")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "office.timezone is wrong" in result.stderr


def test_list_of_an_unknown_client_is_refused(home: Home) -> None:
    assert pbx(home, "list", "--client", "nadie").exit_code == 1


def test_following_tells_each_new_line_once(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="never", created_at=NOON))
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        add(conn, "over")
        add(conn, "lasts", state=b"{}", **LASTING)
        following = Following(conn, NOON)
        assert seen(following, conn) == [("lasts", 1), ("lasts", 2)]
        assert seen(following, conn) == []
        conn.execute(insert(journal).values(call_id="lasts", seq=3, at=NOON, event="CallerLeft", details="{}"))
        conn.execute(update(call).where(call.c.id == "lasts").values(ended_at=NOON, state=None))
        add(conn, "late", hosted_by="switch")
        assert sorted(seen(following, conn)) == [("lasts", 3), ("late", 1), ("late", 2)]
        assert seen(following, conn) == []


def seen(following: Following, conn) -> list[tuple[str, int]]:  # type: ignore[no-untyped-def]
    return [(line.call_id, line.seq) for line in following.look(conn, NOON)]


def test_watch_prints_an_object_a_line_until_it_is_interrupted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the story so far of what lasts, as the database has it; then what the daemon tells."""
    monkeypatch.setattr("pbx_control.clock.now", lambda: NOON)
    held = Save(
        Call("pbx-200.3", Phase.TALKING),
        False,
        (call_journal.Line(2, NOON, "Recovered", {}), call_journal.Line(3, NOON, "Held", {})),
    )
    really, turn = Wire.hear, count()

    def hear(wire: Wire, _seconds: float | None = None) -> FromDaemon:
        match next(turn):
            case 1:
                daemon.does(lambda channel: channel.committed([held]))
            case 2:
                raise KeyboardInterrupt
        return really(wire, SOON)

    monkeypatch.setattr(Wire, "hear", hear)
    with answering(home) as daemon:
        result = pbx(home, "watch", "--json")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [(line["call"], line["seq"], line["event"]) for line in told] == [
        ("pbx-200.3", 1, "SecretaryRinging"),
        ("pbx-200.3", 2, "Recovered"),
        ("pbx-200.3", 3, "Held"),
    ]


def test_watch_without_a_daemon_says_so_once_and_waits(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([None, None, KeyboardInterrupt()])

    def pause(_seconds: float) -> None:
        if (end := next(looks)) is not None:
            raise end

    monkeypatch.setattr("time.sleep", pause)
    result = pbx(home, "watch")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.count("no daemon runs") == 1


def test_what_the_daemon_tells_is_not_told_twice(home: Home) -> None:
    with reading(open_engine(home, Settings())) as conn:
        following = Following(conn, NOON)
        line = Line("pbx-200.3", 3, NOON, "Held", {})
        assert [one.seq for one in following.look(conn, NOON)] == [1, 2]
        assert following.heard([Line("pbx-200.3", 2, NOON, "Recovered", {}), line], over=[]) == [line]
        assert following.heard([line], over=["pbx-200.3"]) == []
        assert following.look(conn, NOON) == []


def test_the_story_so_far_of_what_lasts_is_news(home: Home) -> None:
    with reading(open_engine(home, Settings())) as conn:
        assert seen(Following(conn, NOON), conn) == [("pbx-200.3", 1), ("pbx-200.3", 2)]
