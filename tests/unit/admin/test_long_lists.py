"""Long lists: the first page at once, the pager on a terminal, JSON as it comes."""

import ast
import fcntl
import inspect
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import insert

from cli import main
from pbx_control.admin import door, table
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client
from tests.texts import every_command

CLIENTS, CALLS = 300, 555
HEIGHT, WIDTH = 24, 60
# A pager of which we see that it was asked, and when.
PAGER = 'import sys; print("PAGER BEGINS"); sys.stdout.writelines(sys.stdin); print("PAGER ENDS")'


def test_the_first_line_does_not_wait_for_the_last_row():
    read = []

    def rows() -> Iterator[list[str]]:
        for number in range(10_000):
            read.append(number)
            yield [str(number), "x"]

    lines = table.lines(["id", "name"], rows(), WIDTH)
    assert next(lines) == "id   name"
    assert next(lines) == "0    x"
    assert len(read) == table.MEASURED_ROWS


def test_what_does_not_fit_goes_on_in_the_next_line_of_its_column():
    rows = [["1", "la quinta calle de la ciudad", "a"], ["2", "corta", "b"]]
    assert list(table.lines(["id", "calle", "x"], rows, 26)) == [
        "id  calle                x",
        "1   la quinta calle de   a",
        "    la ciudad",
        "2   corta                b",
    ]


def test_what_may_be_cut_gives_way_first():
    rows = [["pbx-1795529931.184", "Clínica Andes: quedan 20 llamadas"]]
    assert list(table.lines(["id", "subject"], rows, 40, cut=[1])) == [
        "id                  subject",
        "pbx-1795529931.184  Clínica Andes: qued…",
    ]


def test_a_file_has_room_for_every_cell():
    rows = [["a", "b"]] * table.MEASURED_ROWS + [["long" * 30, "b"], ["a", "b"]]
    lines = list(table.lines(["x", "y"], rows, None, cut=[0]))
    assert lines[1] == "a  b"
    assert lines[-2] == "long" * 30 + "  b"
    assert lines[-1] == "a" + " " * 121 + "b"


def test_wide_characters_and_combining_ones_keep_the_columns():
    rows = [["日本", "a"], ["jose\u0301", "b"]]
    assert list(table.lines(["n", "x"], rows, WIDTH)) == ["n     x", "日本  a", "jose\u0301  b"]


def test_a_cell_moves_no_cursor():
    rows = [["\x1b[2Jana\r\n\x07perez\u202e", "b"]]
    assert list(table.lines(["n", "x"], rows, WIDTH))[1] == "[2Jana perez  b"


@pytest.mark.parametrize("count", [0, 1, door.PIECE, door.PIECE + 1])
def test_json_that_is_printed_as_it_comes_is_one_array(count, capsys):
    rows = [{"name": "Ñandú\n", "list": [1, {"a": None}], "empty": []} for _ in range(count)]
    door.print_json_rows(iter(rows))
    assert capsys.readouterr().out == json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.settings_file.write_text("")
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    at = datetime(2026, 8, 3, 12, tzinfo=UTC)
    names = [{"slug": f"client-{n}", "name": f"n{n}", "week": "never", "created_at": at} for n in range(CLIENTS)]
    # Ten calls arrive in the same instant: their ids tell them apart.
    calls = [
        {
            "id": f"pbx-{n}",
            "did": "+56225550101",
            "caller": "",
            "phase": "over",
            "arrived_at": at + timedelta(hours=n // 10),
        }
        for n in range(CALLS)
    ]
    with writing(engine) as conn:
        conn.execute(insert(client), names)
        conn.execute(insert(call), calls)
    engine.dispose()
    return home


def on_a_terminal(home: Home, *words: str, height: int = HEIGHT, width: int = WIDTH, **environment: str) -> str:
    """What a command shows on a terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    pager = home.root / "pager"
    pager.write_text(f"#!{sys.executable}\n{PAGER}\n")
    pager.chmod(0o755)
    variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "--home", str(home.root), "--lang", "en", *words],
        stdin=its, stdout=its, stderr=its, cwd=Path(__file__).parents[3],
        env=variables | {"TERM": "xterm", "PAGER": str(pager)} | environment,
    )  # fmt: skip
    os.close(its)
    shown = b""
    with suppress(OSError):  # the terminal is gone once the command has ended
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert process.wait() == 0
    return shown.decode().replace("\r\n", "\n")


def test_a_list_longer_than_the_screen_goes_through_the_pager(home):
    lines = on_a_terminal(home, "client", "list").splitlines()
    assert (lines[0], lines[-1]) == ("PAGER BEGINS", "PAGER ENDS")
    assert sum(line.startswith("client-") for line in lines) == CLIENTS


@pytest.mark.parametrize(
    ("words", "begun"),
    [
        (["--no-pager", "client", "list"], "\nclient-"),
        (["client", "list", "--no-pager"], "\nclient-"),
        (["call", "list", "--no-pager", "--limit", str(CLIENTS)], "\npbx-"),
        (["contact", "list", "--no-pager"], ""),  # one that is a `reading_command`
    ],
)
def test_the_pager_may_be_left_out(home, words, begun):
    shown = on_a_terminal(home, *words)
    assert "PAGER" not in shown
    assert not begun or shown.count(begun) == CLIENTS


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize(("language", "never_sent"), [("en", "nothing sent yet"), ("es", "aún no se ha enviado nada")])
def test_webhooks_are_read_in_a_usual_terminal(office, width, language, never_sent):
    office.does("webhook", "add", "--url", "https://crm.andes.example.com/calls/of/andes", "--client", "andes")
    office.does("webhook", "add", "--url", "https://wall.example.com/calls", "--event", "call.started,call.ended")
    shown = on_a_terminal(Home(office.home), "--lang", language, "webhook", "list", width=width)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= width
    assert [len(re.findall(r"^ *[12] ", line)) for line in lines].index(1) == 1  # the headings need one line
    assert all(whole in shown for whole in ("https://crm.andes", "call.started", *never_sent.split()))
    assert len(lines) <= 9


def test_every_command_with_a_table_can_leave_the_pager_out():
    with_tables = {name for name, command in all_commands() if prints_a_table(command.callback)}
    leaving_out = {name for name, command in all_commands() if "--no-pager" in options_of(command)}
    assert with_tables - leaving_out == {"setup"}  # its table is one of pbx.toml
    assert {"call list", "recording purge", "ledger show"} <= with_tables


def all_commands() -> Iterator[tuple[str, click.Command]]:
    for path, command in every_command(main):
        if not isinstance(command, click.Group):
            yield " ".join(path), command


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def prints_a_table(callback: Any) -> bool:
    """Whether the command's function, or what it calls in its module, prints a table."""
    function = inspect.unwrap(callback)
    calls = calls_of(function.__module__)
    met, ahead = set(), {function.__name__}
    while ahead:
        name = ahead.pop()
        met.add(name)
        ahead |= calls.get(name, set()) - met
    return bool(met & {"table", "show_rows", "show_lines"})


@cache
def calls_of(module: str) -> dict[str, set[str]]:
    """By each function of a module the names of what it calls."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    return {one.name: {name_of(each.func) for each in ast.walk(one) if isinstance(each, ast.Call)} for one in functions}


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_a_short_list_needs_no_pager(home):
    shown = on_a_terminal(home, "client", "list", height=CLIENTS + 5)
    assert "PAGER" not in shown
    assert shown.startswith("\x1b[1m")


def test_json_needs_no_pager(home):
    assert len(json.loads(on_a_terminal(home, "client", "list", "--json"))) == CLIENTS


def test_no_colour_is_nothing_but_text(home):
    assert "\x1b" not in on_a_terminal(home, "--no-pager", "client", "list", NO_COLOR="1")


@pytest.mark.parametrize("limit", [1, door.PIECE, door.PIECE + 1, 1000])
def test_calls_that_are_read_piece_by_piece_come_once_each_and_newest_first(home, limit):
    calls = json.loads(on_a_terminal(home, "call", "list", "--json", "--limit", str(limit)))
    order = [(one["arrived_at"], one["id"]) for one in calls]
    assert len(set(order)) == min(limit, CALLS)
    assert order == sorted(order, reverse=True)
