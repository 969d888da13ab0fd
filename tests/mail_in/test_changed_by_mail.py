"""An owner changes greeting and protocol by a signed mail; nobody else does, whatever he sends."""

import re
from datetime import timedelta
from email.header import Header

import pytest
from mailed_house import OLD, House
from msgspec.structs import replace
from sqlalchemy import select
from writing import COVERED, NEW, OWNER, days_ago, key, signed, written

from pbx_control.clock import now
from pbx_control.domain.audit import ActorKind
from pbx_control.domain.desk.protocol_file import written as as_file
from pbx_control.domain.notices.messages import Kind
from pbx_control.domain.users import ClientRole
from pbx_control.store.engine import reading
from pbx_control.store.tables import audit

# --- what is in force at once -----------------------------------------------------------------------------


def test_signed_mail_of_an_owner_is_in_force_and_answered(house: House) -> None:
    assert house.gets(signed(written())) == {"changed": 1}
    assert house.greeting() == NEW
    assert house.dovecot.lies_in(house.user) == {"handled": 1}
    (letter,) = house.letters()
    assert letter.address == OWNER
    assert "/portal/protocol" in letter.text
    assert OLD in letter.text
    assert NEW in letter.text


def test_trail_says_who_and_by_what_way(house: House) -> None:
    house.gets(signed(written()))
    with reading(house.engine) as conn:
        rows = conn.execute(select(audit).where(audit.c.actor == ActorKind.USER.value).order_by(audit.c.id)).all()
    assert [(row.verb, row.who, row.origin) for row in rows] == [
        ("change proposed", "rosa", "mail"),
        ("change confirmed", "rosa", "mail"),
        ("greeting changed", "rosa", "mail"),
    ]


@pytest.mark.parametrize("subject", ["Saludo", "RE: saludo", "Fwd: Re[2]: SALUDO", "Greeting", "Sáludo: andes"])
def test_subject_is_understood_however_it_is_written(house: House, subject: str) -> None:
    assert house.gets(signed(written(subject=subject))) == {"changed": 1}


def test_protocol_comes_as_a_file(house: House) -> None:
    mine = as_file(replace(house.protocol(), may_tell=("Abrimos a las nueve",)))
    assert house.gets(signed(written("Va adjunto.", subject="Protocolo", protocol=mine))) == {"changed": 1}
    assert house.protocol().may_tell == ("Abrimos a las nueve",)


def test_signature_and_quoted_words_are_no_greeting(house: House) -> None:
    text = f"{NEW}\n\n-- \nRosa Soto\nClínica Andes\n"
    house.gets(signed(written(text)))
    assert house.greeting() == NEW
    quoted = f"El sáb, 29 nov 2026 a las 10:00, Sur (<secretarias@sur.example>)\nescribió:\n> {NEW}\n"
    house.gets(signed(written(f"Otra vez {{secretary}}\n\n{quoted}")))
    assert house.greeting() == "Otra vez {secretary}"


def test_signature_of_the_domain_above_will_do(house: House) -> None:
    house.add_owner("pedro", "pedro@mail.andes.example")
    assert house.gets(signed(written(sender="pedro@mail.andes.example"))) == {"changed": 1}


def test_services_that_do_not_sign_how_a_mail_is_read_are_believed_where_it_reads_one_way(house: House) -> None:
    without = [each for each in COVERED if not each.startswith(b"content-")]
    assert house.gets(signed(written(), covered=without)) == {"changed": 1}
    assert house.greeting() == NEW


def test_owner_of_several_clients_says_which(house: House) -> None:
    house.add_client("lagos", "Óptica Lagos")
    house.add_owner("rosa2", OWNER, "lagos")
    assert house.gets(signed(written())) == {"refused": 1}
    assert "Óptica Lagos" in house.letters()[0].text
    assert house.gets(signed(written(subject="Saludo óptica lagos"))) == {"changed": 1}
    assert (house.greeting("lagos"), house.greeting()) == (NEW, OLD)


# --- whom nobody believes ---------------------------------------------------------------------------------


def is_asked(house: House, mail: bytes, why: str) -> None:
    """Nothing is changed; the owner's own address is asked by a link."""
    assert house.gets(mail) == {"asked": 1}
    assert why in house.why()
    assert house.greeting() == OLD
    letter = house.letters()[0]
    assert (letter.address, letter.kind) == (OWNER, Kind.ASK)
    assert re.search(r"https://desk\.example\.com/changes/[\w-]{40,}", letter.text)


def is_refused(house: House, mail: bytes, why: str) -> None:
    """Nothing is changed, and nobody is written to."""
    before = len(house.letters())
    assert house.gets(mail) == {"refused": 1}
    assert why in house.why()
    assert house.greeting() == OLD
    assert len(house.letters()) == before
    assert house.dovecot.lies_in(house.user)["refused"] >= 1


def test_forged_sender_without_a_signature(house: House) -> None:
    is_asked(house, written(), "no signature")


def test_signature_of_another_domain(house: House) -> None:
    is_asked(house, signed(written(), "evil.example"), "of another domain")


def test_signature_of_a_domain_that_is_everybody_s(house: House) -> None:
    is_asked(house, signed(written(), "example"), "of another domain")


def test_signature_by_a_key_that_the_domain_does_not_know(house: House) -> None:
    house.dns.domains = ("evil.example",)
    is_asked(house, signed(written()), "wrong, or its key is not there")


def test_key_that_anybody_could_guess(house: House) -> None:
    house.dns.record = key(768)[1]
    is_asked(house, signed(written(), bits=768), "")


def test_domain_that_only_tries_signing_out(house: House) -> None:
    house.dns.record = key()[1] + b"; t=y"
    is_asked(house, signed(written()), "tries signing out")


def test_text_added_behind_what_is_signed(house: House) -> None:
    mail = signed(written(html=False), length=True)
    is_asked(house, mail + b"Llame al 600 y pague.\r\n", "only a part of the body")


def test_changed_after_signing(house: House) -> None:
    is_asked(house, signed(written()).replace("Clínica".encode(), b"Estafa"), "body hash mismatch")


def test_subject_changed_after_signing(house: House) -> None:
    is_asked(house, signed(written(subject="Hola")).replace(b"Subject: Hola", b"Subject: Saludo"), "wrong")


def test_subject_that_is_not_signed(house: House) -> None:
    is_asked(house, signed(written(), covered=[b"from", b"to", b"date"]), "is not signed")


def test_mail_to_somebody_else_passed_on_to_us(house: House) -> None:
    is_asked(house, signed(written(to="juan@evil.example")), "not addressed to us")


def test_two_from_headers(house: House) -> None:
    mail = signed(written(sender="eve@evil.example"), "evil.example")
    is_refused(house, b"From: rosa@andes.example\r\n" + mail, "From cannot be read")
    is_refused(house, mail.replace(b"From:", b"From: rosa@andes.example\r\nFrom:", 1), "From cannot be read")


def test_second_from_in_a_line_that_some_programs_see(house: House) -> None:
    mail = signed(written()).replace(b"MIME-Version", b"X-Eve: a\rFrom: eve@evil.example\r\nMIME-Version", 1)
    assert house.gets(mail) == {"refused": 1}
    assert house.greeting() == OLD


@pytest.mark.parametrize("header", ["Subject: Saludo", "Content-Type: text/plain", "To: secretarias@sur.example"])
def test_headers_that_are_there_twice(house: House, header: str) -> None:
    house.gets(header.encode() + b"\r\n" + signed(written()))
    assert house.greeting() == OLD


@pytest.mark.parametrize(
    "sender",
    [
        '"rosa@andes.example" <eve@evil.example>',
        "=?utf-8?q?rosa=40andes=2Eexample?= <eve@evil.example>",
        "rosa@andes.example <eve@evil.example>",
        "<rosa@andes.example> <eve@evil.example>",
        "rosa@andes.example, eve@evil.example",
        "eve@evil.example (rosa@andes.example)",
        "=?utf-8?q?rosa=40andes.example?=",
        "Rosa <rosa@andes.example\x00.evil.example>",
        "rosa@andes.example.evil.example",
    ],
)
def test_names_that_look_like_the_owner_s_address(house: House, sender: str) -> None:
    mail = re.sub(rb"From: [^\r]*", lambda _: b"From: " + sender.encode(), written(sender="x@y.example"), count=1)
    is_refused(house, signed(mail, "evil.example"), "")


def test_line_break_within_an_encoded_subject(house: House) -> None:
    trick = Header("Saludo\r\nBcc: all@evil.example", "utf-8").encode()
    mail = re.sub(rb"Subject: [^\r]*", lambda _: b"Subject: " + trick.encode(), written(), count=1)
    house.gets(signed(mail))
    assert house.greeting() == OLD
    assert "\n" not in house.entries()[0].subject


def test_replayed_mail(house: House) -> None:
    first, second = signed(written()), signed(written("Otro saludo {secretary}", at=now() + timedelta(seconds=1)))
    assert house.gets(first, second) == {"changed": 2}
    again = [first, b"X-Way: other\r\n" + first, first.replace(b"@andes.example>\r\nMIME", b"@other.example>\r\nMIME")]
    assert house.gets(*again) == {"refused": 3}
    assert house.greeting() == "Otro saludo {secretary}"
    assert house.dovecot.lies_in(house.user) == {"handled": 2, "refused": 3}


def test_old_mail(house: House) -> None:
    is_asked(house, signed(written(at=days_ago(9))), "not signed lately")


def test_stranger_gets_no_answer(house: House) -> None:
    is_refused(house, signed(written(sender="eve@evil.example"), "evil.example"), "not from an owner")


def test_staff_may_not(house: House) -> None:
    house.add_owner("juan", "juan@andes.example", role=ClientRole.STAFF)
    is_refused(house, signed(written(sender="juan@andes.example")), "not from an owner")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Auto-Submitted", "auto-replied"), ("Precedence", "bulk"), ("List-Id", "<a.b>"), ("Return-Path", "<>")],
)
def test_programs_get_no_answer(house: House, name: str, value: str) -> None:
    is_refused(house, signed(written(**{name: value})), "written by a program")


# --- what cannot be done, and what is broken --------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "text", "told"),
    [
        ("Hola", NEW, "pide nada"),
        ("Saludo", "-- \nRosa", ""),
        ("Saludo", "{nobody}", ""),
        ("Saludo", "x" * 3000, ""),
        ("Saludo", OLD, ""),
        ("Protocolo", "Sin archivo", ".toml"),
    ],
)
def test_owner_is_told_why_nothing_was_changed(house: House, subject: str, text: str, told: str) -> None:
    assert house.gets(signed(written(text, subject=subject))) == {"refused": 1}
    assert house.greeting() == OLD
    (letter,) = house.letters()
    assert letter.address == OWNER
    assert told in letter.text


def test_forger_cannot_have_us_fill_the_owner_s_mailbox(house: House) -> None:
    mails = [written(f"Saludo {one} {{secretary}}", at=now() + timedelta(seconds=one)) for one in range(15)]
    assert house.gets(*mails) == {"asked": 5, "refused": 10}
    assert len(house.letters()) == 10


def test_huge_mail_is_not_fetched_whole(house: House) -> None:
    is_refused(house, signed(written("x" * 70 + "\n") + b"y" * 3_000_000), "too large")


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\r\n\r\n",
        b"no header at all",
        b"From: rosa@andes.example\r\nSubject: =?utf-8?b?!!!?=\r\nContent-Type: multipart/mixed\r\n\r\n--\r\n",
        b"From: rosa@andes.example\r\nSubject: Saludo\r\nContent-Type: text/plain; charset=no-such\r\n\r\nx",
        b"From: rosa@andes.example\r\nSubject: Saludo\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe",
        b"From: rosa@andes.example\r\nDate: 99 Foo\r\nSubject: Saludo\r\nContent-Type: ;;;=\"\r\n\r\n\r\n",
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000)),
        b"From: " + b" " * 100_000 + b"x\r\n\r\n",
        bytes(range(256)) * 20,
    ],
)  # fmt: skip
def test_broken_mail_is_put_aside_and_the_next_one_read(house: House, mail: bytes) -> None:
    counted = house.gets(mail or b"\r\n", signed(written()))
    assert counted["changed"] == 1
    assert house.greeting() == NEW
    assert "INBOX" not in house.dovecot.lies_in(house.user)
