"""`asterisk restart`: ends Asterisk before it starts a new one, and leaves systemd's alone."""

import os
from pathlib import Path

import pytest

from pbx_control.asterisk.runtime import Instance, Runtime, process
from pbx_control.errors import ClientMistake


@pytest.fixture
def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Runtime, list[str]]:
    """A switch that only notes what is done to it."""
    done: list[str] = []
    runtime = Runtime(Instance("asterisk", tmp_path / "asterisk", tmp_path / "run"), "auto")
    monkeypatch.setattr(runtime, "stop", lambda: not done.append("stop"))
    monkeypatch.setattr(runtime, "start", lambda _progress: not done.append("start"))
    return runtime, done


def test_it_ends_before_it_starts(switch: tuple[Runtime, list[str]]) -> None:
    runtime, done = switch
    assert runtime.restart()
    assert done == ["stop", "start"]


def test_systemds_own_is_left_to_it(switch: tuple[Runtime, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, done = switch
    runtime.instance.keep.mkdir()
    process.myself(os.getpid(), "rootfs").save(runtime.instance.pid_file)
    monkeypatch.setattr(process, "unit_of", lambda _pid: "pbx-control-asterisk.service")
    with pytest.raises(ClientMistake, match="systemctl restart pbx-control-asterisk"):
        runtime.restart()
    assert done == []


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        ("0::/system.slice/pbx-control-asterisk.service\n", "pbx-control-asterisk.service"),
        ("0::/user.slice/user-0.slice/session-3.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.service\n", None),
        ("0::/system.slice/docker-4f.scope\n", None),
        ("0::/\n", None),
    ],
)
def test_a_service_is_known_by_its_control_group(
    groups: str, unit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _path: groups)
    assert process.unit_of(4711) == unit


def test_a_process_that_has_ended_belongs_to_none() -> None:
    assert process.unit_of(2**22 + 1) is None
