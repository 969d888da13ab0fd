"""How an Asterisk's folders are laid out before it starts."""

import os
import stat

import pytest

from pbx_control.asterisk.runtime import Instance, bubblewrap
from pbx_control.asterisk.runtime.instance import of_home
from pbx_control.errors import ClientMistake
from pbx_control.settings import Home, Settings, Sip


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_configuration_becomes_readable_but_nothing_that_a_link_in_it_names(tmp_path):
    etc = tmp_path / "state" / "etc"
    (etc / "agi").mkdir(parents=True)
    (etc / "asterisk.conf").write_text(f"astrundir => {tmp_path}/state/run\n")
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "secret").write_text("x")
    (etc / "file").symlink_to(ours / "secret")
    (etc / "folder").symlink_to(ours)
    for path in (etc / "agi", etc / "asterisk.conf", ours / "secret", ours):
        os.chmod(path, 0o700 if path.is_dir() else 0o600)
    Instance(name="asterisk", state=tmp_path / "state", keep=tmp_path / "keep").lay_out()
    assert (mode(etc / "agi"), mode(etc / "asterisk.conf")) == (0o755, 0o644)
    assert (mode(ours), mode(ours / "secret")) == (0o700, 0o600)


def test_a_certificate_that_is_not_there_is_told_and_not_made(tmp_path):
    """Certbot writes into no folder that is there already."""
    missing = tmp_path / "live" / "fullchain.pem"
    sip = Sip(tls_bind="127.0.0.1:5061", certificate=str(missing), key=str(missing))
    instance = of_home(Home(tmp_path / "home"), Settings(sip=sip))
    with pytest.raises(ClientMistake, match=r"fullchain\.pem: No such file or directory"):
        instance.lay_out()
    assert not missing.parent.exists()


def test_a_hosts_file_that_root_made_is_replaced_and_not_written(tmp_path):
    instance = Instance(name="asterisk", state=tmp_path / "state", keep=tmp_path)
    old = bubblewrap.hosts_file(instance)
    roots = old.stat().st_ino
    old.chmod(0o444)
    new = bubblewrap.hosts_file(instance)
    assert (new, mode(new)) == (old, 0o644)
    assert new.stat().st_ino != roots
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
