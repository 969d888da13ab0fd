"""`python -m tests.prepared`: makes what the tests' Asterisks run from; `make test` does it beside `make check`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pbx_control.asterisk.runtime import sandbox

if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        etc = Path(folder, "asterisk", "etc")
        etc.mkdir(parents=True)
        (etc / "asterisk.conf").write_text(f"[directories]\nastrundir = {folder}\n")
        sandbox(etc.parent).prepare(print)
