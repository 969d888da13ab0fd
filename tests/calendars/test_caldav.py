"""CalDAV against real servers: what is read, what is put, and what is wrong with a calendar that does not work."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest
from caldav_servers import PASSWORD, USER, Server, free_port

from pbx_control.calendars import caldav
from pbx_control.calendars.caldav import CalDav
from pbx_control.calendars.http import Http
from pbx_control.calendars.remote import RemoteTrouble, TroubleKind
from pbx_control.domain.agenda.busy import busy_spans
from pbx_control.domain.agenda.mirrored import Mirrored, caldav_name

ZONE = "America/Santiago"
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
HOUR = Mirrored(
    uid="7f2a@pbx.example",
    sequence=0,
    title="Ana Pérez, control",
    text="Teléfono: +56 9 1234 5678\nMotivo: control; «anual»",
    location="Av. Siempre Viva 742, Santiago",
    starts=datetime(2026, 12, 10, 13, tzinfo=UTC),
    ends=datetime(2026, 12, 10, 13, 30, tzinfo=UTC),
    zone=ZONE,
)


def event(uid: str, lines: str) -> str:
    text = (
        f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//\nBEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\n"
        f"SUMMARY:{uid}\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    return text.replace("\n", "\r\n")


def enter(server: Server, url: str, uid: str, lines: str) -> None:
    """The client enters something himself."""
    answer = server.client.put(
        f"{url}{uid}.ics", content=event(uid, lines).encode(), headers={"Content-Type": "text/calendar"}
    )
    answer.raise_for_status()


def stands(server: Server, url: str) -> icalendar.Event:
    answer = server.client.get(f"{url}{caldav_name(HOUR.uid)}")
    answer.raise_for_status()
    [found] = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert isinstance(found, icalendar.Event)
    return found


def refused(do: Callable[[], object]) -> RemoteTrouble:
    with pytest.raises(RemoteTrouble) as caught:
        do()
    return caught.value


# --- reading ----------------------------------------------------------------------------------------------------


def test_all_is_read_once_and_changes_after_it(server: Server, calendar: CalDav, url: str) -> None:
    enter(server, url, "one", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    enter(server, url, "two", "DTSTART;VALUE=DATE:20261211")
    first = calendar.changes("")
    assert first.whole
    assert {each.uid for each in first.events} == {"one", "two"}
    assert first.token

    second = calendar.changes(first.token)
    assert (list(second.events), list(second.gone), second.whole) == ([], [], False)

    enter(server, url, "three", "DTSTART:20261212T130000Z\nDTEND:20261212T140000Z")
    enter(server, url, "one", "DTSTART:20261210T150000Z\nDTEND:20261210T160000Z")
    server.client.delete(f"{url}two.ics").raise_for_status()
    third = calendar.changes(second.token)
    assert not third.whole
    assert {each.uid for each in third.events} == {"one", "three"}
    keys = {each.uid: each.key for each in first.events}
    assert list(third.gone) == [keys["two"]]
    assert keys["one"] in {each.key for each in third.events}
    busy = busy_spans(third.events, ZoneInfo(ZONE), SINCE, UNTIL).busy
    assert [f"{each.starts:%dT%H}" for each in busy] == ["10T15", "12T13"]


def test_a_token_that_nobody_knows_means_that_all_is_read_anew(server: Server, calendar: CalDav, url: str) -> None:
    enter(server, url, "one", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    token = calendar.changes("").token
    damaged = token[:-4] + ("0000" if not token.endswith("0000") else "1111")
    found = calendar.changes(damaged)
    assert found.whole
    assert [each.uid for each in found.events] == ["one"]


def test_a_series_comes_with_its_exceptions(server: Server, calendar: CalDav, url: str) -> None:
    series = event("series", "DTSTART:20261207T130000Z\nDTEND:20261207T140000Z\nRRULE:FREQ=WEEKLY;COUNT=3")
    exception = (
        "BEGIN:VEVENT\r\nUID:series\r\nDTSTAMP:20260101T000000Z\r\nRECURRENCE-ID:20261214T130000Z\r\n"
        "DTSTART:20261215T130000Z\r\nDTEND:20261215T140000Z\r\nEND:VEVENT\r\n"
    )
    text = series.replace("END:VCALENDAR", f"{exception}END:VCALENDAR")
    server.client.put(f"{url}series.ics", content=text, headers={"Content-Type": "text/calendar"}).raise_for_status()
    [found] = calendar.changes("").events
    busy = busy_spans([found], ZoneInfo(ZONE), SINCE, UNTIL).busy
    assert [f"{each.starts:%d}" for each in busy] == ["07", "15", "21"]


def test_an_interval_is_read_anew(server: Server, calendar: CalDav, url: str) -> None:
    enter(server, url, "in", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    enter(server, url, "out", "DTSTART:20261220T130000Z\nDTEND:20261220T140000Z")
    enter(server, url, "weekly", "DTSTART:20250102T130000Z\nDTEND:20250102T140000Z\nRRULE:FREQ=WEEKLY")
    since = datetime(2026, 12, 10, tzinfo=UTC)
    found = calendar.events(since, since + timedelta(days=1))
    assert {each.uid for each in found} == {"in", "weekly"}


def test_a_server_without_sync_tokens_is_read_by_versions(
    server: Server, calendar: CalDav, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Http.ask

    def without_report(self: Http, method: str, url: str, **rest: object) -> caldav.Answer:
        if b"sync-collection" in rest.get("content", b""):  # type: ignore[operator]
            return caldav.Answer(501, {}, b"")
        return real(self, method, url, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Http, "ask", without_report)
    enter(server, url, "one", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    first = calendar.changes("")
    assert first.whole
    assert [each.uid for each in first.events] == ["one"]
    assert calendar.changes(first.token) == caldav.Changes([], [], first.token, whole=False)
    enter(server, url, "two", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    second = calendar.changes(first.token)
    assert second.whole
    assert {each.uid for each in second.events} == {"one", "two"}


def test_one_broken_event_hides_no_other(server: Server, calendar: CalDav, url: str) -> None:
    enter(server, url, "good", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z")
    enter(server, url, "odd", "DTSTART:20261210T130000Z\nDTEND:20261210T140000Z\nRRULE:FREQ=SECONDLY;COUNT=5")
    found = busy_spans(calendar.changes("").events, ZoneInfo(ZONE), SINCE, UNTIL)
    assert len(found.busy) == len(found.odd) == 1


# --- putting ----------------------------------------------------------------------------------------------------


def test_a_confirmed_one_is_green_and_a_cancelled_one_red_and_still_there(
    server: Server, calendar: CalDav, url: str
) -> None:
    calendar.put(HOUR)
    there = stands(server, url)
    assert there["SUMMARY"] == "Ana Pérez, control"
    assert there["LOCATION"] == HOUR.location
    assert there["DESCRIPTION"] == HOUR.text
    assert there["DTSTART"].dt == HOUR.starts
    assert str(there["DTSTART"].dt.tzinfo) == ZONE
    assert (there["COLOR"], there["TRANSP"], there["STATUS"]) == ("green", "OPAQUE", "CONFIRMED")
    assert there["CATEGORIES"].cats == ["CONFIRMADA"]
    assert "ATTENDEE" not in there
    assert "ORGANIZER" not in there

    calendar.put(replace(HOUR, sequence=1, cancelled=True))
    there = stands(server, url)
    assert there["SUMMARY"] == "CANCELADA: Ana Pérez, control"
    assert (there["COLOR"], there["TRANSP"], there["STATUS"]) == ("red", "TRANSPARENT", "CONFIRMED")
    assert there["CATEGORIES"].cats == ["CANCELADA"]
    assert there["SEQUENCE"] == 1


def test_putting_again_makes_no_second_one(calendar: CalDav) -> None:
    calendar.put(HOUR)
    calendar.put(HOUR)
    calendar.put(
        replace(HOUR, sequence=1, starts=HOUR.starts + timedelta(hours=1), ends=HOUR.ends + timedelta(hours=1))
    )
    [found] = calendar.changes("").events
    assert found.uid == HOUR.uid
    assert busy_spans([found], ZoneInfo(ZONE), SINCE, UNTIL, own={HOUR.uid}).busy == ()


def test_what_stands_there_with_a_later_change_stays(server: Server, calendar: CalDav, url: str) -> None:
    calendar.put(replace(HOUR, sequence=2, cancelled=True))
    calendar.put(replace(HOUR, sequence=1))
    calendar.put(HOUR)
    assert stands(server, url)["SEQUENCE"] == 2


def test_a_sequence_that_the_clients_program_raised_hides_no_change_of_ours(
    server: Server, calendar: CalDav, url: str
) -> None:
    calendar.put(HOUR)
    place = f"{url}{caldav_name(HOUR.uid)}"
    his = server.client.get(place).text.replace("SEQUENCE:0\r\n", "SEQUENCE:5\r\n", 1)
    assert "\nSEQUENCE:5" in his
    server.client.put(place, content=his.encode()).raise_for_status()
    gone = replace(HOUR, sequence=1, cancelled=True)
    calendar.put(gone)
    there = stands(server, url)
    assert (there["COLOR"], there["SEQUENCE"]) == ("red", 6)
    calendar.put(gone)
    calendar.put(HOUR)  # an older one, that comes late
    there = stands(server, url)
    assert (there["COLOR"], there["SEQUENCE"]) == ("red", 6)


def test_one_without_our_own_number_is_older(server: Server, calendar: CalDav, url: str) -> None:
    """An earlier version wrote SEQUENCE alone; a program of the client's may have dropped what it does not know."""
    calendar.put(replace(HOUR, sequence=3))
    place = f"{url}{caldav_name(HOUR.uid)}"
    text = server.client.get(place).text
    old = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("X-PBX-SEQUENCE"))
    assert old != text
    server.client.put(place, content=old.encode()).raise_for_status()
    calendar.put(replace(HOUR, sequence=3, title="Ana Soto"))
    there = stands(server, url)
    assert (there["SUMMARY"], there["X-PBX-SEQUENCE"]) == ("Ana Soto", "3")


def test_what_the_client_added_is_kept(server: Server, calendar: CalDav, url: str) -> None:
    calendar.put(HOUR)
    there = server.client.get(f"{url}{caldav_name(HOUR.uid)}").text
    his = there.replace(
        "END:VEVENT",
        "X-HIS:note\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT",
    ).replace("CATEGORIES:CONFIRMADA", "CATEGORIES:CONFIRMADA,Suyo")
    server.client.put(f"{url}{caldav_name(HOUR.uid)}", content=his.encode()).raise_for_status()
    calendar.put(replace(HOUR, sequence=1, cancelled=True))
    there_now = stands(server, url)
    assert there_now["X-HIS"] == "note"
    assert there_now["CATEGORIES"].cats == ["CANCELADA", "Suyo"]
    assert [each.name for each in there_now.subcomponents] == ["VALARM"]


def test_one_that_the_client_deleted_stands_there_again(server: Server, calendar: CalDav, url: str) -> None:
    calendar.put(HOUR)
    server.client.delete(f"{url}{caldav_name(HOUR.uid)}").raise_for_status()
    calendar.put(replace(HOUR, sequence=1))
    assert stands(server, url)["SEQUENCE"] == 1


def test_one_that_stands_elsewhere_is_changed_there(server: Server, calendar: CalDav, url: str) -> None:
    """A program of the client's has stored it under another name."""
    calendar.put(HOUR)
    text = server.client.get(f"{url}{caldav_name(HOUR.uid)}").content
    server.client.delete(f"{url}{caldav_name(HOUR.uid)}").raise_for_status()
    server.client.put(f"{url}his-name.ics", content=text, headers={"Content-Type": "text/calendar"}).raise_for_status()
    calendar.put(replace(HOUR, sequence=1))
    [found] = calendar.changes("").events
    assert found.key.endswith("his-name.ics")
    assert "SEQUENCE:1" in found.ical


def test_a_cut_answer_makes_no_second_event(
    server: Server, calendar: CalDav, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Http.ask
    cuts = iter([True])

    def cut(self: Http, method: str, url: str, **rest: object) -> caldav.Answer:
        answer = real(self, method, url, **rest)  # type: ignore[arg-type]
        if method == "PUT" and next(cuts, False):
            raise RemoteTrouble("the connection broke", TroubleKind.CUT)
        return answer

    monkeypatch.setattr(Http, "ask", cut)
    assert refused(lambda: calendar.put(HOUR)).kind is TroubleKind.CUT
    calendar.put(HOUR)
    assert len(calendar.changes("").events) == 1


def test_a_change_in_the_last_moment_is_not_overwritten_unseen(
    server: Server, calendar: CalDav, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar.put(HOUR)
    real = Http.ask
    his = iter([True])

    def meanwhile(self: Http, method: str, url: str, **rest: object) -> caldav.Answer:
        if method == "PUT" and next(his, False):
            there = server.client.get(url)
            changed = there.text.replace("END:VEVENT", "X-HIS:note\r\nEND:VEVENT")
            server.client.put(url, content=changed.encode()).raise_for_status()
        return real(self, method, url, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Http, "ask", meanwhile)
    calendar.put(replace(HOUR, sequence=1))
    there_now = stands(server, url)
    assert (there_now["SEQUENCE"], there_now["X-HIS"]) == (1, "note")


# --- what is wrong ----------------------------------------------------------------------------------------------


def test_a_calendar_that_works_has_nothing_wrong(calendar: CalDav) -> None:
    calendar.check()


def test_a_wrong_password_is_told(radicale: Server, http: Http) -> None:
    wrong = CalDav(http, radicale.calendar(), USER, "wrong")
    assert refused(wrong.check).kind is TroubleKind.UNAUTHORISED


def test_an_address_without_a_calendar_is_told(server: Server, http: Http) -> None:
    assert refused(CalDav(http, f"{server.url}nothing/", USER, PASSWORD).check).kind is TroubleKind.MISSING
    trouble = refused(CalDav(http, server.url, USER, PASSWORD).check)
    assert trouble.kind is TroubleKind.MISSING
    assert "something else" in str(trouble)


def test_a_calendar_that_can_only_be_read_is_told(radicale: Server, http: Http) -> None:
    url = radicale.calendar()
    only_reads = CalDav(http, url, "reader", PASSWORD)
    assert refused(only_reads.check).kind is TroubleKind.READ_ONLY
    assert refused(lambda: only_reads.put(HOUR)).kind is TroubleKind.FORBIDDEN


def test_a_server_that_is_away_is_told(http: Http) -> None:
    away = CalDav(http, f"http://127.0.0.1:{free_port()}/x/", USER, PASSWORD)
    assert refused(away.check).kind is TroubleKind.DOWN
    assert refused(lambda: away.put(HOUR)).kind is TroubleKind.DOWN


# --- digest -----------------------------------------------------------------------------------------------------


def test_digest_is_spoken_where_the_server_asks_for_it() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization", "").partition(" ")[0])
        if seen[-1] == "Digest":
            return httpx.Response(200)
        return httpx.Response(401, headers={"WWW-Authenticate": 'Digest realm="x", nonce="abc", qop="auth"'})

    auth = caldav._Auth(USER, PASSWORD)
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        assert client.get("https://one.example/").status_code == 200
        assert client.get("https://one.example/").status_code == 200
    assert seen[0] == "Basic"
    assert "Digest" in seen
