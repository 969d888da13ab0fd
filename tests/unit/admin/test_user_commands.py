"""`user`: the people who sign in to the pages."""

import re

from terminal import Admin

READABLE = re.compile(r"[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){3}")


def test_a_password_is_shown_once(office: Admin) -> None:
    office.does("secretary", "add", "Ana Rojas")
    told = office.does("user", "add", "Ana.Rojas", "--role", "secretary", "--secretary", "Ana Rojas")
    assert "ana.rojas" in told
    assert "http://127.0.0.1:8080" in told
    found = READABLE.search(told)
    assert found
    for command in ("list", "sessions ana.rojas"):
        assert found[0] not in office.does("user", *command.split())
    assert found[0] not in office.does("audit", "list", "--json")


def test_programs_get_the_password_too(office: Admin) -> None:
    made = office.reads("user", "add", "gerencia", "--role", "client", "--client", "andes")
    assert READABLE.fullmatch(made["password"])
    again = office.reads("user", "reset-password", "GERENCIA")
    assert again["name"] == "gerencia"
    assert again["password"] != made["password"]


def test_a_list_tells_whose_each_is(office: Admin) -> None:
    office.does("secretary", "add", "Ana Rojas")
    office.does("user", "add", "ana", "--role", "secretary", "--secretary", "Ana Rojas")
    office.does("user", "add", "gerencia", "--role", "client", "--client", "andes")
    office.does("user", "add", "jefa", "--role", "supervisor")
    rows = office.reads("user", "list")
    assert [(row["name"], row["role"], row["secretary"], row["client"], row["sessions"]) for row in rows] == [
        ("ana", "secretary", "Ana Rojas", None, 0),
        ("gerencia", "client", None, "andes", 0),
        ("jefa", "supervisor", None, None, 0),
    ]


def test_who_is_removed_is_gone(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor")
    assert "0" in office.does("user", "revoke", "jefa")
    office.does("user", "remove", "Jefa")
    assert "there is no user 'jefa': `user list` shows all" in office.is_refused("user", "remove", "jefa")
    trail = [row["verb"] for row in office.reads("audit", "list")]
    assert [verb for verb in trail if verb.startswith(("user", "sessions"))] == [
        "user removed",
        "user added",  # there was no session to end
    ]


def test_what_is_wrong_is_told_in_one_line(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor")
    for words, told in (
        (["add", "ana", "--role", "secretary"], "needs the secretary whose it is"),
        (["add", "ana", "--role", "client", "--client", "andez"], "andes"),
        (["add", "a", "--role", "admin"], "cannot be a name to sign in with"),
        (["add", "jefa", "--role", "admin"], "there is a user jefa already"),
        (["reset-password", "jeffa"], "did you mean jefa?"),
        (["sessions", "nobody"], "there is no user"),
    ):
        assert told in office.is_refused("user", *words)


def test_names_are_completed(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor")
    line = f"pbx-control --home {office.home} user remove j"
    completing = {"_PBX_CONTROL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "5"}
    from click.testing import CliRunner

    from cli import main

    assert "plain,jefa" in CliRunner().invoke(main, [], prog_name="pbx-control", env=completing).stdout
