"""What is run in production says what it should: compose.yaml keeps to its schema, the units call commands we have."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from compose_spec import PyCompose

from cli import main

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def services() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "asterisk-docker/compose.yaml").read_text())["services"]


def compose() -> dict[str, Any]:
    """compose.yaml with its YAML anchors resolved."""
    return yaml.safe_load((PROJECT / "asterisk-docker/compose.yaml").read_text())


def test_compose_keeps_to_its_schema() -> None:
    spec = PyCompose.from_json(json.dumps(compose())).to_spec()
    assert set(spec.services) == {"database", "setup", "asterisk", "daemon"}


def test_a_wrong_compose_would_be_noticed() -> None:
    wrong = compose()
    wrong["services"]["asterisk"]["network-mode"] = "host"
    with pytest.raises(ValueError, match="network-mode"):
        PyCompose.from_json(json.dumps(wrong))


def test_everything_that_lasts_is_watched_and_begun_anew(services: dict[str, Any]) -> None:
    for name in ("database", "asterisk", "daemon"):
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["healthcheck"]["test"]


def test_asterisk_and_daemon_share_home_and_network(services: dict[str, Any]) -> None:
    for name in ("asterisk", "daemon", "setup"):
        assert services[name]["network_mode"] == "host"
        assert "home:/srv/pbx" in services[name]["volumes"]
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["database"]["network_mode"] == "none"


def test_the_units_call_commands_that_exist() -> None:
    units = sorted((PROJECT / "docs/systemd").glob("*.service"))
    lines = [
        line for unit in units for line in re.findall(r"^Exec\w+=\+?\S+/pbx-control (.*)$", unit.read_text(), re.M)
    ]
    assert len(lines) == 5
    for line in lines:
        find_command(line.split())


def find_command(words: list[str]) -> click.Command:
    """The command that the words name; fails if there is none or it does not take these options."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found
        command = found
    command.make_context("pbx-control", words)
    return command
