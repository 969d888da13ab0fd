"""What the bench makes of the start of commands."""

from bench.start import BARE, SQLALCHEMY, Starts
from bench.table import start_goal, start_table

STARTS = Starts({BARE: [20, 10, 30], SQLALCHEMY: [200, 100, 300], "client list": [300, 1000, 200]})


def test_a_start_is_compared_with_bare_python_and_with_sqlalchemy():
    row = start_table(STARTS).splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["client list", "300", "15.0", "1.5"]


def test_the_goal_says_whether_it_is_reached():
    assert start_goal(STARTS).endswith("1.50, reached")
    slower = Starts(STARTS.runs | {"client list": [310]})
    assert start_goal(slower).endswith("1.55, NOT reached")
