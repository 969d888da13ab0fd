"""What `pbx.toml` and the environment may say; a wrong setting is told in one line, with its name and its rule."""

import pickle
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


WRONG = [
    ("[mail]\nport = 0", "mail.port is wrong: must be a port"),
    ('[mail]\nport = "a"', "mail.port is wrong: must be a port"),
    ("[mail]\nport = true", "mail.port is wrong: must be a port"),
    ("[mail]\nhost = 5", "mail.host is wrong: must be a text"),
    ('[mail]\ntls = "ssl"', "mail.tls is wrong: must be none, starttls or tls"),
    ("[mail]\nprt = 25", "mail.prt is wrong: there is no such setting"),
    ("[post]\nport = 25", "post is wrong: there is no such setting"),
    ("mail = 5", "mail is wrong: must be a table"),
    ('[sip]\nbind = "localhost:5060"', "sip.bind is wrong: must be ADDRESS:PORT"),
    ('[sip]\nbind = "[::]:5060"', "sip.bind is wrong: [::] is IPv6 alone"),
    ('[sip]\ntls_bind = "[0:0::]:5061"', "sip.tls_bind is wrong: [::] is IPv6 alone"),
    ('[sip]\nbind = "0.0.0.0:99999"', "sip.bind is wrong: must be ADDRESS:PORT"),
    ('[sip]\nrtp_ports = "20000-10000"', "sip.rtp_ports is wrong: must be LOW-HIGH"),
    ('[sip]\nlocal_networks = "10.0.0.0/8"', "sip.local_networks is wrong: must be a list of texts"),
    ('[billing]\nissuer_rut = "1-1"', "billing.issuer_rut is wrong: must be a RUT"),
    ('[billing]\nbags = "0"', "billing.bags is wrong: must be numbers of calls"),
    ("[plans]\nwarn_percent = 101", "plans.warn_percent is wrong: must be a number from 1 to 100"),
    ("[backup]\nkeep = 0", "backup.keep is wrong: must be a whole number, 1 or more"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_a_wrong_setting_is_told_by_its_name_and_its_rule(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "pbx.toml").write_text(f"{text}\n")
    with pytest.raises(ClientMistake) as refused:
        load(Home(tmp_path))
    assert f"the setting {told}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX_MAIL__PORT", "2525")
    monkeypatch.setenv("pbx_office__name", "Sur")
    monkeypatch.setenv("PBX_SIP__LOCAL_NETWORKS", '["10.0.0.0/8"]')
    (tmp_path / "pbx.toml").write_text('[mail]\nport = 26\nhost = "mail.sur.cl"\n')
    settings = load(Home(tmp_path))
    assert (settings.mail.port, settings.mail.host, settings.office.name) == (2525, "mail.sur.cl", "Sur")
    assert settings.sip.local_networks == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("name", "told"),
    [("PBX_MAIL__PORT", r"mail\.port is wrong: must be"), ("PBX_MAIL__PRT", r"mail\.prt is wrong: there is no")],
)
def test_a_wrong_variable_is_told_by_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    (tmp_path / "pbx.toml").touch()
    monkeypatch.setenv(name, "x")
    with pytest.raises(ClientMistake, match=told):
        load(Home(tmp_path))


def test_what_is_written_otherwise_is_kept_tidied(tmp_path: Path) -> None:
    (tmp_path / "pbx.toml").write_text('[billing]\nissuer_rut = "76086428-5"\n[mail]\nreply_to = "ana@SUR.cl"\n')
    settings = load(Home(tmp_path))
    assert (settings.billing.issuer_rut, settings.mail.reply_to) == ("76.086.428-5", "ana@sur.cl")


def test_settings_reach_another_process(tmp_path: Path) -> None:
    settings = read(tmp_path, 'name = "Sur"')
    assert pickle.loads(pickle.dumps(settings)) == settings
