"""Google Calendar against a stand-in that speaks its documented REST, with its errors."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import google_standin
import pytest
from google_standin import ACCOUNT, OTHER_KEY, Fault, Google, oauth_key, service_account_key, timed

from pbx_control.calendars.google import GoogleCalendar, GoogleKey
from pbx_control.calendars.http import Http
from pbx_control.calendars.remote import Changes, RemoteTrouble, TroubleKind
from pbx_control.domain.agenda.busy import busy_spans
from pbx_control.domain.agenda.mirrored import Mirrored, google_id
from pbx_control.domain.agenda.rules import Source
from pbx_control.errors import ClientMistake
from pbx_control.services.calendar_sync import Connections
from pbx_control.settings import Agenda
from pbx_control.store.remotes import Access

NAME = "dra.soto@gmail.example"
ZONE = ZoneInfo("America/Santiago")
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
NOON = datetime(2026, 12, 7, 15, tzinfo=UTC)
HOUR = Mirrored(
    uid="7f2a@pbx.example",
    sequence=0,
    title="Ana Pérez, control",
    text="Motivo: <b>control</b> & más",
    starts=NOON,
    ends=NOON + timedelta(minutes=30),
    zone="America/Santiago",
)
MOVED = replace(HOUR, sequence=1, starts=NOON + timedelta(hours=2), ends=NOON + timedelta(hours=2, minutes=30))


@pytest.fixture
def google() -> Iterator[Google]:
    with google_standin.running() as made:
        made.share(NAME)
        yield made


@pytest.fixture
def calendar(google: Google, http: Http) -> GoogleCalendar:
    return by(google, http, service_account_key())


def by(google: Google, http: Http, key: str, name: str = NAME, limit: float = 10.0) -> GoogleCalendar:
    return GoogleCalendar(http, name, GoogleKey(key, tokens=google.tokens), limit=limit, api=google.url)


def refused(do: Callable[[], object]) -> RemoteTrouble:
    with pytest.raises(RemoteTrouble) as caught:
        do()
    return caught.value


def spans(changes: Changes, own: frozenset[str] = frozenset()) -> list[str]:
    found = busy_spans(changes.events, ZONE, SINCE, UNTIL, own)
    assert not found.odd
    return sorted(f"{each.starts:%m-%dT%H:%M}" for each in found.busy)


# --- reading ----------------------------------------------------------------------------------------------------


def test_all_is_read_page_by_page_and_changes_after_it(google: Google, calendar: GoogleCalendar) -> None:
    google.page = 2
    for day in range(5):
        google.enter(NAME, f"day{day}", **timed(NOON + timedelta(days=day)))
    first = calendar.changes("")
    assert first.whole
    assert spans(first) == [f"12-{day:02}T15:00" for day in range(7, 12)]
    assert calendar.changes(first.token) == Changes([], [], first.token, whole=False)
    google.enter(NAME, "day1", **timed(NOON + timedelta(days=1, hours=3)))
    google.delete(NAME, "day2")
    second = calendar.changes(first.token)
    assert [each.key for each in second.events] == ["day1"]
    assert (list(second.gone), second.whole) == (["day2"], False)


def test_a_token_that_is_gone_means_that_all_is_read_anew(google: Google, calendar: GoogleCalendar) -> None:
    google.enter(NAME, "one1", **timed(NOON))
    token = calendar.changes("").token
    google.enter(NAME, "two2", **timed(NOON))
    google.calendars[NAME].oldest = 10
    found = calendar.changes(token)
    assert found.whole
    assert [each.key for each in found.events] == ["one1", "two2"]


def test_what_takes_no_time_takes_none(google: Google, calendar: GoogleCalendar) -> None:
    google.enter(NAME, **timed(NOON), transparency="transparent")
    google.enter(NAME, **timed(NOON), attendees=[{"self": True, "responseStatus": "declined"}])
    google.enter(NAME, start={"date": "2026-12-24"}, end={"date": "2026-12-25"}, transparency="transparent")
    assert spans(calendar.changes("")) == []


def test_whole_days_and_other_zones(google: Google, calendar: GoogleCalendar) -> None:
    google.enter(NAME, start={"date": "2026-12-24"}, end={"date": "2026-12-26"})
    google.enter(NAME, **timed(NOON, zone="Europe/Madrid"))
    google.enter(NAME, start={"dateTime": "2026-12-08T10:00:00-03:00"}, end={"dateTime": "2026-12-08T11:00:00-03:00"})
    assert spans(calendar.changes("")) == ["12-07T15:00", "12-08T13:00", "12-24T03:00"]


def test_a_series_with_its_exceptions_and_what_changes_of_it(google: Google, calendar: GoogleCalendar) -> None:
    week = timedelta(weeks=1)
    google.enter(NAME, "series", **timed(NOON), recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])
    moved = {
        "recurringEventId": "series",
        "iCalUID": "series@google.com",
        "originalStartTime": {"dateTime": (NOON + week).isoformat()},
    }
    google.enter(NAME, "series_1", **moved, **timed(NOON + week + timedelta(days=1)))
    first = calendar.changes("")
    assert [each.key for each in first.events] == ["series"]
    assert spans(first) == ["12-07T15:00", "12-15T15:00", "12-21T15:00", "12-28T15:00"]
    # He takes a day out: only that is told, and the others stay as they are.
    google.enter(
        NAME,
        "series_2",
        status="cancelled",
        recurringEventId="series",
        iCalUID="series@google.com",
        originalStartTime={"dateTime": (NOON + 2 * week).isoformat()},
    )
    second = calendar.changes(first.token)
    assert spans(second) == ["12-07T15:00", "12-15T15:00", "12-28T15:00"]
    google.delete(NAME, "series")
    assert list(calendar.changes(second.token).gone) == ["series"]


def test_an_exception_that_nobody_understands_hides_no_other(google: Google, calendar: GoogleCalendar) -> None:
    google.enter(NAME, start={"dateTime": "yesterday"}, end={"dateTime": "today"})
    google.enter(NAME, **timed(NOON))
    google.enter(NAME, **timed(NOON), recurrence=["RRULE:FREQ=SECONDLY", "X\r\nEND:VEVENT"])
    found = busy_spans(calendar.changes("").events, ZONE, SINCE, UNTIL)
    assert (len(found.busy), len(found.odd)) == (1, 2)


def test_an_interval_is_read_anew(google: Google, calendar: GoogleCalendar) -> None:
    google.enter(NAME, "inside", **timed(NOON))
    google.enter(NAME, "outside", **timed(NOON + timedelta(days=2)))
    assert [each.key for each in calendar.events(NOON, NOON + timedelta(hours=1))] == ["inside"]


# --- putting ----------------------------------------------------------------------------------------------------


def stands(google: Google) -> dict[str, object]:
    [found] = google.calendars[NAME].events.values()
    return found


def test_a_confirmed_one_is_green_and_a_cancelled_one_red_and_still_there(
    google: Google, calendar: GoogleCalendar
) -> None:
    calendar.put(HOUR)
    there = stands(google)
    assert (there["colorId"], there["transparency"], there["status"]) == ("10", "opaque", "confirmed")
    assert (there["summary"], there["description"]) == (HOUR.title, "Motivo: &lt;b&gt;control&lt;/b&gt; &amp; más")
    assert there["start"] == {"dateTime": "2026-12-07T12:00:00-03:00", "timeZone": "America/Santiago"}
    assert "attendees" not in there
    calendar.put(replace(HOUR, sequence=1, cancelled=True))
    there = stands(google)
    assert (there["colorId"], there["transparency"], there["status"]) == ("11", "transparent", "confirmed")
    assert there["summary"] == "CANCELADA: Ana Pérez, control"


def test_own_ones_are_known_and_do_not_block_themselves(google: Google, calendar: GoogleCalendar) -> None:
    calendar.put(HOUR)
    changes = calendar.changes("")
    assert [each.uid for each in changes.events] == [HOUR.uid]
    assert spans(changes, frozenset({HOUR.uid})) == []
    # A copy that the client makes is his own, and takes time.
    [there] = google.calendars[NAME].events.values()
    google.enter(NAME, "copy1", **{name: value for name, value in there.items() if name != "id"})
    assert spans(calendar.changes(changes.token), frozenset({HOUR.uid})) == ["12-07T15:00"]


def test_putting_again_makes_no_second_one(google: Google, calendar: GoogleCalendar) -> None:
    calendar.put(HOUR)
    calendar.put(HOUR)
    calendar.put(MOVED)
    calendar.put(HOUR)  # a late one changes nothing
    assert stands(google)["start"] == {"dateTime": "2026-12-07T14:00:00-03:00", "timeZone": "America/Santiago"}


def test_one_that_the_client_deleted_stands_there_again(google: Google, calendar: GoogleCalendar) -> None:
    calendar.put(HOUR)
    google.delete(NAME, google_id(HOUR.uid))
    calendar.put(MOVED)
    assert stands(google)["status"] == "confirmed"


def test_what_the_client_added_is_kept_even_in_the_last_moment(google: Google, calendar: GoogleCalendar) -> None:
    calendar.put(HOUR)
    google.meanwhile = lambda: google.enter(NAME, google_id(HOUR.uid), reminders={"useDefault": True}) and None
    calendar.put(MOVED)
    there = stands(google)
    assert there["reminders"] == {"useDefault": True}
    assert there["start"] == {"dateTime": "2026-12-07T14:00:00-03:00", "timeZone": "America/Santiago"}


# --- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(403, "rateLimitExceeded"), TroubleKind.LIMITED),
        (Fault(403, "userRateLimitExceeded"), TroubleKind.LIMITED),
        (Fault(403, "quotaExceeded"), TroubleKind.LIMITED),
        (Fault(403, "forbiddenForServiceAccounts"), TroubleKind.FORBIDDEN),
        (Fault(403, "accessNotConfigured"), TroubleKind.FORBIDDEN),
        (Fault(429, "rateLimitExceeded", {"Retry-After": "17"}), TroubleKind.LIMITED),
        (Fault(500, "backendError"), TroubleKind.SERVER),
        (Fault(503, "backendError", {"Retry-After": "3"}), TroubleKind.SERVER),
        (Fault(cut=True), TroubleKind.CUT),
        (Fault(cut=True, done=True), TroubleKind.CUT),
        (Fault(502, "backendError", done=True), TroubleKind.SERVER),
        (Fault(400, "badRequest"), TroubleKind.ODD),
    ],
)
def test_after_each_fault_the_event_is_put_once(
    google: Google, calendar: GoogleCalendar, fault: Fault, kind: TroubleKind
) -> None:
    calendar.check()
    google.faults.append(fault)
    trouble = refused(lambda: calendar.put(HOUR))
    assert trouble.kind is kind
    assert trouble.retry_after == (float(fault.headers["Retry-After"]) if fault.headers else None)
    calendar.put(HOUR)
    assert stands(google)["id"] == google_id(HOUR.uid)


def test_a_slow_answer_ends_in_time_and_the_event_is_put_once(google: Google, http: Http) -> None:
    calendar = by(google, http, service_account_key(), limit=0.5)
    calendar.check()
    answers = threading.Event()
    google.faults.append(Fault(done=True, wait=answers, status=500))
    began = datetime.now(UTC)
    assert refused(lambda: calendar.put(HOUR)).kind is TroubleKind.SLOW
    assert datetime.now(UTC) - began < timedelta(seconds=5)
    answers.set()
    calendar.put(HOUR)
    assert stands(google)["id"] == google_id(HOUR.uid)


def test_leave_that_is_taken_back_is_asked_for_again(google: Google, calendar: GoogleCalendar) -> None:
    calendar.check()
    google.leave.clear()
    calendar.put(HOUR)
    assert stands(google)["id"] == google_id(HOUR.uid)


# --- what is wrong ----------------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_calendar_that_is_shared(google: Google, calendar: GoogleCalendar) -> None:
    calendar.check()
    assert [path for _, path in google.requests] == ["/token", "/calendar/v3/calendars/dra.soto%40gmail.example/events"]


def test_leave_is_asked_for_once_for_all_calendars_of_a_key(google: Google) -> None:
    google.share("other@gmail.example")
    settings = Agenda(private_networks=["127.0.0.0/8"], google_api=google.url, google_tokens=google.tokens)
    connections = Connections(settings)
    for name in (NAME, "other@gmail.example", NAME):
        connections.to(Access(source=Source.GOOGLE, address=name, secret=service_account_key())).check()
    connections.close()
    assert [path for _, path in google.requests].count("/token") == 1


def test_oauth_is_the_second_way(google: Google, http: Http) -> None:
    by(google, http, oauth_key()).put(HOUR)
    assert stands(google)["id"] == google_id(HOUR.uid)


def test_a_calendar_that_is_not_shared_is_told(google: Google, http: Http) -> None:
    trouble = refused(by(google, http, service_account_key(), "other@gmail.example").check)
    assert trouble.kind is TroubleKind.NOT_SHARED
    assert ACCOUNT in str(trouble)
    assert refused(by(google, http, oauth_key(), "other@gmail.example").check).kind is TroubleKind.MISSING


@pytest.mark.parametrize("role", ["reader", "freeBusyReader"])
def test_a_calendar_that_can_only_be_read_is_told(google: Google, calendar: GoogleCalendar, role: str) -> None:
    google.share(NAME, role)
    assert refused(calendar.check).kind is TroubleKind.READ_ONLY
    assert refused(lambda: calendar.put(HOUR)).kind is TroubleKind.FORBIDDEN


@pytest.mark.parametrize("key", [service_account_key(OTHER_KEY), oauth_key("taken back")])
def test_a_key_that_is_good_no_more_is_told(google: Google, http: Http, key: str) -> None:
    trouble = refused(by(google, http, key).check)
    assert trouble.kind is TroubleKind.UNAUTHORISED
    assert "PRIVATE" not in str(trouble)


@pytest.mark.parametrize("key", ["", "{}", "[]", '{"type":"service_account"}', '{"type":"external_account"}', "null"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ClientMistake):
        GoogleKey(key)
