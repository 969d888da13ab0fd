"""A home as `setup` makes it, and an office in it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal import Admin

from pbx_control.admin.language import speak


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    """A command line that was Spanish leaves no other test Spanish help."""
    yield
    speak("en")


@pytest.fixture(scope="session")
def set_up_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made once by `setup`, to be copied: speaking all its prompts takes seconds."""
    home = tmp_path_factory.mktemp("set-up") / "home"
    Admin(home).does("setup")
    return home


@pytest.fixture(scope="session")
def provisioned_home(set_up_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a trunk, three numbers and the client andes, which has the first; to be copied."""
    admin = Admin(copied(set_up_home, tmp_path_factory.mktemp("provisioned") / "home"))
    admin.does("trunk", "add", "carrier", "--match", "127.0.0.2")
    admin.does("did", "add", "+56225550101", "+56225550102", "+56322555010", "--trunk", "carrier")
    admin.does("client", "add", "andes", "--name", "Andes Ltda")
    admin.does("did", "assign", "+56225550101", "andes")
    return admin.home


@pytest.fixture
def admin(set_up_home: Path, tmp_path: Path) -> Admin:
    """An admin with a home of the test's own, as after `setup`."""
    return Admin(copied(set_up_home, tmp_path / "home"))


@pytest.fixture
def office(provisioned_home: Path, tmp_path: Path) -> Admin:
    """The same with a trunk, three numbers and the client andes, which has the first."""
    return Admin(copied(provisioned_home, tmp_path / "home"))


def copied(home: Path, to: Path) -> Path:
    """A home of one's own; its prompts, which nobody writes to again, are links to the same files."""
    shutil.copytree(home, to, symlinks=True, ignore=shutil.ignore_patterns("prompts"))
    shutil.copytree(home / "prompts", to / "prompts", copy_function=os.link)
    return to


@pytest.fixture
def unchanged() -> Callable[[Admin], Any]:
    """Reads everything that is provisioned, to compare before and after a command that must change nothing."""

    def everything(admin: Admin) -> Any:
        groups = ("trunk", "did", "client", "secretary", "contact", "recipient", "holiday")
        return {group: admin.reads(group, "list") for group in groups} | {
            "prompts": sorted(path.name for path in (admin.home / "prompts").rglob("*"))
        }

    return everything
