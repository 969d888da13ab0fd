"""A telephone in a secretary's page, as an admin turns it on; and what is told of a relay that is half set up."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from terminal import Admin

from pbx_control.admin import checkup
from pbx_control.domain.telephony.browser import MODULES


def shown(office: Admin) -> object:
    return office.reads("secretary", "show", "Eva")["browser"]  # type: ignore[call-overload]


def test_it_is_off_until_it_is_turned_on(office: Admin) -> None:
    office.does("secretary", "add", "Eva")
    assert shown(office) is None
    office.does("dialplan", "apply")
    rtp = (office.home / "asterisk/etc/rtp.conf").read_text
    assert "icesupport = no" in rtp()
    office.does("secretary", "set", "Eva", "--browser-telephone")
    assert shown(office) == "unknown"  # no switch is there
    office.does("dialplan", "apply")
    assert "icesupport = yes" in rtp()
    assert "_browser](browser)" in (office.home / "asterisk/etc/pjsip.conf").read_text()
    office.does("secretary", "set", "Eva", "--no-browser-telephone")
    assert shown(office) is None


def test_it_has_a_spanish_name_and_state(office: Admin) -> None:
    office.does("secretary", "add", "Eva")
    office.does("secretary", "set", "Eva", "--browser-telephone")
    told = office.does("--lang", "es", "secretary", "show", "Eva")
    assert ("teléfono en la página" in told, "unknown" in told) == (True, False)


def test_no_password_of_a_page_stands_in_a_file(office: Admin) -> None:
    office.does("secretary", "add", "Eva")
    office.does("secretary", "set", "Eva", "--browser-telephone")
    office.does("dialplan", "apply")
    text = (office.home / "asterisk/etc/pjsip.conf").read_text()
    assert text.count("password = ") == text.count("type = auth")
    assert "_browser]\ntype = auth" not in text


class Switch:
    """An Asterisk that answers, with some modules and transports."""

    wanted = "rootfs"

    def __init__(self, modules: tuple[str, ...], transports: str) -> None:
        self.modules, self.transports = modules, transports

    def status(self) -> object:
        return SimpleNamespace(answers=True)

    def command(self, text: str) -> str:
        if text == "pjsip show transports":
            return self.transports
        name = text.rpartition(" ")[2]
        return f"{name}.so  …  Running" if name in self.modules else "0 modules loaded"


@pytest.mark.parametrize(
    ("modules", "transports", "told"),
    [
        (MODULES[:2], "transport-ws", "modules that Asterisk has not loaded (res_srtp, app_echo)"),
        (MODULES, "transport-udp", "has begun without the transport of telephones in pages"),
        (MODULES, "transport-udp transport-ws", "telephones in pages can register: 1"),
    ],
)
def test_doctor_says_what_it_lacks(
    office: Admin, monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], transports: str, told: str
) -> None:
    def only_this(_: object) -> Iterator[checkup.Finding]:
        yield from checkup.check_browser_telephones(_)  # type: ignore[arg-type]

    office.does("secretary", "add", "Eva")
    monkeypatch.setattr(checkup, "CHECKS", (only_this,))
    monkeypatch.setattr(checkup, "choose", lambda home, settings: Switch(modules, transports))
    assert "telephones in pages" not in office.types("doctor").output
    office.does("secretary", "set", "Eva", "--browser-telephone")
    assert told in office.types("doctor").output


@pytest.mark.parametrize("value", ["http://x", "turn:", "turn:x y", "turn:x?transport=sctp", "stun:x"])
def test_a_relay_is_a_turn_address(office: Admin, value: str) -> None:
    wrong = office.is_refused("client", "list", env={"PBX_WEB__TURN_URL": value})
    assert "must be turn: or turns: and a host" in wrong


def test_a_relay_without_a_secret_is_refused(office: Admin) -> None:
    told = office.types("doctor", env={"PBX_WEB__TURN_URL": "turn:turn.example.com:3478?transport=udp"}).output
    assert "turn_url or turn_secret alone" in told
