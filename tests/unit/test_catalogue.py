"""The catalogue is compiled where it is built, and anew where its source is newer."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from pbx_control import catalogue

SOURCE = """msgid ""
msgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "ready"
msgstr "{ready}"

msgid "{n} file"
msgid_plural "{n} files"
msgstr[0] "{n} archivo"
msgstr[1] "{n} archivos"
"""
ROOT = Path(catalogue.__file__).parent.parent


def written(folder: Path, ready: str) -> Path:
    """A catalogue's source in that folder; nothing of an earlier one is remembered."""
    catalogue._catalogue.cache_clear()
    file = folder / "es" / "LC_MESSAGES" / "pbx_control.po"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(SOURCE.replace("{ready}", ready))
    return file


@pytest.fixture
def locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalogue, "LOCALE", tmp_path)
    monkeypatch.setattr(catalogue, "_catalogue", catalogue.cache(catalogue._catalogue.__wrapped__))
    return tmp_path


def test_source_is_compiled_once_and_anew_when_it_changes(locale: Path) -> None:
    source = written(locale, "listo")
    assert catalogue.translated("ready", "es") == "listo"
    compiled = source.with_suffix(".mo")
    first = compiled.read_bytes()
    assert compiled.stat().st_mtime_ns == source.stat().st_mtime_ns
    written(locale, "lista")
    os.utime(source, ns=(1, 1))  # older than what is compiled, as after a checkout of an older commit
    assert catalogue.translated("ready", "es") == "lista"
    assert compiled.read_bytes() != first
    assert [file.name for file in source.parent.iterdir() if file.suffix not in (".po", ".mo")] == []


def test_installed_catalogue_needs_no_source(locale: Path) -> None:
    source = written(locale, "listo")
    catalogue.translated("ready", "es")
    source.unlink()
    catalogue._catalogue.cache_clear()
    template = catalogue.counted("{n} file", "{n} files", by="n")
    assert [catalogue.translated_count(template, n, "es") for n in (0, 1, 2, "1", None)] == [
        *("{n} archivos", "{n} archivo", "{n} archivos", "{n} archivos", "{n} archivos")
    ]


@pytest.mark.parametrize("language", ["en", "xx"])
def test_text_without_translation_is_english(language: str) -> None:
    template = catalogue.counted("{n} file", "{n} files", by="n")
    assert catalogue.translated("ready", language) == "ready"
    assert catalogue.translated("", "es") == ""
    assert [catalogue.translated_count(template, n, language) for n in (1, 2)] == ["{n} file", "{n} files"]


def test_wheel_has_the_compiled_catalogue(tmp_path: Path) -> None:
    script = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "cli.py", *PACKAGES):
        (tmp_path / name).symlink_to(ROOT / name)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in ZipFile(wheel).namelist() if "/locale/" in name}
    assert names == {"pbx_control/locale/es/LC_MESSAGES/pbx_control.mo"}


PACKAGES = ("pbx_control", "dialplans", "sounds", "migrations")
