"""The link to a letter's file: good for that file, for a while, and only while its recipient may have it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acting import ADMIN
from browsing import Place
from sqlalchemy import insert, select, update

from pbx_control.clock import now
from pbx_control.domain.notices.kinds import About, Wants
from pbx_control.domain.notices.large import token_of
from pbx_control.domain.notices.messages import Channel, Letter, Recipient
from pbx_control.domain.notices.reports import report_id
from pbx_control.services import clientele, people, restricting
from pbx_control.services.work import changing
from pbx_control.store import clients, letters, link_keys, restrictions, retention
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import audit, call, client, letter
from pbx_control.web import tries

SOUND = b"RIFF" + bytes(range(256)) * 8
ADDRESS = "gerencia@andes.example"
LINKED_AT = now() - timedelta(days=1)
Linked = Callable[..., str]


@pytest.fixture
def linked(place: Place, tmp_path: Path) -> Linked:
    """Makes a letter with a link to its file, to a recipient of that client, and gives the link's path."""
    count = iter(range(1, 100))

    def make(slug: str = "andes", path: str = "", at: datetime = LINKED_AT, call_id: str = "") -> str:
        number = next(count)
        path = path or f"2026/11/{number}.wav"
        file = tmp_path / ("" if path.startswith("documents/") else "recordings") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(SOUND + str(number).encode())
        with changing(place.engine, ADMIN, now()) as work:
            firm = clients.find(work.conn, slug)
            people.add_recipient(work, firm.id, "email", f"{number}.{ADDRESS}")
        with writing(place.engine) as conn:
            if call_id:
                row = {"id": call_id, "client_id": firm.id, "did": "+56225550101", "caller": "", "phase": "ended"}
                conn.execute(insert(call).values(row | {"arrived_at": at, "ended_at": at, "message": path}))
            letters.add(conn, [_letter(number, firm.id, path, call_id)])
            found = letters.by_name(conn, f"call.{number}")
            conn.execute(update(letter).where(letter.c.id == found.id).values(linked_at=at))
            return f"/files/{token_of(link_keys.ensure(conn), found.id, at)}"

    return make


def _letter(number: int, client_id: int, path: str, call_id: str) -> Letter:
    return Letter(
        channel=Channel.EMAIL,
        address=f"{number}.{ADDRESS}",
        message_id=f"call.{number}",
        subject="Mensaje",
        text="Mensaje",
        attachment=path,
        written_at=LINKED_AT,
        client_id=client_id,
        call_id=call_id or None,
    )


def trail(place: Place) -> list[tuple[str, str, str]]:
    with reading(place.engine) as conn:
        query = select(audit.c.verb, audit.c.who, audit.c.subject)
        return [tuple(row) for row in conn.execute(query.where(audit.c.verb.in_(("recording heard", "file fetched"))))]


async def test_what_is_blocked_while_a_request_is_decided_is_not_there(place: Place, linked: Linked) -> None:
    path, caller = linked(call_id="pbx-1.1"), "+56912345678"
    with writing(place.engine) as conn:
        conn.execute(update(call).values(caller=caller))
    with changing(place.engine, ADMIN, now()) as work:
        restricting.block(work, place.site.home, caller, "asks for deletion")
    for answer in (await place.browser().get(path), await place.browser().post(path)):
        assert (answer.status_code, "there is nothing here" in answer.text) == (404, True)
    restricting.unblock(place.site.home, place.engine, ADMIN, caller, now())
    assert (await place.browser().get(path)).status_code == 200


async def test_report_that_tells_of_a_blocked_caller_is_not_there(place: Place, linked: Linked) -> None:
    """It is about no call: its letter may not even name him."""
    path, caller = linked(path="documents/reports/1/missed.csv"), "+56912345678"
    linked(call_id="pbx-1.1")
    invoice = linked(path="documents/invoices/1/boleta-1.pdf")
    with writing(place.engine) as conn:
        named = report_id(1, LINKED_AT, Recipient(Channel.EMAIL, f"1.{ADDRESS}"))
        conn.execute(update(letter).where(letter.c.id == 1).values(message_id=named))
        conn.execute(update(call).values(caller=caller, reported_at=LINKED_AT))
    with changing(place.engine, ADMIN, now()) as work:
        restricting.block(work, place.site.home, caller, "asks for deletion", "lagos")
    assert (await place.browser().get(path)).status_code == 200, "another client's"
    with changing(place.engine, ADMIN, now()) as work:
        restricting.block(work, place.site.home, caller, "asks for deletion", "andes")
    assert (await place.browser().get(path)).status_code == 404
    assert (await place.browser().get(invoice)).status_code == 200


@pytest.mark.parametrize(("days_blocked", "status"), [(2, 200), (0, 404)])
async def test_time_in_which_it_was_blocked_does_not_count(
    place: Place, linked: Linked, days_blocked: int, status: int
) -> None:
    """The link is of eight days ago, and good for seven."""
    path, caller = linked(at=now() - timedelta(days=8), call_id="pbx-1.1"), "+56912345678"
    with writing(place.engine) as conn:
        conn.execute(update(call).values(caller=caller))
        begun = now() - timedelta(days=5)
        restrictions.add(conn, caller, None, "asks for deletion", begun)
        restrictions.lift(conn, caller, None, begun + timedelta(days=days_blocked))
    assert (await place.browser().get(path)).status_code == status


async def test_looking_shows_what_there_is_and_fetches_nothing(place: Place, linked: Linked) -> None:
    path = linked(call_id="pbx-1.1")
    for _ in range(3):
        page = await place.browser().get(path)
        assert page.status_code == 200
        for shown in ("1.wav", "2.1 kB", "Andes"):
            assert shown in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["referrer-policy"] == "same-origin"
    assert "La grabación" not in page.text
    assert "Descargar" in (await place.browser(**{"accept-language": "es"}).get(path)).text
    assert trail(place) == []


async def test_a_press_sends_the_file_whole_or_in_pieces_and_is_told_once(place: Place, linked: Linked) -> None:
    path, browser = linked(call_id="pbx-1.1"), place.browser()
    whole = await browser.post(path, {"fetch": "yes"})
    assert (whole.status_code, whole.content) == (200, SOUND + b"1")
    assert whole.headers["content-type"] == "audio/wav"
    assert 'filename="1.wav"' in whole.headers["content-disposition"]
    assert whole.headers["cache-control"] == "no-store"
    piece = await browser.client.post(path, headers={"range": "bytes=4-9", "origin": "http://127.0.0.1:8080"})
    assert (piece.status_code, piece.content) == (206, SOUND[4:10])
    assert trail(place) == [("recording heard", f"1.{ADDRESS}", "pbx-1.1")]


async def test_whoever_leaves_out_the_beginning_is_told_too(place: Place, linked: Linked) -> None:
    path, browser = linked(call_id="pbx-1.1"), place.browser()
    for wanted in ("bytes=1-99", "bytes=100-"):
        headers = {"range": wanted, "origin": "http://127.0.0.1:8080"}
        assert (await browser.client.post(path, headers=headers)).status_code == 206
    assert len(trail(place)) == 1


async def test_a_document_is_told_by_its_name(place: Place, linked: Linked) -> None:
    path = linked(path="documents/reports/1/perdidas.csv")
    assert (await place.browser().post(path, {})).content.startswith(SOUND)
    assert trail(place) == [("file fetched", f"1.{ADDRESS}", "perdidas.csv")]


async def test_a_link_opens_no_other_file(place: Place, linked: Linked) -> None:
    mine, theirs = linked(), linked("lagos")
    forged = f"/files/{theirs.removeprefix('/files/').partition('-')[0]}-{mine.partition('-')[2]}"
    nowhere = await place.browser().get("/files/99-none")
    for path in (forged, f"{mine}x", mine[:-1], "/files/1-", "/files/ü", "/files/1"):
        for answer in (await place.browser().get(path), await place.browser().post(path, {})):
            assert answer.status_code == 404
        assert (await place.browser().get(path)).text == nowhere.text


def remove_recipient(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        people.remove_recipient(work, clients.find(work.conn, "andes").id, f"1.{ADDRESS}")


def gets_other_letters(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        wants = Wants.only(About.INVOICES, About.USAGE)
        people.set_wants(work, clients.find(work.conn, "andes").id, f"1.{ADDRESS}", wants)


def cancel(place: Place) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(cancelled_at=now()))


def turn_sensitive(place: Place) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(sensitive=True))


def delete_sound(place: Place) -> None:
    with writing(place.engine) as conn:
        [claim] = retention.of_calls(conn, ["pbx-1.1"]).values()
        retention.forget(conn, [(claim, claim.message)])


def lose_file(place: Place) -> None:
    (place.site.home.recordings / "2026/11/1.wav").unlink()


def resend(place: Place) -> None:
    with writing(place.engine) as conn:
        letters.resend(conn, [1], now())


@pytest.mark.parametrize(
    "end", [remove_recipient, gets_other_letters, cancel, turn_sensitive, delete_sound, lose_file, resend]
)
async def test_a_link_is_dead_like_one_that_never_was(
    place: Place, linked: Linked, end: Callable[[Place], None]
) -> None:
    path = linked(call_id="pbx-1.1")
    assert (await place.browser().get(path)).status_code == 200
    end(place)
    dead, nowhere = await place.browser().get(path), await place.browser().get("/files/99-none")
    assert (dead.status_code, dead.text) == (404, nowhere.text)
    assert (await place.browser().post(path, {})).status_code == 404
    assert trail(place) == []


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("2026/11/1.wav", About.CALLS),
        ("documents/reports/1/perdidas.csv", About.USAGE),
        ("documents/invoices/2026/boleta-000012.pdf", About.INVOICES),
    ],
)
async def test_a_link_is_good_for_who_gets_what_its_file_is_about(
    place: Place, linked: Linked, path: str, about: About
) -> None:
    link = linked(path=path)
    for wanted, status in ((Wants.only(about), 200), (Wants.only(*set(About) - {about}), 404)):
        with changing(place.engine, ADMIN, now()) as work:
            people.set_wants(work, clients.find(work.conn, "andes").id, f"1.{ADDRESS}", wanted)
        assert (await place.browser().get(link)).status_code == status


@pytest.mark.parametrize(("days", "status"), [(6, 200), (8, 404)])
async def test_a_link_has_an_end(place: Place, linked: Linked, days: int, status: int) -> None:
    path = linked(at=now() - timedelta(days=days), call_id="pbx-1.1")
    assert (await place.browser().get(path)).status_code == status


async def test_a_link_ends_with_the_recording_that_it_leads_to(place: Place, linked: Linked) -> None:
    path = linked(call_id="pbx-1.1")
    with writing(place.engine) as conn:
        conn.execute(update(call).values(ended_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert (await place.browser().get(path)).status_code == 404


async def test_who_tries_many_links_has_to_wait(place: Place, linked: Linked) -> None:
    path = linked()
    for _ in range(tries.FETCHES_OF_A_PLACE.amount):
        place.site.fetches.take("198.51.100.7")
    refused = await place.browser().get(path)
    assert (refused.status_code, refused.headers["retry-after"].isdecimal()) == (429, True)
    assert (await place.browser("203.0.113.5").get(path)).status_code == 200


async def test_a_client_that_is_erased_leaves_no_link(place: Place, linked: Linked) -> None:
    path = linked()
    with changing(place.engine, ADMIN, now()) as work:
        clientele.cancel(work, "andes")
    assert (await place.browser().get(path)).status_code == 404
