"""Letters about appointments, by a real mail server: who gets which, what calendars are told, and in what order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
import vobject
from acting import ADMIN
from mail_server import MailServer
from post_office import HandClock, SentLetters, Watch
from running_out import add_client
from sqlalchemy import Engine, delete, insert, select

from pbx_control.domain.agenda.appointments import Appointment, next_sequence
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.notices.kinds import About, Wants
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.wording import readable_number
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify.worker import Outbox
from pbx_control.services import appointment_letters, appointments, calendars, clientele
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking, changing
from pbx_control.settings import Mail, OfficeSettings, Settings
from pbx_control.store import caller_data, letters, recipients, restrictions
from pbx_control.store.caller_data import Whose
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import call, recipient
from pbx_control.store.tables import letter as letter_table

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)  # Monday, 8:00 in Santiago
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TEN = NOW + DAY + 2 * HOUR  # Tuesday, 10:00
NOON = NOW + 4 * HOUR  # when reminders are due
SANTIAGO = ZoneInfo("America/Santiago")
JOB = Actor(ActorKind.JOB, "remind:America/Santiago")
HOUSE = House(office="Secretariado Sur", sender="avisos@sur.example", url="https://casa.example")
SETTINGS = Settings(office=OfficeSettings(name="Secretariado Sur"), mail=Mail(host="m", sender="avisos@sur.example"))
MARIA, BOSS = "maria@x.example", "jefa@andes.example"
NUMBER = "+56912345678"


class Agenda:
    """A client with a calendar, and what is booked into it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        add_client(engine, 1, "andes")
        with booking(engine, ADMIN, NOW) as work:
            work.conn.execute(delete(recipient))
            recipients.insert_row(work.conn, 1, Recipient(Channel.EMAIL, BOSS))
            calendars.add(
                work,
                1,
                "soto",
                "Dra. Soto",
                [Kind(0, "Consulta", 30)],
                resource="Dra. Soto",
                week="mon-fri 9:00-13:00 15:00-18:00",
                step=15,
                address="Av. Apoquindo 1234, of. 5; Las Condes",
                map_link="https://maps.example/?q=1,2&z=3",
                questions=["¿RUT?"],
                reminder=True,
            )

    def set(self, at: datetime = NOW, **wanted: object) -> None:
        with booking(self.engine, ADMIN, at) as work:
            calendars.change(work, 1, "soto", **wanted)

    def book(self, at: datetime = NOW, starts: datetime = TEN, **more: object) -> Appointment:
        who = {"name": "María Ñandú", "number": NUMBER, "email": MARIA, "answers": {"¿RUT?": "1-9"}} | more
        with booking(self.engine, ADMIN, at) as work:
            return appointments.book(
                work, Order(client_id=1, calendar="soto", starts=starts, **who), house=HOUSE
            )  # type: ignore[arg-type]

    def move(self, one: Appointment, starts: datetime, at: datetime = NOW) -> Appointment:
        with booking(self.engine, ADMIN, at) as work:
            return appointments.move(work, 1, one.id, starts, house=HOUSE)

    def cancel(self, one: Appointment, at: datetime = NOW) -> Appointment:
        with booking(self.engine, ADMIN, at) as work:
            return appointments.cancel(work, 1, one.id, house=HOUSE)

    def change(self, one: Appointment, at: datetime = NOW, **wanted: object) -> Appointment:
        with booking(self.engine, ADMIN, at) as work:
            return appointments.change(work, 1, one.id, house=HOUSE, **wanted)

    def remind(self, due_at: datetime = NOON, at: datetime | None = None, zone: ZoneInfo = SANTIAGO) -> str:
        return str(appointment_letters.remind(self.engine, SETTINGS, zone, due_at, JOB, at or due_at))

    def posted(self, to: str = MARIA) -> list[Posted]:
        """What was written to an address, oldest first."""
        with reading(self.engine) as conn:
            return [one for one in reversed(letters.newest(conn)) if one.letter.address == to]

    def subjects(self, to: str = MARIA) -> list[str]:
        return [one.letter.subject for one in self.posted(to)]


@pytest.fixture
def agenda(engine: Engine) -> Agenda:
    return Agenda(engine)


@asynccontextmanager
async def delivering(agenda: Agenda, mailer: object, clock: HandClock) -> AsyncIterator[Outbox]:
    """A running outbox."""
    outbox = Outbox(agenda.engine, mailer, SentLetters(), clock, AlarmDesk())  # type: ignore[arg-type]
    running = asyncio.create_task(outbox.run())
    try:
        yield outbox
    finally:
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def delivered(agenda: Agenda, mailer: object, server: MailServer, clock: HandClock) -> list[EmailMessage]:
    """All that was written, as the mail server got it."""
    clock.at = NOW + HOUR
    with reading(agenda.engine) as conn:
        count = len([one for one in letters.newest(conn) if one.state == "waiting"])
    async with delivering(agenda, mailer, clock):
        return [await server.next_mail() for _ in range(count)]


def to(mails: list[EmailMessage], address: str) -> list[EmailMessage]:
    return [mail for mail in mails if mail["To"] == address]


def event_of(mail: EmailMessage) -> vobject.base.Component:
    return vobject.readOne(mail.get_body(("calendar",)).get_content())


# --- the mail to the caller -------------------------------------------------------------------------------


async def test_caller_gets_the_details_and_an_invitation_that_programs_know(agenda, mailer, mail_server, clock):
    one = agenda.book()
    [mail] = to(await delivered(agenda, mailer, mail_server, clock), MARIA)
    assert mail.get_content_type() == "multipart/mixed"
    texts, attached = mail.iter_parts()
    assert texts.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in texts.iter_parts()] == ["text/plain", "text/html", "text/calendar"]
    [*_, inline] = texts.iter_parts()
    assert (inline.get_param("method"), inline.get_content_charset()) == ("REQUEST", "utf-8")
    assert (attached.get_content_type(), attached.get_filename()) == ("application/ics", "invite.ics")
    assert attached.get_content_disposition() == "attachment"
    assert attached.get_payload(decode=True) == inline.get_payload(decode=True)
    calendar = event_of(mail)
    event = calendar.vevent
    assert calendar.method.value == "REQUEST"
    assert (event.uid.value, event.sequence.value) == (one.uid, "0")
    assert event.dtstart.value.astimezone(UTC) == one.starts
    assert event.organizer.value == f"mailto:{mail['From'].addresses[0].addr_spec}"
    assert event.attendee.value == f"mailto:{MARIA}"
    assert event.location.value == "Av. Apoquindo 1234, of. 5; Las Condes"
    assert "https://maps.example/?q=1,2&z=3" in event.description.value


async def test_texts_say_when_where_and_with_whom(agenda, mailer, mail_server, clock):
    agenda.book()
    [mail] = to(await delivered(agenda, mailer, mail_server, clock), MARIA)
    assert mail["Subject"] == "Clínica Andes: su cita del martes 1 de diciembre de 2026, 10:00"
    for part in ("plain", "html"):
        said = mail.get_body((part,)).get_content()
        for what in ("Martes 1 de diciembre de 2026, 10:00", "10:00–10:30, hora de Santiago", "Dra. Soto", "Apoquindo"):
            assert what in said
    assert "https://maps.example/?q=1,2&z=3" in mail.get_body(("plain",)).get_content()
    assert "https://maps.example/?q=1,2&amp;z=3" in mail.get_body(("html",)).get_content()


def test_language_is_the_appointments(agenda):
    agenda.book(language="en")
    [posted] = agenda.posted()
    assert posted.letter.subject == "Clínica Andes: your appointment on Tuesday 1 December 2026, 10:00"
    assert "10:00–10:30, Santiago time" in posted.letter.text
    assert agenda.subjects(BOSS) == ["Clínica Andes: cita de María Ñandú el martes 1 de diciembre de 2026, 10:00"]


def test_place_stays_out_if_the_client_does_not_want_it_told(agenda):
    agenda.set(place_in_mail=False)
    agenda.book()
    [posted] = agenda.posted()
    for said in (posted.letter.text, posted.letter.html, posted.letter.invitation):
        assert "Apoquindo" not in said
        assert "maps.example" not in said


def test_who_wants_no_letter_gets_none(agenda):
    agenda.cancel(agenda.move(agenda.book(email=""), TEN + HOUR))
    assert {one.letter.address for one in all_posted(agenda)} == {BOSS}


def all_posted(agenda: Agenda) -> list[Posted]:
    with reading(agenda.engine) as conn:
        return letters.newest(conn)


# --- later changes ----------------------------------------------------------------------------------------


async def test_update_replaces_and_cancel_removes(agenda, mailer, mail_server, clock):
    one = agenda.book()
    agenda.cancel(agenda.move(one, TEN + HOUR, NOW + MINUTE), NOW + 2 * MINUTE)
    mails = to(await delivered(agenda, mailer, mail_server, clock), MARIA)
    calendars_ = [event_of(mail) for mail in mails]
    assert [each.method.value for each in calendars_] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [mail.get_body(("calendar",)).get_param("method") for mail in mails] == ["REQUEST", "REQUEST", "CANCEL"]
    assert {each.vevent.uid.value for each in calendars_} == {one.uid}
    told = [int(each.vevent.sequence.value) for each in calendars_]
    assert told == [0, next_sequence(0, NOW + MINUTE), next_sequence(0, NOW + 2 * MINUTE)]
    assert [each.vevent.status.value for each in calendars_] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    first = mails[0]["Message-ID"]
    assert [mail["In-Reply-To"] for mail in mails] == [None, first, first]
    assert len({mail["Message-ID"] for mail in mails}) == 3
    text = mails[1].get_body(("plain",)).get_content()
    assert "11:00" in text
    assert "Estaba fijada para el martes 1 de diciembre de 2026, 10:00." in text


async def test_cancel_does_not_overtake_its_request_however_often_that_is_refused(
    agenda, mailer, mail_server, clock, engine, letter
):
    """Any other letter would step aside after six tries, while the server takes others."""
    clock.at = NOW
    watch = Watch(engine)
    one = agenda.book()
    other = replace(letter, address="otra@x.example")
    async with delivering(agenda, Refusing(mailer, MARIA, 8), clock) as outbox:
        for tries in range(1, 9):
            refused = f"451 4.7.1 try {tries} was one early"
            await watch.until(lambda refused=refused: agenda.posted()[0].last_error == refused)
            if tries == 7:
                agenda.cancel(one)
            with writing(engine) as conn:
                letters.add(conn, [replace(other, message_id=f"other.{tries}", written_at=clock())])
            outbox.wake()
            await next_to(mail_server, other.address)
            clock.advance(3 * HOUR)
            outbox.wake()
        first, second = await next_to(mail_server, MARIA), await next_to(mail_server, MARIA)
    assert [event_of(mail).method.value for mail in (first, second)] == ["REQUEST", "CANCEL"]


async def next_to(server: MailServer, address: str) -> EmailMessage:
    while (mail := await server.next_mail())["To"] != address:
        pass
    return mail


class Refusing:
    """The mailer, but a server that puts off what letters to an address hold, so many times."""

    def __init__(self, mailer: object, address: str, times: int) -> None:
        self._mailer, self._address, self._tries, self._times = mailer, address, 0, times

    async def send(self, one: object, *last_step: object) -> str:
        if self._tries < self._times and one.address == self._address:  # type: ignore[attr-defined]
            self._tries += 1
            raise DeliveryFailed(f"451 4.7.1 try {self._tries} was one early", Fault.LETTER)
        return await self._mailer.send(one, *last_step)  # type: ignore[attr-defined]

    async def rest(self) -> None:
        await self._mailer.rest()  # type: ignore[attr-defined]


async def test_who_has_another_address_is_invited_there_and_taken_out_here(agenda):
    one = agenda.book()
    agenda.change(one, NOW + MINUTE, email="eva@x.example")
    first, second = agenda.posted()
    assert "METHOD:REQUEST" in first.letter.invitation
    assert "METHOD:CANCEL" in second.letter.invitation
    [new] = agenda.posted("eva@x.example")
    assert "METHOD:REQUEST" in new.letter.invitation
    assert "mailto:eva@x.example" in new.letter.invitation
    agenda.change(one, NOW + 2 * MINUTE, email=MARIA)
    assert "METHOD:REQUEST" in agenda.posted()[-1].letter.invitation
    assert len(agenda.posted()) == 3
    assert len(agenda.subjects(BOSS)) == 1


def test_other_words_and_no_shows_are_told_nobody(agenda):
    one = agenda.book()
    agenda.change(one, NOW + MINUTE, note="llega tarde", name="Mary")
    with booking(agenda.engine, ADMIN, TEN + HOUR) as work:
        appointments.no_show(work, 1, one.id)
    assert len(agenda.posted()) == len(agenda.posted(BOSS)) == 1


# --- the client's recipients ------------------------------------------------------------------------------


async def test_client_is_told_of_each_that_is_confirmed_moved_and_cancelled(agenda, mailer, mail_server, clock):
    one = agenda.book()
    agenda.cancel(agenda.move(one, TEN + HOUR, NOW + MINUTE), NOW + 2 * MINUTE)
    mails = to(await delivered(agenda, mailer, mail_server, clock), BOSS)
    assert [mail["Subject"] for mail in mails] == [
        "Clínica Andes: cita de María Ñandú el martes 1 de diciembre de 2026, 10:00",
        "Clínica Andes: cita de María Ñandú reprogramada para el martes 1 de diciembre de 2026, 11:00",
        "Clínica Andes: cita de María Ñandú del martes 1 de diciembre de 2026, 11:00, anulada",
    ]
    for mail in mails:
        text = mail.get_body(("plain",)).get_content()
        for what in ("María Ñandú", readable_number(NUMBER), MARIA, "¿RUT?: 1-9", "Consulta", "Dra. Soto"):
            assert what in text
        assert mail.get_body(("calendar",)) is None
        assert list(mail.iter_attachments()) == []


def test_recipient_gets_them_only_if_they_are_among_his_kinds(agenda):
    with writing(agenda.engine) as conn:
        recipients.update_row(conn, 1, BOSS, Wants.only(About.CALLS))
        recipients.insert_row(conn, 1, Recipient(Channel.TELEGRAM, "123"), Wants.only(About.APPOINTMENTS))
    agenda.book()
    assert agenda.posted(BOSS) == []
    [chat] = agenda.posted("123")
    assert chat.letter.text.startswith("📅 Clínica Andes: cita de María Ñandú")
    assert (chat.letter.html, chat.letter.invitation, chat.letter.acts) == ("", "", ())


def test_sensitive_client_is_sent_a_link_alone_and_the_caller_no_kind(agenda):
    with booking(agenda.engine, ADMIN, NOW) as work:
        clientele.change(work, "andes", sensitive=True)
    one = agenda.book()
    [boss], [caller] = agenda.posted(BOSS), agenda.posted()
    for said in (boss.letter.subject, boss.letter.text, boss.letter.html):
        assert not any(word in said for word in ("María", "Consulta", "diciembre", "1-9"))
    assert "https://casa.example/portal/calendars/soto/appointments/1" in boss.letter.text
    for said in (caller.letter.text, caller.letter.html, caller.letter.invitation):
        assert "Consulta" not in said
        assert "1-9" not in said.replace(one.uid, "")


def test_letter_of_a_call_is_still_the_first_about_that_call(agenda):
    with writing(agenda.engine) as conn:
        conn.execute(
            insert(call).values(id="c1", did="+56225550101", caller=NUMBER, phase="ended", arrived_at=NOW, client_id=1)
        )
    agenda.book(call_id="c1")
    with reading(agenda.engine) as conn:
        assert letters.first_told(conn, "c1") == {}


def test_hostile_names_are_text(agenda):
    name = "Eva <b>\"Ñ\"</b>; ATTENDEE:mailto:x@x.example"
    agenda.book(name=name, answers={"¿RUT?": "<script>alert(1)</script>"})
    [boss], [caller] = agenda.posted(BOSS), agenda.posted()
    assert "<script>" not in boss.letter.html
    assert "<b>" not in boss.letter.html
    assert vobject.readOne(caller.letter.invitation).vevent.attendee.value == f"mailto:{MARIA}"
    assert "\n" not in boss.letter.subject


# --- reminders --------------------------------------------------------------------------------------------


def test_caller_is_reminded_the_day_before_once(agenda):
    agenda.book()
    assert agenda.remind() == "reminders of appointments: 1"
    assert agenda.remind() == "reminders of appointments: 0"
    first, reminder = agenda.posted()
    assert reminder.letter.subject == "Clínica Andes: recordatorio de su cita del martes 1 de diciembre de 2026, 10:00"
    assert reminder.letter.invitation == ""
    assert reminder.letter.in_reply_to == first.letter.message_id
    assert len(agenda.posted(BOSS)) == 1


@pytest.mark.parametrize(
    "case",
    ["after", "cancelled", "unwanted", "no-address", "today", "in-two-days", "zone", "begun", "moved-after", "left"],
)
def test_nobody_is_reminded_who_need_not_be(agenda, case):
    at = NOON + MINUTE if case == "after" else NOW
    starts = {"today": NOW + 2 * HOUR, "in-two-days": TEN + DAY}.get(case, TEN)
    one = agenda.book(at, starts, email="" if case == "no-address" else MARIA)
    if case == "cancelled":
        agenda.cancel(one)
    if case == "unwanted":
        agenda.set(reminder=False)
    if case == "moved-after":
        agenda.move(one, TEN + HOUR, NOON + MINUTE)
    if case == "left":
        with changing(agenda.engine, ADMIN, NOW) as work:
            clientele.cancel(work, "andes")
    late = TEN + MINUTE if case == "begun" else NOON + HOUR
    zone = ZoneInfo("Europe/Madrid") if case == "zone" else SANTIAGO
    assert agenda.remind(NOON, late, zone) == "reminders of appointments: 0"
    assert not any("recordatorio" in subject for subject in agenda.subjects())


def test_one_that_was_moved_to_another_day_is_reminded_of_again(agenda):
    one = agenda.book()
    agenda.remind()
    agenda.move(one, TEN + DAY, NOON + MINUTE)
    assert agenda.remind(NOON + DAY) == "reminders of appointments: 1"
    assert len([each for each in agenda.subjects() if "recordatorio" in each]) == 2


def test_late_run_makes_up_for_the_day_and_says_the_right_one(agenda):
    agenda.book()
    assert agenda.remind(NOON, TEN - HOUR) == "reminders of appointments: 1"
    assert "martes 1 de diciembre" in agenda.subjects()[-1]


def test_a_note_of_the_afternoon_spares_nobody_the_reminder_of_noon(agenda):
    agenda.change(agenda.book(), NOON + MINUTE, note="trae exámenes")
    assert agenda.remind(NOON, NOON + HOUR) == "reminders of appointments: 1"
    assert agenda.remind(NOON, NOON + 2 * HOUR) == "reminders of appointments: 0"


@pytest.mark.parametrize(
    ("actor", "by"),
    [
        (Actor(ActorKind.ADMIN, "root", "pts/3"), "Secretariado Sur"),
        (Actor(ActorKind.SECRETARY, "Ana Díaz", "10.0.0.5"), "Ana Díaz"),
        (Actor(ActorKind.USER, "gerencia", "10.0.0.6"), "gerencia (portal)"),
    ],
)
def test_letters_name_a_secretary_a_portal_user_or_the_office(agenda, actor, by):
    with booking(agenda.engine, actor, NOW) as work:
        order = Order(client_id=1, calendar="soto", starts=TEN, name="Eva", number=NUMBER)
        one = appointments.book(work, order, house=HOUSE)
    agenda.cancel(one, NOW + MINUTE)
    told = [each.letter.text for each in agenda.posted(BOSS) if "Agendada por" in each.letter.text]
    assert told
    for text in told:
        assert by in text
        assert "root" not in text


def test_whoever_asked_that_his_data_rest_is_not_reminded(agenda):
    agenda.book()
    with writing(agenda.engine) as conn:
        restrictions.add(conn, NUMBER, 1, "asked", NOW + MINUTE)
    assert agenda.remind() == "reminders of appointments: 0"


# --- erasing ----------------------------------------------------------------------------------------------


def test_erased_caller_is_in_no_letter_about_an_appointment_without_a_call(agenda):
    agenda.book()
    with writing(agenda.engine) as conn:
        caller_data.erase_rest(conn, Whose(number=NUMBER))
        columns = (letter_table.c[name] for name in ("address", "subject", "body_html", "due_at"))
        kept = conn.execute(select(*columns)).all()
    assert [tuple(row) for row in kept] == [(BOSS, ERASED, "", None)]
