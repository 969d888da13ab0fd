"""An owner sees the week, changes it after having heard what callers will hear, and has days of the firm's own."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from acting import ADMIN
from browsing import Browser, Place

from pbx_control import clock
from pbx_control.domain.audit import Verb
from pbx_control.domain.office import AnnouncementKind
from pbx_control.domain.opening.hours import USUAL_WEEK
from pbx_control.services import clientele, closing_days, texts
from pbx_control.services.work import Work, changing
from pbx_control.store import audit, clients, holidays
from pbx_control.store.engine import reading

# A Monday, 11 o'clock in Chile.
MONDAY = datetime(2026, 11, 23, 14, tzinfo=UTC)
HERE = "/portal/hours"

pytestmark = pytest.mark.usefixtures("spoken")


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MONDAY)


def form(*days: str, mode: str = "week") -> dict[str, str]:
    """The form with that week, Monday first: "09:00-13:00 14:00-18:00", or "closed"."""
    fields = {"mode": mode}
    for number, day in enumerate(days):
        if day == "closed":
            fields[f"d{number}-closed"] = "1"
            continue
        for row, span in enumerate(day.split()):
            opens, _, closes = span.partition("-")
            fields |= {f"d{number}-{row}-from": opens, f"d{number}-{row}-to": closes}
    return fields


SHORT = form(*["09:00-14:00"] * 5, "closed", "closed")


def week(place: Place) -> str:
    with reading(place.engine) as conn:
        return clients.find(conn, "andes").week


def done(place: Place, act: Callable[[Work, int], object]) -> None:
    """Somebody of the office changes something."""
    with changing(place.engine, ADMIN, MONDAY) as work:
        act(work, clients.find(work.conn, "andes").id)


def days(place: Place) -> list[tuple[date, str, bool]]:
    with reading(place.engine) as conn:
        return [(one.day, one.name, one.kept) for one in holidays.changes(conn) if one.client_id is not None]


def confirmed(text: str) -> dict[str, str]:
    """What the preview's form sends when it is confirmed."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)) | {"act": "confirm"}


async def test_the_week_stands_there_in_words_and_to_be_changed(owner: Browser) -> None:
    page = (await owner.get(HERE)).text
    assert f'data-week="{USUAL_WEEK}"' in page
    assert "Monday to Friday from 9:00 a.m. to 1:00 p.m. and from 2:00 p.m. to 6:00 p.m." in page
    assert "nuestro horario de atención es de lunes a viernes de las 9:00" in page
    assert re.search(r'name="d0-1-from" value="14:00"', page)
    assert re.search(r'name="d5-closed" value="1" checked', page)
    assert 'data-public="2026-12-25"' in page
    assert 'data-public="2027-09-18"' in page
    assert 'data-public="2027-12-25"' not in page


async def test_what_callers_will_hear_is_heard_before_it_is_confirmed(place: Place, owner: Browser) -> None:
    page = await owner.post(HERE, SHORT | {"act": "preview"})
    assert page.status_code == 200
    assert 'data-week="mon-fri 09:00-14:00"' in page.text
    assert "Until now" in page.text
    address = re.search(r'src="([^"]+)" data-listen', page.text)
    assert address
    sound = await owner.get(address[1])
    assert "es de lunes a viernes de las 9:00 a las 14:00 horas" in sound.content.decode()
    assert week(place) == USUAL_WEEK
    answer = await owner.post(HERE, confirmed(page.text))
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert week(place) == "mon-fri 09:00-14:00"
    with reading(place.engine) as conn:
        newest = audit.newest(conn)[0].entry
    assert (newest.verb, newest.actor.name) == (Verb.CLIENT_CHANGED, "gerencia")
    assert newest.difference == {"week": (USUAL_WEEK, "mon-fri 09:00-14:00")}


async def test_he_may_go_back_to_the_form_with_what_he_has_filled_in(place: Place, owner: Browser) -> None:
    page = await owner.post(HERE, SHORT | {"act": "preview"})
    back = await owner.post(HERE, confirmed(page.text) | {"act": "edit"})
    assert back.status_code == 200
    assert 'name="d0-0-to" value="14:00"' in back.text
    assert 'name="d0-1-from" value=""' in back.text
    assert week(place) == USUAL_WEEK


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (form(*["00:00-00:00"] * 7), "always"),
        (form(*["00:00-00:00"] * 6, "closed"), "mon-sat 00:00-24:00"),
        (form(mode="always"), "always"),
        (form(*["closed"] * 7), "never"),
        (form("22:00-06:00", *["closed"] * 6), "mon 22:00-24:00 tue 00:00-06:00"),
        (form("09:00-10:00 11:00-12:00 13:00-14:00", *["closed"] * 6), "mon 09:00-10:00 11:00-12:00 13:00-14:00"),
        (form("18:00-00:00", *["closed"] * 6), "mon 18:00-24:00"),
        (SHORT | {"d0-closed": "1"}, "tue-fri 09:00-14:00"),
    ],
)
async def test_any_week_can_be_filled_in(place: Place, owner: Browser, fields: dict[str, str], kept: str) -> None:
    page = await owner.post(HERE, fields | {"act": "preview"})
    assert page.status_code == 200, re.findall(r'role="alert"[^>]*>([^<]+)', page.text)
    assert f'data-week="{kept}"' in page.text
    assert (await owner.post(HERE, confirmed(page.text))).status_code == 303
    assert week(place) == kept
    # The form as it stands there then means the same.
    page = (await owner.get(HERE)).text
    again = dict(re.findall(r'name="(d\d-\d+-(?:from|to)|d\d-closed)" value="([^"]*)" (?:checked|aria)', page))
    mode = "always" if kept == "always" else "week"
    assert f'data-week="{kept}"' in (await owner.post(HERE, again | {"mode": mode, "act": "preview"})).text


async def test_a_night_and_a_week_without_hours_are_warned_of(owner: Browser) -> None:
    night = await owner.post(HERE, form("22:00-06:00", *["closed"] * 6) | {"act": "preview"})
    assert "22:00-06:00 passes midnight" in night.text
    never = await owner.post(HERE, form(*["closed"] * 7) | {"act": "preview"})
    assert "You would be closed at all times" in never.text


@pytest.mark.parametrize(
    ("days", "number", "told"),
    [
        (["09:00-", *["closed"] * 6], 0, "give both times"),
        (["closed", "-18:00", *["closed"] * 5], 1, "give both times"),
        (["closed", "09:00-25:00", *["closed"] * 5], 1, "give both times"),
        (["closed"] * 2 + ["09:00-09:00"] + ["closed"] * 4, 2, "ends when it begins"),
        (["closed"] * 3 + ["09:00-13:00 12:00-18:00"] + ["closed"] * 3, 3, "overlap"),
        (["closed"] * 4 + ["22:00-06:00", "05:00-09:00", "closed"], 5, "overlap"),
        (["closed"] * 6 + [""], 6, "fill in the times, or tick that it is closed"),
        (["closed"] * 6 + ["<b>-18:00"], 6, "give both times"),
    ],
)
async def test_nonsense_is_refused_at_its_day_and_what_was_typed_stays(
    place: Place, owner: Browser, days: list[str], number: int, told: str
) -> None:
    for act in ("preview", "confirm"):
        page = await owner.post(HERE, form(*days) | {"act": act, "before": USUAL_WEEK})
        assert page.status_code == 400
        problem = re.search(rf'role="alert" id="d{number}-problem">([^<]+)', page.text)
        assert problem
        assert told in problem[1]
        assert page.text.count('role="alert"') == 1
    assert week(place) == USUAL_WEEK


async def test_of_two_owners_the_second_one_is_told_that_the_hours_have_changed(place: Place, owner: Browser) -> None:
    page = await owner.post(HERE, SHORT | {"act": "preview"})
    done(place, lambda work, _: clientele.change(work, "andes", week="always"))
    answer = await owner.post(HERE, confirmed(page.text))
    assert answer.status_code == 400
    assert "somebody else has changed the hours meanwhile" in answer.text
    assert 'name="d0-0-to" value="14:00"' in answer.text
    assert week(place) == "always"


async def test_the_same_confirmed_twice_is_one_change(place: Place, owner: Browser) -> None:
    fields = confirmed((await owner.post(HERE, SHORT | {"act": "preview"})).text)
    assert [(await owner.post(HERE, fields)).status_code for _ in range(2)] == [303, 400]
    with reading(place.engine) as conn:
        changed = [one for one in audit.newest(conn) if one.entry.verb is Verb.CLIENT_CHANGED]
    assert len(changed) == 1


async def test_own_words_and_an_own_recording_are_warned_of(place: Place, owner: Browser) -> None:
    closed = AnnouncementKind.CLOSED
    done(place, lambda work, andes: texts.put_announcement(work, andes, closed, text="Estamos cerrados."))
    assert "does not tell the hours" in (await owner.post(HERE, SHORT | {"act": "preview"})).text
    done(place, lambda work, andes: texts.put_announcement(work, andes, closed, audio="audio/0123456789abcdef"))
    page = (await owner.post(HERE, SHORT | {"act": "preview"})).text
    assert "It does not change with the hours" in page
    assert "(your own recording)" in page


async def test_days_of_its_own_are_added_and_taken_back(place: Place, owner: Browser) -> None:
    answer = await owner.post(f"{HERE}/days", {"act": "close", "day": "2026-12-31", "name": "Balance <b>"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}#days")
    await owner.post(f"{HERE}/days", {"act": "work", "day": "2026-12-25"})
    assert days(place) == [(date(2026, 12, 25), "", False), (date(2026, 12, 31), "Balance <b>", True)]
    page = (await owner.get(HERE)).text
    assert 'data-own="2026-12-31"' in page
    assert "Balance &lt;b&gt;" in page
    assert re.search(r'data-own="2026-12-25".*?you work', page, re.DOTALL)
    assert 'data-public="2026-12-25"' not in page
    for day in ("2026-12-31", "2026-12-25"):
        await owner.post(f"{HERE}/days", {"act": "as-everybody", "day": day})
    assert days(place) == []
    assert 'data-public="2026-12-25"' in (await owner.get(HERE)).text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"act": "close", "day": ""}, "choose a day"),
        ({"act": "close", "day": "mañana"}, "choose a day"),
        ({"act": "close", "day": "2026-11-22"}, "from today on"),
        ({"act": "close", "day": "2029-01-02"}, "within two years"),
        ({"act": "close", "day": "2026-12-31", "name": "a\u0007b"}, "control character"),
        ({"act": "close", "day": "2026-12-31", "name": "x" * 81}, "too long"),
        ({"act": "close", "day": "2026-12-24"}, "is a holiday already"),
        ({"act": "work", "day": "2026-12-30"}, "is no holiday"),
        ({"act": "as-everybody", "day": "2026-12-30"}, "nothing to take back"),
    ],
)
async def test_a_day_that_makes_no_sense_is_refused_at_its_field(
    place: Place, owner: Browser, fields: dict[str, str], told: str
) -> None:
    done(place, lambda work, andes: closing_days.add(work, date(2026, 12, 24), andes, "Nochebuena"))
    page = await owner.post(f"{HERE}/days", fields)
    assert page.status_code == 400
    assert page.text.count('role="alert"') == 1
    assert told in page.text
    assert f'value="{fields["day"]}"' in page.text
    assert days(place) == [(date(2026, 12, 24), "Nochebuena", True)]


async def test_who_is_always_open_is_told_that_holidays_do_not_close_him(place: Place, owner: Browser) -> None:
    done(place, lambda work, _: clientele.change(work, "andes", week="always"))
    page = (await owner.get(HERE)).text
    assert "Who is open always is not closed on these." in page
    assert "We work on this day" not in page
