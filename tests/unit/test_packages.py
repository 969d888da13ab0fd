"""Every folder of the program is in the wheel: one that setup.cfg does not name is missing where it is installed."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_folder_with_a_program_is_named() -> None:
    written = ConfigParser(interpolation=None)
    written.read(ROOT / "setup.cfg")
    named = set(written["options"]["packages"].split())
    folders = {file.parent.relative_to(ROOT) for file in (ROOT / "pbx_control").rglob("__init__.py")}
    assert {".".join(folder.parts) for folder in folders} <= named
