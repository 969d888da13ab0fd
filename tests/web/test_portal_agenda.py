"""A client's people see its calendars, book, move and cancel; its owners set them up; of another client's nothing."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import msgspec
import pytest
from acting import ADMIN, HOUSE
from browsing import Browser, Place
from httpx import Response
from sqlalchemy import insert, select, update

from pbx_control import clock
from pbx_control.calendars.remote import RemoteEvent, RemoteTrouble, TroubleKind
from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.clashes import Clash, ClashKind
from pbx_control.domain.agenda.remote_events import Busy
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Source
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.call.model import Call
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.words.wording import readable_number
from pbx_control.services import appointments, calendar_sync, calendars, clientele, subscriptions
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking, changing
from pbx_control.store import agenda, clients, remotes, restrictions
from pbx_control.store.engine import reading, writing
from pbx_control.store.remotes import Access
from pbx_control.store.tables import appointment, remote_busy, remote_state
from pbx_control.store.tables import call as calls

MONDAY = datetime(2026, 11, 30, 14, tzinfo=UTC)  # 11 o'clock in Chile
TUESDAY_9 = datetime(2026, 12, 1, 12, tzinfo=UTC)
HERE, SOTO = "/portal/calendars", "/portal/calendars/soto"
EVIL = "<script>alert(1)</script>"
ANA = Actor(ActorKind.SECRETARY, "ana", "198.51.100.9")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instant that it is: the last one of the list."""
    instants = [MONDAY]
    monkeypatch.setattr(clock, "now", lambda: instants[-1])
    return instants


@pytest.fixture
def soto(place: Place, at: list[datetime]) -> AgendaCalendar:
    """A calendar of Andes': weekdays from 9 to 13, half-hours."""
    return has_calendar(place, "andes", "soto", "Consultas", resource="Dra. Soto", questions=["¿RUT?"])


@pytest.fixture
async def owner(place: Place, at: list[datetime]) -> Browser:
    return await signed_in(place, "gerencia")


@pytest.fixture
async def staff(place: Place, at: list[datetime]) -> Browser:
    return await signed_in(place, "recepcion")


async def signed_in(place: Place, name: str) -> Browser:
    browser = place.browser()
    await browser.sign_in(name)
    return browser


def has_calendar(place: Place, firm: str, slug: str, name: str, **wanted: Any) -> AgendaCalendar:
    kinds = [Kind(0, "Primera vez", 60, 10), Kind(0, "Control", 30)]
    with booking(place.engine, ADMIN, MONDAY) as work:
        rules = {"week": "mon-fri 9:00-13:00", "lead": timedelta(0)}
        return calendars.add(work, clients.find(work.conn, firm).id, slug, name, kinds, **rules | wanted)


def is_booked(place: Place, starts: datetime = TUESDAY_9, name: str = "María Soto", **more: Any) -> Appointment:
    actor, slug = more.pop("actor", ANA), more.pop("calendar", "soto")
    with booking(place.engine, actor, MONDAY) as work:
        client_id = clients.find(work.conn, more.pop("firm", "andes")).id
        order = Order(client_id=client_id, calendar=slug, kind="Control", starts=starts, name=name, **more)
        return appointments.book(work, order, house=HOUSE)


def kept(place: Place, firm: str = "andes") -> list[Appointment]:
    with reading(place.engine) as conn:
        return agenda.page_after(conn, clients.find(conn, firm).id, 0, 100)


def calendars_of(place: Place, firm: str = "andes") -> list[AgendaCalendar]:
    with reading(place.engine) as conn:
        return agenda.calendars_of(conn, clients.find(conn, firm).id)


def fields(page: Response, action: str) -> dict[str, str]:
    """What the form to that address would send as it stands, without its buttons."""
    found = re.search(rf'<form[^>]*method="post"[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.S)
    assert found, action
    given: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", found[1]):
        name, value, kind = (re.search(rf'\b{one}="([^"]*)"', tag) for one in ("name", "value", "type"))
        if not name or (kind and kind[1] in ("radio", "checkbox") and " checked" not in tag):
            continue
        given[name[1]] = unescape(value[1]) if value else "on"
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', found[1], re.S):
        chosen = re.search(r'<option value="([^"]*)" selected|<option selected>([^<]*)', options)
        given[name] = unescape((chosen[1] or chosen[2]) if chosen else "")
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', found[1], re.S):
        given[name] = unescape(text)
    return given


def has_asked(place: Place, calendar: AgendaCalendar, question: str, answer: str) -> Appointment:
    """One that was booked when the calendar asked something else."""

    def asks(*questions: str) -> None:
        with booking(place.engine, ADMIN, MONDAY) as work:
            calendars.change(work, calendar.client_id, calendar.slug, questions=list(questions))

    asks(question)
    one = is_booked(place, answers={question: answer})
    asks(*calendar.questions)
    return one


async def books(browser: Browser, **more: str) -> Response:
    page = await browser.get(f"{SOTO}/book?kind=Control&day=2026-12-01")
    return await browser.post(f"{SOTO}/book", fields(page, f"{SOTO}/book") | more)


async def changes(browser: Browser, one: Appointment, act: str, **more: str) -> Response:
    path = f"{SOTO}/appointments/{one.id}"
    page = await browser.get(path)
    before = re.search(r'name="before" value="([^"]+)"', page.text)
    return await browser.post(path, {"act": act, "before": unescape(before[1]) if before else ""} | more)


# --- calendars --------------------------------------------------------------------------------------------


async def test_an_owner_adds_a_calendar_with_the_hours_of_the_firm(place: Place, owner: Browser) -> None:
    assert "There is no calendar yet." in (await owner.get(HERE)).text
    answer = await owner.post(HERE, {"name": "Doctora Ñandú", "resource": "Sala 2", "kind": "Visita", "minutes": "45"})
    assert answer.headers["location"] == f"{HERE}/doctora-nandu/settings?done=added"
    [one] = calendars_of(place)
    with reading(place.engine) as conn:
        firm = clients.find(conn, "andes")
        [kind] = agenda.kinds_of(conn, one.id)
    assert (one.name, one.resource, one.week, one.zone) == ("Doctora Ñandú", "Sala 2", firm.week, firm.timezone)
    assert (kind.name, kind.minutes, kind.buffer) == ("Visita", 45, 0)
    page = await owner.get(answer.headers["location"])
    assert "The calendar is there." in page.text
    # Another one of that name has a short name of its own.
    again = await owner.post(HERE, {"name": "Doctora Ñandú", "kind": "Visita", "minutes": "45"})
    assert again.headers["location"] == f"{HERE}/doctora-nandu-2/settings?done=added"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "", "kind": "V", "minutes": "30"}, "name is empty"),
        ({"name": "A\x07", "kind": "V", "minutes": "30"}, "control character"),
        ({"name": "A", "kind": "", "minutes": "30"}, "kind is empty"),
        ({"name": "A", "kind": "V", "minutes": "0"}, "out of bounds"),
        ({"name": "A", "kind": "V", "minutes": "-5"}, "out of bounds"),
        ({"name": "A", "kind": "V", "minutes": "99999"}, "out of bounds"),
        ({"name": "A" * 90, "kind": "V", "minutes": "30"}, "is too long"),
    ],
)
async def test_nonsense_makes_no_calendar(place: Place, owner: Browser, fields: dict[str, str], told: str) -> None:
    page = await owner.post(HERE, fields)
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    assert told in page.text
    assert calendars_of(place) == []


@pytest.mark.parametrize("name", [EVIL, "12345", "!!!", "日本", "settings"])
async def test_any_name_makes_an_address(place: Place, owner: Browser, name: str) -> None:
    answer = await owner.post(HERE, {"name": name, "kind": EVIL, "minutes": "30"})
    assert answer.status_code == 303
    for path in (HERE, answer.headers["location"], answer.headers["location"].partition("/settings")[0]):
        page = await owner.get(path)
        assert page.status_code == 200
        assert EVIL not in page.text


async def test_the_plan_says_how_many(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        subscriptions.set_plan(work, Plan(name="s", calls=9, price=9, extra_call=9, contacts=9, calendars=2))
        subscriptions.assign(work, soto.client_id, "s")
    page = await owner.get(HERE)
    assert "Your plan has room for 2 calendars. 1 is left." in page.text
    await owner.post(HERE, {"name": "Dos", "kind": "V", "minutes": "30"})
    page = await owner.get(HERE)
    assert "Your plan has room for 2 calendars. It is full." in page.text
    assert 'name="minutes"' not in page.text
    page = await owner.post(HERE, {"name": "Tres", "kind": "V", "minutes": "30"})
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    assert "has room for 2 calendars" in page.text
    assert len(calendars_of(place)) == 2


async def test_of_another_clients_calendars_nothing_is_seen_or_changed(
    place: Place, owner: Browser, soto: AgendaCalendar
) -> None:
    has_calendar(place, "lagos", "ajena", "Ajena")
    other = is_booked(place, name="Pedro Ajeno", firm="lagos", calendar="ajena")
    assert "Ajena" not in (await owner.get(HERE)).text
    for path in ("", "/week", "/history", "/settings", "/remove", "/book", f"/appointments/{other.id}"):
        assert (await owner.get(f"{HERE}/ajena{path}")).status_code == 404, path
    for path, given in (
        ("/settings", {"name": "Mía"}),
        ("/feed", {"act": "renew"}),
        ("/feed", {"act": "stop"}),
        ("/remove", {"sure": "1"}),
        ("/book", {"starts": "2026-12-01T12:30:00Z", "kind": "Control", "name": "Yo"}),
        (f"/appointments/{other.id}", {"act": "cancel", "before": other.changed_at.isoformat()}),
    ):
        assert (await owner.post(f"{HERE}/ajena{path}", given)).status_code == 404, path
    # Nor by way of one's own calendar.
    assert (await owner.get(f"{SOTO}/appointments/{other.id}")).status_code == 404
    for act in ("move", "cancel", "no-show", "note"):
        given = {"act": act, "before": other.changed_at.isoformat(), "starts": "2026-12-01T13:00:00Z", "name": "Yo"}
        assert (await owner.post(f"{SOTO}/appointments/{other.id}", given)).status_code == 404
    assert kept(place, "lagos") == [other]
    [theirs] = calendars_of(place, "lagos")
    assert (theirs.name, theirs.has_feed) == ("Ajena", False)


async def test_staff_sees_and_books_and_sets_nothing_up(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    page = await staff.get(SOTO)
    assert f'href="{SOTO}/settings"' not in page.text
    assert "Add" not in (await staff.get(HERE)).text
    for path in ("/settings", "/feed", "/remove", ""):
        assert (await staff.post(f"{SOTO}{path}" if path else HERE, {"act": "renew", "sure": "1"})).status_code == 403
    assert (await books(staff, starts="2026-12-01T12:00:00Z", name="María")).status_code == 303
    [one] = kept(place)
    assert (one.name, one.booked_by, one.call_id) == ("María", "recepcion", None)
    # What was set up is the owners' affair.
    history = await staff.get(f"{SOTO}/history")
    assert re.findall(r"<strong>([^<]*)</strong>", history.text) == ["appointment booked"]


async def test_a_hostile_address_is_no_calendar(owner: Browser) -> None:
    for name in ("..", "%00", "a%2fb", "%3Cscript%3E", "x" * 500, "%F0%9F%93%85"):
        assert (await owner.get(f"{HERE}/{name}/settings")).status_code in (400, 404)


# --- setting up -------------------------------------------------------------------------------------------


async def sets(browser: Browser, **more: str) -> Response:
    page = await browser.get(f"{SOTO}/settings")
    return await browser.post(f"{SOTO}/settings", fields(page, f"{SOTO}/settings") | {"act": "keep"} | more)


async def test_an_owner_sets_a_calendar_up(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    answer = await sets(
        owner,
        **{
            "name": "Dra. Soto", "resource": "", "zone": "America/Punta_Arenas", "step": "15", "lead": "1440",
            "horizon": "30", "address": "Los Leones 100", "map_link": "https://maps.example/x?a=1&b=<2>",
            "questions": "¿RUT?\r\n\r\n¿Isapre o Fonasa?", "place_in_mail": "", "reminder": "1",
            "k0-name": "Primera", "k0-minutes": "45", "k0-buffer": "", "k1-minutes": "20",
            "k2-name": "Urgencia", "k2-minutes": "15", "k2-buffer": "5",
            "d5-closed": "", "d5-0-from": "10:00", "d5-0-to": "12:00",
        },
    )  # fmt: skip
    assert answer.headers["location"] == f"{SOTO}/settings?done=kept"
    [one] = calendars_of(place)
    assert (one.name, one.resource, one.zone, one.step) == ("Dra. Soto", "", "America/Punta_Arenas", 15)
    assert (one.lead, one.horizon) == (timedelta(days=1), timedelta(days=30))
    assert (one.place.address, one.place.map_link) == ("Los Leones 100", "https://maps.example/x?a=1&b=<2>")
    assert list(one.questions) == ["¿RUT?", "¿Isapre o Fonasa?"]
    assert (one.place_in_mail, one.reminder) == (False, True)
    assert one.week == "mon-fri 09:00-13:00 sat 10:00-12:00"
    with reading(place.engine) as conn:
        kinds = {kind.name: (kind.minutes, kind.buffer) for kind in agenda.kinds_of(conn, one.id)}
    assert kinds == {"Primera": (45, 0), "Control": (20, 0), "Urgencia": (15, 5)}
    page = await owner.get(SOTO)
    assert 'href="https://maps.example/x?a=1&amp;b=&lt;2&gt;"' in page.text


async def test_all_kinds_may_be_others_at_once(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    await sets(owner, **{"k0-name": "Alfa", "k1-name": "Beta"})
    with reading(place.engine) as conn:
        assert {one.name for one in agenda.kinds_of(conn, soto.id)} == {"Alfa", "Beta"}
    page = await sets(owner, **{"k0-name": "", "k1-name": ""})
    assert (page.status_code, "needs a kind of appointment" in page.text) == (400, True)


async def test_the_firms_hours_are_taken_by_one_press(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        clientele.change(work, "andes", week="mon-sat 8:30-19:00")
    page = await sets(owner, act="hours", name="Todavía no")
    assert page.status_code == 200
    assert 'name="d5-0-from" value="08:30"' in page.text
    assert 'value="Todavía no"' in page.text
    assert calendars_of(place) == [soto]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"name": ""}, "name"),
        ({"zone": "Mars/Base"}, "timezone"),
        ({"zone": "../../etc/passwd"}, "timezone"),
        ({"step": "7"}, "step"),
        ({"step": "-1"}, "step"),
        ({"lead": "999999999"}, "lead"),
        ({"lead": "x"}, "lead"),
        ({"horizon": "0"}, "horizon"),
        ({"horizon": "99999999"}, "horizon"),
        ({"map_link": "javascript:alert(1)"}, "map_link"),
        ({"map_link": "https://"}, "map_link"),
        ({"address": "a\x07b"}, "address"),
        ({"questions": "\n".join(f"¿{number}?" for number in range(13))}, "questions"),
        ({"k0-minutes": "1.5"}, "kind"),
        ({"k0-minutes": ""}, "kind"),
        ({"k0-name": "control"}, "kind"),
        ({"k0-buffer": "99999"}, "kind"),
        ({"d0-0-from": "25:00"}, "d0"),
        ({"d0-0-to": ""}, "d0"),
        ({f"d{day}-closed": "1" for day in range(7)}, "week"),
    ],
)
async def test_what_will_not_do_is_refused_where_it_stands(
    place: Place, owner: Browser, soto: AgendaCalendar, given: dict[str, str], where: str
) -> None:
    page = await sets(owner, **given)
    assert page.status_code == 400
    assert re.findall(r'role="alert" id="([^"]+)-problem"', page.text) == [where]
    assert calendars_of(place) == [soto]


async def test_of_two_who_set_up_at_once_the_second_is_told(
    place: Place, owner: Browser, soto: AgendaCalendar
) -> None:
    page = await owner.get(f"{SOTO}/settings")
    mine = fields(page, f"{SOTO}/settings") | {"act": "keep"}
    assert (await owner.post(f"{SOTO}/settings", mine | {"name": "Primero"})).status_code == 303
    answer = await owner.post(f"{SOTO}/settings", mine | {"name": "Segundo"})
    assert (answer.status_code, "somebody else has changed this calendar" in answer.text) == (400, True)
    assert 'value="Segundo"' in answer.text
    assert calendars_of(place)[0].name == "Primero"
    # A kind is part of it.
    page = await owner.get(f"{SOTO}/settings")
    with booking(place.engine, ADMIN, MONDAY) as work:
        calendars.put_kind(work, soto.client_id, "soto", "Otra", 10)
    assert (await owner.post(f"{SOTO}/settings", fields(page, f"{SOTO}/settings"))).status_code == 400


# --- the feed ---------------------------------------------------------------------------------------------


async def test_the_address_of_the_feed_is_shown_once(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    def found_by(secret: str) -> AgendaCalendar | None:
        with reading(place.engine) as conn:
            return agenda.calendar_by_feed(conn, calendars.feed_hash(secret))

    secrets = []
    for _ in range(2):
        page = await owner.post(f"{SOTO}/feed", {"act": "renew"})
        shown = re.search(r'readonly value="http://127\.0\.0\.1:8080/[a-z/]*/([\w-]{43})\.ics"', page.text)
        assert shown
        secrets.append(shown[1])
        assert shown[1] not in (await owner.get(f"{SOTO}/settings")).text
    assert found_by(secrets[0]) is None
    assert found_by(secrets[1])
    is_booked(place)
    visitor = place.browser()
    assert (await visitor.get(f"/agenda/{secrets[0]}.ics")).status_code == 404
    assert "María Soto" in (await visitor.get(f"/agenda/{secrets[1]}.ics")).text
    assert page.headers["cache-control"] == "no-store"
    assert (await owner.post(f"{SOTO}/feed", {"act": "x"})).status_code == 400
    answer = await owner.post(f"{SOTO}/feed", {"act": "stop"})
    assert "leads nowhere any more" in (await owner.get(answer.headers["location"])).text
    assert found_by(secrets[1]) is None


# --- the client's own calendar ----------------------------------------------------------------------------


class Own:
    """The client's own calendar elsewhere, as far as the portal asks it; it says what is wrong, if anything is."""

    def __init__(self) -> None:
        self.wrong: RemoteTrouble | None = None
        self.tried: list[Access] = []

    def __call__(self, settings: object) -> "Own":
        return self

    def to(self, access: Access, limit: float) -> "Own":
        self.tried.append(access)
        return self

    def check(self) -> None:
        if self.wrong:
            raise self.wrong

    def events(self, since: datetime, until: datetime) -> Sequence[RemoteEvent]:
        self.check()
        text = (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:dentista\r\nDTSTAMP:20261130T000000Z\r\n"
            "DTSTART:20261201T120000Z\r\nDTEND:20261201T123000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        return [RemoteEvent(key="dentista", uid="dentista", ical=text)]

    def close(self) -> None:
        pass


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Own:
    made = Own()
    monkeypatch.setattr(calendar_sync, "Connections", made)
    return made


def access_of(place: Place, calendar: AgendaCalendar) -> Access | None:
    with reading(place.engine) as conn:
        return remotes.access_of(conn, calendar.id)


DAV = {"act": "connect", "source": "caldav", "address": "https://dav.example/soto/"}
DAV |= {"user": "soto", "secret": "clave-9"}


async def test_a_calendar_is_connected_if_it_works(
    place: Place, owner: Browser, soto: AgendaCalendar, own: Own
) -> None:
    answer = await owner.post(f"{SOTO}/connection", DAV)
    page = await owner.get(answer.headers["location"])
    assert "Connected: it could be read and written." in page.text
    assert "https://dav.example/soto/" in page.text
    assert "clave-9" not in page.text
    kept = Access(source=Source.CALDAV, address=DAV["address"], user="soto", secret="clave-9")
    assert access_of(place, soto) == kept
    assert "clave-9" not in (await owner.get(f"{SOTO}/history")).text
    # The password is kept as long as it is for the same place.
    assert (await owner.post(f"{SOTO}/connection", DAV | {"secret": ""})).status_code == 303
    assert own.tried[-1] == kept
    for other in ({"address": "https://evil.example/"}, {"user": "otro"}, {"source": "google"}):
        assert (await owner.post(f"{SOTO}/connection", DAV | {"secret": ""} | other)).status_code == 400
    assert {one.address for one in own.tried} == {DAV["address"]}
    answer = await owner.post(f"{SOTO}/connection", {"act": "check"})
    assert "can be read and written" in (await owner.get(answer.headers["location"])).text
    answer = await owner.post(f"{SOTO}/connection", {"act": "disconnect"})
    assert "Connected no more." in (await owner.get(answer.headers["location"])).text
    assert access_of(place, soto) is None


async def test_what_is_wrong_with_it_is_said(place: Place, owner: Browser, soto: AgendaCalendar, own: Own) -> None:
    own.wrong = RemoteTrouble("<{why}> at {place}", TroubleKind.DOWN, why="nobody answers", place=EVIL)
    page = await owner.post(f"{SOTO}/connection", DAV)
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    assert "&lt;nobody answers&gt;" in page.text
    assert EVIL not in page.text
    assert 'value="https://dav.example/soto/"' in page.text
    assert "clave-9" not in page.text
    assert access_of(place, soto) is None
    own.wrong = None
    await owner.post(f"{SOTO}/connection", DAV)
    own.wrong = RemoteTrouble("the password is wrong", TroubleKind.UNAUTHORISED)
    page = await owner.post(f"{SOTO}/connection", {"act": "check"})
    assert (page.status_code, "the password is wrong" in page.text) == (400, True)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"address": ""}, "caldav-address"),
        ({"address": "ftp://x/"}, "caldav-address"),
        ({"address": "https://u:p@x/"}, "caldav-address"),
        ({"secret": ""}, "caldav-secret"),
        ({"source": "google", "address": "a@b.example", "secret": "{}"}, ""),
        ({"source": "own"}, ""),
        ({"act": "x"}, ""),
        ({"act": "check"}, ""),
        ({"act": "disconnect"}, ""),
    ],
)
async def test_what_cannot_be_a_connection_is_asked_of_nobody(
    place: Place, owner: Browser, soto: AgendaCalendar, own: Own, given: dict[str, str], where: str
) -> None:
    page = await owner.post(f"{SOTO}/connection", DAV | given)
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    if where:
        assert f'id="{where}-problem"' in page.text
    assert own.tried == []


async def test_an_owner_reads_with_whom_to_share_his_calendar(
    place: Place, owner: Browser, soto: AgendaCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (await owner.get(f"{SOTO}/connection")).text
    assert "Ask your secretaries&#39; office for the e-mail address" in page
    account = msgspec.structs.replace(place.site.settings.agenda, google_account="agenda@office.example")
    monkeypatch.setitem(vars(place.site), "settings", msgspec.structs.replace(place.site.settings, agenda=account))
    page = (await owner.get(f"{SOTO}/connection")).text
    assert "share the calendar with agenda@office.example" in page
    assert "Ask your secretaries&#39; office" not in page


async def test_no_address_within_the_house_is_asked(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    page = await owner.post(f"{SOTO}/connection", DAV | {"address": "https://127.0.0.1:1/"})
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    assert access_of(place, soto) is None


async def test_calendars_are_not_tried_without_end(
    place: Place, owner: Browser, soto: AgendaCalendar, own: Own
) -> None:
    own.wrong = RemoteTrouble("no", TroubleKind.DOWN)
    codes = [(await owner.post(f"{SOTO}/connection", DAV)).status_code for _ in range(22)]
    assert (codes[:20], codes[20:]) == ([400] * 20, [429] * 2)
    assert len(own.tried) == 20


async def test_what_he_has_entered_meanwhile_is_not_booked_over(
    place: Place, owner: Browser, soto: AgendaCalendar, own: Own
) -> None:
    await owner.post(f"{SOTO}/connection", DAV)
    page = await books(owner, starts="2026-12-01T12:00:00Z", name="María")
    assert (page.status_code, "is taken" in page.text) == (400, True)
    # While his is away, it is booked here all the same.
    own.wrong = RemoteTrouble("away", TroubleKind.DOWN)
    assert (await books(owner, starts="2026-12-01T12:30:00Z", name="María")).status_code == 303
    [one] = kept(place)
    page = await owner.get(f"{SOTO}/appointments/{one.id}")
    assert "It is put into your own calendar within seconds." in page.text
    assert "1 appointment is put into your own calendar within seconds." in (await owner.get(SOTO)).text


# --- removing ---------------------------------------------------------------------------------------------


async def test_what_is_lost_is_said_and_confirmed(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    is_booked(place, name="María Soto", email="maria@soto.example")
    is_booked(place, TUESDAY_9 + timedelta(minutes=30), name="Luis")
    page = await owner.get(f"{SOTO}/remove")
    assert "2 appointments are to come, and are cancelled:" in page.text
    assert "1 of them has an e-mail address and is told" in page.text
    given = fields(page, f"{SOTO}/remove")
    unsure = await owner.post(f"{SOTO}/remove", given)
    assert (unsure.status_code, "tick that you are sure" in unsure.text) == (400, True)
    is_booked(place, TUESDAY_9 + timedelta(minutes=60), name="Quien llegó después")
    answer = await owner.post(f"{SOTO}/remove", given | {"sure": "1"})
    assert (answer.status_code, "other appointments are to come by now" in answer.text) == (400, True)
    assert {one.state for one in kept(place)} == {AppointmentState.CONFIRMED}
    answer = await owner.post(f"{SOTO}/remove", fields(answer, f"{SOTO}/remove") | {"sure": "1"})
    assert answer.headers["location"] == f"{HERE}?done=removed"
    assert {one.state for one in kept(place)} == {AppointmentState.CANCELLED}
    assert calendars_of(place) == []
    assert (await owner.get(SOTO)).status_code == 404


# --- booking ----------------------------------------------------------------------------------------------


async def test_a_free_time_is_booked_once(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    page = await staff.get(f"{SOTO}/book?kind=Control&day=2026-12-01")
    assert '<legend>Tuesday 1 December 2026</legend>' in page.text
    given = fields(page, f"{SOTO}/book") | {
        "starts": "2026-12-01T12:00:00Z", "name": "María Soto", "number": "9 1234 5678", "email": "maria@soto.example",
        "q0": "12.345.678-5", "note": "trae exámenes\r\ny radiografía", "language": "en",
    }  # fmt: skip
    for _ in range(2):  # a second press of the button
        answer = await staff.post(f"{SOTO}/book", given)
        assert answer.status_code == 303
    [one] = kept(place)
    assert answer.headers["location"] == f"{SOTO}/appointments/{one.id}?done=booked"
    assert (one.starts, one.kind, one.number) == (TUESDAY_9, "Control", "+56912345678")
    assert (dict(one.answers), one.note, one.language) == (
        {"¿RUT?": "12.345.678-5"},
        "trae exámenes\ny radiografía",
        "en",
    )
    page = await staff.get(answer.headers["location"])
    number = readable_number("+56912345678")
    for words in ("Booked.", "Tuesday 1 December 2026, 09:00–09:30", number, "12.345.678-5", "recepcion"):
        assert words in page.text
    page = await staff.get(f"{SOTO}/book?kind=Control&day=2026-12-01")
    assert 'value="2026-12-01T12:00:00Z"' not in page.text


async def test_who_comes_second_keeps_what_was_typed(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    is_booked(place)
    page = await books(owner, starts="2026-12-01T12:00:00Z", name="<Luis>", q0="5", note="uno")
    assert page.status_code == 400
    assert re.findall(r'role="alert" id="([^"]+)"', page.text) == ["starts-problem"]
    assert "is taken" in page.text
    assert 'value="&lt;Luis&gt;"' in page.text
    assert 'name="q0" value="5"' in page.text
    assert len(kept(place)) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"starts": ""}, "choose a time"),
        ({"starts": "2026-12-01T12:00:00"}, "choose a time"),
        ({"starts": "9" * 60}, "choose a time"),
        ({"starts": "9999-12-31T23:59:59-14:00"}, "choose a time"),
        ({"starts": "2026-12-01T12:05:00Z"}, "they begin every 30 minutes"),
        ({"starts": "2020-12-01T12:00:00Z"}, "has passed"),
        ({"name": ""}, "name is empty"),
        ({"name": "a\x1b[2J"}, "control character"),
        ({"number": "abc"}, "this is no telephone number"),
        ({"email": "x"}, "x"),
        ({"note": "\x07"}, "control character"),
        ({"language": "xx"}, "is not spoken here"),
        ({"kind": EVIL}, "is no kind"),
    ],
)
async def test_what_cannot_be_booked_is_refused(
    place: Place, staff: Browser, soto: AgendaCalendar, given: dict[str, str], told: str
) -> None:
    page = await books(staff, **{"starts": "2026-12-01T12:00:00Z", "name": "María"} | given)
    assert (page.status_code, page.text.count('role="alert"')) == (400, 1)
    assert told in page.text
    assert EVIL not in page.text
    assert kept(place) == []


async def test_only_free_times_are_offered(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    is_booked(place)
    with writing(place.engine) as conn:
        busy = {"calendar_id": soto.id, "key": "x", "starts": TUESDAY_9 + timedelta(hours=1)}
        conn.execute(insert(remote_busy).values(busy | {"ends": TUESDAY_9 + timedelta(hours=2)}))
    page = await owner.get(f"{SOTO}/book?kind=Control&day=2026-12-01")
    day = page.text.partition("Tuesday 1 December")[2].partition("</fieldset>")[0]
    assert re.findall(r"<span>([\d:]+)</span>", day) == ["09:30", "11:00", "11:30", "12:00", "12:30"]
    # The other kind lasts an hour.
    page = await owner.get(f"{SOTO}/book?kind=primera+VEZ&day=2026-12-01")
    day = page.text.partition("Tuesday 1 December")[2].partition("</fieldset>")[0]
    assert re.findall(r"<span>([\d:]+)</span>", day) == ["11:00", "11:30", "12:00"]


async def test_where_nothing_is_free_the_next_time_is_told(place: Place, owner: Browser) -> None:
    has_calendar(place, "andes", "soto", "Consultas", lead=timedelta(days=10))
    page = await owner.get(f"{SOTO}/book")
    assert "the next time is Thu 10 Dec, 11:00" in page.text
    assert f'href="{SOTO}/book?day=2026-12-10&amp;kind=Primera+vez"' in page.text.replace("%20", "+")
    for day in ("x", "0001-01-01", "9999-12-31", EVIL):
        page = await owner.get(f"{SOTO}/book", params={"day": day, "kind": EVIL, "starts": EVIL})
        assert page.status_code == 200
        assert EVIL not in page.text


# --- one appointment --------------------------------------------------------------------------------------


async def test_one_is_moved_and_cancelled_and_its_history_says_by_whom(
    place: Place, staff: Browser, soto: AgendaCalendar
) -> None:
    one = is_booked(place)
    page = await staff.get(f"{SOTO}/appointments/{one.id}?day=2026-12-01")
    # It is where it is; its own time does not stand in the way of one that overlaps it.
    assert 'value="2026-12-01T12:00:00Z"' not in page.text
    answer = await changes(staff, one, "move", starts="2026-12-02T13:00:00Z")
    assert answer.headers["location"].endswith("?done=moved")
    answer = await changes(staff, one, "cancel")
    page = await staff.get(answer.headers["location"])
    assert "the time is free again" in page.text
    assert "Move to another time" not in page.text
    [now] = kept(place)
    assert (now.starts, now.state) == (datetime(2026, 12, 2, 13, tzinfo=UTC), AppointmentState.CANCELLED)
    lines = re.findall(r"<strong>(appointment [a-z]+)</strong> · ([^<\n]*?)(?: <|</li>)", page.text)
    office = place.site.settings.office.name
    assert lines == [
        ("appointment cancelled", "recepcion"),
        ("appointment moved", "recepcion"),
        ("appointment booked", office),
    ]
    assert "Tue 1 Dec, 09:00 → Wed 2 Dec, 10:00" in page.text
    assert "ana" not in re.sub(r"<[^>]*>", "", page.text).lower().split()
    assert "appointment moved" in (await staff.get(f"{SOTO}/history")).text


async def test_of_two_who_change_one_the_second_is_told(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    one = is_booked(place)
    path, before = f"{SOTO}/appointments/{one.id}", one.changed_at.isoformat()
    place_later = {"act": "move", "starts": "2026-12-02T13:00:00Z", "before": before}
    with booking(place.engine, ANA, MONDAY + timedelta(seconds=1)) as work:
        appointments.move(work, one.client_id, one.id, TUESDAY_9 + timedelta(hours=1), house=HOUSE)
    for act in ("move", "cancel", "note", "no-show"):
        page = await staff.post(path, place_later | {"act": act, "name": "Otra"})
        assert (page.status_code, "somebody else has changed this appointment" in page.text) == (400, True)
    [now] = kept(place)
    assert (now.starts, now.name) == (TUESDAY_9 + timedelta(hours=1), "María Soto")


async def test_nobody_came(place: Place, staff: Browser, soto: AgendaCalendar, at: list[datetime]) -> None:
    one = is_booked(place)
    page = await changes(staff, one, "no-show")
    assert (page.status_code, "has not begun yet" in page.text) == (400, True)
    assert "Note that nobody came" not in page.text
    at.append(TUESDAY_9 + timedelta(hours=1))
    page = await staff.get(f"{SOTO}/appointments/{one.id}")
    assert "Note that nobody came" in page.text
    assert "Cancel this appointment" not in page.text
    page = await changes(staff, one, "cancel")
    assert (page.status_code, "is over" in page.text) == (400, True)
    assert (await changes(staff, one, "no-show")).status_code == 303
    assert [each.state for each in kept(place)] == [AppointmentState.NO_SHOW]


async def test_whom_it_is_for_is_changed(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    one = has_asked(place, soto, "¿Edad?", "44")
    path = f"{SOTO}/appointments/{one.id}"
    page = await staff.get(path)
    form = page.text[page.text.index('<section aria-labelledby="whom"') :]
    given = fields(Response(200, text=form), path)
    # A question that is asked no more keeps its answer.
    assert [given["q0-asked"], given["q1-asked"], given["q1"]] == ["¿RUT?", "¿Edad?", "44"]
    answer = await staff.post(path, given | {"act": "note", "name": "María José", "q0": "5-1", "email": "m@j.example"})
    assert answer.status_code == 303
    [now] = kept(place)
    assert (now.name, now.email, now.sequence) == ("María José", "m@j.example", 0)
    assert dict(now.answers) == {"¿RUT?": "5-1", "¿Edad?": "44"}
    page = await changes(staff, one, "note", name="", language="es")
    assert re.findall(r'role="alert" id="([^"]+)"', page.text) == ["whom-name-problem"]


async def test_nobody_mails_strangers_by_appointments(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    one, sent = is_booked(place), 0
    for number in range(60):
        given = {"name": "María Soto", "email": f"s{number}@stranger.example"}
        page = await changes(staff, one, "note", **given)
        sent += page.status_code == 303
        (one,) = kept(place)
    assert sent == 40
    assert "so many e-mail addresses" in page.text
    assert (await changes(staff, one, "note", name="Sin correo", email="")).status_code == 303


async def test_hostile_words_are_words(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    with booking(place.engine, ADMIN, MONDAY) as work:
        calendars.change(work, soto.client_id, "soto", name=EVIL, resource=EVIL, address=EVIL, questions=[EVIL])
    one = is_booked(place, name=EVIL, note=EVIL, answers={EVIL: EVIL})
    pages = (HERE, SOTO, f"{SOTO}?q={EVIL}", f"{SOTO}/book", f"{SOTO}/settings", f"{SOTO}/remove", f"{SOTO}/history")
    for path in (*pages, f"{SOTO}/appointments/{one.id}", f"{HERE}?done={EVIL}"):
        page = await owner.get(path)
        assert page.status_code == 200, path
        assert EVIL not in page.text, path
    week = await owner.get(f"{SOTO}/week?days=7&from=2026-11-30")
    assert week.headers["content-type"] == "application/json"
    for path in (f"{SOTO}/appointments/0", f"{SOTO}/appointments/-1", f"{SOTO}/appointments/{'9' * 40}"):
        assert (await owner.get(path)).status_code == 404
    page = await owner.post(f"{SOTO}/appointments/{one.id}", {"act": EVIL})
    assert (page.status_code, EVIL in page.text) == (400, False)


async def test_the_call_in_which_it_was_booked_is_a_link(
    place: Place, owner: Browser, soto: AgendaCalendar, talking: Call
) -> None:
    one = is_booked(place, call_id=talking.id)
    with reading(place.engine) as conn:
        assert conn.scalar(select(calls.c.ended_at)) is None
    # Nobody of theirs sees a call that lasts.
    assert "/portal/calls/" not in (await owner.get(f"{SOTO}/appointments/{one.id}")).text
    with writing(place.engine) as conn:
        conn.execute(update(calls).values(ended_at=MONDAY, outcome="answered"))
    page = await owner.get(f"{SOTO}/appointments/{one.id}")
    link = re.search(r'href="(/portal/calls/[^"]+)"', page.text)
    assert link
    assert (await owner.get(link[1])).status_code == 200


async def test_of_a_caller_who_asked_for_a_block_nothing_is_told(
    place: Place, owner: Browser, soto: AgendaCalendar
) -> None:
    number = "+56912345678"
    one = is_booked(place, number=number, email="maria@soto.example", note="trae perro", answers={"¿RUT?": "5-1"})
    with writing(place.engine) as conn:
        restrictions.add(conn, number, None, "his letter", MONDAY + timedelta(minutes=1))
    for path in (HERE, SOTO, f"{SOTO}?q=maria", f"{SOTO}/appointments/{one.id}", f"{SOTO}/remove", f"{SOTO}/week"):
        page = await owner.get(path)
        for hidden in ("María", "1234", "maria@soto", "trae perro", "5-1"):
            assert hidden not in page.text, (path, hidden)
    assert "Nothing was found." in (await owner.get(f"{SOTO}?q=María")).text
    later = is_booked(place, TUESDAY_9 + timedelta(hours=1), number=number)
    with writing(place.engine) as conn:
        conn.execute(
            update(appointment).where(appointment.c.id == later.id).values(booked_at=MONDAY + timedelta(minutes=2))
        )
    assert "María Soto" in (await owner.get(f"{SOTO}/appointments/{later.id}")).text


# --- lists and the week -----------------------------------------------------------------------------------


async def test_coming_and_past_ones_are_found(
    place: Place, staff: Browser, soto: AgendaCalendar, at: list[datetime]
) -> None:
    is_booked(place, name="María Muñoz", number="+56912345678", note="radiografía")
    is_booked(place, TUESDAY_9 + timedelta(days=1), name="Luis Pérez")
    is_booked(place, TUESDAY_9 + timedelta(days=2), name="Zoë")

    def names(page: Response) -> list[str]:
        return re.findall(r'<span class="who">(?:<s>)?([^<]*)', page.text)

    assert names(await staff.get(SOTO)) == ["María Muñoz ", "Luis Pérez", "Zoë"]
    at.append(TUESDAY_9 + timedelta(days=1, hours=2))
    assert names(await staff.get(SOTO)) == ["Zoë"]
    assert names(await staff.get(f"{SOTO}?past=1")) == ["Luis Pérez", "María Muñoz "]
    for text in ("munoz", "MUÑOZ maría", "radiografia", "91234", "+56 9 1234"):
        assert names(await staff.get(SOTO, params={"past": "1", "q": text})) == ["María Muñoz "], text
    for text in ("%", "_", "'; --", "munoz perez"):
        assert names(await staff.get(SOTO, params={"past": "1", "q": text})) == [], text


async def test_a_long_list_has_pages(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    with booking(place.engine, ADMIN, MONDAY) as work:
        calendars.change(work, soto.client_id, "soto", week="always", step=30)
    for number in range(33):
        is_booked(place, TUESDAY_9 + timedelta(minutes=30 * number), name=f"n{number}")
    page = await staff.get(SOTO)
    assert (page.text.count("data-appointment"), f'href="{SOTO}?skip=30#list"' in page.text) == (30, True)
    page = await staff.get(f"{SOTO}?skip=30")
    assert re.findall(r'<span class="who">([^<]*)', page.text) == ["n30", "n31", "n32"]
    for skip in ("-1", "x", "9" * 30):
        assert (await staff.get(f"{SOTO}?skip={skip}")).status_code == 200


async def test_the_week_says_who_holds_nothing_by_name(place: Place, staff: Browser, soto: AgendaCalendar) -> None:
    is_booked(place)
    with writing(place.engine) as conn:
        appointments.hold(conn, soto.client_id, "soto", "Control", TUESDAY_9 + timedelta(hours=1), "Ana", MONDAY)
    told = (await staff.get(f"{SOTO}/week?days=7&kind=Control")).json()
    assert [one["name"] for one in told["appointments"]] == ["María Soto"]
    assert [one["holder"] for one in told["held"]] == [place.site.settings.office.name]
    assert "2026-12-01T09:30" in [one["from"] for one in told["free"]]
    for query in ("days=0", "days=9", "from=x", "from=1999-01-01", "kind=x", f"from={'9' * 40}"):
        answer = await staff.get(f"{SOTO}/week?{query}", headers={"accept": "*/*"})
        assert (answer.status_code, bool(answer.json()["what"])) == (400, True), query


async def test_what_is_not_in_the_remote_calendar_yet_is_said(
    place: Place, owner: Browser, soto: AgendaCalendar
) -> None:
    with booking(place.engine, ADMIN, MONDAY) as work:
        calendars.change(work, soto.client_id, "soto", source=Source.CALDAV)
    one = is_booked(place)
    with writing(place.engine) as conn:
        conn.execute(
            insert(remote_state).values(calendar_id=soto.id, synced_at=MONDAY, trouble="the calendar's server is away")
        )
        conn.execute(update(appointment).values(mirror_error="no answer within 10 s"))
        assert conn.scalar(select(appointment.c.mirror_due_at)) == MONDAY
    for path in (HERE, SOTO):
        page = (await owner.get(path)).text
        assert "1 appointment is not in your own calendar yet" in page
        assert "the calendar&#39;s server is away" in page
        assert "not in your own calendar yet</span>" in page
    assert "no answer within 10 s" in (await owner.get(f"{SOTO}/appointments/{one.id}")).text
    with writing(place.engine) as conn:
        conn.execute(update(appointment).values(mirror_due_at=None))
        conn.execute(update(remote_state).values(trouble=""))
    for path in (HERE, SOTO, f"{SOTO}/appointments/{one.id}"):
        page = (await owner.get(path)).text
        assert "your own calendar yet" not in page
        assert "is away" not in page


async def test_a_calendar_in_another_zone_says_so(place: Place, owner: Browser) -> None:
    has_calendar(place, "andes", "soto", "Consultas", zone="Europe/Madrid")
    starts = datetime(2026, 12, 1, 8, tzinfo=UTC)
    is_booked(place, starts)
    page = await owner.get(SOTO)
    assert "Times of Europe/Madrid" in page.text
    assert "Tue 1 Dec, 09:00–09:30" in page.text


async def test_the_pages_are_there_in_spanish(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    one = is_booked(place)
    await owner.post("/language", {"language": "es"})
    for path, words in (
        (HERE, "María Soto"),
        (SOTO, "Próximas citas"),
        (f"{SOTO}/book", "Agendar una cita"),
        (f"{SOTO}/settings", "Horas reservables"),
        (f"{SOTO}/remove", "Estoy seguro"),
        (f"{SOTO}/history", "Historial"),
        (f"{SOTO}/appointments/{one.id}", "Mover o cancelar"),
    ):
        assert words in (await owner.get(path)).text, path


async def test_the_owners_log_has_what_the_office_booked(place: Place, owner: Browser, soto: AgendaCalendar) -> None:
    is_booked(place)
    page = (await owner.get("/portal/audit")).text
    assert "appointment booked" in page
    assert "2026-12-01 09:00:00 -03" in page
    assert "María" not in page


async def test_what_does_not_agree_with_the_own_calendar_is_shown(
    place: Place, staff: Browser, soto: AgendaCalendar
) -> None:
    one = is_booked(place)
    with writing(place.engine) as conn:
        remotes.add_task(conn, Clash(one.id, ClashKind.MOVED), MONDAY)
        later = one.starts + timedelta(hours=2)
        remotes.put_moved(conn, soto.id, one.id, [Busy("x", later, later + timedelta(minutes=30))])
    page = await staff.get(SOTO)
    assert page.text.count("data-clash=") == 1
    assert "In your own calendar it was moved to Tue 1 Dec, 11:00." in page.text


async def test_the_history_of_what_was_set_up_is_told_in_words(
    place: Place, owner: Browser, soto: AgendaCalendar
) -> None:
    with booking(place.engine, ADMIN, MONDAY) as work:
        wanted = {"lead": timedelta(hours=2), "horizon": timedelta(days=30), "week": "mon-fri 9:00-12:00"}
        calendars.change(work, soto.client_id, "soto", **wanted, reminder=True)
    await owner.post("/language", {"language": "es"})
    page = await owner.get(f"{SOTO}/history")
    told = re.findall(r"<dd>([^<]*)</dd>", page.text)
    for words in ("→ 2 h", "60 d → 30 d", "no → sí", "→ lun-vie 09:00-12:00"):
        assert any(words in each for each in told), (words, told)


async def test_with_a_wrong_sender_the_pages_work_and_booking_says_why_not(
    place: Place, staff: Browser, soto: AgendaCalendar
) -> None:
    one = is_booked(place)
    mail = msgspec.structs.replace(place.site.settings.mail, sender="nobody")
    wrong = msgspec.structs.replace(place.site.settings, mail=mail)
    object.__setattr__(place.site, "settings", wrong)  # as if the process had begun with these
    for path in (HERE, SOTO, f"{SOTO}/book", f"{SOTO}/history", f"{SOTO}/appointments/{one.id}"):
        assert (await staff.get(path)).status_code == 200, path
    answer = await changes(staff, one, "cancel")
    assert answer.status_code == 400
    assert "no letters can be written at the moment, so nothing is booked or changed" in answer.text
    assert kept(place)[0].state is AppointmentState.CONFIRMED
