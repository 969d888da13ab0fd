"""Reports of other servers mark the address that gets no letters; nobody else can have one marked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from acting import ADMIN
from mailed_house import House

from pbx_control.clock import now
from pbx_control.domain.notices.messages import Channel, Kind, Letter, Recipient
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.services import people
from pbx_control.services.work import changing
from pbx_control.store import letters, mailboxes
from pbx_control.store.engine import reading, writing

GONE, OTHER = "ventas@andes.example", "rosa@andes.example"
NAME = "call.0123456789abcdef"

REPORT = """From: MAILER-DAEMON@mx.andes.example
To: avisos@sur.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Return-Path: <>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.andes.example

Final-Recipient: rfc822; {to}
Action: failed
Status: {status}
Diagnostic-Code: smtp; 550 {status} no such user here

--b
Content-Type: {part}

{returned}
--b--
"""


def report(
    to: str = GONE, status: str = "5.1.1", name: str = f"<{NAME}@sur.example>", part: str = "message/rfc822"
) -> bytes:
    returned = f"From: avisos@sur.example\nTo: {GONE}\nMessage-ID: {name}\nSubject: x\n\nbody\n"
    return REPORT.format(to=to, status=status, part=part, returned=returned).replace("\n", "\r\n").encode()


@pytest.fixture
def posted(house: House) -> House:
    """A letter to one of two recipients was taken by its server."""
    with changing(house.engine, ADMIN, now()) as work:
        for address in (GONE, OTHER):
            people.add_recipient(work, 1, "email", address)
        people.add_recipient(work, 1, "telegram", "77")
    send(house)
    return house


def send(house: House, kind: Kind = Kind.OURS, name: str = NAME, days: int = 0) -> None:
    at = now() - timedelta(days=days)
    letter = Letter(
        channel=Channel.EMAIL,
        address=GONE,
        message_id=name,
        subject="x",
        text="x",
        written_at=at,
        client_id=1,
        kind=kind,
    )
    with writing(house.engine) as conn:
        letters.add(conn, [letter])
        there = letters.by_name(conn, name)
        assert there is not None
        letters.delivered(conn, there, at)


def failing(house: House) -> list[Recipient]:
    with reading(house.engine) as conn:
        return [one.recipient for one in mailboxes.failing(conn, "")]


def told(house: House) -> list[str]:
    return sorted(one.address for one in house.letters() if one.message_id.startswith("bounce."))


@pytest.mark.parametrize("part", ["message/rfc822", "text/rfc822-headers"])
def test_address_is_marked_and_the_others_are_told_once(posted: House, part: str) -> None:
    assert posted.gets(report(part=part)) == {"bounce": 1}
    assert failing(posted) == [Recipient(Channel.EMAIL, GONE)]
    assert told(posted) == ["77", OTHER]
    assert posted.gets(report(part=part), report(status="5.2.2", part=part)) == {"bounce": 2}
    assert len(told(posted)) == 2
    assert posted.dovecot.lies_in(posted.user) == {"handled": 3}
    letter = next(one for one in posted.letters() if one.address == OTHER)
    assert GONE in letter.text
    assert "no such user here" in letter.text
    assert "/portal/recipients" in letter.text


def test_server_that_takes_the_next_letter_proves_nothing(posted: House) -> None:
    posted.gets(report())
    send(posted, name="call.next")
    assert failing(posted) == [Recipient(Channel.EMAIL, GONE)]
    posted.gets(report(name="<call.next@sur.example>"))
    assert len(told(posted)) == 2


def test_admin_hears_of_it(posted: House) -> None:
    desk = replace(posted.desk, alarms=AlarmDesk("jefe@sur.example", "es", "Sur"))
    posted.dovecot.deliver(posted.user, report())
    posted.look(desk)
    assert "jefe@sur.example" in [one.address for one in posted.letters()]


def test_delay_is_noted_only(posted: House) -> None:
    assert posted.gets(report(status="4.4.1")) == {"bounce": 1}
    assert "4.4.1" in posted.why()
    assert (failing(posted), told(posted)) == ([], [])


@pytest.mark.parametrize(
    "forged",
    [
        {"name": "<call.ffffffff@sur.example>"},
        {"name": f"<{NAME}@evil.example>"},
        {"name": ""},
        {"to": OTHER},
        {"to": ""},
        {"status": "5"},
        {"status": "2.0.0"},
        {"part": "text/plain"},
    ],
)
def test_reports_that_nobody_could_write_who_had_the_letter(posted: House, forged: dict[str, str]) -> None:
    posted.gets(report(**forged))
    assert (failing(posted), told(posted)) == ([], [])


@pytest.mark.parametrize(("kind", "days"), [(Kind.RESET, 0), (Kind.INFO, 0), (Kind.OURS, 20)])
def test_letters_that_mark_nobody(posted: House, kind: Kind, days: int) -> None:
    send(posted, kind, "other.1", days)
    assert posted.gets(report(name="<other.1@sur.example>")) == {"refused": 1}
    assert failing(posted) == []


def test_report_about_a_huge_letter_is_read_from_its_beginning(posted: House) -> None:
    huge = report().replace(b"\r\n--b--\r\n", b"x" * 70 + b"\r\n" + b"y" * 600_000 + b"\r\n--b--\r\n")
    assert posted.gets(huge) == {"bounce": 1}
    assert failing(posted) == [Recipient(Channel.EMAIL, GONE)]
