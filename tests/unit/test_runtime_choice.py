"""Which Asterisk is new enough, where the cache is, and what a port that is taken is called."""

from pathlib import Path

import pytest

from pbx_control.asterisk.runtime import rootfs, system


@pytest.mark.parametrize(
    ("says", "version", "serves"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1", (22, 10), True),
        ("Asterisk 22.4.0", (22, 4), True),
        ("Asterisk 22.3.0", (22, 3), False),
        ("Asterisk 21.9.0", (21, 9), True),
        ("Asterisk 21.8.1", (21, 8), False),
        ("Asterisk 20.14.1~dfsg", (20, 14), True),
        ("Asterisk 20.13.0", (20, 13), False),
        ("Asterisk 23.0.0", (23, 0), True),
        ("Asterisk 18.26.4", (18, 26), False),
        ("Asterisk certified/20.7-cert3", (20, 7), False),
        ("Asterisk GIT-master-abc", None, False),
        ("", None, False),
    ],
)
def test_versions(says: str, version: tuple[int, int] | None, serves: bool) -> None:
    assert system.parse(says) == version
    assert system.new_enough(system.parse(says)) is serves


def test_the_cache_follows_the_standard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rootfs.root().parent == tmp_path / "pbx-control"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert rootfs.cache_folder() == Path("/home/somebody/.cache/pbx-control")


def test_another_recipe_is_another_root(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rootfs.root()
    monkeypatch.setattr(rootfs, "PACKAGES", (*rootfs.PACKAGES, "one-more"))
    assert rootfs.root() != before


def test_what_is_missing_for_a_root_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(rootfs.SwitchUnavailable, match="apt-get install bubblewrap mmdebstrap"):
        rootfs.require_tools()
