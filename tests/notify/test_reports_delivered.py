"""Reports and offers as they arrive: through the outbox, a real mail server and a stand-in for Telegram."""

import asyncio
import csv
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from acting import JOB
from running_out import BEGAN, People, add_client, add_plan, turned_away
from sqlalchemy import Engine

from pbx_control.domain.money.quota import Threshold
from pbx_control.notify.worker import Outbox
from pbx_control.services import missed_reports, offers
from pbx_control.settings import Home, OfficeSettings, Settings
from pbx_control.store import ledger, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.ledger import Charged

SANTIAGO = ZoneInfo("America/Santiago")
DUE = datetime(2026, 8, 2, 18, 15, tzinfo=SANTIAGO).astimezone(UTC)
SETTINGS = Settings(office=OfficeSettings(name="Secretariado Sur"))


@pytest.fixture
def andes(engine: Engine) -> Engine:
    add_client(engine)
    return engine


@pytest.fixture
async def deliver(andes, mailer, telegrammer, clock, watch):
    """Runs the outbox until everything has been delivered."""

    async def run() -> None:
        outbox = Outbox(andes, mailer, telegrammer, clock)
        running = asyncio.create_task(outbox.run())
        await watch.until(lambda: not undelivered(andes))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    return run


def undelivered(engine: Engine) -> list[letters.Posted]:
    with reading(engine) as conn:
        return letters.newest(conn, undelivered=True)


def report(home: Home, engine: Engine, calls: int) -> None:
    with writing(engine) as conn:
        turned_away(conn, *(DUE - timedelta(hours=1) + number * timedelta(seconds=1) for number in range(calls)))
    assert str(missed_reports.send(home, engine, SETTINGS, SANTIAGO, DUE, JOB, DUE)) == "reports of missed calls: 1"


async def test_report_arrives_with_its_table_and_its_file(home, andes, deliver, mail_server, telegram_server):
    report(home, andes, 3)
    await deliver()
    mail = await mail_server.next_mail()
    assert mail["Subject"] == "Clínica Andes: 3 llamadas perdidas, domingo 2 de agosto de 2026"
    assert mail["To"] == People.mail
    assert mail.get_body(("html",)).get_content().count('href="tel:+56981234567"') == 3
    assert "dom 2 ago, 17:15: +56 9 8123 4567 (Maria Soto)" in mail.get_body(("plain",)).get_content()
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("perdidas-2026-08-02.csv", "text/csv")
    sheet = attached.get_payload(decode=True)
    assert [row["Llamó"] for row in csv.DictReader(sheet.decode("utf-8-sig").splitlines(), delimiter=";")] == [
        "+56 9 8123 4567"
    ] * 3
    [sent] = telegram_server.sent
    assert (sent.method, sent.fields["chat_id"]) == ("sendMessage", People.chat)
    assert sent.fields["text"].count("+56 9 8123 4567") == 3


async def test_chat_gets_the_file_of_a_report_that_is_too_long(home, andes, deliver, mail_server, telegram_server):
    report(home, andes, 200)
    await deliver()
    [sent] = telegram_server.sent
    assert (sent.method, sent.names) == ("sendDocument", {"document": "perdidas-2026-08-02.csv"})
    assert sent.files["document"].count(b"+56 9 8123 4567") == 200
    [attached] = (await mail_server.next_mail()).iter_attachments()
    assert attached.get_payload(decode=True) == sent.files["document"]


async def test_offer_arrives_by_mail_and_chat(andes, deliver, mail_server, telegram_server):
    add_plan(andes)
    with writing(andes) as conn:
        charged = Charged(1, ledger.read(conn, 1), Threshold.LAST)
        assert offers.write_offer(conn, charged, BEGAN, (25, 50), "Secretariado Sur")
    await deliver()
    mail = await mail_server.next_mail()
    assert mail["Subject"] == "Clínica Andes: quedan 10 llamadas"
    assert list(mail.iter_attachments()) == []
    assert "$35.700" in mail.get_body(("html",)).get_content()
    [sent] = telegram_server.sent
    assert "Bolsa de 25 llamadas: $30.000 neto, $35.700 con IVA" in sent.fields["text"]
