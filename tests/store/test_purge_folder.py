"""Thousands of files of all kinds on a real folder, under a clock that moves: none goes wrongly, none is forgotten."""

import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keeping import DAY, NOW, House
from sqlalchemy import insert

from pbx_control.media.purge import planned
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import holds
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import call

EXAMPLES, CALLS = 25, 60
# The clock before each purge, by the one before; what is not within a day is not believed.
MOVES = [timedelta(0), timedelta(hours=1), DAY, DAY + timedelta(seconds=1), -timedelta(minutes=2), 400 * DAY, -40 * DAY]
KINDS = ["plain", "held", "live", "unended", "link", "linked folder", "hard link", "outside", "derived", "absent"]
ODD_NAMES = ["{} copy.wav", "x{}.wav", ".{}.wav", "{}_.wav", "ñ\n{}.wav", "{}wav", "a.{}.wav"]


@dataclass(frozen=True)
class Kept:
    """A file and until when, at least, it must be there; `gone_after`: from when on it must not."""

    path: str
    stays_until: timedelta  # after NOW
    gone_after: timedelta


FOREVER = timedelta(days=9999)


class Folder:
    """Makes calls and files of a kind, and knows what must become of each."""

    def __init__(self, house: House, outside: Path) -> None:
        self.house, self.outside = house, outside
        self.files: list[Kept] = []
        outside.mkdir()

    def make(self, number: int, kind: str, minutes: int, odd: int) -> None:
        """A call that is due `minutes` after NOW (before it, if negative)."""
        call_id, due = f"pbx-1.{number}", timedelta(minutes=minutes)
        ended = NOW + due - 30 * DAY
        path = f"{ended:%Y/%m/%d}/{call_id}.wav"
        row = {"id": call_id, "client_id": None, "did": "+1", "caller": "", "phase": "ended", "arrived_at": ended}
        facts = {"ended_at": None if kind == "unended" else ended, "state": b"{}" if kind == "live" else None}
        with writing(self.house.engine) as conn:
            conn.execute(insert(call).values(row | facts | {"recording": "../secret" if kind == "outside" else path}))
            if kind == "held":
                holds.hold(conn, call_id, "a trial", NOW)
        self._lay(kind, path, due)
        name = ODD_NAMES[odd % len(ODD_NAMES)].format(call_id)
        if odd % 3 == 0:
            self._keep(f"{ended:%Y/%m/%d}/{name}", FOREVER)

    def _lay(self, kind: str, path: str, due: timedelta) -> None:
        if kind in ("plain", "hard link", "derived", "held", "live", "unended"):
            until = due if kind in ("plain", "hard link", "derived") else FOREVER
            self._keep(path, until)
            self._keep(path.replace(".wav", "-message.wav"), until)
        if kind == "derived":
            for suffix in (".mp3", ".wav.gz", "-message-2.wav", "-1.txt"):
                self._keep(path.replace(".wav", suffix), due)
        if kind == "hard link":
            os.link(self.house.home.recordings / path, self.outside / Path(path).name)
        target = self.outside / f"target of {Path(path).name}"
        if kind == "link":
            target.write_text("kept")
            self._folder(path).joinpath(Path(path).name).symlink_to(target)
            self.files.append(Kept(path, FOREVER, FOREVER))
        if kind == "linked folder":
            target.mkdir()
            (target / Path(path).name).write_text("kept")
            link = self._folder(path).parent / f"linked {Path(path).name}"
            link.symlink_to(target)

    def _keep(self, path: str, due: timedelta) -> None:
        self._folder(path)
        self.house.has_file(path, path)
        self.files.append(Kept(path, due, due))

    def _folder(self, path: str) -> Path:
        folder = (self.house.home.recordings / path).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(-3000, 3000), st.integers(0, 20)), min_size=CALLS, max_size=CALLS
    ),
    st.lists(st.sampled_from(MOVES), min_size=1, max_size=5),
)
def test_no_file_goes_wrongly_and_none_is_forgotten(
    migrated_sqlite: Path, calls: list[tuple[str, int, int]], moves: list[timedelta]
) -> None:
    with tempfile.TemporaryDirectory() as top:
        database = Path(top) / "pbx.db"
        database.write_bytes(migrated_sqlite.read_bytes())
        home = Home(Path(top) / "home")
        engine = open_engine(home, Settings(database=Database(url=f"sqlite:///{database}")))
        folder = Folder(House(home, engine), Path(top) / "outside")
        (home.root / "secret").write_text("kept")
        for number, (kind, minutes, odd) in enumerate(calls):
            folder.make(number, kind, minutes, odd)
        outside = sorted(path.name for path in folder.outside.rglob("*"))
        _purge_and_check(folder, moves)
        assert sorted(path.name for path in folder.outside.rglob("*")) == outside
        assert (home.root / "secret").read_text() == "kept"
        engine.dispose()


def _purge_and_check(folder: Folder, moves: list[timedelta]) -> None:
    now = last_believed = NOW
    everything = {kept.path for kept in folder.files}
    gone: set[str] = set()
    for move in moves:
        now += move
        trusted = timedelta(0) <= now - last_believed <= DAY
        if trusted:
            last_believed = now
            plan = {
                one.file.path
                for one in planned(folder.house.home, folder.house.engine, now)
                if one.verdict.delete and one.size is not None
            }
            due = {kept.path for kept in folder.files if NOW + kept.stays_until <= now}
            assert plan == due - gone
            gone |= due
        folder.house.purges(now)
        assert everything - gone == folder.house.files() & everything
    assert {one["path"] for one in folder.house.receipts() if one["sha256"]} == gone
    assert len([one for one in folder.house.receipts() if one["sha256"]]) == len(gone)
