"""A command starts soon: it imports nothing that it does not need."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import click
import pytest
from terminal import Admin

from cli import COMMANDS, main
from pbx_control.admin.client import LATE, client
from pbx_control.admin.door import Late

# Each takes longer to load than all that a plain command does with a database.
HEAVY = {
    "alembic",
    "argon2",
    "babel",
    "coloraide",
    "email_validator",
    "holidays",
    "httpx",
    "jinja2",
    "limits",
    "numpy",
    "phonenumbers",
    "psycopg",
    "pydantic",
    "reportlab",
    "soundfile",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "starlette",
    "stdnum",
    "structlog",
    "telegram",
    "tomlkit",
    "uvicorn",
}
# SQLAlchemy itself imports asyncio.
WITHOUT_DATABASE = HEAVY | {"asyncio", "sqlalchemy", "ssl", "unittest"}

RUN = """
import sys
from cli import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(home: object, *arguments: str) -> set[str]:
    """The modules that a command has imported by its end."""
    line = [sys.executable, "-c", RUN, "--home", str(home), *arguments]
    return set(subprocess.run(line, capture_output=True, text=True, check=False).stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["clinet"], ["--lang", "es", "--help"]])
def test_help_needs_no_database(admin: Admin, arguments: list[str]) -> None:
    assert imported(admin.home, *arguments) & WITHOUT_DATABASE == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["client", "list"],
        ["client", "list", "--json"],
        ["client", "suspend", "nobody"],
        ["did", "list"],
        ["secretary", "list"],
        ["user", "list"],
        ["trunk", "list"],
        ["hours", "show", "andes"],
        ["contact", "list", "andes"],
        ["recipient", "list", "andes"],
        ["protocol", "show", "andes"],
        ["info", "list", "andes"],
        ["ledger", "show", "andes"],
        ["plan", "list"],
        ["call", "list"],
        ["status"],
    ],
)
def test_a_plain_command_imports_what_it_needs(office: Admin, arguments: list[str]) -> None:
    found = imported(office.home, *arguments)
    assert "sqlalchemy" in found
    assert found & HEAVY == set()


def late() -> Iterator[tuple[str, Late, click.Command]]:
    for name, one in [*COMMANDS.items(), *LATE.items()]:
        module, _, attribute = one.path.partition(":")
        yield name, one, getattr(import_module(module), attribute)


def test_help_without_an_import_is_that_of_the_command() -> None:
    for name, one, command in late():
        assert one.help == " ".join(re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))[0].split()), name


@pytest.mark.parametrize("group", [main, client])
def test_all_commands_are_listed_in_help(group: click.Group) -> None:
    context = click.Context(group, info_name="pbx-control")
    told = group.get_help(context)
    for name in group.list_commands(context):
        assert re.search(rf"^  {name} +\S", told, re.MULTILINE)
        assert group.get_command(context, name)
