"""One source of time zones: the newer of the machine's files and the package's, and only names of the IANA's list."""

import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib import resources
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzdata

from pbx_control import zones
from pbx_control.asterisk import dialplan
from pbx_control.asterisk.clocks import moments
from pbx_control.domain import checks
from pbx_control.domain.office import Client, Office
from pbx_control.errors import ClientMistake
from pbx_control.settings import Home, load

NO_ZONES = ["localtime", "posixrules", "Factory", "right/America/Santiago", "posix/America/Santiago", "", ".", "Etc"]
NO_ZONES += [
    "../America/Santiago",
    "/etc/localtime",
    "america/santiago",
    "America",
    "tzdata.zi",
    "America/Santiago ",
    "EST5",
]


@pytest.fixture
def as_it_was():
    yield
    zones._version_of_machine.cache_clear()
    zones.content.cache_clear()
    zones.use_newest()
    ZoneInfo.clear_cache()


@pytest.mark.parametrize("name", NO_ZONES)
def test_only_names_of_the_list_are_zones(name: str, tmp_path: Path) -> None:
    with pytest.raises(ClientMistake, match="there is no time zone"):
        checks.timezone(name)
    with pytest.raises(ClientMistake, match="there is no time zone"):
        zones.content(name)
    (tmp_path / "pbx.toml").write_text(f"[office]\ntimezone = '{name}'\n")
    with pytest.raises(ClientMistake, match=r"office\.timezone is wrong: must be a time zone of the IANA list"):
        load(Home(tmp_path))
    with pytest.raises(ClientMistake, match="there is no time zone"):
        dialplan.zone_files(Office(clients=(Client(1, "andes", "Andes", timezone=name),)))


def test_every_name_of_the_list_is_one_with_its_file() -> None:
    names = set((resources.files("tzdata") / "zones").read_text().split()) - {"Factory"}
    assert {"America/Santiago", "America/Coyhaique", "Chile/Continental", "UTC", "EST5EDT"} < names
    assert [checks.timezone(name) for name in sorted(names)] == sorted(names)


@pytest.mark.parametrize(
    "name",
    [
        "America/Santiago",
        "America/Coyhaique",
        "America/Nuuk",
        "Africa/Casablanca",
        "Asia/Gaza",
        "UTC",
        "Asia/Kathmandu",
    ],
)
def test_the_file_for_asterisk_has_the_daemons_clock(name: str) -> None:
    zone, theirs = ZoneInfo(name), ZoneInfo.from_file(BytesIO(zones.content(name)))
    at = datetime(2020, 1, 2, tzinfo=UTC)
    while at < datetime(2038, 1, 1, tzinfo=UTC):
        assert at.astimezone(zone).utcoffset() == at.astimezone(theirs).utcoffset(), at
        at += timedelta(hours=1)


def test_a_name_with_a_slip_is_answered_by_the_one_that_may_be_meant() -> None:
    with pytest.raises(ClientMistake, match="write one like America/Santiago"):
        checks.timezone("america/santiago")


def machine(folder: Path, version: str) -> None:
    """A machine's zones: Santiago is where Madrid is."""
    (folder / "America").mkdir()
    (folder / "tzdata.zi").write_text(f"# version {version}\n# more\n")
    madrid = (resources.files("tzdata") / "zoneinfo" / "Europe" / "Madrid").read_bytes()
    (folder / "America" / "Santiago").write_bytes(madrid)


@pytest.mark.parametrize(("version", "there"), [("1999a", False), ("2999a", True), ("", False)])
@pytest.mark.usefixtures("as_it_was")
def test_the_newer_files_count_for_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, there: bool
) -> None:
    machine(tmp_path, version)
    monkeypatch.setattr(zones, "MACHINE", tmp_path)
    monkeypatch.setattr(zones, "LIST_OF_MACHINE", tmp_path / "tzdata.zi")
    zones._version_of_machine.cache_clear()
    zones.content.cache_clear()
    zones.use_newest()
    ZoneInfo.clear_cache()
    assert zones.version() == max(version, tzdata.IANA_VERSION)
    ours = ZoneInfo.no_cache("America/Santiago").utcoffset(datetime(2026, 1, 15))
    assert ours == timedelta(hours=1 if there else -3)
    theirs = ZoneInfo.from_file(BytesIO(zones.content("America/Santiago")))
    assert theirs.utcoffset(datetime(2026, 1, 15)) == ours
    # What the machine does not have comes from the package, for both.
    assert ZoneInfo.no_cache("America/Coyhaique").utcoffset(datetime(2026, 7, 15)) == timedelta(hours=-3)


def test_every_process_of_ours_reads_that_source() -> None:
    code = "import pbx_control.domain.opening.hours, zoneinfo; print(zoneinfo.TZPATH)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(zoneinfo.TZPATH)
    assert zoneinfo.TZPATH in ((), (str(zones.MACHINE),))


def test_another_content_has_another_name_in_the_dialplan(monkeypatch: pytest.MonkeyPatch) -> None:
    first = dialplan.zone_file.__wrapped__("America/Santiago")
    monkeypatch.setattr(zones, "content", lambda _: b"TZif of the next law")
    assert dialplan.zone_file.__wrapped__("America/Santiago") != first
    assert first.startswith("America-Santiago-")


def test_clocks_are_compared_right_before_and_after_each_change() -> None:
    found = set(moments(ZoneInfo("America/Santiago"), datetime(2026, 1, 1, tzinfo=UTC)))
    for change in (datetime(2026, 4, 5, 3, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC)):
        assert {change, change - timedelta(seconds=1)} <= found
    assert len(found) == 400 + 4
