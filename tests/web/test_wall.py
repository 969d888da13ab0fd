"""The wallboard: its figures, who is told of them, and how often the database is asked."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from browsing import Browser, Place
from sqlalchemy import event

from pbx_control import clock
from pbx_control.clock import now
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.figures.levels import Sums
from pbx_control.domain.users import Person
from pbx_control.errors import StoreUnavailable
from pbx_control.live.kept_running import KeptRunning
from pbx_control.live.news import CallNow, DaemonNow, News, SecretaryNow, State
from pbx_control.services import users
from pbx_control.services.steps import Rules, save
from pbx_control.store import quarters
from pbx_control.store.engine import writing
from pbx_control.store.quarters import Counted
from pbx_control.web.desk import stream as desk_stream
from pbx_control.web.desk.room import Stream
from pbx_control.web.wall import stream, wall
from pbx_control.web.wall.wall import Wall
from pbx_control.world.legs import patience

NBSP = "\N{NO-BREAK SPACE}"


def told(place: Place, *calls: CallNow, secretaries: tuple[SecretaryNow, ...] = (), ready: bool = True) -> None:
    """The daemon tells how things are."""
    place.site.room.feed._hear(State("e", 0, DaemonNow(1, ready, now()), calls, secretaries))


def waits(call_id: str, since: datetime, phase: str = "waiting") -> CallNow:
    return CallNow(call_id, phase, 1, arrived_at=since, waiting_since=since)


def counted(place: Place, *sums: Sums, client_id: int = 1, at: datetime | None = None) -> None:
    with writing(place.engine) as conn:
        quarters.add(conn, [Counted(client_id, at or now(), "main", one) for one in sums])


async def person(place: Place, name: str) -> Person:
    browser = place.browser()
    await browser.sign_in(name)
    found = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert found
    return found


async def lead(place: Place, name: str = "jefa", **headers: str) -> Browser:
    browser = place.browser(**headers)
    await browser.sign_in(name)
    return browser


def figure(text: str, name: str) -> str:
    """What stands in a figure, without its markup."""
    _, _, rest = text.partition(f'data-figure="{name}">')
    return rest.partition("</dd>")[0]


async def test_the_figures_of_the_day_and_of_the_moment_are_shown(place: Place) -> None:
    since = datetime(2026, 8, 3, 15, tzinfo=UTC)
    told(
        place, waits("c1", since + timedelta(seconds=9)), waits("c2", since, "offering"), waits("c3", since, "talking")
    )
    counted(place, Sums(in_time=5, late=2, abandoned=1, brief=3, unanswered=2))
    page = (await (await lead(place)).get("/admin")).text
    assert figure(page, "waiting") == "2"
    assert f'datetime="{since.isoformat()}"' in figure(page, "longest-wait")
    assert figure(page, "service-level").startswith(f"50{NBSP}% <small>5 of 10")
    assert figure(page, "abandoned").startswith(f"1 <small>and 3 within 5{NBSP}s")
    assert (figure(page, "undelivered"), figure(page, "open-messages")) == ("0", "0")
    assert 'data-client="andes"' in page
    assert "data-trouble" not in page


async def test_what_nobody_knows_is_said_and_is_no_nought(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await lead(place)
    page = (await browser.get("/admin")).text
    assert (figure(page, "waiting"), figure(page, "longest-wait")) == ("–", "–")
    assert 'data-trouble="daemon"' in page
    assert figure(page, "open-messages") == "0"
    told(place)

    def away(*_: object) -> None:
        raise StoreUnavailable("the disk is gone")

    monkeypatch.setattr(wall.figures, "today", away)
    monkeypatch.setattr(wall, "READ_EVERY", 0.0)
    page = (await browser.get("/admin")).text
    assert figure(page, "waiting") == "0"
    assert 'data-trouble="database"' in page
    assert 'data-trouble="daemon"' not in page
    assert {figure(page, name) for name in ("service-level", "abandoned", "undelivered", "open-messages")} == {"–"}


async def test_each_secretary_has_her_state_and_since_when(place: Place) -> None:
    lunch = datetime(2026, 8, 3, 16, tzinfo=UTC)
    answered = datetime(2026, 8, 3, 15, tzinfo=UTC)
    pauses = SecretaryNow(
        1, "Ana", registered=True, paused=True, paused_by="desk", pause_reason="lunch", paused_at=lunch
    )
    talks = SecretaryNow(2, "Eva", registered=True, call="c1", talking=True)
    call = CallNow("c1", "talking", 1, secretary_id=2, answered_at=answered, waiting_since=answered)
    told(place, call, secretaries=(pauses, talks, SecretaryNow(3, "Luz <b>", registered=True)))
    page = (await (await lead(place, **{"accept-language": "es"})).get("/admin")).text
    people = page.partition('class="staff"')[2].partition("</ul>")[0]
    assert "almuerzo" in people
    assert people.count("≥") == 1  # nobody has seen since when Luz is ready
    assert (lunch.isoformat() in people, answered.isoformat() in people) == (True, True)
    assert "Luz &lt;b&gt;" in people
    counts = {
        state: page.partition(f'data-state-count="{state}"')[2].partition("<strong>")[2].partition("<")[0]
        for state in ("ready", "talking", "pause", "offline")
    }
    assert counts == {"ready": "1", "talking": "1", "pause": "1", "offline": "0"}


async def test_a_change_of_her_state_is_noted_when_it_is_seen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    board = place.site.room.wall
    told(place, secretaries=(SecretaryNow(1, "Ana", registered=True),))
    board._show()
    [(_, first)] = board.shown.secretaries
    later = now() + timedelta(minutes=3)
    monkeypatch.setattr(clock, "now", lambda: later)
    board._show()
    [(_, same)] = board.shown.secretaries
    assert (same.since, same.at_least) == (first.since, True)
    place.site.room.feed._hear(News(1, secretaries=(SecretaryNow(1, "Ana"),)))
    board._show()
    [(_, gone)] = board.shown.secretaries
    assert (gone.duty.state, gone.since, gone.at_least) == ("offline", later, False)


async def test_the_desk_shows_the_house_in_one_line(place: Place) -> None:
    told(place, waits("c1", now()))
    counted(place, Sums(in_time=3, abandoned=1))
    await place.site.room.wall.look()
    browser = place.browser()
    await browser.sign_in("ana")
    page = (await browser.get("/desk")).text
    shown = [figure(page, name) for name in ("waiting", "service-level", "abandoned")]
    assert shown == ["1", f"75{NBSP}%", "1"]


# --- the stream -------------------------------------------------------------------------------------------


@pytest.fixture
async def board(place: Place) -> AsyncIterator[Wall]:
    place.site.room.ending = place.site.room.wall.ending = False
    async with KeptRunning(place.site.room.wall.run):
        yield place.site.room.wall


def watched(place: Place, who: Person) -> AsyncGenerator[bytes, None]:
    return stream.events(place.site.room.wall, place.site.sessions, who, "en")


async def next_figures(told_: AsyncGenerator[bytes, None]) -> dict[str, Any]:
    async for one in told_:
        if one.startswith(b"event: figures"):
            found: dict[str, Any] = json.loads(one.partition(b"data: ")[2])
            return found
    raise AssertionError("the stream has ended")


async def test_a_change_is_told_and_only_what_changed(place: Place, board: Wall) -> None:
    told(place)
    async with asyncio.timeout(patience(10)), aclosing(watched(place, await person(place, "jefa"))) as heard:
        assert set((await next_figures(heard))["regions"]) == {"numbers", "floor", "clients"}
        place.site.room.feed._hear(News(1, calls=(waits("c1", now()),)))
        change = (await next_figures(heard))["regions"]
        assert (set(change), figure(change["numbers"], "waiting")) == ({"numbers"}, "1")
        counted(place, Sums(in_time=1))
        change = (await next_figures(heard))["regions"]
        assert (set(change), figure(change["numbers"], "service-level")[:5]) == ({"numbers", "clients"}, f"100{NBSP}%")


async def test_a_page_that_is_left_alone_hears_that_the_figures_are_so_still(place: Place, board: Wall) -> None:
    told(place)
    async with asyncio.timeout(patience(10)), aclosing(watched(place, await person(place, "jefa"))) as heard:
        await next_figures(heard)
        assert (await anext(heard)).startswith(b"event: alive")


@pytest.mark.parametrize("pages", [1, 60])
async def test_sixty_pages_cost_no_more_than_one(
    place: Place, board: Wall, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SESSION_EVERY", 3600.0)
    monkeypatch.setattr(stream, "MOST", pages)
    made: list[str] = []
    monkeypatch.setattr(
        stream, "pieces", lambda snapshot, language: made.append(language) or {"numbers": str(snapshot)}
    )
    told(place)
    who = await person(place, "jefa")
    async with asyncio.timeout(patience(30)), AsyncExitStack() as stack:
        heard = [await stack.enter_async_context(aclosing(watched(place, who))) for _ in range(pages)]
        for one in heard:
            await next_figures(one)
        asked: list[object] = []
        event.listen(place.engine, "checkout", lambda *each: asked.append(each))
        began, before, drawn = asyncio.get_running_loop().time(), board.shown.number, len(made)
        for number in range(4):
            place.site.room.feed._hear(News(number, calls=(waits(f"c{number}", now()),)))
            await asyncio.gather(*map(next_figures, heard))
        lasted = asyncio.get_running_loop().time() - began
        # The clock alone says how often it is read: whatever changes, and whoever looks.
        assert len(asked) <= lasted / wall.READ_EVERY + 1
        assert len(made) - drawn <= board.shown.number - before


async def test_figures_that_change_make_no_desk_anew(
    place: Place, board: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    view_of = desk_stream.view_of
    monkeypatch.setattr(desk_stream, "view_of", lambda *given: made.append(given) or view_of(*given))
    told(place)
    ana = await person(place, "ana")
    her = Stream(ana.secretary_id or 0, ana.session_id)
    heard = desk_stream.events(place.site.room, place.site.sessions, ana, "en", her)
    async with asyncio.timeout(patience(10)), aclosing(heard):
        await _until(heard, b"event: view")
        drawn = len(made)
        for number in range(3):
            place.site.room.feed._hear(News(number, calls=(waits(f"c{number}", now()),)))
            line = await _until(heard, b"event: house")
            assert figure(json.loads(line.partition(b"data: ")[2])["html"], "waiting") == str(number + 1)
        assert len(made) == drawn


async def _until(heard: AsyncGenerator[bytes, None], beginning: bytes) -> bytes:
    async for one in heard:
        if one.startswith(beginning):
            return one
    raise AssertionError("the stream has ended")


async def test_whoever_is_signed_out_sees_no_more(place: Place, board: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SESSION_EVERY", 0.0)
    told(place)
    who = await person(place, "jefa")
    async with asyncio.timeout(patience(10)), aclosing(watched(place, who)) as heard:
        await next_figures(heard)
        users.sign_out(place.engine, who.session_id, now())
        assert [one async for one in heard][-1].startswith(b"event: signed-out")


async def test_one_page_too_many_ends_the_oldest(place: Place, board: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST", 2)
    who = await person(place, "jefa")
    async with asyncio.timeout(patience(10)), AsyncExitStack() as stack:
        some = [await stack.enter_async_context(aclosing(watched(place, who))) for _ in range(3)]
        for one in some:
            await next_figures(one)
        assert [one async for one in some[0]] == []


@asynccontextmanager
async def hanging(board: Wall, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The database does not answer, for the length of the block."""
    answers = asyncio.Event()

    async def hangs(*_: object) -> None:
        await answers.wait()

    monkeypatch.setattr(wall, "run_sync", hangs)
    yield
    answers.set()


async def test_a_database_that_hangs_holds_up_nothing_that_the_daemon_tells(
    place: Place, board: Wall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "STALE_AFTER", 0.5)
    told(place)
    who = await person(place, "jefa")
    async with asyncio.timeout(patience(20)), aclosing(watched(place, who)) as heard:
        await next_figures(heard)
        async with hanging(board, monkeypatch):
            place.site.room.feed._hear(News(1, calls=(waits("c1", now()),)))
            numbers = (await next_figures(heard))["regions"]["numbers"]
            assert figure(numbers, "waiting") == "1"
            while 'data-trouble="database"' not in numbers:
                numbers = (await next_figures(heard))["regions"]["numbers"]
            assert (figure(numbers, "waiting"), figure(numbers, "abandoned")) == ("1", "–")


@pytest.mark.parametrize("busy", [False, True])
async def test_a_call_of_the_day_is_shown_within_a_second_however_soon_after_a_reading_it_counts(
    place: Place, board: Wall, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    now_, counted_at, read = asyncio.get_running_loop().time, list[float](), board._read

    def read_and_count_one_more() -> Any:
        found = read()
        counted_at.append(now_())
        counted(place, Sums(in_time=1))
        return found

    monkeypatch.setattr(board, "_read", read_and_count_one_more)
    told(place)
    ages = list[float]()
    news = KeptRunning(lambda: news_comes(board)) if busy else AsyncExitStack()
    async with asyncio.timeout(patience(20)), news, aclosing(watched(place, await person(place, "jefa"))) as heard:
        while len(ages) < 4:
            numbers = (await next_figures(heard))["regions"].get("numbers", "")
            shown = int(figure(numbers, "service-level").partition(" of ")[2].partition("<")[0] or 0)
            ages += [now_() - counted_at[shown - 1]] if shown else []
    # The best of them: others may have waited for this machine.
    assert min(ages) < 1.0


async def news_comes(board: Wall) -> None:
    """Somebody calls, is answered, hangs up."""
    while True:
        board.told()
        await asyncio.sleep(0.02)


# --- days and weeks ---------------------------------------------------------------------------------------

MORNING = datetime(2026, 8, 3, 12, tzinfo=UTC)  # a Monday, 08:00 by the office's clock


async def test_a_day_has_its_curves_with_a_table_and_its_client(place: Place) -> None:
    counted(place, Sums(in_time=3, late=1), at=MORNING)
    counted(place, Sums(abandoned=2), client_id=2, at=MORNING + timedelta(hours=2))
    browser = await lead(place)
    page = (await browser.get("/admin/day?date=2026-08-03")).text
    assert 'data-calls="6"' in page
    assert "<h1>Monday 3 August 2026</h1>" in page
    assert page.count('role="img"') == 2
    assert "Most at 08:00: 4." in page
    assert f'<th scope="row">08:00–09:00</th><td>4</td><td>4</td><td>3</td><td class="warn">75{NBSP}%</td>' in page
    page = (await browser.get("/admin/day?date=2026-08-03&client=lagos")).text
    assert ('data-calls="2"' in page, '<option value="lagos" selected>' in page) == (True, True)


async def test_a_week_begins_on_monday_and_has_a_line_for_each_day(place: Place) -> None:
    counted(place, Sums(in_time=1), at=MORNING)
    counted(place, Sums(brief=1), at=MORNING + timedelta(days=6))
    counted(place, Sums(late=1), at=MORNING + timedelta(days=7))
    browser = await lead(place, **{"accept-language": "es"})
    page = (await browser.get("/admin/week?date=2026-08-06")).text
    assert 'data-calls="2"' in page
    assert page.count("</tr>") == 8
    assert "lunes 3 de agosto" in page.lower()
    assert "3 de agosto de 2026 – 9 de agosto de 2026" in page
    assert "3 August 2026 – 9 August 2026" in (await (await lead(place)).get("/admin/week?date=2026-08-06")).text


@pytest.mark.parametrize("asked", ["date=x", "date=9999-12-31", "date=0001-01-01", "client=nobody", "date=2026-08-03x"])
async def test_what_makes_no_sense_is_told_and_today_is_shown(place: Place, asked: str) -> None:
    browser = await lead(place)
    for room in ("day", "week"):
        answer = await browser.get(f"/admin/{room}?{asked}")
        assert answer.status_code == 200
        [told] = re.findall(r'<p class="problem" role="alert">(.*?)</p>', answer.text)
        assert told.startswith(("there is no client", "&#39;", "9999-12-31 is too", "0001-01-01 is too"))
        assert told.endswith(("all are shown", "today is shown", "this week is shown"))
    answer = await browser.get(f"/admin/figures.csv?{asked}")
    assert answer.status_code == 422  # nobody looks at a file twice
    assert "text/csv" not in answer.headers["content-type"]


@pytest.mark.parametrize("asked", ["", "date=", "date=2026-08-03", "client=", "date=2026-08-03&client=andes"])
async def test_what_makes_sense_is_no_problem(place: Place, asked: str) -> None:
    browser = await lead(place)
    for room in ("day", "week"):
        assert 'class="problem"' not in (await browser.get(f"/admin/{room}?{asked}")).text
    assert (await browser.get(f"/admin/figures.csv?{asked}")).status_code == 200


async def test_what_was_typed_is_quoted_as_a_text(place: Place) -> None:
    browser = await lead(place, **{"accept-language": "es"})
    page = (await browser.get("/admin/week?date=<b>hoy&client=<i>")).text
    assert "&lt;b&gt;hoy" in page
    assert "&lt;i&gt;" in page
    assert ("<b>hoy" in page, "<i>" in page) == (False, False)
    assert "no es una fecha" in page
    assert "no existe" in page


async def test_the_file_is_one_for_spreadsheets_that_run_nothing_of_it(place: Place) -> None:
    with writing(place.engine) as conn:
        conn.exec_driver_sql("UPDATE client SET name = '=cmd|calc, \"x\"' WHERE slug = 'andes'")
    counted(place, Sums(in_time=1, waited=125, talked=600), at=MORNING)
    answer = await (await lead(place)).get("/admin/figures.csv?date=2026-08-03")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.content.decode().split("\r\n")
    assert lines[0].startswith("\ufefffrom,to,client,name,calls,")
    assert lines[1] == (
        '2026-08-03T08:00:00-04:00,2026-08-03T08:15:00-04:00,andes,"\'=cmd|calc, ""x""",1,1,1,0,0,0,12.5,60.0'
    )
    assert lines[2:] == [""]


async def test_a_live_call_is_counted_once_it_is_answered(place: Place, talking: Call) -> None:
    page = (await (await lead(place)).get("/admin/day?date=2026-01-05")).text
    assert 'data-calls="0"' in page
    over = Call(**{name: getattr(talking, name) for name in talking.__struct_fields__} | {"phase": Phase.ENDED})
    with writing(place.engine) as conn:
        assert save(conn, [Save(over, False, ())], Rules()) == [True]
    page = (await (await lead(place)).get("/admin/day?date=2026-01-05")).text
    assert 'data-calls="1"' in page
