"""`user`: the people who sign in to the pages."""

import re
from datetime import date

from terminal import Admin

from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, reading
from pbx_control.store.snapshot import read_office, read_revision

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


def test_a_supervisor_has_a_telephone_and_nobody_else_may(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor")
    office.does("user", "add", "gerencia", "--role", "client", "--client", "andes")
    first = office.reads("user", "telephone", "jefa")
    again = office.reads("user", "telephone", "JEFA")
    assert first["user"] == again["user"]
    assert first["password"] != again["password"]
    with reading(open_engine(Home(office.home), load(Home(office.home)))) as conn:
        (telephone,) = read_office(conn, date(2026, 8, 3)).supervisors
        before = read_revision(conn)
    assert (telephone.user, telephone.password) == (again["user"], again["password"])
    assert "is no supervisor" in office.is_refused("user", "telephone", "gerencia")
    office.does("user", "remove", "jefa")
    with reading(open_engine(Home(office.home), load(Home(office.home)))) as conn:
        assert read_office(conn, date(2026, 8, 3)).supervisors == ()
        assert read_revision(conn) > before  # so that the switch is told


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


def test_a_clients_people_are_owners_or_staff(office: Admin) -> None:
    office.does("user", "add", "gerencia", "--role", "client", "--client", "andes")
    office.does("user", "add", "recepcion", "--role", "client", "--client", "andes")
    office.does("user", "add", "socia", "--role", "client", "--client", "andes", "--owner")
    office.does("user", "add", "jefa", "--role", "supervisor")
    roles = {row["name"]: row["client_role"] for row in office.reads("user", "list")}
    assert roles == {"gerencia": "owner", "recepcion": "staff", "socia": "owner", "jefa": None}
    assert office.does("user", "set", "Recepcion", "--owner") == "user recepcion changed\n"
    assert office.does("user", "set", "recepcion", "--owner") == "it is so already: nothing was changed\n"
    newest, *_ = office.reads("audit", "list")
    assert (newest["verb"], newest["subject"], newest["client"]) == ("user changed", "andes", "andes")
    assert newest["changes"]["client_role"] == {"old": "staff", "new": "owner"}
    assert "only an account with the role client" in office.is_refused("user", "set", "jefa", "--staff")
    assert "name an option" in office.is_refused("user", "set", "gerencia")


def test_an_address_is_given_changed_and_taken_away(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor", "--email", "Jefa@Casa.EXAMPLE")
    assert [row["email"] for row in office.reads("user", "list")] == ["Jefa@casa.example"]
    office.does("user", "set", "jefa", "--email", "otra@casa.example")
    assert office.does("user", "set", "jefa", "--email", "otra@casa.example").startswith("it is so already")
    newest, *_ = office.reads("audit", "list")
    assert newest["changes"] == {"email": {"old": "Jefa@casa.example", "new": "otra@casa.example"}}
    (told,) = office.reads("message", "list")
    assert "Jefa@casa.example" in str(told)  # the old address is told
    office.does("user", "set", "jefa", "--email", "")
    assert [row["email"] for row in office.reads("user", "list")] == [""]
    assert "nowhere" in office.is_refused("user", "set", "jefa", "--email", "nowhere")


def test_a_second_factor_is_taken_away_from_who_has_one(office: Admin) -> None:
    office.does("user", "add", "jefa", "--role", "supervisor")
    assert [row["second_factor"] for row in office.reads("user", "list")] == [False]
    told = office.is_refused("user", "reset-second-factor", "jefa")
    assert "jefa has no second factor: nothing to do" in told


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
    office.does("secretary", "add", "Eva")
    for words, told in (
        (["add", "ana", "--role", "secretary"], "an account with the role secretary needs --secretary: whose it is"),
        (["add", "ana", "--role", "client"], "an account with the role client needs --client: whose it is"),
        (["add", "ana", "--role", "admin", "--client", "andes"], "--client is for the role client alone"),
        (["add", "ana", "--role", "supervisor", "--secretary", "Eva"], "--secretary is for the role secretary alone"),
        (["add", "ana", "--role", "admin", "--owner"], "only an account with the role client"),
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


def test_clients_only_owner_stays(office: Admin) -> None:
    office.does("user", "add", "gerencia", "--role", "client", "--client", "andes")
    refused = "gerencia is the only owner: make somebody else an owner first"
    assert refused in office.is_refused("user", "remove", "gerencia")
    assert refused in office.is_refused("user", "set", "gerencia", "--staff")
    office.does("user", "add", "rosa", "--role", "client", "--client", "andes", "--owner")
    office.does("user", "remove", "gerencia")


def test_roles_are_listed_in_words(office: Admin) -> None:
    office.does("user", "add", "gerencia", "--role", "client", "--client", "andes")
    told = office.does("user", "list", env={"LC_ALL": "es_CL.UTF-8"})
    assert re.search("gerencia +cliente +– +andes +titular", told)
    assert [one["role"] for one in office.reads("user", "list")] == ["client"]
