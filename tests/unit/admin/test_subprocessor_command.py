"""`subprocessor`: the register, and each client's list."""

from pathlib import Path

from terminal import Admin

ADD = ("subprocessor", "add", "Bodega SpA", "--purpose", "guarda copias", "--country", "cl")


def test_one_is_entered_listed_told_and_removed(office: Admin) -> None:
    office.does("recipient", "add", "andes", "--email", "a@andes.example")
    assert "Bodega SpA is in the register; the clients are told by letter, the next morning" in office.does(*ADD)
    assert "it is so already" in office.does(*ADD, "--all")
    [row] = office.reads("subprocessor", "list")
    assert (row["name"], row["purpose"], row["country"], row["client"]) == ("Bodega SpA", "guarda copias", "CL", None)
    assert "Chile" in office.does("subprocessor", "list")
    listed = [(one["name"], one["known_by"]) for one in office.reads("subprocessor", "list", "--client", "andes")]
    assert listed == [("Bodega SpA", "register"), ("carrier", "numbers")]
    assert "carries the telephone calls" in office.does("subprocessor", "list", "--client", "andes")
    office.does("subprocessor", "remove", "bodega spa")
    assert office.reads("subprocessor", "list") == []
    assert office.reads("message", "list") == []


def test_what_is_wrong_is_said_in_one_line(office: Admin) -> None:
    assert "`subprocessor list` shows them" in office.is_refused("subprocessor", "remove", "nobody")
    assert "no country" in office.is_refused("subprocessor", "add", "x", "--purpose", "y", "--country", "Chile")
    assert "there is no client" in office.is_refused(*ADD, "--client", "nobody")
    assert office.types(*ADD, "--all", "--client", "andes").exit_code == 2


def test_a_folder_of_backups_elsewhere_is_asked_about(office: Admin) -> None:
    assert "backups go" not in office.does("subprocessor", "list")
    told = office.does("subprocessor", "list", env={"PBX_BACKUP__FOLDER": "/mnt/elsewhere"})
    assert "backups go to /mnt/elsewhere: if that is somebody else's, enter who" in told


def test_the_annex_is_written_into_a_new_file(office: Admin, tmp_path: Path) -> None:
    office.does("client", "set", "andes", "--rut", "76.086.428-5")
    target = tmp_path / "anexo.pdf"
    assert "have a lawyer read it" in office.does("client", "annex", "andes", "-o", str(target))
    assert target.read_bytes().startswith(b"%PDF-")
    assert target.stat().st_mode & 0o777 == 0o600
    assert "is there already" in office.is_refused("client", "annex", "andes", "-o", str(target))
    assert "there is no client" in office.is_refused("client", "annex", "nobody")
