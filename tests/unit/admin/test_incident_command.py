"""`incident`: registered, looked at, sent once, closed."""

from terminal import Admin

ADD = (
    "incident",
    "add",
    "Correo a quien no era",
    "--happened",
    "2026-11-20T09:30",
    "--what",
    "Un mensaje salió a otro.",
)

THEN = ("--what", "y", "--all-clients")


def test_an_incident_from_its_registration_to_its_end(office: Admin) -> None:
    office.does("recipient", "add", "andes", "--email", "a@andes.example")
    assert "incident 1 is registered" in office.does(*ADD, "--client", "andes", "--data", "1 nombre")
    [draft] = office.reads("incident", "letters", "1")
    assert (draft["client"], draft["address"]) == ("andes", "a@andes.example")
    assert draft["subject"] in office.does("incident", "letters", "1")
    assert "viernes 20 de noviembre de 2026, 09:30" in draft["text"]
    assert office.reads("message", "list") == []
    assert "1 letter is in the outbox: andes" in office.does("incident", "send", "1")
    assert "nothing was sent" in office.does("incident", "send", "1")
    assert len(office.reads("message", "list")) == 1
    office.does("incident", "note", "1", "Lo borró.")
    assert "incident 1 is closed" in office.does("incident", "close", "1", "--how", "Borrado.")
    assert "is closed already" in office.is_refused("incident", "close", "1", "--how", "Borrado.")
    shown = office.reads("incident", "show", "1")
    assert (shown["data"], shown["clients"]) == ("1 nombre", ["andes"])
    assert [one["kind"] for one in shown["entries"]] == ["sent", "note", "closed"]
    assert [one["delivered_at"] for one in shown["letters"]] == [None]
    told = office.does("incident", "show", "1")
    assert "a@andes.example" in told
    assert "Lo borró." in told
    [row] = office.reads("incident", "list")
    assert (row["title"], row["clients"], row["told"], bool(row["closed_at"])) == ("Correo a quien no era", 1, 1, True)


def test_who_is_concerned_is_said_once(office: Admin) -> None:
    for which in ((), ("--client", "andes", "--all-clients")):
        result = office.types(*ADD, *which)
        assert (result.exit_code, "give either --client or --all-clients" in result.stderr) == (2, True)


def test_a_client_with_nobody_to_write_to_is_named(office: Admin) -> None:
    office.does(*ADD, "--all-clients")
    assert "andes has nobody to write to" in office.does("incident", "send", "1")
    assert "nobody can be written to" in office.does("incident", "letters", "1")


def test_what_is_wrong_is_said_in_one_line(office: Admin) -> None:
    assert "`incident list` shows them" in office.is_refused("incident", "show", "7")
    assert "--happened" in office.is_refused("incident", "add", "x", "--happened", "tomorrow", *THEN)
    assert "there is no client" in office.is_refused(*ADD, "--client", "nobody")
    assert "TITLE is empty" in office.is_refused("incident", "add", " ", "--happened", "2h", *THEN)


def test_a_title_that_would_move_the_terminal_is_refused(office: Admin) -> None:
    title = "rojo\x1b[31m"
    assert "control character" in office.is_refused(
        "incident", "add", title, "--happened", "2h", "--what", "x", "--all-clients"
    )
