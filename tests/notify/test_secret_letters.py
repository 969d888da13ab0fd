"""Letters with a link that opens an account: nothing of it is kept once they are sent, or are of no use."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from sqlalchemy import Engine

from pbx_control.domain.notices.messages import Channel, Kind, Letter
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.sign_in_letters import RESET_WITHIN, SignInLink, compose_link
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault
from pbx_control.notify.delivery import Delivery
from pbx_control.notify.outcomes import record
from pbx_control.services import post
from pbx_control.services.work import booking
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
URL = "https://desk.example/reset?link=TOKEN"
DESK = AlarmDesk("admin@casa.example", "es", "Casa")


def a_letter(*, invited: bool = False, firm: str = "Andes", language: str = "en") -> Letter:
    link = SignInLink(
        address="rosa@andes.example",
        name="rosa",
        client_id=None,
        firm=firm,
        language=language,
        url=URL,
        invited=invited,
        at=NOON,
    )
    return compose_link(link, "identity", "Casa")


def posted(engine: Engine, letter: Letter) -> Posted:
    with writing(engine) as conn:
        letters.add(conn, [letter])
        (claimed,) = letters.claim(conn, [head.id for head in letters.heads(conn, Channel.EMAIL, 9)], NOON)
    return claimed


def comes_of(engine: Engine, each: Posted, at: datetime, failure: DeliveryFailed | None) -> Posted:
    with writing(engine) as conn:
        record(conn, [Delivery(each, at, failure)], DESK)
        return letters.get(conn, each.id)


def test_what_is_read_says_whose_it_is_until_when_and_what_to_do_otherwise() -> None:
    letter = a_letter()
    assert letter.subject == "Andes: a new password for rosa"
    for text in ("rosa of Andes", f"\n{URL}\n", "within 30 minutes", "If it was not you, do nothing"):
        assert text in letter.text
    assert f'href="{URL}"' in letter.html
    assert "TOKEN" not in letter.message_id


def test_a_firms_name_is_text() -> None:
    letter = a_letter(firm='<img src=x onerror="alert(1)">\r\nBcc: x@y.example', invited=True)
    assert "<img" not in letter.html
    assert "\n" not in letter.subject
    assert "\r" not in letter.text


@pytest.mark.parametrize("invited", [False, True])
def test_one_that_is_sent_keeps_nothing(engine: Engine, invited: bool) -> None:
    after = comes_of(engine, posted(engine, a_letter(invited=invited)), NOON, None)
    assert (after.state, after.letter.text, after.letter.html) == ("delivered", "", "")


def test_one_that_is_given_up_keeps_nothing_and_the_admin_is_told_without_it(engine: Engine) -> None:
    after = comes_of(engine, posted(engine, a_letter()), NOON, DeliveryFailed("550 no such user", Fault.FINAL))
    assert (after.state, after.letter.text, after.letter.html) == ("given up", "", "")
    with reading(engine) as conn:
        alarm, _ = letters.newest(conn)
    assert "rosa@andes.example" in alarm.letter.text
    assert "TOKEN" not in alarm.letter.text + alarm.letter.html


def test_one_that_waits_is_tried_as_long_as_its_link_is_good(engine: Engine) -> None:
    each, away = posted(engine, a_letter()), DeliveryFailed("away", Fault.SERVER)
    soon = comes_of(engine, each, NOON, away)
    assert soon.state == "waiting"
    assert URL in soon.letter.text
    late = comes_of(engine, each, NOON + RESET_WITHIN - timedelta(seconds=1), away)
    assert (late.state, late.letter.text) == ("given up", "")


def test_an_invitation_is_tried_for_longer(engine: Engine) -> None:
    each = posted(engine, a_letter(invited=True))
    late = comes_of(engine, each, NOON + timedelta(hours=5), DeliveryFailed("away", Fault.SERVER))
    assert late.state == "waiting"


def test_others_keep_their_words(engine: Engine) -> None:
    each = posted(engine, replace(a_letter(), kind=Kind.OURS))
    assert URL in comes_of(engine, each, NOON, None).letter.text


def test_what_is_not_kept_is_not_sent_again(engine: Engine) -> None:
    each = posted(engine, a_letter())
    comes_of(engine, each, NOON, DeliveryFailed("no", Fault.FINAL))
    with pytest.raises(ClientMistake, match="not kept"), booking(engine, ADMIN, NOON) as work:
        post.resend(work, [each.id])
    with booking(engine, ADMIN, NOON) as work:
        assert post.resend_undelivered(work, address="rosa@andes.example") == 0
