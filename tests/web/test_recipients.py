"""A client's people say who is sent messages; an address is asked first, by a link that is good once."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import select, update

from pbx_control.clock import now
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import Recipient
from pbx_control.domain.users import UserRole
from pbx_control.services import clientele, people, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, recipients
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import audit, letter, recipient_request

HERE = "/portal/recipients"
NEW = "ventas@andes.example"


async def reader(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


def sent(place: Place, slug: str = "andes", about: About | None = None) -> list[str]:
    with reading(place.engine) as conn:
        return [one.address for one in recipients.of_client(conn, clients.find(conn, slug).id, about)]


def links(place: Place) -> list[str]:
    """The paths that were written to people, the newest last."""
    with reading(place.engine) as conn:
        texts = list(conn.scalars(select(letter.c.body_text).order_by(letter.c.id)))
    return [found for text in texts for found in re.findall(r"https?://[^/\s]+(/recipients/\S+)", text)]


def added(place: Place, address: str, slug: str = "andes") -> None:
    with booking(place.engine, ADMIN, now()) as work:
        people.add_recipient(work, clients.find(work.conn, slug).id, "email", address)


async def ask(browser: Browser, address: str = NEW, *gets: str) -> httpx.Response:
    form = {"csrf": browser.csrf, "email": address, "gets": list(gets or ("calls", "usage"))}
    return await browser.client.post(HERE, data=form)


async def test_address_is_asked_and_gets_nothing_before_it_says_yes(place: Place) -> None:
    browser, owner = await reader(place), place.browser()
    assert (await ask(browser)).status_code == 303
    assert NEW in (await browser.get(HERE)).text
    assert sent(place) == []
    (link,) = links(place)
    page = await owner.get(link)
    assert "Andes" in page.text
    assert NEW in page.text
    assert sent(place) == []  # whoever looks has said nothing: programs that check mails do
    assert 'data-answer="yes"' in (await owner.post(link, {"answer": "yes"})).text
    assert sent(place, about=About.CALLS) == [NEW]
    assert sent(place, about=About.INVOICES) == []


async def test_link_is_good_once_and_dead_after_no(place: Place) -> None:
    browser, owner = await reader(place), place.browser()
    await ask(browser)
    (link,) = links(place)
    assert 'data-answer="no"' in (await owner.post(link, {"answer": "no"})).text
    assert (await owner.post(link, {"answer": "yes"})).status_code == 404
    assert sent(place) == []


async def test_two_that_say_yes_at_once_are_one_recipient(place: Place) -> None:
    browser = await reader(place)
    await ask(browser)
    (link,) = links(place)
    answers = await asyncio.gather(*(place.browser().post(link, {"answer": "yes"}) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 404, 404, 404, 404]
    assert sent(place) == [NEW]


async def test_newer_letter_kills_the_older_ones_link(place: Place) -> None:
    browser, owner = await reader(place), place.browser()
    await ask(browser)
    await ask(browser)
    old, new = links(place)
    assert (await owner.get(old)).status_code == 404
    assert (await owner.get(new)).status_code == 200


async def test_link_that_is_too_old_or_was_taken_back_is_dead(place: Place) -> None:
    browser, owner = await reader(place), place.browser()
    await ask(browser, "a@andes.example")
    await ask(browser, "b@andes.example")
    first, second = links(place)
    with writing(place.engine) as conn:
        mine = recipient_request.c.address == "a@andes.example"
        conn.execute(update(recipient_request).where(mine).values(ends_at=now() - timedelta(seconds=1)))
        number = conn.scalar(select(recipient_request.c.id).where(~mine))
    await browser.post(f"{HERE}/withdraw", {"request": str(number)})
    assert [(await owner.post(each, {"answer": "yes"})).status_code for each in (first, second)] == [404, 404]
    assert sent(place) == []


async def test_client_that_has_cancelled_gets_no_recipients(place: Place) -> None:
    browser, owner = await reader(place), place.browser()
    await ask(browser)
    with changing(place.engine, ADMIN, now()) as work:
        clientele.cancel(work, "andes")
    assert (await owner.post(links(place)[0], {"answer": "yes"})).status_code == 404


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "ventas@andes", "x" * 300 + "@andes.example", "a\r\nBcc: b@c.example"]
)
async def test_what_is_no_address_is_refused_at_its_field_and_stays_there(place: Place, address: str) -> None:
    browser = await reader(place)
    answer = await ask(browser, address)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert links(place) == []


async def test_nobody_is_written_to_without_end(place: Place) -> None:
    browser = await reader(place)
    for number in range(20):
        assert (await ask(browser, f"a{number}@andes.example")).status_code == 303
    assert (await ask(browser, "one-more@andes.example")).status_code == 422
    assert len(links(place)) == 20


async def test_kinds_are_changed_and_a_recipient_is_removed(place: Place) -> None:
    added(place, NEW)
    browser = await reader(place)
    form = {"csrf": browser.csrf, "address": NEW, "gets": ["invoices"]}
    assert (await browser.client.post(f"{HERE}/change", data=form)).status_code == 303
    assert (sent(place, about=About.CALLS), sent(place, about=About.INVOICES)) == ([], [NEW])
    assert "Nobody is sent the messages about calls" in (await browser.get(HERE)).text
    assert (await browser.post(f"{HERE}/change", {"address": NEW})).status_code == 422  # nothing chosen
    await browser.post(f"{HERE}/change", {"address": NEW, "remove": "1"})
    assert sent(place) == []
    with reading(place.engine) as conn:
        who = set(conn.scalars(select(audit.c.who).where(audit.c.verb.like("recipient %"), audit.c.actor == "user")))
    assert who == {"gerencia"}


async def test_another_clients_recipients_and_requests_are_out_of_reach(place: Place, password: NewPassword) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        sur = clientele.add(work, "sur", name="Sur")
        users.add(work, "sur", UserRole.CLIENT, password, secretary_id=None, client_id=sur)
    added(place, "jefe@sur.example", "sur")
    theirs = await reader(place, "sur")
    await ask(theirs, "otro@sur.example")
    browser = await reader(place)
    assert "sur.example" not in (await browser.get(HERE)).text
    gone = await browser.post(f"{HERE}/change", {"address": "jefe@sur.example", "remove": "1"})
    with reading(place.engine) as conn:
        number = conn.scalar(select(recipient_request.c.id))
    back = await browser.post(f"{HERE}/withdraw", {"request": str(number)})
    assert (gone.status_code, back.status_code) == (422, 422)
    assert "jefe@sur.example" not in re.sub(r"'jefe@sur.example'", "", gone.text)
    assert sent(place, "sur") == ["jefe@sur.example"]
    assert (await place.browser().get(links(place)[0])).status_code == 200


async def test_names_of_a_client_are_text_wherever_they_stand(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        clientele.change(work, "andes", name="<script>alert(1)</script>")
    browser, owner = await reader(place), place.browser()
    await ask(browser)
    page = (await owner.get(links(place)[0])).text
    with reading(place.engine) as conn:
        html = conn.scalar(select(letter.c.body_html))
    assert "<script>alert" not in page + str(html)


def test_kinds_have_the_columns_names() -> None:
    assert {f"gets_{about.value}" for about in About} <= set(recipient_request.c.keys())
    assert Recipient.__slots__ == ("channel", "address")
