"""Compiles the catalogues into what is installed; all else stands in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithCatalogues(build_py):
    """Also compiles each .po file; an editable install compiles when a text is first asked for."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        for source in Path().glob("pbx_control/locale/*/LC_MESSAGES/*.po"):
            compiled = Path(self.build_lib, source).with_suffix(".mo")
            compiled.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as text, compiled.open("wb") as made:
                write_mo(made, read_po(text))


setup(cmdclass={"build_py": BuildWithCatalogues})
