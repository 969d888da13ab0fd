"""From payment to service in the store: deadlines, the welcome letter, and what the admin is warned of."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from acting import by_admin
from sqlalchemy import Connection, Engine, select

from pbx_control.domain.going_live import Order, Step
from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.office import Lack, Trunk
from pbx_control.domain.opening.deadlines import Urgency
from pbx_control.errors import ClientMistake
from pbx_control.services import carriers, clientele, closing_days, numbers, onboarding, people, staff, texts
from pbx_control.settings import OfficeSettings, Settings
from pbx_control.store import clients, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import going_live as orders

SANTIAGO = ZoneInfo("America/Santiago")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NUMBER = "+56225550101"
OFFICE = "Secretariado Sur"
SETTINGS = Settings(office=OfficeSettings(name=OFFICE, alarms_to="admin@sur.example"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SANTIAGO).astimezone(UTC)


MONDAY = at("2026-11-23T09:30")


@pytest.fixture
def office(engine: Engine) -> Engine:
    """Two clients with number, greeting and recipients, and a secretary for all."""
    with writing(engine) as conn:
        numbers.add(
            by_admin(conn),
            [NUMBER, "+56225550102"],
            carriers.add(by_admin(conn), Trunk(id=0, name="carrier", match=("127.0.0.2",))),
        )
        for slug, number in (("andes", NUMBER), ("lagos", "+56225550102")):
            client_id = clientele.add(by_admin(conn, MONDAY), slug, name=slug.title())
            numbers.assign(by_admin(conn, MONDAY), number, client_id)
            texts.write_greeting(by_admin(conn, MONDAY), client_id, "Buenos días")
            people.add_recipient(by_admin(conn), client_id, "email", f"gerencia@{slug}.example")
            people.add_recipient(by_admin(conn), client_id, "telegram", f"12345{client_id}")
        staff.add(by_admin(conn), "Ana", languages=["es"], client_ids=None)
    return engine


def of(conn: Connection, slug: str = "andes") -> int:
    return int(clients.find(conn, slug).id)


def pay(engine: Engine, when: datetime = MONDAY, slug: str = "andes") -> Order:
    with writing(engine) as conn:
        return onboarding.paid(by_admin(conn), of(conn, slug), when, SANTIAGO)


def welcome(engine: Engine, when: datetime, slug: str = "andes") -> Order:
    with writing(engine) as conn:
        return onboarding.welcomed(by_admin(conn, when + MINUTE), of(conn, slug), when, SANTIAGO, OFFICE)


def go_live(engine: Engine, when: datetime, slug: str = "andes") -> Order:
    with writing(engine) as conn:
        return onboarding.live(by_admin(conn), of(conn, slug), when)


def posted(engine: Engine) -> list[Posted]:
    with reading(engine) as conn:
        return letters.newest(conn)[::-1]


def urgencies(engine: Engine, now: datetime) -> list[Urgency]:
    with reading(engine) as conn:
        (only,) = onboarding.status(conn, now, SANTIAGO)
    return [deadline.urgency for deadline in only.deadlines]


# --- the deadlines


def test_payment_sets_both_deadlines_in_business_time(office: Engine) -> None:
    order = pay(office, at("2026-11-23T11:30"))
    assert (order.welcome_due, order.service_due) == (at("2026-11-23T14:30"), at("2026-11-23T15:30"))
    assert order.number == NUMBER


def test_public_holidays_and_the_offices_own_are_no_business_time(office: Engine) -> None:
    with writing(office) as conn:
        closing_days.add(by_admin(conn), date(2026, 12, 7), None, "Inventario")
        closing_days.add(by_admin(conn), date(2026, 12, 9), of(conn), "Aniversario")  # of the client alone
    # 8 December is a public holiday.
    assert pay(office, at("2026-12-04T17:00")).welcome_due == at("2026-12-09T10:00")


def test_business_time_is_the_offices_whatever_the_clients_hours_are(office: Engine) -> None:
    with writing(office) as conn:
        clientele.change(by_admin(conn), "andes", week="always", timezone="Europe/Madrid")
    assert pay(office, at("2026-11-27T17:00")).welcome_due == at("2026-11-30T10:00")


def test_a_welcome_moves_the_second_deadline(office: Engine) -> None:
    pay(office)
    assert welcome(office, MONDAY + 20 * MINUTE).service_due == MONDAY + 80 * MINUTE


def test_an_order_goes_from_on_time_to_late_and_is_done(office: Engine) -> None:
    pay(office)
    seen = [urgencies(office, MONDAY + minutes * MINUTE) for minutes in (0, 89, 90, 120, 121, 150, 181)]
    on_time, soon, late = Urgency.ON_TIME, Urgency.SOON_LATE, Urgency.LATE
    assert seen == [
        [on_time, on_time],
        [on_time, on_time],
        [soon, on_time],
        [soon, on_time],
        [late, on_time],
        [late, soon],
        [late, late],
    ]
    welcome(office, MONDAY + 181 * MINUTE)
    assert urgencies(office, MONDAY + 185 * MINUTE) == [Urgency.DONE, Urgency.ON_TIME]
    go_live(office, MONDAY + 190 * MINUTE)
    with reading(office) as conn:
        assert onboarding.status(conn, MONDAY + 4 * HOUR, SANTIAGO) == []
        done = onboarding.of_client(conn, of(conn), MONDAY + 4 * HOUR, SANTIAGO)
    assert done is not None
    assert done.urgency is Urgency.DONE


def test_what_is_late_comes_first(office: Engine) -> None:
    pay(office, MONDAY + 70 * MINUTE, "andes")
    pay(office, MONDAY, "lagos")
    with reading(office) as conn:
        found = onboarding.status(conn, MONDAY + 125 * MINUTE, SANTIAGO)
    assert [(each.order.slug, each.urgency) for each in found] == [("lagos", "late"), ("andes", "on time")]
    assert found[0].deadlines[0].left == -5 * MINUTE


# --- what is refused


def test_steps_come_in_their_order_and_once(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="no payment of andes"):
        welcome(office, MONDAY)
    pay(office)
    with pytest.raises(ClientMistake, match="noted already"):
        pay(office)
    with pytest.raises(ClientMistake, match="not been welcomed yet"):
        go_live(office, MONDAY)
    with pytest.raises(ClientMistake, match="before the payment"):
        welcome(office, MONDAY - MINUTE)
    welcome(office, MONDAY + HOUR)
    with pytest.raises(ClientMistake, match="welcomed already"):
        welcome(office, MONDAY + HOUR)
    with pytest.raises(ClientMistake, match="before the welcome"):
        go_live(office, MONDAY)
    go_live(office, MONDAY + 2 * HOUR)
    for again in (lambda: pay(office), lambda: go_live(office, MONDAY + 3 * HOUR)):
        with pytest.raises(ClientMistake, match="live already"):
            again()


def test_nobody_is_welcomed_without_number_or_recipient(office: Engine) -> None:
    pay(office)
    with writing(office) as conn:
        numbers.release(by_admin(conn, MONDAY), NUMBER)
        people.remove_recipient(by_admin(conn), of(conn), "gerencia@andes.example")
        people.remove_recipient(by_admin(conn), of(conn), f"12345{of(conn)}")
    with pytest.raises(ClientMistake, match="is not ready") as refused:
        welcome(office, MONDAY + HOUR)
    assert refused.value.values["lacking"] == (Lack.NUMBER, Lack.RECIPIENT)
    assert posted(office) == []
    assert urgencies(office, MONDAY) == [Urgency.ON_TIME, Urgency.ON_TIME]


def test_service_needs_all_that_answering_takes(engine: Engine) -> None:
    with writing(engine) as conn:
        client_id = clientele.add(by_admin(conn, MONDAY), "nadie", name="Nadie", week="never")
        clientele.suspend(by_admin(conn), "nadie")
        andes = clientele.add(by_admin(conn, MONDAY), "andes", name="Andes")
        staff.add(by_admin(conn), "Rosa", languages=["es"], client_ids=[andes])
        assert onboarding.missing(conn, client_id) == [
            Lack.NUMBER,
            Lack.HOURS,
            Lack.GREETING,
            Lack.SECRETARY,
            Lack.RECIPIENT,
            Lack.ACTIVITY,
        ]
        assert Lack.SECRETARY not in onboarding.missing(conn, of(conn))


def test_service_is_refused_while_something_lacks(office: Engine) -> None:
    pay(office)
    welcome(office, MONDAY + MINUTE)
    with writing(office) as conn:
        staff.remove(by_admin(conn, MONDAY), "Ana")
    with pytest.raises(ClientMistake, match="is not ready") as refused:
        go_live(office, MONDAY + HOUR)
    assert refused.value.values["lacking"] == (Lack.SECRETARY,)
    assert urgencies(office, MONDAY + MINUTE)[1] is Urgency.ON_TIME


def test_who_cancels_is_no_longer_waited_for_and_pays_anew(office: Engine) -> None:
    pay(office)
    with writing(office) as conn:
        clientele.cancel(by_admin(conn, MONDAY + HOUR), "andes")
        assert onboarding.status(conn, MONDAY + HOUR, SANTIAGO) == []
    with pytest.raises(ClientMistake, match="has cancelled"):
        pay(office, MONDAY + HOUR)
    with writing(office) as conn:
        clientele.resume(by_admin(conn), "andes")
    assert pay(office, MONDAY + 24 * HOUR).paid_at == MONDAY + 24 * HOUR
    with reading(office) as conn:
        assert len(conn.execute(select(orders)).all()) == 2


# --- the letters


def test_welcome_goes_to_every_recipient_with_the_number_filled_in(office: Engine) -> None:
    pay(office)
    welcome(office, MONDAY + HOUR)
    mail, chat = posted(office)
    assert [mail.letter.channel, chat.letter.channel] == [Channel.EMAIL, Channel.TELEGRAM]
    assert mail.letter.address == "gerencia@andes.example"
    assert mail.letter.written_at == MONDAY + HOUR + MINUTE
    for text in (mail.letter.text, mail.letter.html, chat.letter.text):
        assert "*21*225550101#" in text
        assert "+56 2 2555 0101" in text
        assert "lunes 23 de noviembre de 2026, 11:30" in text  # an hour after the welcome
    assert chat.letter.html == ""


def test_admin_is_told_once_when_it_is_near_and_once_when_it_is_late(office: Engine) -> None:
    pay(office)
    told = []
    for minutes in range(0, 200, 5):
        onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + minutes * MINUTE)
        fresh = posted(office)[len(told) :]
        told += [(minutes, each.letter.subject) for each in fresh]
    assert told == [
        (90, "Andes: queda poco para la bienvenida"),
        (125, "Andes: la bienvenida está atrasada"),
        (150, "Andes: queda poco para contestar sus llamadas"),
        (185, "Andes: aún no se contestan sus llamadas"),
    ]
    assert {each.letter.address for each in posted(office)} == {"admin@sur.example"}
    assert {each.letter.client_id for each in posted(office)} == {None}
    with reading(office) as conn:
        assert conn.scalar(select(orders.c.told)) == f"{Step.SERVICE} {Urgency.LATE}"


def test_what_nobody_looked_at_in_time_is_told_as_late_only(office: Engine) -> None:
    pay(office)
    said = str(onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + 24 * HOUR))
    assert said == "deadlines late or soon late: 2"
    assert [each.letter.subject for each in posted(office)] == [
        "Andes: la bienvenida está atrasada",
        "Andes: aún no se contestan sus llamadas",
    ]


def test_an_hour_counted_anew_is_warned_of_anew(office: Engine) -> None:
    pay(office)
    onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + 24 * HOUR)
    welcome(office, MONDAY + 25 * HOUR)
    before = len(posted(office))
    onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + 25 * HOUR + 20 * MINUTE)
    assert len(posted(office)) == before
    onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + 25 * HOUR + 40 * MINUTE)
    assert [each.letter.subject for each in posted(office)[before:]] == [
        "Andes: queda poco para contestar sus llamadas"
    ]


def test_done_and_unwatched_deadlines_warn_nobody(office: Engine) -> None:
    pay(office)
    nobody = Settings(office=OfficeSettings(alarms_to=""))
    said = str(onboarding.warn_of_deadlines(office, nobody, MONDAY + 24 * HOUR))
    assert "nobody to tell" in said
    welcome(office, MONDAY + HOUR)
    go_live(office, MONDAY + HOUR)
    before = len(posted(office))
    told = onboarding.warn_of_deadlines(office, SETTINGS, MONDAY + 24 * HOUR)
    assert str(told) == "deadlines late or soon late: 0"
    assert len(posted(office)) == before


def test_warning_says_what_is_late_and_how_to_note_it(office: Engine) -> None:
    pay(office)
    english = Settings(office=OfficeSettings(name="Casa", language="en", alarms_to="admin@casa.example"))
    onboarding.warn_of_deadlines(office, english, MONDAY + 125 * MINUTE)
    (warning,) = posted(office)
    assert warning.letter.text == (
        "A deadline has passed\n\n"
        "Andes\n\n"
        "Andes (andes) paid on Monday 23 November 2026, 09:30.\n\n"
        "Number assigned and welcome call made: until Monday 23 November 2026, 11:30.\n\n"
        "Late, in business time, by 5 minutes.\n\n"
        "Once it is done, note it:\n\n"
        "    pbx-control client welcomed andes\n\n"
        "Sent automatically by pbx-control at Casa; once for each deadline when it is near, and once if it passes.\n"
    )
    assert "pbx-control client welcomed andes" in warning.letter.html
