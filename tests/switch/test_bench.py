"""The quick bench runs to its end on a real Asterisk, and its tables say something in every cell."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.switch

ROOT = Path(__file__).parents[2]
# It takes some two minutes; a busy machine gets more, seconds.
LIMIT = 600


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What `make bench QUICK=1` prints."""
    command = [sys.executable, "-m", "bench", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def rows_of(lines: list[str]) -> list[list[str]]:
    """A Markdown table's rows, head first, without its rule."""
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    return [head, *rows]


def parts(lines: list[str]) -> list[list[str]]:
    """What stands between empty lines."""
    return [list(group) for filled, group in itertools.groupby(lines, bool) if filled]


def rows_under(printed: list[str], head: str) -> list[list[str]]:
    """The rows of the one table whose first cell begins with `head`; "" for that whose first cell is empty."""
    tables = [rows_of(part) for part in parts(printed) if part[0].startswith("|")]
    (found,) = [rows for rows in tables if (rows[0][0].startswith(head) if head else not rows[0][0])]
    return found


@pytest.fixture
def table(printed) -> list[list[str]]:
    """The comparison's rows."""
    return rows_under(printed, "")


@pytest.fixture
def transfers(printed) -> dict[str, str]:
    """What was measured of supervised transfers."""
    return dict(rows_under(printed, "supervised transfers"))


@pytest.fixture
def starts(printed) -> list[list[str]]:
    """What was measured of the start of commands."""
    return rows_under(printed, "start of a command")


@pytest.fixture
def publishings(printed) -> list[list[str]]:
    """What was measured of changes on their way into the switch."""
    return rows_under(printed, "live in the switch")


@pytest.fixture
def letters(printed) -> dict[str, list[str]]:
    """What was measured of letters on their way to the mail server, on each database."""
    _, *rows = rows_under(printed, "letters")
    return {name: cells for name, *cells in rows}


@pytest.fixture
def desks(printed) -> dict[str, str]:
    """What was measured of pops."""
    return dict(rows_under(printed, "pops"))


@pytest.fixture
def wallboards(printed) -> dict[str, list[str]]:
    """What was measured of open wallboards."""
    _, *rows = rows_under(printed, "wallboards")
    return {name: cells for name, *cells in rows}


@pytest.fixture
def listening(printed) -> dict[str, list[str]]:
    """What listeners at the channel cost."""
    _, *rows = rows_under(printed, "the channel")
    return {name: cells for name, *cells in rows}


def test_the_table_compares_three_ways_and_has_no_empty_cell(table):
    head, *rows = table
    assert head[1:] == ["pbx-control", "Dial()", "FastAGI", "pbx-control / Dial()"]
    setups = {f"set-up at {rate}/s, {what}, ms" for rate in (10, 50, 100) for what in ("p50", "p99")}
    assert setups < {row[0] for row in rows}
    assert [row[0] for row in rows if not all(row)] == []


def test_every_telephone_rang_and_the_ratio_is_that_of_the_figures(table):
    setups = [[float(cell) for cell in row[1:]] for row in table if row[0].startswith("set-up")]
    assert len(setups) == 6
    for pbx_control, dial, fastagi, ratio in setups:
        # on a busy machine the carrier may note that it has sent after the telephone notes that it was rung
        assert max(dial, fastagi) < float("inf")
        assert ratio == pytest.approx(pbx_control / dial, rel=0.1)


def test_transfers_came_about_and_the_key_came_before_the_invite(transfers):
    asked, failed = map(int, transfers["transfers, failed"].split(", "))
    assert asked == 40
    assert failed < asked  # how many, at that rate, is the machine's affair
    assert float(transfers["transfers/s reached"]) > 0
    for percent in (50, 99):
        from_end = float(transfers[f"consultation at 20/s, p{percent}, ms"])
        from_start = float(transfers[f"from the key's first packet at 20/s, p{percent}, ms"])
        assert 0 < from_end < from_start < float("inf")


def test_nobody_and_a_hundred_listen_to_as_many_calls(listening):
    assert all(float(cell) > 0 for cell in listening["control CPU a call at 50/s, ms"])
    assert int(listening["calls, failed"][1].split(", ")[0]) > 0


def test_calls_pop_in_browsers_and_streams(desks):
    pops = {what: float(took) for what, took in desks.items() if "painted" in what or "told" in what}
    assert len(pops) == 4
    assert all(took < float("inf") for took in pops.values())
    assert float(desks["web process CPU a call, ms"]) > 0


def test_wallboards_showed_every_call(wallboards):
    assert [int(cell.split(", ")[0]) for cell in wallboards["calls, failed"][:2]] == [12, 12]
    assert wallboards["changes that pages never showed"][1] == "0"
    for name, cells in wallboards.items():
        if "old" in name:
            p50, p99, worst = map(float, cells[1].split(" / "))
            assert 0 < p50 <= p99 <= worst < float("inf")
    assert all(float(cell) >= 0 for cell in wallboards["web process CPU a call, ms"][:2])


def test_each_command_took_some_time(starts):
    head, *rows = starts
    assert head[1:] == ["CPU, ms", "/ bare Python", "/ import sqlalchemy"]
    assert len(rows) > 2
    assert all(float(cell) > 0 for row in rows for cell in row[1:])


def test_every_letter_reached_the_mail_server_once(letters):
    for count in letters["letters, missing, twice"]:
        written, missing, twice = map(int, count.split(", "))
        assert written > 0
        assert (missing, twice) == (0, 0)
    assert all(float(took) < float("inf") for took in letters["from send to acceptance, p99, ms"])


def test_a_change_takes_longer_than_to_read_the_configuration_anew(publishings):
    head, *rows = publishings
    assert head[1:] == ["median, s", "slowest, s"]
    *changes, (reload, *_) = rows
    assert "reload" in reload
    for _, median, slowest in changes:
        assert 0 < float(median) <= float(slowest)


def test_each_goal_is_judged(printed):
    judged = [line for line in printed if line.endswith(("reached", "NOT reached"))]
    assert len(judged) == 14
    assert all("goal" in line for line in judged)
