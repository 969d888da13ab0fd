"""Files below a folder of ours: whole or not at all, for their owner alone, and never through a link."""

import os
import stat

import pytest

from pbx_control.files import open_below, write_below


@pytest.fixture
def top(tmp_path):
    return tmp_path / "documents"


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_written_is_read_by_its_owner_alone(top):
    write_below(top, "reports/7/perdidas.csv", b"first")
    write_below(top, "reports/7/perdidas.csv", b"second")
    with open_below(top, "reports/7/perdidas.csv") as file:
        assert file.read() == b"second"
    assert mode(top / "reports/7/perdidas.csv") == 0o600
    assert {mode(folder) for folder in (top, top / "reports", top / "reports/7")} == {0o700}
    assert os.listdir(top / "reports/7") == ["perdidas.csv"]


@pytest.mark.parametrize("name", ["", "/", "/etc/passwd", "../x", "a/../../x", "a//x", "./x", ".x", "a/.x", "a\0b"])
def test_name_that_leads_elsewhere_or_hides_is_refused(top, name):
    top.mkdir()
    with pytest.raises(OSError, match="no name of a file"):
        write_below(top, name, b"x")
    with pytest.raises(OSError, match="no name of a file"):
        open_below(top, name)
    assert os.listdir(top) == []


def test_no_link_is_followed_on_the_way(top, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    write_below(top, "a.csv", b"x")
    (top / "linked").symlink_to(tmp_path / "elsewhere")
    (top / "link.csv").symlink_to(top / "a.csv")
    with pytest.raises(NotADirectoryError):
        write_below(top, "linked/b.csv", b"x")
    with pytest.raises(OSError, match="symbolic links"):
        open_below(top, "link.csv")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_link_in_the_place_of_a_file_is_replaced_not_written_through(top, tmp_path):
    top.mkdir()
    (tmp_path / "precious").write_text("precious")
    (top / "a.csv").symlink_to(tmp_path / "precious")
    write_below(top, "a.csv", b"report")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (top / "a.csv").read_bytes() == b"report"
    assert not (top / "a.csv").is_symlink()


def test_top_itself_may_lie_on_another_disk(top, tmp_path):
    (tmp_path / "disk").mkdir()
    top.symlink_to(tmp_path / "disk")
    write_below(top, "a.csv", b"x")
    with open_below(top, "a.csv") as file:
        assert file.read() == b"x"


def test_pipe_is_no_file_of_ours_and_nobody_waits_for_it(top):
    top.mkdir()
    os.mkfifo(top / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        open_below(top, "pipe")


def test_what_cannot_be_finished_leaves_nothing_behind(top):
    (top / "a.csv").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_below(top, "a.csv", b"x")
    assert os.listdir(top) == ["a.csv"]
