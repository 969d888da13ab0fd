"""`pbx-control message`: what was written, what has not arrived, and sending again."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, update

from cli import main
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify import outcomes
from pbx_control.settings import Home, Settings
from pbx_control.store import letters
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client, letter, message, message_version, secretary

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
ARRIVED = Letter(
    channel=Channel.EMAIL,
    address="ana@andes.example",
    message_id="call.1",
    subject="Clínica Andes: llamada perdida",
    text="La llamada terminó.\n",
    written_at=NOON,
    client_id=1,
)
REFUSED = replace(ARRIVED, address="nadie@andes.example", message_id="call.2")
WAITING = replace(ARRIVED, address="-1001234", channel=Channel.TELEGRAM, message_id="call.3", client_id=2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with three letters: delivered (1), given up (2), and waiting (3)."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text("")
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        for number, slug in ((1, "andes"), (2, "otra")):
            conn.execute(insert(client).values(id=number, slug=slug, name=slug, week="never", created_at=NOON))
        letters.add(conn, [ARRIVED, REFUSED, WAITING])
        letters.delivered(conn, letters.get(conn, 1), NOON)
        outcomes.failed(conn, letters.get(conn, 2), NOON, DeliveryFailed("550 no such user", Fault.FINAL))
    engine.dispose()
    return home


def run(home: Home, *words: str, language: str = "en") -> Result:
    return CliRunner().invoke(main, ["--home", str(home.root), "--lang", language, "message", *words])


def listed(home: Home, *words: str) -> list[tuple[int, str]]:
    result = run(home, "list", "--json", *words)
    assert result.exit_code == 0, result.output
    return [(row["id"], row["state"]) for row in json.loads(result.stdout)]


def test_list_shows_the_newest_first(home):
    assert listed(home) == [(3, "waiting"), (2, "given up"), (1, "delivered")]


def test_undelivered_ones_are_those_that_wait_or_were_given_up(home):
    assert listed(home, "--undelivered") == [(3, "waiting"), (2, "given up")]


def test_list_can_be_of_one_client_and_short(home):
    assert listed(home, "--client", "andes", "--limit", "1") == [(2, "given up")]


def test_table_says_in_spanish_what_became_of_each(home):
    output = run(home, "list", language="es").stdout
    for word in ("asunto", "en espera", "abandonado", "entregado", "550 no such user"):
        assert word in output


def test_empty_list_says_so(home):
    assert run(home, "list", "--client", "nobody").stdout == "nothing to show\n"


def test_show_gives_the_whole_letter(home):
    output = run(home, "show", "2").stdout
    for word in ("state: given up", "last_error: 550 no such user", "La llamada terminó."):
        assert word in output


def test_show_as_json_has_text_and_fate(home):
    shown = json.loads(run(home, "show", "1", "--json").stdout)
    assert (shown["text"], shown["state"], shown["delivered"]) == (ARRIVED.text, "delivered", NOON.isoformat())
    assert (shown["client"], shown["message_id"], shown["last_error"]) == ("andes", "call.1", "")


def test_resend_makes_letters_due_again(home):
    result = run(home, "resend", "1", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("messages that are due at once: 2;")
    assert listed(home, "--undelivered") == [(3, "waiting"), (2, "waiting"), (1, "waiting")]
    engine = open_engine(home, Settings())
    with reading(engine) as conn:
        posted = letters.get(conn, 2)
    engine.dispose()
    assert (posted.attempts, posted.last_error) == (0, "")


@pytest.mark.parametrize(
    "which",
    [
        ("--to", "NADIE@ANDES.example"),
        ("--client", "andes"),
        ("--client", "andes", "--to", "nadie@andes.example"),
    ],
)
def test_resend_takes_all_that_did_not_reach_an_address_or_a_client(home, which):
    assert run(home, "resend", *which).stdout.startswith("messages that are due at once: 1;")
    assert listed(home) == [(3, "waiting"), (2, "waiting"), (1, "delivered")]


@pytest.mark.parametrize("which", [("--to", "ana@andes.example"), ("--client", "andes", "--to", "-1001234")])
def test_resend_says_if_there_is_nothing(home, which):
    assert run(home, "resend", *which).stdout == "there is nothing to send again\n"


@pytest.mark.parametrize("words", [(), ("2", "--to", "nadie@andes.example"), ("2", "--client", "andes")])
def test_resend_wants_numbers_or_a_kind(home, words):
    result = run(home, "resend", *words)
    assert (result.exit_code, "give the messages' numbers" in result.stderr) == (2, True)


def test_resend_of_what_is_not_there_changes_nothing(home):
    assert run(home, "resend", "2", "99").exit_code == 1
    assert listed(home) == [(3, "waiting"), (2, "given up"), (1, "delivered")]


@pytest.mark.parametrize("verb", ["show", "resend"])
def test_unknown_number_is_refused_in_one_line(home, verb):
    result = run(home, verb, "77")
    assert result.exit_code == 1
    assert result.stderr == "pbx-control: there is no message 77: `pbx-control message list` shows them\n"


@pytest.mark.parametrize("words", [["show", "x"], ["show", "0"], ["list", "--limit", "0"]])
def test_what_is_no_number_is_wrong_usage(home, words):
    assert run(home, *words).exit_code == 2


@pytest.fixture
def unwritten(home: Home) -> Home:
    """A call of andes that Ana answered; she has sent one version of her message, and nothing of the other's call."""
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        for number, due in (("c1", None), ("c2", NOON)):
            facts = {"did": "+56225550101", "caller": "+56223334455", "caller_name": "María", "phase": "ended"}
            conn.execute(
                insert(call).values(
                    id=number, client_id=1, secretary_id=1, outcome="answered", arrived_at=NOON, ended_at=NOON, **facts
                )
            )
            sent = {"due_at": due, "sent_at": None if due else NOON, "version": 0 if due else 1}
            conn.execute(insert(message).values(call_id=number, client_id=1, secretary_id=1, begun_at=NOON, **sent))
        words = '[["Nombre","María"]]'
        conn.execute(insert(message_version).values(call_id="c1", version=1, at=NOON, secretary_id=1, words=words))
        conn.execute(update(letter).where(letter.c.id == 1).values(call_id="c1"))
        conn.execute(update(letter).where(letter.c.id == 2).values(call_id="c1", kind="info"))
    engine.dispose()
    return home


def test_open_ones_are_the_calls_without_a_message(unwritten):
    rows = json.loads(run(unwritten, "list", "--open", "--json").stdout)
    assert [(row["call"], row["client"], row["secretary"], row["state"]) for row in rows] == [
        ("c2", "andes", "Ana", "draft")
    ]
    assert "borrador" in run(unwritten, "list", "--open", language="es").stdout
    assert json.loads(run(unwritten, "list", "--open", "--client", "otra", "--json").stdout) == []


def test_a_message_is_shown_with_the_words_that_were_sent(unwritten):
    assert json.loads(run(unwritten, "show", "1", "--json").stdout)["words"] == [["Nombre", "María"]]
    assert "Nombre: María" in run(unwritten, "show", "1").stdout


def test_a_letter_to_a_caller_is_told_from_the_clients(unwritten):
    rows = json.loads(run(unwritten, "list", "--json").stdout)
    assert [row["kind"] for row in rows] == ["message", "info", "message"]
    assert "(caller)" in run(unwritten, "list").stdout


@pytest.mark.parametrize(("number", "said"), [("c1", "message sent"), ("c2", "message not written yet")])
def test_a_call_says_where_its_message_stands(unwritten, number, said):
    shown = CliRunner().invoke(main, ["--home", str(unwritten.root), "--lang", "en", "call", "show", number])
    assert said in shown.stdout
