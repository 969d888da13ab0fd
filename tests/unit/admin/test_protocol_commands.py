"""`protocol` and `info`: what is asked and told for a client, from a file and back into one."""

import tomllib
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from terminal import Admin

from cli import main

FILE = """
pronunciation = "Ándes"
colour = "#1d5f8a"
may_tell = ["El horario"]
must_not_tell = ["Precios"]
steps_note = "Primero el nombre."

[[field]]
key = "urgent"
label = "¿Es urgente?"
kind = "choice"
choices = ["sí", "no"]
required = true

[[field]]
key = "address"
label = "Dirección"
when = { field = "urgent", values = ["sí"] }
"""
OTHER = '[[field]]\nkey = "rut"\nlabel = "RUT"\n'


def written(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_client_starts_with_the_houses_protocol(office: Admin) -> None:
    assert "the house's own" in office.does("protocol", "show", "andes")
    assert "Motivo de la llamada" in office.does("protocol", "show", "andes")
    assert office.reads("protocol", "show", "andes")["version"] == 0
    assert office.reads("protocol", "history", "andes") == []
    assert office.reads("client", "show", "andes")["protocol_since"] is None


def test_protocol_is_set_from_a_file_and_shown_as_a_person_reads_it(office: Admin, tmp_path: Path) -> None:
    file = written(tmp_path / "p.toml", FILE)
    assert "urgent, address" in office.does("protocol", "check", file)
    assert office.reads("protocol", "history", "andes") == []
    office.does("protocol", "set", "andes", "--file", file, "--asked-by", "gerencia@andes.cl")
    told = office.does("protocol", "show", "andes")
    for part in ("gerencia@andes.cl", "Ándes", "#1d5f8a", "sí / no", "urgent = sí", "She may tell\n  El horario"):
        assert part in told
    assert "No debe informar\n  Precios" in office.does("--lang", "es", "protocol", "show", "andes")
    found = office.reads("protocol", "show", "andes")
    assert (found["version"], found["must_not_tell"]) == (1, ["Precios"])
    assert found["fields"][1]["when"] == {"field": "urgent", "values": ["sí"]}
    assert office.reads("client", "show", "andes")["protocol_since"] == found["since"]
    assert found["since"][:4] in office.does("client", "show", "andes")


def test_what_toml_prints_can_be_set_again(office: Admin, tmp_path: Path) -> None:
    office.does("protocol", "set", "andes", "--file", "-", input=FILE)
    printed = office.does("protocol", "show", "andes", "--toml")
    assert tomllib.loads(printed)["field"][1]["when"] == {"field": "urgent", "values": ["sí"]}
    office.does("protocol", "set", "andes", "--file", "-", input=OTHER)
    office.does("protocol", "set", "andes", "--file", "-", input=printed)
    first, _, third = office.reads("protocol", "history", "andes")
    assert first["fields"] == third["fields"]
    # What is in force already is not put there again.
    assert "nothing was changed" in office.does("protocol", "set", "andes", "--file", "-", input=printed)
    assert len(office.reads("protocol", "history", "andes")) == 3
    assert "urgent, address" in office.does("protocol", "history", "andes")
    assert office.types("protocol", "show", "andes", "--toml", "--json").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("protocol", "set", "andes", "--file", "-"),
        ("greeting", "set", "andes", "-"),
        ("info", "add", "andes", "Banco", "--file", "-"),
    ],
)
def test_who_asked_for_it_can_be_added_afterwards(office: Admin, words: tuple[str, ...]) -> None:
    office.does(*words, input=OTHER)
    told = office.does(*words, "--asked-by", "gerencia@andes.cl", input=OTHER)
    assert told == "it is as it was; that gerencia@andes.cl asked for it is kept as a version of its own\n"
    assert "nothing was changed" in office.does(*words, "--asked-by", "gerencia@andes.cl", input=OTHER)
    assert "nothing was changed" in office.does(*words, input=OTHER)
    name = words[3:4] if words[0] == "info" else ()
    past = office.reads(words[0], "history", "andes", *name)
    assert [version["asked_by"] for version in past] == ["gerencia@andes.cl", ""]
    [_, newest, *_] = office.does("audit", "list").splitlines()
    assert newest.endswith(" asked by: – → gerencia@andes.cl")


def test_spanish_table_calls_the_key_of_a_field_clave(office: Admin) -> None:
    headings = next(
        line for line in office.does("--lang", "es", "protocol", "show", "andes").splitlines() if "rótulo" in line
    )
    assert headings.startswith("clave")
    office.does("contact", "add", "andes", "Ventas", "+56225550199")
    assert office.does("--lang", "es", "contact", "list").split()[1] == "tecla"


def test_protocol_is_rolled_back(office: Admin) -> None:
    for text in (FILE, OTHER):
        office.does("protocol", "set", "andes", "--file", "-", input=text)
    assert "rut" in office.does("protocol", "show", "andes")
    assert "urgent, address" in office.does("protocol", "rollback", "andes")
    assert "asks again for: rut" in office.does("protocol", "rollback", "andes", "--to", "2")
    assert [row["version"] for row in office.reads("protocol", "history", "andes")] == [4, 3, 2, 1]
    assert office.reads("protocol", "show", "andes", "--version", "1")["colour"] == "#1d5f8a"


@pytest.mark.parametrize(
    ("words", "content", "why"),
    [
        (["protocol", "set", "andes", "--file"], "x", "not valid TOML: after a key there must be an ="),
        (["protocol", "check"], "[[field]]\nkey = 'a'", "field 1 (a): `label` is missing"),
        (["protocol", "check"], b"\xff\xfe", "is no text in UTF-8"),
        (["protocol", "check"], "x" * 70_000, "larger than 64 kB"),
        (["info", "add", "andes", "Mapa", "--file"], b"\xff\xfe", "is no text in UTF-8"),
        (["info", "add", "andes", "Mapa", "--file"], "x" * 8001, "too long"),
        (["info", "add", "andes", "Mapa", "--file"], "x" * 40_000, "larger than"),
        (["info", "add", "andes", "Mapa", "--file"], "", "empty"),
        (["protocol", "set", "nobody", "--file"], OTHER, "no client"),
    ],
)
def test_bad_file_is_refused_in_one_line(
    office: Admin, tmp_path: Path, words: list[str], content: str | bytes, why: str
) -> None:
    assert why in office.is_refused(*words, written(tmp_path / "file", content))
    assert office.reads("protocol", "history", "andes") == office.reads("info", "list", "andes") == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["protocol", "set", "andes", "--file", "/nowhere.toml"], "/nowhere.toml"),
        (["protocol", "check", "/"], "/ cannot be used"),
        (["protocol", "rollback", "andes"], "`protocol history` shows all"),
        (["protocol", "show", "andes", "--version", "1"], "`protocol history` shows all"),
        (["info", "show", "andes", "Mapa"], "`info list` shows all"),
        (["info", "remove", "andes", "Mapa"], "`info list` shows all"),
        (["info", "add", "andes", "", "--text", "x"], "NAME is empty"),
        (["info", "add", "andes", "x", "--text", ""], "--text is empty"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(office: Admin, words: list[str], why: str) -> None:
    assert why in office.is_refused(*words)


def test_mistake_in_a_file_is_told_in_spanish(office: Admin) -> None:
    told = office.is_refused("--lang", "es", "protocol", "set", "andes", "--file", "-", input="[[field]]\nkey = 'a'")
    assert told == "campo 1 (a): falta `label`"


def test_what_is_no_toml_is_told_in_spanish_with_its_place(office: Admin) -> None:
    settings = office.home / "pbx.toml"
    written = settings.read_text()
    for text, told in (
        ('[[field]]\nkey = "a', "un texto no tiene comillas al final (línea 2, columna 7)"),
        ("[[field]]\nkey = a", "esto no es un valor"),
    ):
        said = office.is_refused("--lang", "es", "protocol", "set", "andes", "--file", "-", input=text)
        assert said.startswith(f"el protocolo no es TOML válido: {told}")
        settings.write_text(text)
        for command in (["client", "list"], ["setup"]):
            said = office.is_refused("--lang", "es", *command)
            assert said.startswith(f"{settings} no es TOML válido: {told}")
        settings.write_text(written)
    settings.write_bytes(b"\xff")
    for command in (["client", "list"], ["setup"]):
        assert "no es un texto en UTF-8" in office.is_refused("--lang", "es", *command)


def test_ready_made_text_is_kept_replaced_and_removed(office: Admin, tmp_path: Path) -> None:
    office.does("info", "add", "andes", "Banco", "--text", "Cuenta 1", "--asked-by", "gerencia@andes.cl")
    office.does("info", "add", "andes", "BANCO", "--file", written(tmp_path / "b.txt", "Cuenta {2}\n"))
    office.does("info", "add", "andes", "Mapa", "--file", "-", input="Av. Matta 12\nhttps://andes.example\n")
    assert office.does("info", "show", "andes", "banco") == "Cuenta {2}\n"
    assert [row["name"] for row in office.reads("info", "list", "andes")] == ["BANCO", "Mapa"]
    assert office.reads("client", "show", "andes")["ready_made_texts"] == ["BANCO", "Mapa"]
    office.does("info", "remove", "andes", "Banco")
    assert [row["text"] for row in office.reads("info", "history", "andes", "banco")] == ["", "Cuenta {2}", "Cuenta 1"]
    assert [row["name"] for row in office.reads("info", "list", "andes")] == ["Mapa"]
    assert office.types("info", "add", "andes", "x").exit_code == 2
    assert office.types("info", "add", "andes", "x", "--text", "a", "--file", "b").exit_code == 2


def test_shell_completes_the_names_of_a_clients_texts(office: Admin) -> None:
    for name in ("Banco", "Bodega", "Cómo llegar"):
        office.does("info", "add", "andes", name, "--text", "x")
    complete = ShellComplete(main, {}, "pbx-control", "_PBX_CONTROL_COMPLETE")
    for client, begun, offered in (("andes", "B", ["Banco", "Bodega"]), ("andes", "", ["Banco", "Bodega"])):
        words = ["--home", str(office.home), "info", "show", client]
        assert [item.value for item in complete.get_completions(words, begun)] == offered
    assert complete.get_completions(["--home", str(office.home), "info", "show", "nobody"], "") == []
