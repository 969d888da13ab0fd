"""`rota` as an admin types it: lines, swaps with an end, who it is at a time, and what must not be left dangling."""

import pytest
from terminal import Admin

WEEK = ("mon-fri 09:00-18:00: Ana", "mon-fri 18:00-09:00: Juan, Eva from 2026-11-30")


@pytest.fixture
def firm(office: Admin) -> Admin:
    for name, number, department in (
        ("Ana", "+56987654321", ""),
        ("Juan", "+56987654322", ""),
        ("Eva", "+56987654323", "Ventas"),
    ):
        office.does("contact", "add", "andes", name, number, "--department", department)
    return office


def test_lines_are_kept_shown_and_their_gaps_told(firm: Admin) -> None:
    told = firm.does("rota", "set", "andes", *WEEK)
    assert told.splitlines() == [
        "the rota of andes is kept",
        "nobody is on call: mon 00:00-09:00 sat 09:00-24:00 sun 00:00-24:00",
    ]
    assert "nothing was changed" in firm.does("rota", "set", "andes", *WEEK)
    shown = firm.does("rota", "show", "andes", "--at", "2026-12-01T12:00").splitlines()
    assert shown[0].startswith("the firm: Ana until 2026-12-01 18:00")
    assert shown[1:3] == [f"  {line}" for line in WEEK]
    [row] = firm.reads("rota", "show", "andes", "--at", "2026-12-08T22:00")
    assert (row["department"], row["on_call"], row["to_consult"], row["lines"]) == ("", "Eva", "Eva", list(WEEK))
    [row] = firm.reads("rota", "show", "andes", "--at", "2026-12-06T12:00")
    assert (row["on_call"], row["gaps"][:3]) == (None, "mon")


def test_a_department_has_a_rota_of_its_own(firm: Admin) -> None:
    firm.does("rota", "set", "andes", "--department", "ventas", "siempre: Eva")
    firm.does("rota", "set", "andes", "always: Ana")
    assert [(row["department"], row["on_call"]) for row in firm.reads("rota", "show", "andes")] == [
        ("", "Ana"),
        ("Ventas", "Eva"),
    ]
    assert "Ventas: Eva\n" in firm.does("rota", "show", "andes")
    told = firm.is_refused("rota", "set", "andes", "--department", "Bodega", "always: Ana")
    assert "no department of this client's contacts: they have Ventas" in told
    firm.does("rota", "clear", "andes", "--department", "Ventas")
    assert [row["department"] for row in firm.reads("rota", "show", "andes")] == [""]


def test_a_swap_has_an_end_and_is_taken_back(firm: Admin) -> None:
    firm.does("rota", "set", "andes", "always: Juan")
    told = firm.does("rota", "swap", "andes", "tomorrow 09:00-18:00: Ana instead of Juan")
    assert told.startswith("swap 1 is kept: ")
    assert "Ana instead of Juan" in told
    [row] = firm.reads("rota", "show", "andes", "--at", "tomorrow 12:00")
    assert (row["on_call"], row["instead_of"]) == ("Ana", "Juan")
    assert "swap 1: " in firm.does("rota", "show", "andes")
    assert firm.does("rota", "clear", "andes", "--swap", "1") == "swap 1 is taken back\n"
    [row] = firm.reads("rota", "show", "andes", "--at", "tomorrow 12:00")
    assert (row["on_call"], row["swaps"]) == ("Juan", [])
    assert "`rota show` lists them" in firm.is_refused("rota", "clear", "andes", "--swap", "1")


def test_who_is_away_has_the_next_one_stand_in(firm: Admin) -> None:
    firm.does("rota", "set", "andes", "always: Ana, Juan from 2026-11-30")
    [row] = firm.reads("rota", "show", "andes")
    other = {"Ana": "Juan", "Juan": "Ana"}[row["on_call"]]
    firm.does("contact", "away", "andes", row["on_call"], "--until", "2h")
    [row] = firm.reads("rota", "show", "andes")
    assert row["to_consult"] == other
    assert f"(away: {other} stands in)" in firm.does("rota", "show", "andes")
    firm.does("contact", "away", "andes", other, "--until", "2h")
    assert "(away: nobody stands in)" in firm.does("rota", "show", "andes")


def test_who_is_on_call_is_not_removed(firm: Admin) -> None:
    firm.does("rota", "set", "andes", "--department", "Ventas", "mon-fri 09:00-18:00: Ana, Eva from 2026-11-30")
    firm.does("rota", "swap", "andes", "tomorrow: Eva instead of Juan")
    told = firm.is_refused("contact", "remove", "andes", "Ana")
    assert told.startswith("Ana has shifts that would be nobody's: Ventas mon-fri 09:00-18:00")
    assert "Eva instead of Juan" in firm.is_refused("contact", "remove", "andes", "Juan")
    firm.does("rota", "clear", "andes")
    firm.does("contact", "remove", "andes", "Juan")
    firm.does("rota", "set", "andes", "--department", "Ventas", "always: Eva")
    firm.does("contact", "remove", "andes", "Ana")
    assert "has shifts" in firm.is_refused("contact", "remove", "andes", "Eva")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("set", "andes", "mon-fri: Ana"), "lack times"),
        (("set", "andes", "always: Ana", "mon 9-10: Juan"), "two would be on call at one time: Monday, 09:00"),
        (("set", "andes", "always: Pedro"), "'Pedro' is no contact of this client"),
        (("set", "andes", "\x1b[31malways"), "say when and who"),
        (("set", "nadie", "always: Ana"), "nadie"),
        (("swap", "andes", "yesterday 9-18: Ana"), "no time of a swap"),
        (("swap", "andes", "01/01/2026: Ana"), "has passed"),
        (("swap", "andes", "tomorrow: Ana instead of Ana"), "stand in for himself"),
        (("show", "andes", "--at", "whenever"), "is no time"),
    ],
)
def test_nonsense_is_refused_in_one_line(firm: Admin, words: tuple[str, ...], told: str) -> None:
    assert told in firm.is_refused("rota", *words)
    assert firm.reads("rota", "show", "andes") == []
    assert firm.does("rota", "show", "andes") == "andes has no rota\n"


@pytest.mark.parametrize("at", ["9999-12-30T12:00", "0001-01-01T12:00"])
def test_the_end_of_all_calendars_is_too_far_away(firm: Admin, at: str) -> None:
    firm.does("rota", "set", "andes", *WEEK)
    assert "too far away to be looked up" in firm.is_refused("rota", "show", "andes", "--at", at)


def test_what_is_done_is_in_the_audit_trail(firm: Admin) -> None:
    firm.does("rota", "set", "andes", "always: Ana")
    firm.does("rota", "swap", "andes", "tomorrow: Eva instead of Ana")
    firm.does("rota", "clear", "andes")
    done = [row for row in firm.reads("audit", "list", "--client", "andes") if row["verb"].startswith("rota")]
    assert sorted(row["verb"] for row in done) == [
        *("rota changed", "rota changed", "rota swap taken back", "rota swapped"),
    ]
    assert "always: Ana" in str([row["changes"] for row in done])
