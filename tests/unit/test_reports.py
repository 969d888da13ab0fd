"""Offers and daily reports: what they say in either language, and that no stranger's string does harm in them."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.headerregistry import Address
from html.parser import HTMLParser
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_control.domain.money.billing import bags_on_offer
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Threshold
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.reports import (
    LARGEST_TABLE,
    MissedCall,
    MissedReport,
    Notice,
    compose_missed_report,
    compose_offer,
    report_csv,
)
from pbx_control.domain.words.characters import printable
from pbx_control.domain.words.wording import dialable_number
from pbx_control.notify.mail import write

BY_MAIL = Recipient(Channel.EMAIL, "gerencia@andes.example")
BY_TELEGRAM = Recipient(Channel.TELEGRAM, "-1001234")
SENDER = Address("Casa", addr_spec="avisos@casa.example")
PLAN = Plan(name="Pyme", calls=100, price=60_000, extra_call=1_200, contacts=3, calendars=1)

FEW = Notice(
    client_id=7,
    client_name="Clínica Andes",
    language="es",
    timezone="America/Santiago",
    threshold=Threshold.SHARE,
    granted=100,
    left=20,
    in_bags=0,
    period_start=datetime(2026, 11, 7, 3, tzinfo=UTC),
    period_end=datetime(2026, 12, 7, 3, tzinfo=UTC),
    bags=bags_on_offer(PLAN, (100, 25)),
    forecast=date(2026, 11, 28),
    at=datetime(2026, 11, 22, 15, tzinfo=UTC),
)
MARIA = MissedCall(
    id="pbx-1",
    at=datetime(2026, 11, 22, 13, 15, tzinfo=UTC),
    did="+56225550101",
    caller="+56981234567",
    caller_name="Maria Soto",
)
NOBODY = replace(MARIA, id="pbx-2", at=MARIA.at + timedelta(hours=1), caller="", caller_name="", left_message=True)
MISSED = MissedReport(
    client_id=7,
    client_name="Clínica Andes",
    language="es",
    timezone="America/Santiago",
    until=datetime(2026, 11, 22, 21, 15, tzinfo=UTC),
    calls=(MARIA, NOBODY),
)

SPANISH_OFFER = """\
Quedan pocas llamadas

Quedan 20 llamadas

Cuando se acaben, las secretarias no podrán contestar y quien llame oirá un aviso. Cada día, a las 18:15, recibirá \
un informe con las llamadas perdidas.

De su plan, este mes: 20 de 100
En bolsas: 0
A este ritmo se acaban el: sábado 28 de noviembre de 2026
Su próximo mes empieza el: lunes 7 de diciembre de 2026

Bolsa de 25 llamadas: $30.000 neto, $35.700 con IVA ($1.200 neto por llamada)
Bolsa de 100 llamadas: $120.000 neto, $142.800 con IVA ($1.200 neto por llamada)

Para comprar una bolsa, responda este correo diciendo cuál quiere, o comuníquese con Casa.

Una bolsa sirve desde la llamada siguiente a su compra. Sus llamadas no vencen: se usan solo cuando se acaban las del \
mes, y las que sobran pasan al mes siguiente.

Mensaje automático de Casa, que atiende las llamadas de Clínica Andes.
"""

ENGLISH_OFFER = """\
⛔ Clínica Andes: no calls left

For now the secretaries cannot answer and callers hear an announcement. Each day at 18:15 you get a report of the \
missed calls.

Of your plan, this month: 0 of 100
In bags: 0
Your next month begins on: Monday 7 December 2026

Bag of 25 calls: CLP 30,000 net, CLP 35,700 with IVA (CLP 1,200 net per call)
Bag of 100 calls: CLP 120,000 net, CLP 142,800 with IVA (CLP 1,200 net per call)

To buy a bag, get in touch with Casa.

A bag works from the next call after it was bought. Its calls do not expire: they are used only when the month's are \
used up, and what is left carries over to the next month."""

SPANISH_REPORT = """\
Informe diario de llamadas perdidas

2 llamadas perdidas

Hasta las 18:15 del domingo 22 de noviembre de 2026 no pudimos contestar estas llamadas, porque no le quedaban \
llamadas en su plan ni en bolsas.

dom 22 nov, 10:15: +56 9 8123 4567 (Maria Soto) → +56 2 2555 0101
dom 22 nov, 11:15: número oculto → +56 2 2555 0101. Dejó un mensaje

La lista completa va adjunta, para abrirla en una planilla.

Para que volvamos a contestar, compre una bolsa de llamadas: comuníquese con Casa.

Mensaje automático de Casa, que atiende las llamadas de Clínica Andes.
"""

ENGLISH_CHAT = """\
⛔ Clínica Andes: 1 missed call, Sunday 22 November 2026

Until 18:15 on Sunday 22 November 2026 we could not answer these calls, because you had none left in your plan or in \
bags.

Sun 22 Nov, 10:15: +56 9 8123 4567 (Maria Soto) → +56 2 2555 0101

To have us answer again, buy a bag of calls: get in touch with Casa."""


class Reader(HTMLParser):
    """What a mail program makes of a page: its tags, its links and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


# --- few calls are left


def test_offer_in_spanish_by_mail() -> None:
    letter = compose_offer(replace(FEW, answers_read=True), BY_MAIL, "Casa")
    assert letter.text == SPANISH_OFFER
    assert letter.subject == "Clínica Andes: quedan 20 llamadas"
    assert (letter.client_id, letter.written_at, letter.attachment) == (7, FEW.at, "")


def test_offer_in_english_in_a_chat() -> None:
    overdrawn = replace(FEW, language="en", threshold=Threshold.NONE, left=-2)
    letter = compose_offer(overdrawn, BY_TELEGRAM, "Casa")
    assert (letter.text, letter.html) == (ENGLISH_OFFER, "")


def test_offer_asks_for_an_answer_only_if_somebody_reads_it() -> None:
    text = compose_offer(FEW, BY_MAIL, "Casa").text
    assert "responda" not in text
    assert "Para comprar una bolsa, comuníquese con Casa." in text


def test_page_shows_the_bags_as_a_table() -> None:
    page = Reader(compose_offer(FEW, BY_MAIL, "Casa").html)
    assert page.tags.count("th") == 4
    for shown in ("Quedan 20 llamadas", "20 de 100", "$30.000", "$35.700", "$1.200", "sábado 28 de noviembre de 2026"):
        assert shown in page.text


@pytest.mark.parametrize(
    ("left", "in_bags", "subject"),
    [
        (1, 0, "Clínica Andes: queda 1 llamada"),
        (0, 5, "Clínica Andes: quedan 5 llamadas"),
        (-3, 5, "Clínica Andes: quedan 2 llamadas"),
        (-3, 0, "Clínica Andes: se acabaron las llamadas"),
    ],
)
def test_bags_count_and_a_debt_is_none_left(left: int, in_bags: int, subject: str) -> None:
    letter = compose_offer(replace(FEW, left=left, in_bags=in_bags), BY_MAIL, "Casa")
    assert letter.subject == subject
    assert f"De su plan, este mes: {max(0, left)} de 100\nEn bolsas: {in_bags}\n" in letter.text


def test_what_does_not_apply_is_not_said() -> None:
    bare = replace(FEW, bags=(), forecast=None, reported=False)
    text = compose_offer(bare, BY_MAIL, "Casa").text
    assert "Para seguir recibiendo llamadas, comuníquese con Casa." in text
    for absent in ("bolsa de", "informe", "ritmo", "IVA", "vencen"):
        assert absent not in text


def test_each_threshold_period_and_recipient_has_a_letter_of_its_own() -> None:
    periods = (FEW.period_start, FEW.period_end)
    notices = [
        replace(FEW, client_id=client, threshold=threshold, period_start=start)
        for client, threshold, start in product((7, 8), Threshold, periods)
    ]
    ids = [compose_offer(notice, one, "Casa").message_id for notice in notices for one in (BY_MAIL, BY_TELEGRAM)]
    assert len(set(ids)) == len(ids) == 24
    later = replace(FEW, at=FEW.at + timedelta(days=1), left=3, client_name="Andes")
    assert compose_offer(later, BY_MAIL, "Otra").message_id == compose_offer(FEW, BY_MAIL, "Casa").message_id


# --- the day's missed calls


def test_report_in_spanish_by_mail() -> None:
    letter = compose_missed_report(MISSED, BY_MAIL, "Casa")
    assert letter.text == SPANISH_REPORT
    assert letter.subject == "Clínica Andes: 2 llamadas perdidas, domingo 22 de noviembre de 2026"
    assert letter.attachment == "documents/reports/7/perdidas-2026-11-22.csv"
    assert (letter.client_id, letter.written_at) == (7, MISSED.until)


def test_report_in_english_in_a_chat_needs_no_file() -> None:
    letter = compose_missed_report(replace(MISSED, language="en", calls=(MARIA,)), BY_TELEGRAM, "Casa")
    assert (letter.text, letter.html, letter.attachment) == (ENGLISH_CHAT, "", "")


def test_page_calls_back_with_one_touch() -> None:
    page = Reader(compose_missed_report(MISSED, BY_MAIL, "Casa").html)
    assert page.links == ["tel:+56981234567"]
    for shown in ("10:15", "dom 22 nov", "+56 9 8123 4567", "Maria Soto", "Número oculto", "Dejó un mensaje"):
        assert shown in page.text


def test_day_is_the_clients() -> None:
    in_auckland = replace(MISSED, timezone="Pacific/Auckland", language="en")
    letter = compose_missed_report(in_auckland, BY_MAIL, "Casa")
    assert letter.attachment == "documents/reports/7/missed-2026-11-23-1015.csv"  # not the daily one
    assert "Mon 23 Nov, 02:15" in letter.text


def test_each_day_and_recipient_has_a_letter_of_its_own() -> None:
    reports = [
        replace(MISSED, client_id=client, until=MISSED.until + timedelta(days=day))
        for client, day in product((7, 8), range(3))
    ]
    ids = [compose_missed_report(one, who, "Casa").message_id for one in reports for who in (BY_MAIL, BY_TELEGRAM)]
    assert len(set(ids)) == 12
    again = replace(MISSED, calls=(MARIA,))
    assert compose_missed_report(again, BY_MAIL, "Casa").message_id == ids[0]


@pytest.mark.parametrize("count", [1, 20, 50, 60, 100, 5000])
def test_chat_gets_what_telegram_takes_and_a_file_if_that_is_not_all(count: int) -> None:
    letter = compose_missed_report(replace(MISSED, calls=(MARIA,) * count), BY_TELEGRAM, "Casa")
    shown = letter.text.count("+56 9 8123 4567")
    length = len(letter.text.encode("utf-16-le")) // 2
    if letter.attachment:
        assert length <= 1024
        assert 5 <= shown < count
        assert f"… y {count - shown} más en el archivo adjunto." in letter.text
    else:
        assert length <= 4096
        assert shown == count


def test_chat_with_the_longest_names_still_has_calls_under_its_file() -> None:
    longest = replace(MISSED, client_name="🏥" * 99, calls=(replace(MARIA, caller_name="🎙" * 99),) * 500)
    letter = compose_missed_report(longest, BY_TELEGRAM, "🏢" * 99)
    assert len(letter.text.encode("utf-16-le")) // 2 <= 1024
    assert "+56 9 8123 4567" in letter.text


def test_mail_of_a_flood_has_a_table_that_no_program_cuts_off() -> None:
    flood = replace(MISSED, calls=(replace(MARIA, caller_name="Ñ" * 99, left_message=True),) * 5000)
    letter = compose_missed_report(flood, BY_MAIL, "Casa")
    assert f"… y {5000 - LARGEST_TABLE} más en el archivo adjunto." in letter.text
    assert letter.text.count("→") == LARGEST_TABLE
    assert len(letter.html.encode()) < 102_000
    assert len(list(csv.reader(io.StringIO(report_csv(flood).decode()), delimiter=";"))) == 5001


# --- the file


def rows(report: MissedReport, delimiter: str = ";") -> list[list[str]]:
    return list(csv.reader(io.StringIO(report_csv(report).decode("utf-8-sig"), newline=""), delimiter=delimiter))


def test_file_has_the_mark_by_which_excel_knows_its_letters() -> None:
    assert report_csv(MISSED).startswith(b'\xef\xbb\xbf"Fecha";')
    assert report_csv(replace(MISSED, language="en")).startswith(b'\xef\xbb\xbf"Date",')


def test_file_has_every_call_with_its_number_as_people_read_it() -> None:
    heading, maria, nobody = rows(MISSED)
    assert heading == ["Fecha", "Hora", "Llamó", "Nombre", "A su número", "Dejó un mensaje"]
    assert maria == ["2026-11-22", "10:15:00", "+56 9 8123 4567", "Maria Soto", "+56 2 2555 0101", "no"]
    assert nobody == ["2026-11-22", "11:15:00", "número oculto", "", "+56 2 2555 0101", "sí"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("=1+1", "'=1+1"),
        (" \t=1+1", "'=1+1"),
        ("+56 9", "'+56 9"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\uff1dcmd", "'\uff1dcmd"),
        (";=1+1", "'=1+1"),
        ('";"=1+1', "'=1+1"),
        ("Soto, Maria; hija", "Soto Maria hija"),
        ("O'Higgins & Cía = 2", "O'Higgins & Cía = 2"),
    ],
)
def test_strangers_name_is_no_formula(said: str, kept: str) -> None:
    assert rows(replace(MISSED, calls=(replace(MARIA, caller_name=said),)))[1][3] == kept


@pytest.mark.parametrize("caller", ["+cmd", "+56", "+1234567890123456789", "=1+1", "-5"])
def test_strangers_number_that_is_none_is_no_formula(caller: str) -> None:
    assert rows(replace(MISSED, calls=(replace(MARIA, caller=caller),)))[1][2] == f"'{caller}"


HOSTILE = st.text(max_size=80) | st.sampled_from(
    ["<script>x</script>", "a\r\nBcc: x@y", "{client}", "\u202eevil", "\ud800", "=cmd|' /C calc'!A0", '";=1;"', ",=1"]
)


@settings(deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["es", "en"]))
def test_no_cell_is_a_formula_however_the_file_is_split(name: str, caller: str, did: str, language: str) -> None:
    hostile = replace(MARIA, caller_name=name, caller=caller, did=did)
    report = replace(MISSED, language=language, calls=(hostile, MARIA))
    for delimiter in ",;\t|":
        for cell in (cell for row in rows(report, delimiter) for cell in row):
            plain = cell.lstrip().lstrip('"')
            assert not plain.startswith(("=", "+", "-", "@")) or (" " in plain and dialable(plain))


def dialable(cell: str) -> bool:
    return bool(dialable_number("+" + "".join(filter(str.isdigit, cell)))) and set(cell) <= set("+0123456789 -()")


@settings(deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["es", "en"]))
def test_no_strangers_string_does_harm(name: str, caller: str, office: str, language: str) -> None:
    calls = (replace(MARIA, caller_name=name, caller=caller, did=caller),)
    report = replace(MISSED, language=language, client_name=name, calls=calls)
    notice = replace(FEW, language=language, client_name=name)
    for letter in (compose_missed_report(report, BY_MAIL, office), compose_offer(notice, BY_MAIL, office)):
        assert set(Reader(letter.html).tags) <= ALLOWED
        assert all(printable(char) or char == "\n" for char in letter.text)
        assert printable(letter.subject)
        mail = write(letter, SENDER, None)
        assert mail.as_bytes()
        assert "Bcc" not in mail


ALLOWED = {"html", "head", "meta", "title", "body", "table", "tr", "th", "td", "div", "a", "style"}
