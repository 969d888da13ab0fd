"""How much of each room the tests have run, as `make coverage` has counted it; a room that decides or runs calls and
has less than LEAST is an error."""

import io
import sys
from pathlib import Path

from coverage import Coverage
from coverage.exceptions import NoDataError

import pbx_control

PACKAGE = Path(pbx_control.__file__).parent
LEAST = 90.0  # per cent of the lines
MUST = ("domain", "services", "live")


def main() -> None:
    counted = Coverage()
    counted.load()
    folders = sorted(folder.name for folder in PACKAGE.iterdir() if folder.is_dir())
    shares = {room: share for room in folders if (share := percent(counted, f"pbx_control/{room}/*")) is not None}
    for room, share in [*shares.items(), ("all", percent(counted, "pbx_control/*"))]:
        print(f"{share:5.1f} %  {room}")
    short = [room for room in MUST if shares.get(room, LEAST) < LEAST]
    if short:
        sys.exit(f"below {LEAST:.0f} %: {', '.join(short)}; `coverage report` names the lines")


def percent(counted: Coverage, files: str) -> float | None:
    """The share of their lines that was run; None for a folder without any."""
    try:
        return counted.report(include=[files], file=io.StringIO())
    except NoDataError:
        return None


if __name__ == "__main__":
    main()
