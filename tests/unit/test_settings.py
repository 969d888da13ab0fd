"""What `pbx.toml` may say of transfers: a cap within the contract's ten minutes, and an address for alarms."""

from datetime import timedelta
from pathlib import Path

import pytest

from pbx_control.errors import ClientMistake
from pbx_control.settings import Home, Settings, load


def read(tmp_path: Path, line: str) -> Settings:
    (tmp_path / "pbx.toml").write_text(f"[office]\n{line}\n")
    return load(Home(tmp_path))


def test_a_transferred_conversation_lasts_ten_minutes_and_nobody_is_written_to(tmp_path: Path) -> None:
    office = read(tmp_path, "").office
    assert (office.cap, office.alarms_to) == (timedelta(minutes=10), "")


@pytest.mark.parametrize("seconds", [10, 20, 600])
def test_the_cap_may_be_shorter(tmp_path: Path, seconds: int) -> None:
    assert read(tmp_path, f"transfer_cap = {seconds}").office.cap == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["9", "601", "-1", '"ten"', "10.5", "true"])
def test_no_cap_but_one_within_the_contract(tmp_path: Path, value: str) -> None:
    with pytest.raises(ClientMistake, match=r"office\.transfer_cap is wrong"):
        read(tmp_path, f"transfer_cap = {value}")


@pytest.mark.parametrize("value", ["admin", "a@b\\r\\nBcc: c@d", "Ana <a@b.cl>", "a@b.cl, c@d.cl"])
def test_alarms_go_to_one_plain_address(tmp_path: Path, value: str) -> None:
    with pytest.raises(ClientMistake, match=r"office\.alarms_to is wrong"):
        read(tmp_path, f'alarms_to = "{value}"')


def test_alarms_have_an_address(tmp_path: Path) -> None:
    assert read(tmp_path, 'alarms_to = "admin@casa.example"').office.alarms_to == "admin@casa.example"
