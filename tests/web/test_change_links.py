"""An owner says by a letter's link whether a change that came by mail is his."""

import asyncio
import re
from datetime import timedelta

import pytest
from acting import ADMIN
from browsing import Place
from sqlalchemy import select, update

from pbx_control.clock import now
from pbx_control.domain.desk.proposals import Subject, Way
from pbx_control.services import clientele, proposals, texts, users
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, greetings, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import account_user, audit
from pbx_control.store.tables import proposal as table

OLD, NEW = "Andes, habla {secretary}", "Clínica Andes, habla {secretary}"
OWNER = "rosa@andes.example"


@pytest.fixture
def link(place: Place) -> str:
    """The path in the letter that asks the owner."""
    with changing(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        texts.write_greeting(work, andes, OLD)
        users.change(work, "gerencia", email=OWNER)
    with booking(place.engine, ADMIN, now()) as work:
        _, secret = proposals.propose(work, andes, Subject.GREETING, NEW, Way.MAIL, OWNER, with_link=True)
    return f"/changes/{secret}"


def greeting(place: Place) -> str:
    with reading(place.engine) as conn:
        return greetings.history(conn, clients.find(conn, "andes").id)[0].text


async def test_looking_decides_nothing_and_shows_the_difference(place: Place, link: str) -> None:
    for _ in range(3):
        page = await place.browser().get(link)
        assert page.status_code == 200
        assert re.search(r"<ins>[^<]*Clínica", page.text)
    assert greeting(place) == OLD


async def test_yes_puts_it_in_force_once_and_is_answered(place: Place, link: str) -> None:
    answers = await asyncio.gather(*(place.browser().post(link, {"answer": "yes"}) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 404, 404, 404]
    assert greeting(place) == NEW
    with reading(place.engine) as conn:
        (letter,) = letters.newest(conn)
        rows = conn.execute(select(audit.c.who, audit.c.origin).where(audit.c.verb == "greeting changed")).all()
    assert letter.letter.address == OWNER
    assert rows[-1].who == OWNER
    assert rows[-1].origin.startswith("mail")


async def test_no_leaves_everything_and_kills_the_link(place: Place, link: str) -> None:
    assert 'data-answer="no"' in (await place.browser().post(link, {"answer": "no"})).text
    assert (await place.browser().post(link, {"answer": "yes"})).status_code == 404
    assert greeting(place) == OLD


async def test_answer_that_no_page_sends_decides_nothing(place: Place, link: str) -> None:
    for answer in ("", "maybe", "yes" * 1000):
        assert (await place.browser().post(link, {"answer": answer})).status_code == 200
    assert greeting(place) == OLD


async def test_link_that_was_passed_on_is_dead_when_it_was_used(place: Place, link: str) -> None:
    await place.browser().post(link, {"answer": "yes"})
    with changing(place.engine, ADMIN, now()) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, OLD)
    friend = place.browser()
    assert (await friend.get(link)).status_code == 404
    assert (await friend.post(link, {"answer": "yes"})).status_code == 404
    assert greeting(place) == OLD


async def test_link_dies_of_age(place: Place, link: str) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(table).values(link_ends_at=now() - timedelta(seconds=1)))
    assert (await place.browser().get(link)).status_code == 404
    assert (await place.browser().post(link, {"answer": "yes"})).status_code == 404
    assert greeting(place) == OLD


@pytest.mark.parametrize("gone", ["staff", "address"])
async def test_link_dies_with_the_right_of_whoever_asked(place: Place, link: str, gone: str) -> None:
    values = {"client_role": "staff"} if gone == "staff" else {"email": ""}
    with writing(place.engine) as conn:
        conn.execute(update(account_user).where(account_user.c.email == OWNER).values(values))
    assert (await place.browser().post(link, {"answer": "yes"})).status_code == 404
    assert greeting(place) == OLD


async def test_link_dies_with_the_client(place: Place, link: str) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        clientele.cancel(work, "andes")
    assert (await place.browser().post(link, {"answer": "yes"})).status_code == 404
    assert greeting(place) == OLD


@pytest.mark.parametrize("token", ["x", "x" * 5000, "%00", "%F0%9F%98%80"])
async def test_links_that_were_never_there(place: Place, link: str, token: str) -> None:
    answer = await place.browser().get(f"/changes/{token}")
    assert answer.status_code in (400, 404, 414, 431)
    assert greeting(place) == OLD
