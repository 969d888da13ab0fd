"""What the bench makes of letters on their way to the mail server."""

from dataclasses import replace

from bench.letters import Letters, posted
from bench.table import letters_goals, letters_table

DONE = Letters(
    database="SQLite",
    rate=50,
    written=100,
    took=tuple(float(n) for n in range(1, 101)),
    twice=0,
    seconds=1.98,
    cpu=4.0,
)


def test_the_table_tells_how_long_letters_take():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in letters_table([DONE]).splitlines()]
    assert rows[0] == ["letters, 50/s", "SQLite"]
    assert [row[1] for row in rows[2:]] == ["50", "99", "100", "100, 0, 0", "50.0", "4.0"]


def test_the_goal_wants_all_letters_in_time():
    assert letters_goals([DONE])[0].endswith("99 ms, 0 missing, reached")
    assert letters_goals([replace(DONE, written=101)])[0].endswith("1 missing, NOT reached")
    assert letters_goals([replace(DONE, took=(1001.0,) * 100)])[0].endswith("NOT reached")


def test_letters_are_sent_and_found_with_the_mail_server(tmp_path):
    done = posted(tmp_path / "home", "", rate=20, seconds=0.5)
    assert (done.written, done.missing, done.twice) == (10, 0, 0)
    assert done.p50 > 0
