"""`today` as an admin types it: closed, open, words first; each with an end, shown by `hours check`, and taken back."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from terminal import Admin

from pbx_control.clock import now
from pbx_control.domain.sounds import EXTENSIONS, sound_name


def until(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["until"])


def test_a_client_is_closed_and_open_again_and_hours_check_says_why(office: Admin) -> None:
    office.does("hours", "set", "andes", "always")
    told = office.does("today", "closed", "andes", "--until", "2h")
    assert told.startswith("andes is closed until ")
    assert "then its usual hours hold again" in told
    state = office.reads("hours", "check", "andes")
    assert (state["open"], state["why"]) == (False, "today")
    assert abs(until(state) - now() - timedelta(hours=2)) < timedelta(minutes=1)
    assert "said for today by" in office.does("hours", "check", "andes")
    later = office.reads("hours", "check", "andes", "--at", (now() + timedelta(hours=3)).isoformat())
    assert (later["open"], later["why"]) == (True, "hours")
    assert "hold again" in office.does("today", "normal", "andes")
    assert office.reads("hours", "check", "andes")["open"]
    assert "nothing was changed" in office.does("today", "normal", "andes")


def test_open_goes_before_hours_and_the_last_one_said_holds(office: Admin) -> None:
    office.does("hours", "set", "andes", "never")
    office.does("today", "closed", "andes")
    assert "andes is open until" in office.does("today", "open", "andes", "--until", "90 min")
    assert office.reads("hours", "check", "andes")["open"]
    [row] = office.reads("today", "show", "andes")
    assert (row["client"], row["what"], row["text"]) == ("andes", "open", "")
    assert office.reads("today", "show") == [row]
    office.does("client", "add", "lagos", "--name", "Lagos")
    assert office.reads("today", "show", "lagos") == []
    assert "andes" in office.does("today", "show")


def test_words_are_spoken_before_they_are_kept(office: Admin) -> None:
    told = office.does("today", "announce", "andes", "{name} se muda. Atiende {hours}.", "--until", "tomorrow 9:00")
    assert told.startswith("the callers of andes hear this first until ")
    [row] = office.reads("today", "show", "andes")
    assert (row["what"], row["text"]) == ("announced", "{name} se muda. Atiende {hours}.")
    spoken = (
        "Andes Ltda se muda. Atiende de lunes a viernes de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas."
    )
    assert all(Path(office.home / f"{sound_name(spoken, 'es')}{ending}").is_file() for ending in EXTENSIONS)


def test_without_an_end_it_holds_until_the_days_and_opening_is_that_of_the_next_day(office: Admin) -> None:
    office.does("client", "set", "andes", "--timezone", "Europe/Madrid")
    office.does("today", "closed", "andes")
    assert office.does("today", "closed", "andes") == "it is so already: nothing was changed\n"
    assert " 00:00 CE" in office.does("hours", "check", "andes")
    office.does("hours", "set", "andes", "mon-sun 09:30-24:00")
    assert " 09:30 CE" in office.does("today", "closed", "andes", "--until", "opening")
    office.does("hours", "set", "andes", "always")
    assert "no opening is ahead" in office.is_refused("today", "closed", "andes", "--until", "apertura")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["closed", "andes", "--until", "2020-01-01 10:00"], "--until '2020-01-01 10:00' has passed"),
        (["open", "andes", "--until", "99d"], "more than a month away"),
        (["open", "andes", "--until", "soon"], "'soon' is no time to come"),
        (["announce", "andes", "{hora}"], "{hora}, which is not known"),
        (["announce", "andes", "..."], "has no words"),
        (["closed", "andez"], "did you mean andes?"),
        (["normal", "andez"], "did you mean andes?"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line_and_changes_nothing(
    office: Admin, words: list[str], told: str
) -> None:
    assert told in office.is_refused("today", *words)
    assert office.reads("today", "show") == []


def test_open_needs_an_end(office: Admin) -> None:
    assert office.types("today", "open", "andes").exit_code == 2


def test_a_contact_is_away_until_a_time_and_back_again(office: Admin) -> None:
    office.does("contact", "add", "andes", "Rosa", "+56987654321")
    assert office.does("contact", "away", "andes", "Rosa", "--until", "2h").startswith("Rosa is not consulted until ")
    [row] = office.reads("contact", "list", "andes")
    assert abs(datetime.fromisoformat(row["away_until"]) - now() - timedelta(hours=2)) < timedelta(minutes=1)
    office.does("contact", "back", "andes", "Rosa")
    assert office.reads("contact", "list", "andes")[0]["away_until"] is None
    told = office.is_refused("contact", "away", "andes", "Rosa", "--until", "2020-01-01")
    assert told == "--until '2020-01-01' has passed: give a later time"
    assert "is no contact of this client" in office.is_refused("contact", "away", "andes", "Eva", "--until", "2h")
