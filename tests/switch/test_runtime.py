"""Starting and stopping a real Asterisk: it outlives its starter, says what is wrong, and hurts no other."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pbx_control.asterisk import runtime
from pbx_control.asterisk.modules import MODULES
from pbx_control.asterisk.runtime import bubblewrap, process, rootfs, system
from pbx_control.asterisk.runtime.account import asterisk_account
from pbx_control.errors import ClientMistake, SwitchUnavailable
from pbx_control.settings import AsteriskSettings, Home, Settings, Sip
from pbx_control.world.legs import patience

pytestmark = pytest.mark.switch

# A configuration of the least: a console, HTTP with ARI, and one extension that records.
CONFIGURATION = {
    "asterisk.conf": """[directories]
astetcdir = {state}/etc
astrundir = {state}/run
astlogdir = {state}/log
astspooldir = {state}/spool
astdbdir = {state}/db
""",
    "logger.conf": "[logfiles]\nmessages.log => notice,warning,error\n",
    "modules.conf": "[modules]\nautoload = no\n"
    + "".join(f"load = {name}.so\n" for name in (*MODULES, "res_clioriginate")),
    "http.conf": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {http}\n",
    "ari.conf": "[general]\nenabled = yes\n[pbx]\ntype = user\npassword = 0123456789abcdef\n",
    "extensions.conf": """[try]
exten => record,1,Answer()
 same => n,Record({home}/recordings/2026/01/02/try.wav,0,1,kq)
exten => agi,1,AGI({state}/etc/agi.py)
""",
}


def write_configuration(home: Home, http: int) -> None:
    folder = home.asterisk / "etc"
    folder.mkdir(parents=True)
    for name, text in CONFIGURATION.items():
        (folder / name).write_text(
            text.replace("{state}", str(home.asterisk)).replace("{http}", str(http)).replace("{home}", str(home.root))
        )


def make_home(folder: Path, first_port: int) -> tuple[Home, Settings]:
    home = Home(folder)
    write_configuration(home, first_port)
    settings = Settings(
        asterisk=AsteriskSettings(http_port=first_port, ami_port=first_port + 1),
        sip=Sip(bind=f"127.0.0.1:{first_port + 2}"),
    )
    home.settings_file.write_text(
        f"[asterisk]\nhttp_port = {first_port}\nami_port = {first_port + 1}\n"
        f'[sip]\nbind = "127.0.0.1:{first_port + 2}"\n'
    )
    return home, settings


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[runtime.Runtime]:
    switch = runtime.choose(*make_home(tmp_path / "home", 16110))
    yield switch
    switch.stop()


def asterisk_of(switch: runtime.Runtime) -> psutil.Process:
    holder = psutil.Process(switch.status().pid)
    return next(child for child in holder.children(recursive=True) if child.name() == "asterisk")


def pbx_control(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    cli = Path(__file__).parents[2] / "cli.py"
    return subprocess.run(
        [sys.executable, str(cli), "--lang", "en", "--home", str(home), *words], capture_output=True, text=True
    )


def test_it_starts_answers_and_stops(switch: runtime.Runtime) -> None:
    assert switch.start() is True
    status = switch.status()
    assert status.running
    assert status.answers
    assert system.new_enough(system.parse(f"Asterisk {status.version}"))
    assert "0 active channels" in switch.command("core show channels")
    assert switch.start() is False, "a second start changes nothing"
    asterisk = asterisk_of(switch)
    assert switch.stop() is True
    assert not asterisk.is_running() or asterisk.status() == psutil.STATUS_ZOMBIE
    assert not switch.status().running
    assert switch.stop() is False


def test_it_is_never_root(switch: runtime.Runtime) -> None:
    switch.start()
    asterisk = asterisk_of(switch)
    assert asterisk.uids().effective == asterisk_account(switch.instance.state).uid != 0
    granted = [line for line in Path(f"/proc/{asterisk.pid}/status").read_text().splitlines() if "CapEff" in line]
    assert granted == ["CapEff:\t0000000000000000"]


def test_it_outlives_the_command_that_started_it_and_the_next_one_stops_it(tmp_path: Path) -> None:
    home, _ = make_home(tmp_path / "home", 16110)
    assert pbx_control(home.root, "asterisk", "start").stdout == "Asterisk answers\n"
    try:
        told = pbx_control(home.root, "asterisk", "status", "--json")
        assert told.returncode == 0
        assert json.loads(told.stdout)["channels"] == 0
        assert "Asterisk 2" in pbx_control(home.root, "asterisk", "console", "-x", "core show version").stdout
    finally:
        assert pbx_control(home.root, "asterisk", "stop").stdout == "Asterisk has stopped\n"
    assert pbx_control(home.root, "asterisk", "status").returncode == 1


def test_it_is_stopped_although_its_settings_are_broken(tmp_path: Path) -> None:
    home, _ = make_home(tmp_path / "home", 16110)
    assert pbx_control(home.root, "asterisk", "start").stdout == "Asterisk answers\n"
    written = home.settings_file.read_text()
    try:
        home.settings_file.write_text("[sip\n")
        assert "is not valid TOML" in pbx_control(home.root, "asterisk", "status").stderr
        assert pbx_control(home.root, "asterisk", "stop").stdout == "Asterisk has stopped\n"
    finally:
        home.settings_file.write_text(written)
        pbx_control(home.root, "asterisk", "stop")
    assert pbx_control(home.root, "asterisk", "status").returncode == 1


def test_in_the_foreground_it_is_the_supervisors_process(switch: runtime.Runtime) -> None:
    cli = Path(__file__).parents[2] / "cli.py"
    home = switch.instance.state.parent
    command = [sys.executable, str(cli), "--home", str(home), "asterisk", "start", "--foreground"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as unit:
        wait_for(lambda: switch.status().answers)
        assert switch.status().pid == unit.pid
        assert switch.stop() is True
        assert unit.wait(10) == 0


def test_recordings_are_private_and_readable_by_us(switch: runtime.Runtime) -> None:
    switch.start()
    home = switch.instance.state.parent
    switch.command("channel originate Local/record@try application Playback hello-world")
    file = home / "recordings/2026/01/02/try.wav"
    wait_for(lambda: file.exists() and "0 active channels" in switch.command("core show channels"))
    assert file.stat().st_mode & 0o777 == 0o600
    with wave.open(str(file)) as sound:
        assert sound.getframerate() == 8000


def test_agi_scripts_find_python_and_pyst2(switch: runtime.Runtime) -> None:
    script = switch.instance.state / "etc" / "agi.py"
    script.write_text(
        "#!/usr/bin/python3\nfrom asterisk.agi import AGI\n"
        f"agi = AGI()\nopen('{switch.instance.state}/spool/said', 'w').write(agi.env['agi_extension'])\n"
    )
    script.chmod(0o755)
    switch.start()
    switch.command("channel originate Local/agi@try application Wait 1")
    said = switch.instance.state / "spool" / "said"
    wait_for(lambda: said.exists() and said.read_text() == "agi")
    assert said.stat().st_uid == asterisk_account(switch.instance.state).uid


def test_it_sees_nothing_of_the_home_but_its_own_folders(switch: runtime.Runtime) -> None:
    switch.start()
    home = switch.instance.state.parent
    seen = Path(f"/proc/{asterisk_of(switch).pid}/root{home}")
    assert sorted(entry.name for entry in seen.iterdir()) == ["asterisk", "prompts", "recordings"]


def test_two_homes_do_not_disturb_one_another(switch: runtime.Runtime, tmp_path: Path) -> None:
    other = runtime.choose(*make_home(tmp_path / "other", 16120))
    switch.start()
    try:
        other.start()
        other.stop()
        assert switch.status().answers
    finally:
        other.stop()


def test_a_sandbox_needs_nothing_but_its_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write_configuration(home, 16130)
    world = runtime.sandbox(home.asterisk)
    assert world.start()
    try:
        assert "0 active channels" in world.command("core show channels")
    finally:
        assert world.stop()


def test_a_taken_port_is_named_with_its_owner(switch: runtime.Runtime) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 16112))
        with pytest.raises(ClientMistake, match=rf"127.0.0.1:16112/udp is taken by .*process {os.getpid()}.*\[sip\]"):
            switch.start()
    assert not switch.status().running


def test_one_that_ends_at_once_says_why_and_leaves_nothing(switch: runtime.Runtime) -> None:
    modules = switch.instance.state / "etc" / "modules.conf"
    modules.write_text("[modules]\nautoload = no\nrequire = there_is_no_such_module.so\n")
    with pytest.raises(SwitchUnavailable, match=r"ended at once: .*there_is_no_such_module"):
        switch.start()
    assert not switch.status().running
    assert not switch.instance.pid_file.exists()


def test_a_sandbox_that_cannot_be_made_says_why(
    switch: runtime.Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SwitchUnavailable, match="ended at once: bwrap: No permissions to create a new namespace"):
        switch.start()


def test_without_a_configuration_nothing_is_started(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.asterisk.mkdir()
    ports = AsteriskSettings(http_port=16110, ami_port=16111)
    switch = runtime.choose(home, Settings(asterisk=ports, sip=Sip(bind="127.0.0.1:16112")))
    with pytest.raises(ClientMistake, match="no configuration yet"):
        switch.start()


def test_a_pid_that_was_given_out_again_is_never_killed(switch: runtime.Runtime) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        record = process.myself(bystander.pid, "rootfs")
        switch.instance.keep.mkdir(parents=True)
        process.Spawned(record.pid, record.started - 1, record.boot, "rootfs").save(switch.instance.pid_file)
        assert switch.stop() is False
        assert bystander.poll() is None
        bystander.terminate()


def test_a_hung_one_is_stopped_all_the_same(switch: runtime.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.asterisk.runtime.lifecycle.STOP_LIMIT", 0.5)
    switch.start()
    asterisk = asterisk_of(switch)
    asterisk.send_signal(signal.SIGSTOP)
    assert switch.stop() is True
    wait_for(lambda: not asterisk.is_running() or asterisk.status() == psutil.STATUS_ZOMBIE)


def test_killing_its_supervisor_leaves_no_asterisk_behind(switch: runtime.Runtime) -> None:
    switch.start()
    asterisk = asterisk_of(switch)
    os.kill(switch.status().pid, signal.SIGKILL)
    wait_for(lambda: not asterisk.is_running() or asterisk.status() == psutil.STATUS_ZOMBIE)
    assert not switch.status().running
    assert switch.start() is True


def test_two_starts_at_once_make_one_asterisk(tmp_path: Path) -> None:
    home, settings = make_home(tmp_path / "home", 16110)
    cli = Path(__file__).parents[2] / "cli.py"
    command = [sys.executable, str(cli), "--lang", "en", "--home", str(home.root), "asterisk", "start"]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(starter.communicate()[0] for starter in starters)
    runtime.choose(home, settings).stop()
    assert said == ["Asterisk answers\n", "Asterisk runs already\n"]


def open_way(path: Path) -> None:
    """Lets every account go as far as `path`: pytest closes its folders to others than root."""
    for folder in path.parents:
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)


@pytest.fixture
def system_asterisk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `asterisk` on the PATH: the one of the root file system, in a place that its account can reach."""
    top = tmp_path_factory.mktemp("system")
    subprocess.run(["cp", "-a", "--link", str(rootfs.ensure(print)), str(top / "root")], check=True)
    libraries = top / "root/usr/lib/x86_64-linux-gnu"
    program = top / "bin/asterisk"
    program.parent.mkdir()
    loader = f"{libraries}/ld-linux-x86-64.so.2 --library-path {libraries}"
    program.write_text(f'#!/bin/sh\nexec {loader} {top}/root/usr/sbin/asterisk "$@"\n')
    program.chmod(0o755)
    open_way(program)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return top / "root"


def test_the_machines_own_asterisk_comes_first(system_asterisk: Path, switch: runtime.Runtime) -> None:
    open_way(switch.instance.state.parent)
    conf = switch.instance.configuration
    modules = system_asterisk / "usr/lib/x86_64-linux-gnu/asterisk/modules"
    conf.write_text(conf.read_text() + f"astmoddir = {modules}\nastdatadir = {system_asterisk}/usr/share/asterisk\n")
    switch.start()
    status = switch.status()
    assert (status.runtime, status.answers) == ("system", True)
    holder = psutil.Process(status.pid)
    assert holder.children()[0].uids().effective == asterisk_account(switch.instance.state).uid != 0
    switch.stop()
    assert not switch.status().running


# A container engine to the extent that we use one: `run` enters the root file system instead of an image.
ENGINE = """#!{python}
import json, os, sys
words = sys.argv[1:]
with open("{folder}/asked", "a") as asked:
    asked.write(" ".join(words) + "\\n")
if words[0] == "run":
    if "{runs}" != "yes":
        sys.exit("this engine cannot run containers")
    image = next(n for n, word in enumerate(words) if word.startswith("pbx-control-asterisk:"))
    command = json.load(open("{folder}/prefix")) + words[image + 1 :]
    os.execvp(command[0], command)
"""


def put_engine(folder: Path, switch: runtime.Runtime, monkeypatch: pytest.MonkeyPatch, runs: str) -> None:
    (folder / "prefix").write_text(json.dumps(bubblewrap.prefix(switch.instance)))
    program = folder / "docker"
    program.write_text(ENGINE.format(python=sys.executable, folder=folder, runs=runs))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_container_engine_comes_second(
    switch: runtime.Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rootfs.ensure(print)
    switch.instance.lay_out()
    put_engine(tmp_path, switch, monkeypatch, runs="yes")
    switch.start()
    status = switch.status()
    assert (status.runtime, status.answers) == ("container", True)
    assert switch.stop()
    run = next(line for line in (tmp_path / "asked").read_text().splitlines() if "--name" in line)
    account = asterisk_account(switch.instance.state)
    home = switch.instance.state.parent
    assert f"--user {account.uid}:{account.gid} " in run
    assert f"--volume {home}/recordings:{home}/recordings " in run
    assert f"--volume {home}/prompts:{home}/prompts:ro " in run
    assert "--network host" in run
    assert str(home / "pbx.toml") not in run


def test_an_engine_that_cannot_run_containers_is_passed_over(
    switch: runtime.Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rootfs.ensure(print)
    switch.instance.lay_out()
    put_engine(tmp_path, switch, monkeypatch, runs="no")
    assert switch.prepare() == "rootfs"
    only_containers = runtime.Runtime(switch.instance, "container")
    with pytest.raises(SwitchUnavailable, match="docker run failed: this engine cannot run containers"):
        only_containers.start()


def test_an_external_one_is_only_talked_to(switch: runtime.Runtime) -> None:
    switch.start()
    outside = runtime.Runtime(switch.instance, "external")
    assert outside.status().answers
    with pytest.raises(ClientMistake, match="start that Asterisk where it is installed"):
        outside.start()
    switch.stop()
    assert not outside.status().answers


def wait_for(condition, limit: float = 10) -> None:
    deadline = time.monotonic() + patience(limit)
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
