"""Tokens in both databases: their secrets, their ends, and that one key does something once, whoever asks at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from acting import ADMIN, JOB
from running_out import add_client
from sqlalchemy import Engine, select, update

from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.tokens import KEY_KEPT, Scope
from pbx_control.errors import ClientMistake, Code
from pbx_control.jobs import upkeep
from pbx_control.services import appointments, calendars, clientele, tokens, webhooks
from pbx_control.services.appointments import Order
from pbx_control.services.tokens import Once, Token
from pbx_control.services.work import booking, changing
from pbx_control.store import audit
from pbx_control.store import tokens as kept
from pbx_control.store import webhooks as kept_webhooks
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import api_once, api_token, appointment

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)
TEN = NOW + timedelta(hours=2)
PROGRAM = Actor(ActorKind.TOKEN, "crm")
HOUSE = House(office="Sur", sender="avisos@sur.example")


@pytest.fixture
def office(engine: Engine) -> Engine:
    add_client(engine)
    with booking(engine, ADMIN, NOW) as work:
        rules = {"week": "mon-fri 9:00-13:00", "lead": timedelta(0)}
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Control", 30)], **rules)
    return engine


def made(engine: Engine, name: str = "crm", client_id: int | None = None, until: datetime | None = None) -> str:
    with booking(engine, ADMIN, NOW) as work:
        return tokens.add(work, name, ["calls:read"], client_id, until)


def token(engine: Engine, name: str = "crm") -> Token:
    found = tokens.holder(engine, made(engine, name), NOW)
    assert found
    return found


def test_webhooks_end_with_the_tokens_that_made_them(office: Engine) -> None:
    for name, until in (("over", TEN), ("later", TEN + timedelta(days=1)), ("for-ever", None)):
        made(office, name, until=until)
        with booking(office, ADMIN, NOW) as work:
            url, token_id = f"https://{name}.example/", kept.find(work.conn, name).id
            webhooks.add(work, url, [], private=False, token_id=token_id)
    with booking(office, ADMIN, TEN) as work:
        assert tokens.remove_webhooks_of_ended(work) == 1
    with booking(office, ADMIN, TEN) as work:
        assert tokens.remove_webhooks_of_ended(work) == 0
        assert [one.token for one in kept_webhooks.rows(work.conn)] == ["later", "for-ever"]


def test_the_nightly_job_ends_such_webhooks_and_forgets_former_secrets(office: Engine) -> None:
    made(office, "over", until=TEN)
    with booking(office, ADMIN, NOW) as work:
        kept_one = webhooks.add(work, "https://stays.example/", [], private=False)
        over = webhooks.add(work, "https://over.example/", [], private=False, token_id=kept.find(work.conn, "over").id)
        webhooks.rotate(work, kept_one.id)
    upkeep.tend(office, JOB, NOW + timedelta(hours=1))
    with reading(office) as conn:
        assert [one.id for one in kept_webhooks.rows(conn)] == [kept_one.id, over.id]
        assert kept_webhooks.get(conn, kept_one.id).former_secret == kept_one.secret
    upkeep.tend(office, JOB, NOW + timedelta(days=1))
    with reading(office) as conn:
        (left,) = kept_webhooks.rows(conn)
        newest = audit.newest(conn)[0].entry
    assert (left.id, left.former_secret) == (kept_one.id, "")
    assert (newest.verb, newest.actor, newest.subject) == (Verb.WEBHOOK_REMOVED, JOB, f"webhook {over.id}")


def test_only_a_hash_of_the_secret_is_kept(office: Engine) -> None:
    secret = made(office)
    assert (len(secret), secret[:4]) == (47, "pbx_")
    with reading(office) as conn:
        (row,) = conn.execute(select(api_token)).mappings()
    assert row["token_hash"] == sha256(secret.encode()).hexdigest()
    assert secret[4:] not in repr(dict(row))
    found = tokens.holder(office, secret, NOW)
    assert found is not None
    assert (found.name, found.scopes) == ("crm", {Scope.CALLS_READ})
    for other in ("", secret[:-1], secret.lower() + "x", "ñ" * 47, "x" * 5000):
        assert tokens.holder(office, other, NOW) is None


def test_its_end_revoking_it_and_its_clients_end(office: Engine) -> None:
    until = NOW + timedelta(days=1)
    short, long, theirs = made(office, "short", None, until), made(office, "long"), made(office, "theirs", 1)
    assert tokens.holder(office, short, until - timedelta(seconds=1))
    assert tokens.holder(office, short, until) is None
    with booking(office, ADMIN, NOW) as work:
        tokens.revoke(work, "long")
    assert tokens.holder(office, long, NOW) is None
    assert made(office, "long")  # the name is free again
    assert tokens.holder(office, theirs, NOW)
    with changing(office, ADMIN, NOW) as work:
        clientele.cancel(work, "andes")
    assert tokens.holder(office, theirs, NOW) is None
    with pytest.raises(ClientMistake) as error:
        made(office, "more", 1)
    assert error.value.code is Code.CLIENT_CANCELLED


@pytest.mark.parametrize(
    ("name", "scopes", "client_id", "until", "field"),
    [
        ("x", ["calls:read"], None, None, "name"),
        ("a b", ["calls:read"], None, None, "name"),
        ("crm", [], None, None, "scope"),
        ("crm", ["calls:write"], None, None, "scope"),
        ("crm", ["messages:write"], 1, None, "scope"),
        ("crm", ["calls:read"], None, NOW, "until"),
    ],
)
def test_what_cannot_be_is_refused(
    office: Engine, name: str, scopes: list[str], client_id: int | None, until: datetime | None, field: str
) -> None:
    with pytest.raises(ClientMistake) as error, booking(office, ADMIN, NOW) as work:
        tokens.add(work, name, scopes, client_id, until)
    assert error.value.values["field"] == field


def book(engine: Engine, holder: Token, asked: Once, at: datetime = NOW) -> tuple[str, bool]:
    with booking(engine, PROGRAM, at) as work:
        order = Order(client_id=1, calendar="soto", starts=TEN, name="María")
        return tokens.once(work.conn, at, holder, asked, lambda: str(appointments.book(work, order, house=HOUSE).id))


def count(engine: Engine) -> int:
    with reading(engine) as conn:
        return len(conn.execute(select(appointment.c.id)).all())


def test_of_many_threads_with_one_key_one_does_it(office: Engine) -> None:
    holder, asked = token(office), Once("k", b"x")
    with ThreadPoolExecutor(16) as threads:
        done = list(threads.map(lambda _: book(office, holder, asked), range(16)))
    assert sorted(again for _, again in done) == [False] + [True] * 15
    assert len({number for number, _ in done}) == count(office) == 1


def test_of_two_tokens_that_want_one_time_one_gets_it(office: Engine) -> None:
    holders = [token(office, f"t{number}") for number in range(8)]

    def try_it(holder: Token) -> str:
        try:
            return "again" if book(office, holder, Once("k", b"x"))[1] else "booked"
        except ClientMistake as error:
            return error.code.value

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(try_it, holders)) == ["booked"] + [Code.SLOT_TAKEN.value] * 7
    assert count(office) == 1


def test_a_key_is_for_one_request_and_a_refused_one_leaves_none(office: Engine) -> None:
    holder = token(office)
    book(office, holder, Once("k", b"x"))
    with pytest.raises(ClientMistake) as error:
        book(office, holder, Once("k", b"y"))
    assert error.value.code is Code.KEY_USED
    with pytest.raises(ClientMistake):
        book(office, holder, Once("other", b"x"))  # the time is taken
    with reading(office) as conn:
        assert len(conn.execute(select(api_once)).all()) == 1


def test_keys_are_forgotten_after_a_day(office: Engine) -> None:
    holder = token(office)
    book(office, holder, Once("k", b"x"))
    with writing(office) as conn:
        conn.execute(update(appointment).values(state="cancelled"))
    assert book(office, holder, Once("k", b"x"), NOW + KEY_KEPT - timedelta(seconds=1))[1]
    with pytest.raises(ClientMistake):  # it is new, and the time has passed
        book(office, holder, Once("k", b"x"), NOW + KEY_KEPT)
    with writing(office) as conn:
        kept.forget(conn, NOW + KEY_KEPT)
        assert conn.execute(select(api_once)).all() == []
