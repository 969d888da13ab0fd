"""Few calls are left: the recipients are told once for each threshold and period, and no charge is lost by it."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from running_out import BEGAN, People, add_client, add_plan
from sqlalchemy import Connection, Engine, event, func, insert, select, text, update
from sqlalchemy.exc import OperationalError

from pbx_control.domain.money.quota import Limits, Threshold
from pbx_control.domain.money.repeats import Arrived
from pbx_control.errors import StoreUnavailable
from pbx_control.services import offers
from pbx_control.store import ledger, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.ledger import Charged
from pbx_control.store.tables import call, client, ledger_entry, recipient, threshold_notice

SIZES = (50, 25)
LIMITS = Limits(share=80, last=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def andes(engine: Engine) -> Engine:
    """A database with a client that has ten calls a month."""
    add_client(engine)
    add_plan(engine)
    return engine


def use(engine: Engine, first: int, last: int) -> list[bool]:
    """Answers calls number `first` to `last`, an hour apart, each in a transaction of its own; whether each told."""
    return [use_one(engine, number) for number in range(first, last + 1)]


def use_one(engine: Engine, number: int) -> bool:
    at = BEGAN + number * HOUR
    with writing(engine) as conn:
        conn.execute(insert(call).values(id=f"c{number}", did="+56225550101", caller="", phase="ended", arrived_at=at))
        charged = ledger.charge(conn, 1, Arrived(f"c{number}", "", at), at, LIMITS)
        assert charged is not None
        return offers.write_offer(conn, charged, at, SIZES, "Casa")


def crossing(engine: Engine, threshold: Threshold = Threshold.LAST) -> Charged:
    """What a charge that has crossed the threshold hands over."""
    with reading(engine) as conn:
        return Charged(1, ledger.read(conn, 1), threshold)


def subjects(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as conn:
        return [(posted.letter.address, posted.letter.subject) for posted in reversed(letters.newest(conn))]


def charges(engine: Engine) -> int:
    with reading(engine) as conn:
        return conn.scalar(select(func.count()).select_from(ledger_entry).where(ledger_entry.c.kind == "charge")) or 0


def test_ten_calls_used_up_are_told_three_times(andes: Engine) -> None:
    told = use(andes, 1, 11)
    assert [number for number, was_told in enumerate(told, start=1) if was_told] == [8, 9, 10]
    assert subjects(andes) == [
        (address, f"Clínica Andes: {left}")
        for left in ("quedan 2 llamadas", "queda 1 llamada", "se acabaron las llamadas")
        for address in (People.mail, People.chat)
    ]


def test_letter_has_what_the_client_needs_to_decide(andes: Engine) -> None:
    use(andes, 1, 8)
    with reading(andes) as conn:
        mail, chat = (posted.letter for posted in reversed(letters.newest(conn)))
    assert (mail.client_id, mail.written_at) == (1, BEGAN + 8 * HOUR)
    for text_ in (mail.text, chat.text):
        assert "De su plan, este mes: 2 de 10\nEn bolsas: 0\n" in text_
        assert "Bolsa de 25 llamadas: $30.000 neto, $35.700 con IVA ($1.200 neto por llamada)\nBolsa de 50" in text_
        # Eight calls in a day are one each three hours: the last two are gone on the next day.
        assert "A este ritmo se acaban el: jueves 8 de enero de 2026" in text_
        assert "Su próximo mes empieza el: sábado 7 de febrero de 2026" in text_


def test_threshold_that_is_crossed_again_in_the_same_period_is_not_told_again(andes: Engine) -> None:
    use(andes, 1, 10)
    with writing(andes) as conn:
        ledger.add_bag(conn, 1, 5, 6_000, BEGAN + 11 * HOUR)
    assert not any(use(andes, 12, 16))
    assert len(subjects(andes)) == 6


def test_new_period_is_told_anew(andes: Engine) -> None:
    use(andes, 1, 10)
    in_february = range(31 * 24, 31 * 24 + 10)
    assert [use_one(andes, number) for number in in_february].count(True) == 3
    assert len(subjects(andes)) == 12


def test_of_two_at_once_one_tells(andes: Engine) -> None:
    """Both hold an open transaction when they want to tell: the second waits for the first one's commit."""
    charged, told, both_want_to = crossing(andes), [], threading.Barrier(2)

    def tell() -> None:
        both_want_to.wait(10)
        with writing(andes) as conn:
            conn.execute(text("SELECT 1"))
            told.append(offers.write_offer(conn, charged, BEGAN, SIZES, "Casa"))

    threads = [threading.Thread(target=tell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(told) == [False, True]
    assert len(subjects(andes)) == 2


def test_if_the_first_one_is_rolled_back_the_second_tells(andes: Engine) -> None:
    with writing(andes) as conn:
        assert offers.write_offer(conn, crossing(andes), BEGAN, SIZES, "Casa")
        conn.rollback()
    with writing(andes) as conn:
        assert offers.write_offer(conn, crossing(andes), BEGAN, SIZES, "Casa")
    assert len(subjects(andes)) == 2


def test_charge_that_crosses_nothing_writes_nothing(andes: Engine) -> None:
    with writing(andes) as conn:
        assert not offers.write_offer(conn, replace(crossing(andes), threshold=None), BEGAN, SIZES, "Casa")
        assert conn.scalar(select(func.count()).select_from(threshold_notice)) == 0


def test_client_without_recipients_is_noted_as_told(andes: Engine) -> None:
    with writing(andes) as conn:
        conn.execute(recipient.delete())
        assert offers.write_offer(conn, crossing(andes), BEGAN, SIZES, "Casa")
    assert subjects(andes) == []


ODD = {
    "zone": {"timezone": "Nowhere/Nothing"},
    "language": {"language": "xx"},
    "name": {"name": "{0} %s <b>\u202e" + "x" * 5000},
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_data_loses_no_charge(andes: Engine, odd: str) -> None:
    use(andes, 1, 7)
    with writing(andes) as conn:
        conn.execute(update(client).values(ODD[odd]))
    with writing(andes) as conn:
        at = BEGAN + 8 * HOUR
        conn.execute(insert(call).values(id="c8", did="+56225550101", caller="", phase="ended", arrived_at=at))
        account = ledger.read(conn, 1)
        charged = Charged(1, replace(account, period_left=2), Threshold.SHARE)
        told = offers.write_offer(conn, charged, at, SIZES, "Casa")
        assert ledger.charge(conn, 1, Arrived("c8", "", at), at, LIMITS)
    assert charges(andes) == 8
    assert told == (odd != "zone")
    assert len(subjects(andes)) == (2 if told else 0)


@pytest.mark.parametrize("sizes", [(0,), (-5,), (10**30,), (Decimal("NaN"),), ("x",), (None,)])
def test_absurd_bags_lose_no_charge(andes: Engine, sizes: tuple[int, ...]) -> None:
    use(andes, 1, 3)
    with writing(andes) as conn:
        offers.write_offer(conn, crossing(andes), BEGAN, sizes, "Casa")
        conn.execute(insert(call).values(id="c4", did="", caller="", phase="ended", arrived_at=BEGAN))
        assert ledger.charge(conn, 1, Arrived("c4", "", BEGAN), BEGAN, LIMITS)
    assert charges(andes) == 4


def test_letters_that_the_database_refuses_lose_no_charge(andes: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL a refused statement would be the end of the whole transaction."""

    def refused(conn: Connection, _: object) -> None:
        conn.execute(insert(recipient).values(client_id=999, channel="email", address="x"))

    monkeypatch.setattr(letters, "add", refused)
    use(andes, 1, 7)
    assert use(andes, 8, 8) == [False]
    assert charges(andes) == 8
    monkeypatch.undo()
    with writing(andes) as conn:
        assert offers.write_offer(conn, crossing(andes, Threshold.SHARE), BEGAN, SIZES, "Casa")


def test_database_in_trouble_is_the_chargers_to_know(andes: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk has rolled back the charge as well: to go on would be to lose it silently."""

    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(letters, "add", full)
    use(andes, 1, 7)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        use_one(andes, 8)
    assert charges(andes) == 7


def test_repeated_tellings_cost_one_statement_and_no_reading(andes: Engine) -> None:
    use(andes, 1, 8)
    said: list[str] = []
    event.listen(andes, "before_cursor_execute", lambda *args: said.append(args[2]))
    with writing(andes) as conn:
        assert not offers.write_offer(conn, crossing(andes, Threshold.SHARE), BEGAN, SIZES, "Casa")
    inserts = [statement for statement in said if statement.startswith("INSERT")]
    assert len(inserts) == 1
    assert "FROM client" not in " ".join(said)
