"""Webhooks through the outbox, to a real receiver: down, slow, sending elsewhere, gone; nothing is lost too soon,
and nobody else waits."""

import asyncio
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import by_admin
from post_office import HandClock, SentLetters, Watch
from sqlalchemy import Connection, Engine, insert, select, update
from standardwebhooks import Webhook as Signer
from webhook_receiver import Answer, Receiver, receiving

from pbx_control.clock import now
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.webhooks import FAILS_FOR, Listener, OfCall, letter_of, secret_of, started
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault
from pbx_control.notify.lanes import Room
from pbx_control.notify.webhooks import Teller
from pbx_control.notify.worker import SLOTS_FOR_SLOW, Outbox
from pbx_control.services import webhooks as services
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import letters, webhooks
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.letters import Head
from pbx_control.store.tables import call as calls
from pbx_control.store.tables import client
from pbx_control.store.tables import letter as letter_table
from pbx_control.store.tables import webhook as webhook_table
from pbx_control.store.webhooks import Webhook

MINUTE = timedelta(minutes=1)
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]
DESK = AlarmDesk("admin@sur.example", "es", "Secretariado Sur", "America/Santiago")
WITHIN = ("http://127.0.0.1:1/secret", "http://169.254.169.254/latest/meta-data/", "https://[::1]/")


def event_for(webhook: int, name: str, at: datetime) -> Letter:
    """That a call has begun, for one webhook."""
    told = OfCall(id=name, client_id=1, caller="+56981234567", arrived_at=at)
    return letter_of(started(told), Listener(webhook, 1, frozenset()), "andes", "", sensitive=False)


def keep_call(conn: Connection, name: str, at: datetime) -> None:
    row = {"id": name, "client_id": 1, "did": "+56225550101", "caller": "+56981234567", "phase": "ended"}
    conn.execute(insert(calls).values(row | {"arrived_at": at}))


class House:
    """An outbox that tells webhooks, with what it works on."""

    def __init__(self, engine: Engine, clock: HandClock, watch: Watch) -> None:
        self.engine, self.clock, self.watch = engine, clock, watch
        self.mailer = SentLetters()
        self.outbox: Outbox
        self.number = 0
        with writing(engine) as conn:
            conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=clock()))

    def add(self, url: str) -> Webhook:
        with writing(self.engine) as conn:
            return services.add(by_admin(conn, self.clock()), url, [], 1, private=True)

    def add_for_office(self, url: str) -> Webhook:
        with writing(self.engine) as conn:
            values = {"client_id": None, "url": url, "secret": secret_of(bytes(32)), "events": ""}
            return webhooks.get(conn, webhooks.insert_row(conn, values | {"created_at": self.clock()}))

    def post_mail(self) -> None:
        letter = Letter(
            channel=Channel.EMAIL, address="a@b.example", message_id="x", subject="", text="", written_at=self.clock()
        )
        with writing(self.engine) as conn:
            letters.add(conn, [letter])
        self.outbox.wake()

    def put_off(self) -> datetime | None:
        """When the event that is first in line is tried again; None while it is under way."""
        with reading(self.engine) as conn:
            (head, *_) = letters.heads(conn, Channel.WEBHOOK, 1)
        is_claimed = head.due_at - self.clock() == letters.LEASE
        return head.due_at if head.due_at > self.clock() and not is_claimed else None

    async def next_try(self) -> None:
        """The clock goes on until the first event is tried again."""
        await self.watch.until(lambda: self.put_off() is not None)
        due_at = self.put_off()
        assert due_at
        self.advance(due_at - self.clock())

    def happens(self, *to: Webhook) -> Letter:
        """A call begins; gives the last one's event."""
        self.number += 1
        name = f"pbx-{self.number}"
        events = [event_for(one.id, name, self.clock()) for one in to]
        with writing(self.engine) as conn:
            keep_call(conn, name, self.clock())
            letters.add(conn, events)
        self.outbox.wake()
        return events[-1]

    def stands(self, one: Webhook) -> Webhook:
        with reading(self.engine) as conn:
            return webhooks.get(conn, one.id)

    async def until(self, one: Webhook, **wanted: Any) -> Webhook:
        await self.watch.until(lambda: all(getattr(self.stands(one), name) == value for name, value in wanted.items()))
        return self.stands(one)

    async def failed(self, one: Webhook, error: str) -> Webhook:
        await self.watch.until(lambda: error in str(self.stands(one).error))
        return self.stands(one)

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.outbox.wake()

    async def fails_until_it_is_stopped(self, one: Webhook) -> None:
        """Time passes, try after try."""
        while True:
            await self.watch.until(lambda: self.stands(one).state == "stopped" or self.put_off() is not None)
            if self.stands(one).state == "stopped":
                return
            await self.next_try()

    @asynccontextmanager
    async def open(self, limit: float = 10.0, private: Any = LOOPBACK) -> AsyncIterator[None]:
        teller = Teller(self.engine, private, limit=limit)
        self.outbox = Outbox(self.engine, self.mailer, SentLetters(), self.clock, DESK, teller=teller)
        running = asyncio.create_task(self.outbox.run())
        try:
            yield
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


@pytest.fixture
async def house(engine: Engine, clock: HandClock, watch: Watch) -> House:
    return House(engine, clock, watch)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


async def test_an_event_arrives_signed_and_once(house: House, receiver: Receiver) -> None:
    made = house.add(receiver.url("/calls?key=1"))
    async with house.open():
        event = house.happens(made)
        stands = await house.until(made, waiting=0, delivered_at=house.clock())
        house.advance(timedelta(days=4))
    (request,) = receiver.requests
    assert (request.path, request.id, request.body.decode()) == ("/calls?key=1", event.message_id, event.text)
    assert request.is_signed_by(made.secret)
    assert request.headers["content-type"] == "application/json"
    assert (stands.state, stands.lost, str(stands.error)) == ("working", 0, "")
    assert house.mailer.sent == []


async def test_one_receiver_gets_its_events_in_order_one_at_a_time(house: House, receiver: Receiver) -> None:
    made = house.add(receiver.url())
    async with house.open():
        names = [house.happens(made).message_id for _ in range(20)]
        await house.until(made, waiting=0)
    assert [one.id for one in receiver.requests] == names


@pytest.mark.parametrize("status", [500, 503, 400, 401, 404])
async def test_what_is_not_taken_is_tried_again_under_its_id_and_what_follows_waits(
    house: House, receiver: Receiver, status: int
) -> None:
    receiver.answers = [Answer(status), Answer()]
    made = house.add(receiver.url())
    async with house.open():
        first, second = house.happens(made), house.happens(made)
        failing = await house.failed(made, f"the receiver answers {status}")
        assert (failing.state, failing.waiting, failing.failing_since) == ("failing", 2, house.clock())
        assert len(receiver.requests) == 1
        house.advance(MINUTE)
        assert (await house.until(made, waiting=0)).state == "working"
    assert [one.id for one in receiver.requests] == [first.message_id, first.message_id, second.message_id]
    assert all(one.is_signed_by(made.secret) for one in receiver.requests)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
@pytest.mark.parametrize("place", WITHIN)
async def test_a_redirect_is_a_failure_and_never_followed(
    house: House, receiver: Receiver, status: int, place: str
) -> None:
    """Not even where the settings let events go to loopback."""
    with receiving() as inner:
        receiver.answers = [Answer(status, {"Location": place.replace("127.0.0.1:1", f"127.0.0.1:{inner.port}")})]
        made = house.add(receiver.url())
        async with house.open():
            house.happens(made)
            await house.failed(made, f"sends elsewhere ({status})")
        assert inner.requests == []
    assert len(receiver.requests) == 1


async def test_one_that_is_down_loses_nothing_for_five_days_then_stops_and_the_office_is_told_once(
    house: House,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    made = house.add(url)
    began = house.clock()
    async with house.open():
        house.happens(made)
        house.happens(made)
        await house.failed(made, "cannot be reached")
        await house.fails_until_it_is_stopped(made)
        assert house.clock() - began >= FAILS_FOR
        stopped = house.stands(made)
        assert (stopped.lost, stopped.waiting) == (2, 0)
        await house.watch.until(lambda: len(house.mailer.sent) == 1)
    (alarm,) = house.mailer.sent
    assert alarm.address == DESK.address
    assert f"pbx-control webhook test {made.id}" in alarm.text
    assert "andes" in alarm.text
    assert made.secret not in alarm.text + alarm.html


async def test_gone_ends_it_at_once(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(410)]
    made = house.add(receiver.url())
    async with house.open():
        house.happens(made)
        house.happens(made)
        stopped = await house.until(made, state="stopped", waiting=0)
        await house.watch.until(lambda: len(house.mailer.sent) == 1)
    assert "410 Gone" in str(stopped.error)
    assert len(receiver.requests) == 1
    with reading(house.engine) as conn:
        assert webhooks.listening(conn) == []


@pytest.mark.parametrize(("wait", "minutes"), [("600", 10), ("1", 1), ("99999999", 60), ("-1", 1), ("soon", 1)])
async def test_one_that_asks_to_wait_is_asked_then_within_an_hour(
    house: House, receiver: Receiver, wait: str, minutes: int
) -> None:
    receiver.answers = [Answer(429, {"Retry-After": wait}), Answer()]
    made = house.add(receiver.url())
    async with house.open():
        house.happens(made)
        await house.failed(made, "429")
        with reading(house.engine) as conn:
            (due,) = conn.scalars(select(letter_table.c.due_at))
        assert due - house.clock() == timedelta(minutes=minutes)
        house.advance(timedelta(minutes=minutes))
        await house.until(made, waiting=0)


def endless() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


async def test_an_answer_without_end_is_not_read(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(200, body=endless())]
    made = house.add(receiver.url())
    async with house.open(limit=5.0):
        began = time.monotonic()
        house.happens(made)
        assert (await house.until(made, waiting=0)).state == "working"
        assert time.monotonic() - began < 4


@contextmanager
def dripping(*parts: bytes, pause: float) -> Iterator[str]:
    """A server that reads what comes and gives these parts, one after each pause."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    for part in parts:
                        connection.sendall(part)
                        if over.wait(pause):
                            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 1"])
async def test_one_that_drips_ends_in_time(house: House, first: bytes) -> None:
    with dripping(first, *[b"1"] * 1000, pause=0.05) as url:
        made = house.add(url)
        async with house.open(limit=0.5):
            began = time.monotonic()
            house.happens(made)
            await house.failed(made, "did not answer in time")
            assert time.monotonic() - began < 4


async def test_receivers_that_hang_take_few_slots_and_hold_up_nobody_else(house: House, receiver: Receiver) -> None:
    """However many hang, those that failed so last are tried a few at a time: the others' events and mail go on."""
    held = threading.Event()
    with receiving() as hanging:
        hanging.answers = [Answer(held=held)]
        everyone = [house.add_for_office(hanging.url()) for _ in range(20)]
        quick = house.add_for_office(receiver.url())
        async with house.open(limit=1.0):
            house.happens(*everyone)
            await house.watch.until(lambda: all(house.stands(one).state == "failing" for one in everyone))
        tried = len(hanging.requests)
        assert tried == len(everyone)
        async with house.open(limit=30.0):
            house.outbox._lanes[Channel.WEBHOOK]._slow |= {str(one.id) for one in everyone}
            house.advance(MINUTE)
            await asyncio.to_thread(hanging.until, lambda: len(hanging.requests) == tried + SLOTS_FOR_SLOW)
            for _ in range(5):
                house.happens(quick)
            await house.until(quick, waiting=0)
            house.post_mail()
            await house.watch.until(lambda: len(house.mailer.sent) == 1)
            assert len(hanging.requests) == tried + SLOTS_FOR_SLOW
            held.set()
    assert len(receiver.requests) == 5


# --- never inwards ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", WITHIN)
async def test_addresses_within_our_walls_are_not_asked(house: House, receiver: Receiver, url: str) -> None:
    made = house.add(url.replace("127.0.0.1:1", f"127.0.0.1:{receiver.port}"))
    async with house.open(private=[]):
        house.happens(made)
        failing = await house.failed(
            made, "private address, which [webhooks] private_networks in pbx.toml does not list"
        )
        assert failing.waiting == 1
    assert receiver.requests == []


async def test_a_name_is_judged_by_what_it_resolves_to_each_time(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was harmless when the webhook was made, and is ours later."""
    real, asked = socket.getaddrinfo, []

    def resolved(host: str, port: int, *more: Any, **named: Any) -> list[Any]:
        if host != "harmless.example":
            return real(host, port, *more, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    made = house.add(f"https://harmless.example:{receiver.port}/")
    async with house.open(private=[]):
        house.happens(made)
        await house.failed(made, "harmless.example is at a private address")
        house.advance(MINUTE)
        await house.watch.until(lambda: len(asked) == 2)
    assert receiver.requests == []


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """A certificate that its server has signed itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"),
            *("-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context


async def test_a_certificate_that_nobody_trusts_is_no_receiver(house: House, untrusted: ssl.SSLContext) -> None:
    with receiving(untrusted) as receiver:
        made = house.add(receiver.url())
        async with house.open():
            house.happens(made)
            await house.failed(made, "certificate of 127.0.0.1 is not trusted: self-signed")
        assert receiver.requests == []


# --- tests and ends ---------------------------------------------------------------------------------------------


def test_a_test_is_an_event_of_its_own(engine: Engine, clock: HandClock, receiver: Receiver) -> None:
    with writing(engine) as conn:
        made = services.add(by_admin(conn, clock()), receiver.url(), [], private=True)
    status, seconds = Teller(engine, LOOPBACK).test(made)
    (request,) = receiver.requests
    assert (status, request.event["type"]) == (204, "webhook.test")
    assert 0 < seconds < 10
    assert request.is_signed_by(made.secret)
    receiver.answers = [Answer(302, {"Location": "http://127.0.0.1/"})]
    with pytest.raises(DeliveryFailed, match="sends elsewhere"):
        Teller(engine, LOOPBACK).test(made)


def test_for_a_day_a_renewed_secret_and_the_former_one_sign_both(
    engine: Engine, clock: HandClock, receiver: Receiver
) -> None:
    def signed() -> list[str]:
        """By which secrets the next event is, in their order; of those that there were."""
        with reading(engine) as conn:
            Teller(engine, LOOPBACK, clock).test(webhooks.get(conn, 1))
        sent = receiver.requests[-1]
        name, at = sent.headers["webhook-id"], datetime.fromtimestamp(int(sent.headers["webhook-timestamp"]), UTC)
        known = {Signer(secret).sign(name, at, sent.body.decode()): secret for secret in secrets}
        return [known[signature] for signature in sent.headers["webhook-signature"].split(" ")]

    with writing(engine) as conn:
        secrets = [services.add(by_admin(conn, clock()), receiver.url(), [], private=True).secret]
    for _ in range(2):
        with writing(engine) as conn:
            secrets.append(services.rotate(by_admin(conn, clock()), 1).secret)
    first, second, third = secrets
    assert len({first, second, third}) == 3
    assert signed() == [third, second]
    clock.advance(timedelta(hours=24))
    assert signed() == [third]
    with writing(engine) as conn:
        webhooks.forget_former_secrets(conn, clock())
        row = conn.execute(select(webhook_table)).one()
        assert (row.secret, row.former_secret) == (third, "")


def test_a_removed_one_has_no_secret(engine: Engine, clock: HandClock) -> None:
    with writing(engine) as conn:
        work = by_admin(conn, clock())
        services.add(work, "https://crm.example/calls", [], private=True)
        services.rotate(work, 1)
        services.remove(work, 1)
        row = conn.execute(select(webhook_table)).one()
        assert (row.secret, row.former_secret) == ("", "")
        with pytest.raises(ClientMistake):
            services.rotate(work, 1)


async def test_one_that_was_stopped_goes_on_after_a_test_that_it_takes(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(410), Answer()]
    made = house.add(receiver.url())
    async with house.open():
        house.happens(made)
        await house.until(made, state="stopped")
        with writing(house.engine) as conn:
            services.note_test(by_admin(conn, house.clock()), made.id, taken=False)
        assert house.stands(made).state == "stopped"
        with writing(house.engine) as conn:
            services.note_test(by_admin(conn, house.clock()), made.id, taken=True)
        house.happens(made)
        await house.until(made, state="working", waiting=0)


async def test_what_waits_goes_at_once_when_a_test_is_taken(house: House, receiver: Receiver) -> None:
    receiver.answers = [Answer(500), Answer(500), Answer(500), Answer(500), Answer()]
    made = house.add(receiver.url())
    async with house.open():
        house.happens(made)
        for _ in range(3):
            await house.next_try()
        await house.watch.until(lambda: len(receiver.requests) == 4 and house.put_off() is not None)
        with writing(house.engine) as conn:
            services.note_test(by_admin(conn, house.clock()), made.id, taken=True)
        house.outbox.wake()
        await house.until(made, waiting=0)


async def test_what_is_removed_while_its_event_is_under_way_gets_no_more(house: House, receiver: Receiver) -> None:
    held = threading.Event()
    receiver.answers = [Answer(500, held=held)]
    made = house.add(receiver.url())
    async with house.open():
        house.happens(made)
        house.happens(made)
        await asyncio.to_thread(receiver.until, lambda: len(receiver.requests) == 1)
        with writing(house.engine) as conn:
            services.remove(by_admin(conn, house.clock()), made.id)
        held.set()
        await house.watch.until(lambda: not house.outbox._lanes[Channel.WEBHOOK].in_flight)
        house.advance(timedelta(hours=3))
    assert len(receiver.requests) == 1
    assert house.mailer.sent == []
    with reading(house.engine) as conn:
        kept = conn.execute(select(webhook_table).where(webhook_table.c.id == made.id)).one()
    assert (kept.url, kept.secret, kept.last_error) == ("", "", "")


async def test_a_removed_one_is_asked_nothing(house: House, receiver: Receiver) -> None:
    made = house.add(receiver.url())
    event = event_for(made.id, "pbx-1", house.clock())
    with writing(house.engine) as conn:
        services.remove(by_admin(conn, house.clock()), made.id)
    with pytest.raises(DeliveryFailed) as error:
        await Teller(house.engine, LOOPBACK).send(event)
    assert error.value.fault is Fault.FINAL
    assert receiver.requests == []


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_killed_daemon_sends_once_more_what_nobody_had_noted_under_the_same_id(
    kind: str, request: pytest.FixtureRequest, receiver: Receiver, tmp_path: Path
) -> None:
    """It dies while the receiver has the event and has not answered; the next one finds it when the claim is over."""
    url: str = request.getfixturevalue(f"{kind}_url")
    engine = open_engine(Home(tmp_path), Settings(database=Database(url=url)))
    clock = HandClock()
    clock.at = now()
    with writing(engine) as conn:
        made = services.add(by_admin(conn, clock()), receiver.url(), [], private=True)
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=clock()))
        keep_call(conn, "pbx-1", clock())
        event = event_for(made.id, "pbx-1", clock())
        letters.add(conn, [event])
    held = threading.Event()
    receiver.answers = [Answer(held=held), Answer()]
    program = Path(__file__).with_name("telling_process.py")
    first = subprocess.Popen([sys.executable, str(program), url], cwd=tmp_path)
    try:
        receiver.until(lambda: len(receiver.requests) == 1)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    held.set()
    with writing(engine) as conn:
        conn.execute(update(letter_table).values(due_at=clock()))  # the claim is over
    second = subprocess.Popen([sys.executable, str(program), url], cwd=tmp_path)
    try:
        receiver.until(lambda: len(receiver.requests) == 2)
    finally:
        second.send_signal(signal.SIGINT)  # it writes down what it has sent
        second.wait()
    assert [one.id for one in receiver.requests] == [event.message_id] * 2
    assert all(one.is_signed_by(made.secret) for one in receiver.requests)
    with reading(engine) as conn:
        assert webhooks.get(conn, made.id).waiting == 0
    engine.dispose()


def test_slow_receivers_get_few_slots_and_no_place_before_others() -> None:
    at = HandClock()()
    heads = [Head(number, str(number), at) for number in range(1, 30)]
    slow = frozenset(str(number) for number in range(1, 21))
    room = Room(Channel.WEBHOOK, 16, frozenset({"21"}), None, slow, 2)
    assert room.choose(heads, at) == ([1, 2, *range(22, 30)], None)
    assert room.enough > len(heads)
    assert Room(Channel.WEBHOOK, 16, frozenset(), None, slow, 0).choose(heads[:20], at) == ([], None)
