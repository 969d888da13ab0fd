"""Out of calls: each call that nobody took is in one daily report, whatever the clocks, the daemon and strangers do."""

import csv
import stat
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN, JOB, by_admin
from msgspec.structs import replace
from running_out import ANDES, MARIA, SHORT, People, add_client, turned_away
from sqlalchemy import Engine, delete, select, update

from pbx_control.domain.call.model import Caller, Outcome, TurnedAway
from pbx_control.errors import PbxError
from pbx_control.files import open_below
from pbx_control.services import missed_reports, restricting
from pbx_control.settings import Home, OfficeSettings, Settings
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, recipient

SANTIAGO, MADRID = ZoneInfo("America/Santiago"), ZoneInfo("Europe/Madrid")
SETTINGS = Settings(office=OfficeSettings(name="Casa"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def due(month: int, day: int, zone: ZoneInfo = SANTIAGO) -> datetime:
    """18:15 of that day of 2026 in the zone."""
    return datetime(2026, month, day, 18, 15, tzinfo=zone).astimezone(UTC)


SUNDAY = due(11, 22)
NOON = SUNDAY - timedelta(hours=6)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def andes(engine: Engine) -> Engine:
    add_client(engine)
    return engine


def send(home: Home, engine: Engine, at: datetime, zone: ZoneInfo = SANTIAGO) -> str:
    return str(missed_reports.send(home, engine, SETTINGS, zone, at, JOB, at))


def told(engine: Engine, address: str = People.mail) -> list[letters.Posted]:
    """What was written to that address, the oldest first."""
    with reading(engine) as conn:
        newest = letters.newest(conn, limit=1000)
    return [posted for posted in reversed(newest) if posted.letter.address == address]


def sheet(home: Home, posted: letters.Posted) -> list[dict[str, str]]:
    """The rows of the CSV that goes with a letter."""
    with open_below(home.root, posted.letter.attachment) as file:
        return list(csv.DictReader(file.read().decode("utf-8-sig").splitlines(), delimiter=";"))


def missed(engine: Engine, *arrivals: datetime, **facts) -> None:
    with writing(engine) as conn:
        turned_away(conn, *arrivals, **facts)


def test_report_has_every_missed_call_and_its_file(home: Home, andes: Engine) -> None:
    missed(andes, NOON)
    missed(andes, NOON + MINUTE, caller=Caller(), message="2026/11/22/x-message.wav")
    assert send(home, andes, SUNDAY) == "reports of missed calls: 1"
    [mail], [chat] = told(andes), told(andes, People.chat)
    assert mail.letter.subject == "Clínica Andes: 2 llamadas perdidas, domingo 22 de noviembre de 2026"
    assert mail.letter.written_at == SUNDAY
    assert "dom 22 nov, 12:15: +56 9 8123 4567 (Maria Soto) → +56 2 2555 0101" in chat.letter.text
    assert mail.letter.attachment == "documents/reports/1/perdidas-2026-11-22.csv"
    assert [list(row.values()) for row in sheet(home, mail)] == [
        ["2026-11-22", "12:15:00", "+56 9 8123 4567", "Maria Soto", "+56 2 2555 0101", "no"],
        ["2026-11-22", "12:16:00", "número oculto", "", "+56 2 2555 0101", "sí"],
    ]
    written = home.documents / "reports/1/perdidas-2026-11-22.csv"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.documents.stat().st_mode) == 0o700


def test_day_without_missed_calls_has_no_report(home: Home, andes: Engine) -> None:
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"
    assert told(andes) == []
    assert not home.documents.exists()


def test_run_twice_it_is_sent_once(home: Home, andes: Engine) -> None:
    missed(andes, NOON)
    assert send(home, andes, SUNDAY) == "reports of missed calls: 1"
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"
    assert send(home, andes, SUNDAY + DAY) == "reports of missed calls: 0"
    assert len(told(andes)) == 1


def test_what_came_after_quarter_past_six_is_in_the_next_one(home: Home, andes: Engine) -> None:
    last, next_ = SUNDAY - SHORT - timedelta(microseconds=1), SUNDAY - SHORT
    missed(andes, last, next_)
    send(home, andes, SUNDAY)
    send(home, andes, SUNDAY + DAY)
    assert [len(sheet(home, posted)) for posted in told(andes)] == [1, 1]


def test_call_that_lasts_over_the_report_is_in_the_next_one(home: Home, andes: Engine) -> None:
    missed(andes, NOON, SUNDAY - SHORT / 2)
    send(home, andes, SUNDAY)
    send(home, andes, SUNDAY + DAY)
    assert [row["Hora"] for posted in told(andes) for row in sheet(home, posted)] == ["12:15:00", "18:14:50"]


def test_call_that_is_known_late_is_in_the_next_report(home: Home, andes: Engine) -> None:
    """What the switch noted while no daemon ran enters the store when one runs again."""
    missed(andes, NOON)
    send(home, andes, SUNDAY)
    missed(andes, NOON + MINUTE)
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"
    send(home, andes, SUNDAY + DAY)
    assert [row["Hora"] for posted in told(andes) for row in sheet(home, posted)] == ["12:15:00", "12:16:00"]


def test_days_on_which_no_daemon_ran_are_made_up_in_one_report(home: Home, andes: Engine) -> None:
    missed(andes, *(NOON - days * DAY for days in range(1, 5)))
    send(home, andes, SUNDAY)
    [posted] = told(andes)
    assert [row["Fecha"] for row in sheet(home, posted)] == ["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"]


def test_what_is_older_than_a_week_is_no_news(home: Home, andes: Engine) -> None:
    missed(andes, NOON - 8 * DAY)
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"


def test_only_calls_turned_away_for_want_of_calls_are_told(home: Home, andes: Engine) -> None:
    """Suspended clients' calls end alike; a missed call that a telephone rang for has had its own letter."""
    suspended = {"why": TurnedAway.SUSPENDED}
    missed(andes, NOON, **suspended)
    missed(andes, NOON + MINUTE, outcome=Outcome.MISSED)
    missed(andes, NOON + 2 * MINUTE, **suspended, caller=replace(MARIA, name='","why":"out of calls","x":"'))
    missed(andes, NOON + 3 * MINUTE, **suspended, facts=replace(ANDES, why="out of calls"))  # so a holiday is called
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"


@pytest.mark.parametrize("change", [{"exhausted_report": False}, {"state": "cancelled"}])
def test_who_wants_none_or_has_left_gets_none(home: Home, andes: Engine, change: dict[str, object]) -> None:
    missed(andes, NOON)
    with writing(andes) as conn:
        conn.execute(update(client).values(change))
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"


def test_client_that_was_suspended_after_it_ran_out_is_told(home: Home, andes: Engine) -> None:
    missed(andes, NOON)
    with writing(andes) as conn:
        conn.execute(update(client).values(state="suspended"))
    assert send(home, andes, SUNDAY) == "reports of missed calls: 1"


def test_who_has_no_recipient_yet_is_told_when_there_is_one(home: Home, andes: Engine) -> None:
    missed(andes, NOON)
    with writing(andes) as conn:
        rows = conn.execute(select(recipient)).mappings().all()
        conn.execute(delete(recipient))
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"
    with writing(andes) as conn:
        conn.execute(recipient.insert(), [dict(row) for row in rows])
    assert send(home, andes, SUNDAY + DAY) == "reports of missed calls: 1"


def test_each_zone_has_its_own_quarter_past_six(home: Home, andes: Engine) -> None:
    add_client(andes, 2, "sol", name="Sol", timezone="Europe/Madrid")
    missed(andes, NOON)
    missed(andes, NOON, facts=replace(ANDES, client_id=2, slug="sol"))
    assert send(home, andes, due(11, 22, MADRID), MADRID) == "reports of missed calls: 1"
    assert [posted.client for posted in told(andes)] == ["sol"]
    send(home, andes, SUNDAY)
    assert [posted.client for posted in told(andes)] == ["sol", "andes"]


def test_report_that_cannot_be_made_stops_no_others(home: Home, andes: Engine) -> None:
    add_client(andes, 2, "sol", name="Sol")
    missed(andes, NOON)
    missed(andes, NOON, facts=replace(ANDES, client_id=2, slug="sol"))
    (home.documents / "reports").mkdir(parents=True)
    (home.documents / "reports/1").symlink_to(home.root)
    with pytest.raises(PbxError, match="of andes could not be made: the log says why; 1 others were sent"):
        send(home, andes, SUNDAY)
    assert [posted.client for posted in told(andes)] == ["sol"]
    (home.documents / "reports/1").unlink()
    assert send(home, andes, SUNDAY + DAY) == "reports of missed calls: 1"
    assert [row["Fecha"] for row in sheet(home, told(andes)[-1])] == ["2026-11-22"]


def test_flood_of_calls_is_told_in_full(home: Home, andes: Engine) -> None:
    missed(andes, *(NOON + number * timedelta(milliseconds=1) for number in range(3000)))
    send(home, andes, SUNDAY)
    [mail], [chat] = told(andes), told(andes, People.chat)
    assert len(sheet(home, mail)) == 3000
    assert chat.letter.attachment == mail.letter.attachment
    with reading(andes) as conn:
        assert conn.scalars(select(call.c.reported_at).distinct()).all() == [SUNDAY]


# Around each of Chile's clock changes: the Saturdays after which clocks are set, found apart from our own rules.
CHANGES = [(2026, 4, 4), (2026, 9, 5), (2027, 4, 3), (2027, 9, 4), (2028, 4, 1), (2028, 9, 2)]


@pytest.mark.parametrize(("year", "month", "day"), CHANGES)
def test_every_minute_around_a_clock_change_is_in_one_report(
    home: Home, andes: Engine, year: int, month: int, day: int
) -> None:
    change = datetime(year, month, day, 12, tzinfo=SANTIAGO).astimezone(UTC) + timedelta(hours=16)
    first, last = change - 2 * DAY, change + 2 * DAY
    assert first.astimezone(SANTIAGO).utcoffset() != last.astimezone(SANTIAGO).utcoffset()
    minutes = [first + number * MINUTE for number in range(4 * 24 * 60)]
    missed(andes, *minutes)
    days = [datetime(year, month, day, 18, 15, tzinfo=SANTIAGO) + number * DAY for number in range(-3, 5)]
    for due_at in days:  # wall clock arithmetic: 18:15 on each day
        send(home, andes, due_at.astimezone(UTC))
    rows = [row for posted in told(andes) for row in sheet(home, posted)]
    assert Counter((row["Fecha"], row["Hora"]) for row in rows) == Counter(
        (f"{at.astimezone(SANTIAGO):%Y-%m-%d}", f"{at.astimezone(SANTIAGO):%H:%M:%S}") for at in minutes
    )
    # Each in the first report that is due after it ended, never a day late.
    with reading(andes) as conn:
        for ended, reported in conn.execute(select(call.c.ended_at, call.c.reported_at)):
            assert timedelta(0) < reported - ended <= DAY + timedelta(hours=1)
            assert reported.astimezone(SANTIAGO).time() == time(18, 15)


@pytest.mark.parametrize(
    ("language", "calls", "says"),
    [
        ("es", 1, "En las últimas 24 horas no se pasó 1 llamada de un número de campaña (809). No tiene costo."),
        ("es", 3, "En las últimas 24 horas no se pasaron 3 llamadas de números de campaña (809). No tienen costo."),
        ("en", 1, "In the last 24 hours 1 call from a campaign's number (809) was not put through. It costs nothing."),
        (
            "en",
            3,
            "In the last 24 hours 3 calls from campaigns' numbers (809) were not put through. They cost nothing.",
        ),
        ("es", 0, ""),
    ],
)
def test_the_report_counts_campaigns_that_were_not_put_through(
    home: Home, andes: Engine, language: str, calls: int, says: str
) -> None:
    with writing(andes) as conn:
        conn.execute(update(client).values(language=language))
        turned_away(conn, NOON)
        blocked = {"caller": Caller("+56809123456"), "outcome": Outcome.BLOCKED}
        turned_away(conn, *(NOON - n * MINUTE for n in range(1, calls + 1)), **blocked)
        # Neither an earlier day's, nor somebody whom the client has blocked by name.
        turned_away(conn, NOON - DAY - DAY, **blocked)
        turned_away(conn, NOON + MINUTE, caller=MARIA, outcome=Outcome.BLOCKED)
    send(home, andes, SUNDAY)
    [mail], [chat] = told(andes), told(andes, People.chat)
    for text in (mail.letter.text, chat.letter.text):
        assert says in text
        assert ("809" in text) == bool(calls)


def test_campaigns_alone_are_no_reason_for_a_report(home: Home, andes: Engine) -> None:
    missed(andes, NOON, caller=Caller("+56809123456"), outcome=Outcome.BLOCKED)
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"


@pytest.mark.parametrize("days", [5, 29])
def test_a_call_that_was_blocked_is_in_a_later_report_however_late(home: Home, andes: Engine, days: int) -> None:
    missed(andes, NOON)
    with writing(andes) as conn:
        caller = conn.scalar(select(call.c.caller)) or ""
        restricting.block(by_admin(conn, SUNDAY - MINUTE), home, caller, "request 1")
    assert send(home, andes, SUNDAY) == "reports of missed calls: 0"
    restricting.unblock(home, andes, ADMIN, caller, SUNDAY + days * DAY - MINUTE)
    assert send(home, andes, SUNDAY + days * DAY) == "reports of missed calls: 1"
    assert send(home, andes, SUNDAY + (days + 1) * DAY) == "reports of missed calls: 0"
