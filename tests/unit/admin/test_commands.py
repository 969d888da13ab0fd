"""The provisioning commands as an admin types them: what they do, print and complete."""

import json
import subprocess
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN
from answering_daemon import a_chair, answering
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from msgspec.structs import replace
from sqlalchemy import update
from terminal import Admin

from cli import COMMANDS, main
from pbx_control.admin.duties import COUNTED, WORDS
from pbx_control.clock import now
from pbx_control.domain.desk.duty import DeskState, Duty, Why
from pbx_control.domain.sounds import EXTENSIONS
from pbx_control.services import duty
from pbx_control.services.work import changing
from pbx_control.settings import Home, Settings
from pbx_control.store import refusals
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.secretaries import find
from pbx_control.store.tables import secretary as secretary_table

PROVISIONING = (
    "trunk", "did", "client", "hours", "holiday", "greeting", "announcement", "secretary", "contact", "recipient",
    "protocol", "info",
)  # fmt: skip


def tone(path: Path) -> str:
    """A second of a square tone as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((b"\x00\x20" * 10 + b"\x00\xe0" * 10) * 400)
    return str(path)


def is_there(admin: Admin, sound: str) -> bool:
    return all((admin.home / f"{sound}{extension}").stat().st_size > 44 for extension in EXTENSIONS)


def closed_announcement(admin: Admin) -> dict[str, str]:
    [row] = admin.reads("announcement", "show", "andes", "closed")
    return row


def test_a_first_client_is_provisioned_step_by_step(office: Admin) -> None:
    office.does("hours", "set", "andes", "mon-fri 09:00-19:00", "sat 10:00-14:00")
    office.does("recipient", "add", "andes", "--email", "ventas@andes.cl")
    office.does("contact", "add", "andes", "Rosa", "+56987654321", "--department", "Ventas")
    office.does("secretary", "add", "Ana", "--clients", "andes")
    facts = office.reads("client", "show", "andes")
    assert facts["numbers"] == ["+56225550101"]
    assert facts["week"] == "mon-fri 09:00-19:00 sat 10:00-14:00"
    assert facts["recipients"] == ["ventas@andes.cl"]
    assert facts["contacts"] == ["Rosa"]
    assert office.reads("secretary", "list")[0]["clients"] == ["andes"]


def test_free_numbers_of_an_area_are_listed(office: Admin) -> None:
    assert [row["number"] for row in office.reads("did", "list", "--free", "--area", "2")] == ["+56225550102"]
    table = office.does("did", "list")
    assert "+56225550101" in table
    assert "andes" in table


def test_spoken_hours_match_the_configured_ones(office: Admin) -> None:
    office.does("hours", "set", "andes", "mon-fri 08:30-17:00")
    closed = closed_announcement(office)
    assert "8:30 a las 17:00" in closed["text"]
    assert is_there(office, closed["sound"])


def test_name_and_language_are_spoken_anew(office: Admin) -> None:
    office.does("announcement", "set", "andes", "closed", "--text", "{name}: {hours}")
    before = closed_announcement(office)
    office.does("client", "set", "andes", "--name", "Andes Norte", "--language", "en")
    after = closed_announcement(office)
    assert after["text"].startswith("Andes Norte: ")
    assert after["sound"] != before["sound"]
    assert is_there(office, after["sound"])


def test_announcement_may_be_a_recording_and_be_reset(office: Admin, tmp_path: Path) -> None:
    office.does("announcement", "set", "andes", "closed", "--audio", tone(tmp_path / "aviso.wav"))
    recorded = closed_announcement(office)
    assert recorded["origin"] == "audio"
    assert is_there(office, recorded["sound"])
    office.does("announcement", "reset", "andes", "closed")
    assert closed_announcement(office)["origin"] == "house"


@pytest.mark.parametrize(
    ("at", "is_open", "why"),
    [
        ("2026-11-23T10:00", True, "hours"),
        ("2026-11-23T13:30", False, "hours"),
        ("2026-09-18T10:00", False, "Día de la Independencia"),
        ("2026-11-23T13:00+00:00", True, "hours"),
    ],
)
def test_hours_check_says_open_or_not_and_why(office: Admin, at: str, is_open: bool, why: str) -> None:
    state = office.reads("hours", "check", "andes", "--at", at)
    assert (state["open"], state["why"]) == (is_open, why)


def test_what_nobody_sees_in_a_name_is_left_out_and_that_is_said(office: Admin) -> None:
    told = office.types("client", "set", "andes", "--name", "Clínica\u200b Andes\ufeff")
    assert told.exit_code == 0
    assert told.stderr == "left out of what was typed, as nobody sees it: U+200B U+FEFF\n"
    assert office.reads("client", "show", "andes")["name"] == "Clínica Andes"


def test_hours_may_be_typed_as_people_write_them(office: Admin) -> None:
    told = office.does("hours", "set", "andes", "L-V", "9–13,", "14", "a", "18", "sábado", "10-14")
    assert told == "the hours of andes are now mon-fri 09:00-13:00 14:00-18:00 sat 10:00-14:00\n"


def test_night_is_split_at_midnight_and_that_is_said(office: Admin) -> None:
    told = office.does("hours", "set", "andes", "dom 22:00-06:00").splitlines()
    assert told[0] == "the hours of andes are now mon 00:00-06:00 sun 22:00-24:00"
    assert told[1].startswith("22:00-06:00 passes midnight")


@pytest.mark.parametrize("since", ["today", "ayer", "2h", "28/11/2020", "28-11-2020 09:30", "hace 3 días"])
def test_lists_take_times_as_people_type_them(office: Admin, since: str) -> None:
    assert office.reads("call", "list", "--since", since) == []
    assert office.reads("trunk", "refusals", "--since", since) == []
    assert office.reads("recording", "receipts", "--since", since) == []


def test_holiday_takes_a_day_as_people_type_it(office: Admin) -> None:
    assert office.does("holiday", "add", "31/12/2026") == "everybody closed on 2026-12-31\n"


def test_hours_check_speaks_to_a_person(office: Admin) -> None:
    line = office.does("hours", "check", "andes", "--at", "2026-09-18T10:00")
    assert line == "andes is closed until 2026-09-21 09:00 -03 (holiday: Día de la Independencia)\n"
    line = office.does("--lang", "es", "hours", "check", "andes", "--at", "2026-11-23T10:00")
    assert line.startswith("andes está abierto hasta 2026-11-23 13:00")
    office.does("hours", "set", "andes", "always")
    assert office.does("hours", "check", "andes") == "andes is open, for the coming month (always)\n"


def test_client_may_work_on_a_holiday_and_rest_on_a_day_of_its_own(office: Admin) -> None:
    office.does("holiday", "remove", "2026-09-18", "--client", "andes")
    office.does("holiday", "add", "2026-10-02", "--client", "andes", "--name", "Aniversario")
    assert office.reads("hours", "check", "andes", "--at", "2026-09-18T10:00")["open"]
    assert office.reads("hours", "check", "andes", "--at", "2026-10-02T10:00")["why"] == "Aniversario"
    assert "Aniversario" in office.does("holiday", "list", "--year", "2026", "--client", "andes")


def test_secretarys_account_is_handed_out_once(office: Admin) -> None:
    account = office.reads("secretary", "add", "Ana Rojas", "--language", "es,en")
    assert set(account) == {"user", "password", "server"}
    assert len(account["password"]) >= 20
    assert account["password"] not in office.does("secretary", "list", "--json")
    changed = office.reads("secretary", "reset-password", "Ana Rojas")
    assert changed["user"] == account["user"]
    assert changed["password"] != account["password"]


def test_secretarys_paper_warns_of_emergency_numbers(office: Admin) -> None:
    assert "EMERGENCY NUMBERS INCLUDED" in office.does("secretary", "add", "Ana")
    assert "TAMPOCO NÚMEROS DE EMERGENCIA" in office.does("--lang", "es", "secretary", "add", "Eva")


@pytest.mark.parametrize(
    ("environment", "server"),
    [
        ({"PBX_SIP__BIND": "127.0.0.1:16001"}, "127.0.0.1:16001"),
        ({"PBX_SIP__BIND": "127.0.0.1:16001", "PBX_SIP__EXTERNAL_ADDRESS": "pbx.example.cl"}, "pbx.example.cl:16001"),
    ],
)
def test_secretarys_server_is_where_her_telephone_reaches_us(
    office: Admin, environment: dict[str, str], server: str
) -> None:
    assert f'"server": "{server}"' in office.does("secretary", "add", "Ana", "--json", env=environment)


def test_secretary_is_changed(office: Admin) -> None:
    office.does("secretary", "add", "Ana", "--clients", "andes")
    office.does("secretary", "set", "Ana", "--clients", "all", "--paused", "--wrap-up", "15s", "--language", "en")
    [row] = office.reads("secretary", "list")
    assert (row["clients"], row["paused"], row["wrap_up"], row["languages"]) == (None, True, 15, ["en"])


def test_recipients_are_removed_as_they_were_added_and_strangers_are_told_who_there_is(office: Admin) -> None:
    for given in (("--email", "ventas@andes.cl"), ("--telegram", "-100123"), ("--telegram", "-100124")):
        office.does("recipient", "add", "andes", *given)
    for wrong in (("nadie@andes.cl",), ("--email", "nadie@andes.cl"), ("-1",), ("--telegram", "-1"), ()):
        told = office.is_refused("recipient", "remove", "andes", *wrong)
        assert told.endswith("is no recipient of this client: it has -100123, -100124, ventas@andes.cl")
    office.does("recipient", "remove", "andes", "-100123")
    office.does("recipient", "remove", "andes", "--telegram", "-100124")
    office.does("recipient", "remove", "andes", "--email", "VENTAS@andes.cl")
    assert office.reads("recipient", "list", "andes") == []


def test_setting_what_is_there_says_so_and_leaves_no_entry(office: Admin) -> None:
    office.does("secretary", "add", "Ana")
    office.does("greeting", "set", "andes", "Hola")
    office.does("announcement", "set", "andes", "closed", "--text", "No.")
    before = office.reads("audit", "list")
    for command in (
        ("client", "set", "andes", "--name", "Andes Ltda"),
        ("trunk", "set", "carrier", "--match", "127.0.0.2"),
        ("secretary", "set", "Ana", "--language", "es", "--clients", "all", "--available"),
        ("greeting", "set", "andes", "Hola"),
        ("announcement", "set", "andes", "closed", "--text", "No."),
    ):
        assert office.does(*command) == "it is so already: nothing was changed\n"
    assert office.reads("audit", "list") == before


def test_client_is_set_suspended_resumed_and_cancelled(office: Admin) -> None:
    office.does("client", "set", "andes", "--wait-limit", "2m", "--ringing", "--recording", "--rut", "760864285")
    facts = office.reads("client", "show", "andes")
    assert (facts["wait_limit"], facts["music"], facts["recording"], facts["rut"]) == (120, False, True, "76.086.428-5")
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("cancel", "cancelled")):
        office.does("client", verb, "andes")
        assert office.reads("client", "show", "andes")["state"] == state
    assert office.reads("did", "list")[0]["client"] is None


def test_state_that_a_client_is_in_already_is_told_in_the_persons_language(office: Admin) -> None:
    office.does("client", "suspend", "andes")
    assert "andes está suspendido: " in office.is_refused("--lang", "es", "client", "suspend", "andes")


@pytest.mark.parametrize(
    "given", [("client", "set", "andes", "--wait-limit"), ("secretary", "add", "Eva", "--wrap-up")]
)
def test_option_that_is_no_duration_is_called_as_it_is_typed(office: Admin, given: tuple[str, ...]) -> None:
    assert office.is_refused(*given, "x").startswith(f"{given[-1]} 'x' is no duration")


def test_what_callers_of_a_client_hear_before_the_answer_is_a_word(office: Admin) -> None:
    assert "según la troncal" in office.does("--lang", "es", "client", "show", "andes")
    assert office.reads("client", "show", "andes")["early_media"] == "trunk"


def test_a_clients_calls_to_its_contacts_are_limited(office: Admin) -> None:
    def limits() -> tuple[int, int]:
        facts = office.reads("client", "show", "andes")
        return facts["calls_out_at_once"], facts["calls_out_a_day"]

    assert limits() == (3, 100)
    office.does("client", "set", "andes", "--calls-out-at-once", "5", "--calls-out-a-day", "250")
    assert limits() == (5, 250)


def test_new_client_has_the_offices_language_and_zone(admin: Admin) -> None:
    admin.does("client", "add", "inca", "--name", "Inca", env={"PBX_OFFICE__TIMEZONE": "America/Lima"})
    facts = admin.reads("client", "show", "inca")
    assert (facts["timezone"], facts["language"], facts["week"]) == (
        "America/Lima",
        "es",
        "mon-fri 09:00-13:00 14:00-18:00",
    )


def test_greeting_has_a_history_that_can_be_rolled_back(office: Admin) -> None:
    assert "no greeting yet" in office.does("greeting", "show", "andes")
    office.does("greeting", "set", "andes", "Andes, {part_of_day}", "--asked-by", "gerencia@andes.cl")
    office.does("greeting", "set", "andes", "-", input="Otro\nsaludo\n")
    assert office.does("greeting", "show", "andes") == "Otro\nsaludo\n"
    office.does("greeting", "rollback", "andes")
    assert [row["text"] for row in office.reads("greeting", "history", "andes")] == [
        "Andes, {part_of_day}",
        "Otro\nsaludo",
        "Andes, {part_of_day}",
    ]


def test_trunks_password_can_be_asked_for(admin: Admin) -> None:
    words = ("trunk", "add", "entel", "--match", "10.0.0.1", "--host", "sip.example.cl", "--user", "56", "--register")
    admin.does(*words, "--password", "-", input="oculta\n")
    [row] = admin.reads("trunk", "list")
    assert "oculta" not in str(row)
    assert row["register"]


def test_a_trunk_is_changed_and_keeps_the_rest(office: Admin) -> None:
    office.does("trunk", "set", "carrier", "--host", "sip.example.cl", "--user", "56", "--password", "p", "--register")
    office.does("trunk", "set", "carrier", "--match", "127.0.0.2", "--match", "127.0.0.3", "--codecs", "ulaw")
    [row] = office.reads("trunk", "list")
    assert (row["host"], row["user"], row["codecs"]) == ("sip.example.cl", "56", ["ulaw"])
    assert (row["match"], row["numbers"]) == (["127.0.0.2", "127.0.0.3"], 3)
    assert office.does("trunk", "set", "carrier", "--no-register")
    assert office.reads("trunk", "list")[0]["registration"] is None


def test_without_asterisk_nobody_claims_to_know_who_is_registered(office: Admin) -> None:
    nobody_there = {"PBX_ASTERISK__AMI_PORT": "16899"}
    office.does("secretary", "add", "Ana")
    office.does("trunk", "set", "carrier", "--host", "sip.example.cl", "--user", "56", "--password", "p", "--register")
    for group, column in (("secretary", "telephone"), ("trunk", "registration")):
        [row] = json.loads(office.does(group, "list", "--json", env=nobody_there))
        assert row[column] == "unknown"
        assert "unknown" in office.does(group, "show", row["name"], env=nobody_there)
    assert "offline: Asterisk does not answer" in office.does("secretary", "list", env=nobody_there)


def test_a_list_says_in_words_who_is_offered_calls_and_why_not(office: Admin) -> None:
    for name in ("Ana", "Eva", "Inés", "Rosa"):
        office.does("secretary", "add", name)
    office.does("secretary", "pause", "Eva")
    until = now() + timedelta(hours=1)
    working = a_chair(1, registered=True, after_call=True)
    there = [replace(working, free_from=until), a_chair(2, paused=True), a_chair(3, registered=True, page_lost=True)]
    with answering(Home(office.home), chairs=there):
        rows = {row["name"]: row for row in office.reads("secretary", "list")}
        shown = office.does("--lang", "es", "secretary", "list")
    ana, eva, ines, rosa = (rows[name] for name in ("Ana", "Eva", "Inés", "Rosa"))
    assert (ana["state"], ana["since"], datetime.fromisoformat(ana["until"])) == ("wrap-up", None, until)
    assert (eva["state"], eva["state_why"], eva["since"]) == ("pause", "admin", eva["paused_at"])
    assert (ines["state"], ines["state_why"]) == ("offline", "page_lost")
    assert (rosa["state"], rosa["state_why"]) == ("offline", "daemon_away")
    assert "en pausa por un administrador" in shown
    assert "fuera de línea: se perdió su página" in shown


def test_list_of_secretaries_fits_into_a_hundred_columns_with_usual_data(office: Admin) -> None:
    office.does("client", "add", "lagos", "--name", "Lagos SpA")
    office.does("secretary", "add", "María José Fuentes", "--language", "es,en", "--clients", "andes,lagos")
    office.does("secretary", "add", "Ana Rojas Muñoz")
    for name in ("María José Fuentes", "Ana Rojas Muñoz"):
        office.does("secretary", "pause", name)
        row = office.reads("secretary", "show", name)
        assert row in office.reads("secretary", "list")
        since = datetime.fromisoformat(row["since"]).astimezone(ZoneInfo("America/Santiago"))
        for language, all_clients in (("en", "all"), ("es", "todos")):
            headings, *lines = office.does("--lang", language, "secretary", "list").splitlines()
            assert max(map(len, [headings, *lines])) <= 100
            [line] = [line for line in lines if line.startswith(name)]
            assert f"{since:%H:%M}" in line
            assert line.endswith("andes, lagos" if name.startswith("María") else all_clients)
            shown = office.does("--lang", language, "secretary", "show", name)
            assert f"{since:%H:%M}" in shown


def test_a_telephone_that_is_left_on_forward_and_a_pause_of_another_day_are_told(office: Admin) -> None:
    office.does("secretary", "add", "Ana")
    office.does("secretary", "pause", "Ana")
    with writing(open_engine(Home(office.home), Settings())) as conn:
        long_ago = datetime(2026, 8, 3, 16, tzinfo=UTC)
        conn.execute(update(secretary_table).values(paused_at=long_ago, forwarded_at=long_ago))
    state = "paused by an admin, since 2026-08-03 12:00; her telephone is left on forward"
    assert state in office.does("secretary", "list")
    assert state in office.does("secretary", "show", "Ana")


def test_a_trunk_is_shown_with_all_that_a_list_has_no_room_for(office: Admin) -> None:
    shown = office.does("--lang", "es", "trunk", "show", "carrier")
    assert "127.0.0.2" in shown
    assert "alaw, ulaw" in shown
    assert office.reads("trunk", "show", "carrier") == office.reads("trunk", "list")[0]
    assert office.is_refused("trunk", "show", "xyz") == "there is no trunk 'xyz': `trunk list` shows all"


def test_without_a_daemon_the_state_is_that_of_the_store(office: Admin) -> None:
    for name in ("Ana", "Eva", "Inés"):
        office.does("secretary", "add", name)
    home = Home(office.home)
    with changing(open_engine(home, Settings()), ADMIN, now()) as work:
        duty.pause(work, find(work.conn, "Eva").id, "{lunch}")
        duty.signed_out(work, find(work.conn, "Inés").id)
    states = [(row["state"], row["state_why"]) for row in office.reads("secretary", "list")]
    assert states == [("offline", "telephone_gone"), ("pause", "desk"), ("offline", "signed_out")]
    assert "pause: {lunch}" in office.does("secretary", "list")


def test_every_state_has_words() -> None:
    given = [Duty(*key) for key in WORDS]
    assert {one.state for one in given} == set(DeskState) == set(COUNTED)
    assert {one.why for one in given} == set(Why)


def test_brackets_in_a_name_are_no_markup(office: Admin) -> None:
    office.does("client", "set", "andes", "--name", "[red]Andes[/] :smile:")
    assert "[red]Andes[/] :smile:" in office.does("client", "list")


@pytest.mark.parametrize("group", PROVISIONING)
def test_each_verb_shows_an_example_of_itself(group: str) -> None:
    tree = main.get_command(None, group)
    for verb, command in tree.commands.items():
        assert f"pbx-control {group} {verb}" in (command.epilog or ""), f"{group} {verb}"
        assert command.help


def test_only_groups_of_the_tree_are_known() -> None:
    assert set(PROVISIONING) < set(COMMANDS)
    assert main.get_command(None, "nonsense") is None


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        (["client", "show"], "an", ["andes"]),
        (["client", "show"], "x", []),
        (["did", "assign"], "+5622", ["+56225550101", "+56225550102"]),
        (["did", "assign", "+56225550102"], "", ["andes"]),
        (["trunk", "remove"], "c", ["carrier"]),
        (["announcement", "reset", "andes"], "clo", ["closed"]),
        (["token", "add", "crm", "--scope"], "cal", ["calls:read", "calendars:read"]),
        (["token", "add", "crm", "--scope"], "calls:read,lead,led", ["calls:read,lead,ledger:read"]),
        (["token", "add", "crm", "--scope"], "webhooks:", ["webhooks:read", "webhooks:write"]),
        (["webhook", "add", "--event"], "call.s", ["call.started"]),
        (["webhook", "add", "--event"], "call.ended,message", ["call.ended,message.sent"]),
        (["webhook", "add", "--event"], "x", []),
    ],
)
def test_shell_completes_names(office: Admin, words: list[str], begun: str, offered: list[str]) -> None:
    complete = ShellComplete(main, {}, "pbx-control", "_PBX_CONTROL_COMPLETE")
    found = complete.get_completions(["--home", str(office.home), *words], begun)
    assert [item.value for item in found] == offered


def test_what_is_several_is_a_list_for_programs(office: Admin) -> None:
    office.does("trunk", "set", "carrier", "--codecs", "ulaw,alaw")
    assert office.reads("trunk", "list")[0]["codecs"] == ["ulaw", "alaw"]
    assert office.reads("trunk", "show", "carrier")["codecs"] == ["ulaw", "alaw"]
    assert "ulaw, alaw" in office.does("trunk", "show", "carrier")


def test_bash_completes_words_with_a_colon() -> None:
    asked = {"_PBX_CONTROL_COMPLETE": "bash_source"}
    script = CliRunner().invoke(main, [], prog_name="pbx-control", env=asked).stdout
    bash = ["bash", "--norc", "-c", 'COMP_WORDBREAKS=" :="; eval "$1"; echo "$COMP_WORDBREAKS"; complete', "-", script]
    done = subprocess.run(bash, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(" =\n")
    assert done.stdout.rstrip().endswith("pbx-control")


@pytest.mark.parametrize("verb", ["test", "remove"])
def test_shell_completes_the_numbers_of_webhooks(office: Admin, verb: str) -> None:
    for _ in range(2):
        office.does("webhook", "add", "--url", "https://crm.example/calls")
    complete = ShellComplete(main, {}, "pbx-control", "_PBX_CONTROL_COMPLETE")
    for begun, offered in (("", ["1", "2"]), ("2", ["2"]), ("x", [])):
        words = ["--home", str(office.home), "webhook", verb]
        assert [item.value for item in complete.get_completions(words, begun)] == offered


def test_a_secretary_whose_name_has_a_blank_is_completed_by_her_user(office: Admin) -> None:
    office.does("secretary", "add", "Eva")
    office.does("secretary", "add", "Ana Rojas")
    [ana] = [row["user"] for row in office.reads("secretary", "list") if row["name"] == "Ana Rojas"]
    complete = ShellComplete(main, {}, "pbx-control", "_PBX_CONTROL_COMPLETE")
    for begun, offered in (("Ana", [ana]), ("ana-", [ana]), ("E", ["Eva"]), ("", [ana, "Eva"])):
        words = ["--home", str(office.home), "secretary", "set"]
        assert [item.value for item in complete.get_completions(words, begun)] == offered
    office.does("secretary", "set", ana, "--paused")


def test_numbers_without_a_trunk_are_told_to_come_by_any(office: Admin) -> None:
    assert "any trunk" in office.does("did", "add", "+56225550109")
    assert "trunk" not in office.does("did", "add", "+56225550108", "--trunk", "carrier")


def test_shell_completes_nothing_without_a_home(tmp_path: Path) -> None:
    complete = ShellComplete(main, {}, "pbx-control", "_PBX_CONTROL_COMPLETE")
    assert complete.get_completions(["--home", str(tmp_path), "client", "show"], "") == []


def test_refusals_say_what_was_asked_for_and_what_would_mend_it(office: Admin) -> None:
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    counts = {("127.0.0.2", at, "unknown-number", "225550102"): 3, ("127.0.0.9", at, "stranger", ""): 2}
    with writing(open_engine(Home(office.home), Settings())) as connection:
        refusals.add(connection, counts)
        refusals.add(connection, counts)
    first, second = office.reads("trunk", "refusals")
    assert (first["trunk"], first["number"], first["count"]) == ("carrier", "225550102", 6)
    assert first["mend"] == "+56225550102 is free: `did assign +56225550102 CLIENT`"
    assert (second["trunk"], second["mend"]) == ("", "if it is a carrier of yours: `trunk add NAME --match ADDRESS`")
    assert "está libre" in " ".join(office.does("--lang", "es", "trunk", "refusals").split())
