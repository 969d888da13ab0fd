"""What is kept of a caller in files: recordings, reports, the switch's own records.

`store/caller_data.py` has the rest; finding, handing out and erasing go by both.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pbx_control.catalogue import N_
from pbx_control.domain.keeping.erasure import names_number, redacted
from pbx_control.domain.keeping.retention import ERASED, possible_owners
from pbx_control.files import write_below
from pbx_control.media import deletion
from pbx_control.media.deletion import Found
from pbx_control.settings import Home
from pbx_control.store.caller_data import Row, Whose

# Reports to a client lie in a folder of its own (domain.notices.reports.Report.file).
REPORTS = "reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """One kind of files with texts. `erase` gives how many files said something of him."""

    name: str
    what: str  # for whoever reads a copy
    rows: Callable[[Home, Whose], Iterator[Row]]
    erase: Callable[[Home, Whose], int]


def sounds_of(home: Home, calls: Collection[str]) -> dict[str, list[Found]]:
    """The ordinary files below recordings/ that bear one of these calls' ids, by call."""
    files: dict[str, list[Found]] = {}
    for found in deletion.walk(home.recordings):
        owner = next((one for one in possible_owners(found.path) if one in calls), None)
        if owner is not None and found.kind == "file":
            files.setdefault(owner, []).append(found)
    return files


def _documents(home: Home, whose: Whose) -> Iterator[Row]:
    """Of each only the lines that name him: the others are other callers'."""
    for path in sorted(home.documents.rglob("*.csv")):
        if whose.client_id is None or _client_of(home, path) == whose.client_id:
            lines = [line for line in _text(path).splitlines() if names_number(line, whose.number)]
            if lines:
                yield {"file": str(path.relative_to(home.documents)), "lines": lines}


def _erase_documents(home: Home, whose: Whose) -> int:
    papers = sorted(home.documents.rglob("*.csv"))
    going = [path for path in papers if whose.may_erase(_client_of(home, path))]
    return sum(_rewritten(home.documents, path, lambda old: redacted(old, whose.number, whose.names)) for path in going)


def _client_of(home: Home, path: Path) -> int | None:
    """About which client a document is; None: about none, or it does not say."""
    folder, *rest = path.relative_to(home.documents).parts
    return int(rest[0]) if folder == REPORTS and len(rest) > 1 and rest[0].isdecimal() else None


def _records(home: Home, whose: Whose) -> Iterator[Row]:
    for path in _papers_of_switch(home):
        for row in csv.reader(_text(path).splitlines()):
            if _is_about(row, whose.calls):
                yield {"file": path.name, "line": row}


def _erase_records(home: Home, whose: Whose) -> int:
    done = home.run / "absence" / "done"
    papers = _papers_of_switch(home)
    return sum(_rewritten(done, path, lambda old: _without_callers(old, whose.calls)) for path in papers)


def _papers_of_switch(home: Home) -> list[Path]:
    return sorted((home.run / "absence" / "done").glob("*.csv"))


PAPERS: tuple[Papers, ...] = (
    Papers(
        name="documents",
        what=N_("Lines of reports to clients, as files, that have the number."),
        rows=_documents,
        erase=_erase_documents,
    ),
    Papers(
        name="records",
        what=N_("What the telephone switch wrote down itself while it served calls alone."),
        rows=_records,
        erase=_erase_records,
    ),
)


def counts(home: Home, whose: Whose) -> dict[str, int]:
    """How many lines there are of each kind, and how many sounds."""
    papers = {one.name: sum(1 for _ in one.rows(home, whose)) for one in PAPERS}
    return papers | {"sounds": sum(map(len, sounds_of(home, set(whose.calls)).values()))}


def erase_papers(home: Home, whose: Whose) -> int:
    """Takes him out of all texts; gives how many files had something of him."""
    return sum(one.erase(home, whose) for one in PAPERS)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _rewritten(top: Path, path: Path, change: Callable[[str], str]) -> bool:
    """Whether the file had anything to take out; it is replaced in one piece."""
    old = _text(path)
    new = change(old)
    if new != old:
        write_below(top, str(path.relative_to(top)), new.encode("utf-8", "surrogateescape"))
    return new != old


def _is_about(row: list[str], calls: Collection[str]) -> bool:
    """Whether a line of the switch's record (dialplans/cel_custom.conf.j2) still says who called in these calls."""
    # time, event, channel, what is told, number, name; a secretary's leg tells of the call it is for
    told = len(row) == 6 and any(row[2] == call or f'"{call} ' in row[3] for call in calls)
    return told and row[4] != ERASED


def _without_callers(old: str, calls: Collection[str]) -> str:
    """The switch's own record without numbers and names of these calls' callers."""
    out = io.StringIO()
    sheet = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    changed = False
    for row in csv.reader(old.splitlines()):
        if _is_about(row, calls):
            row[4:], changed = [ERASED, ""], True
        sheet.writerow(row)
    return out.getvalue() if changed else old
