"""Every folder of the program is in the wheel: one that setup.cfg does not name is missing where it is installed."""

from configparser import ConfigParser
from glob import glob
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_folder_with_a_program_is_named() -> None:
    written = ConfigParser(interpolation=None)
    written.read(ROOT / "setup.cfg")
    named = set(written["options"]["packages"].split())
    folders = {file.parent.relative_to(ROOT) for file in (ROOT / "pbx_control").rglob("__init__.py")}
    assert {".".join(folder.parts) for folder in folders} <= named


def test_each_file_that_the_pages_and_letters_are_made_of_is_packed() -> None:
    written = ConfigParser(interpolation=None)
    written.read(ROOT / "setup.cfg")
    for package in ("pbx_control.web", "pbx_control.domain"):
        folder = ROOT / package.replace(".", "/")
        patterns = written["options.package_data"][package].split(", ")
        packed = {file for pattern in patterns for file in glob(str(folder / pattern), recursive=True)}
        there = {str(file) for file in folder.rglob("*") if file.is_file() and not file.suffix.startswith(".py")}
        assert there <= packed
