"""A caller's data that is blocked while a request is decided is neither sent, shown nor deleted; then all goes on."""

from pathlib import Path

import pytest
from acting import ADMIN, JOB, by_admin
from his_data import CALL, HIS, NAME, has_letter, is_everywhere, put, register
from keeping import DAY, NOW, House
from sqlalchemy import Engine, select, update

from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.reports import report_id
from pbx_control.errors import ClientMistake, Code
from pbx_control.media.erasure import ErasureOrder, erase
from pbx_control.services import caller_requests, cancelled, post, restricting
from pbx_control.settings import Home
from pbx_control.store import call_log, caller_marks, erasing, ledger, letters, recordings, restrictions, retention
from pbx_control.store import messages as stored
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, caller_mark, client, dispute, ledger_entry, letter, restriction

WISH = ErasureOrder(number=HIS, why="his letter", key="secret", actor=ADMIN)
# Long enough after his call that its files are due.
LATER = NOW + 40 * DAY


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    made = House(Home(tmp_path / "home"), engine)
    is_everywhere(made)
    return made


def block(house: House, slug: str | None = None) -> None:
    with writing(house.engine) as conn:
        restricting.block(by_admin(conn, NOW), house.home, HIS, f"{HIS} asks", slug)


def unblock(house: House, slug: str | None = None) -> None:
    restricting.unblock(house.home, house.engine, ADMIN, HIS, NOW, slug)


def trust_clock(house: House) -> None:
    with writing(house.engine) as conn:
        retention.believe(conn, LATER)


def sendable(house: House) -> list[int]:
    with reading(house.engine) as conn:
        return sorted(head.id for head in letters.heads(conn, Channel.EMAIL, 10))


# --- what is blocked --------------------------------------------------------------------------------------


def test_the_calls_that_were_over_are_blocked_and_no_others(house: House) -> None:
    house.has_call("pbx-3.1", -1, caller=HIS)  # it ends tomorrow
    house.has_call("pbx-3.2", 0, caller=HIS, ended_at=None, state=b"{}")
    house.has_call("pbx-3.3", 2, caller="+56987654321")
    block(house)
    with reading(house.engine) as conn:
        assert restrictions.of_calls(conn, [CALL, "pbx-3.1", "pbx-3.2", "pbx-3.3"]) == {CALL}


def test_of_one_client_or_of_all(house: House) -> None:
    house.has_call("pbx-3.1", 2, caller=HIS, client_id=2)
    block(house, "norte")
    with reading(house.engine) as conn:
        assert restrictions.of_calls(conn, [CALL, "pbx-3.1"]) == {"pbx-3.1"}
        assert (restrictions.of_client(conn, 1), restrictions.of_client(conn, 2)) == (False, True)
    block(house)
    unblock(house, "norte")
    with reading(house.engine) as conn:
        assert restrictions.of_calls(conn, [CALL, "pbx-3.1"]) == {CALL, "pbx-3.1"}
        assert restrictions.of_client(conn, 1)


def test_it_is_said_once_and_only_by_those_who_say_why(house: House) -> None:
    block(house)
    for act, code in (
        (lambda work: restricting.block(work, house.home, HIS, "again"), Code.RESTRICTED_ALREADY),
        (lambda work: restricting.block(work, house.home, HIS, " ", "norte"), Code.EMPTY_VALUE),
        (lambda work: restricting.block(work, house.home, "10", "short"), Code.BAD_NUMBER),
    ):
        with pytest.raises(ClientMistake) as refused, writing(house.engine) as conn:
            act(by_admin(conn, NOW))
        assert refused.value.code is code
    with pytest.raises(ClientMistake) as refused:
        unblock(house, "norte")
    assert refused.value.code is Code.NOT_RESTRICTED
    with reading(house.engine) as conn:
        assert [one.why for one in restrictions.in_force(conn)] == ["erased asks"]


def test_a_mark_that_nobody_answers_him_is_something_else(house: House) -> None:
    block(house)
    with reading(house.engine) as conn:
        assert [one.kind for one in caller_marks.rows(conn, HIS)] == ["test"]


# --- deletion ---------------------------------------------------------------------------------------------


def test_nothing_of_his_is_purged_until_it_is_over(house: House) -> None:
    other = house.has_call("pbx-2.1", 2, caller="+56987654321")
    block(house)
    trust_clock(house)
    done = house.purges(LATER).done
    assert (done.deleted, done.restricted, done.held) == (1, 2, 0)
    assert other not in house.files()
    unblock(house)
    assert house.purges(LATER).done.deleted == 2
    assert house.files() == set()


def test_blocking_wins_over_a_deletion_that_has_begun(house: House) -> None:
    trust_clock(house)

    def block_now(moment: str) -> None:
        with reading(house.engine) as conn:
            begun = bool(restrictions.in_force(conn))
        if moment == "aside" and not begun:
            block(house)

    before = house.files()
    house.purges(LATER, reached=block_now)
    assert house.files() == before


def test_an_erasure_leaves_what_is_blocked_and_goes_on_with_the_rest(house: House) -> None:
    house.has_call("pbx-2.1", 2, caller=HIS, client_id=2)
    with writing(house.engine) as conn:
        has_letter(conn, None, f"of norte: {HIS}", client_id=2)
    block(house, "andes")
    erased = erase(house.home, house.engine, WISH, NOW)
    assert (erased.calls, erased.restricted) == (1, [CALL])
    assert (house.row(CALL)["caller"], house.row("pbx-2.1")["caller"]) == (HIS, "erased")
    with reading(house.engine) as conn:
        texts = list(conn.scalars(select(letter.c.body_text).where(letter.c.call_id.is_(None)).order_by(letter.c.id)))
        assert conn.scalar(select(restriction.c.number).where(restriction.c.lifted_at.is_(None))) == HIS
    assert HIS in texts[0]
    assert texts[1] == "of norte: erased"
    assert HIS in (house.home.documents / "reports/1/2026-08-01.csv").read_text()
    unblock(house, "andes")
    erase(house.home, house.engine, WISH, NOW)
    assert house.row(CALL)["caller"] == "erased"


def test_an_erasure_of_what_is_all_blocked_is_refused(house: House) -> None:
    block(house)
    files = house.files()
    with pytest.raises(ClientMistake) as refused:
        erase(house.home, house.engine, WISH, NOW)
    assert refused.value.code is Code.RESTRICTED
    assert (house.files(), house.row(CALL)["caller"]) == (files, HIS)
    with reading(house.engine) as conn:
        assert len(caller_marks.rows(conn, HIS)) == 1


def test_the_erasure_of_a_client_leaves_him_and_finishes_later(house: House) -> None:
    house.has_call("pbx-2.1", 2, caller="+56987654321")
    with writing(house.engine) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(state="cancelled", cancelled_at=NOW))
        conn.execute(update(caller_mark).values(client_id=1))
    block(house, "andes")
    long_after = NOW + 91 * DAY
    with writing(house.engine) as conn:
        retention.believe(conn, long_after)

    def erased() -> str:
        return str(cancelled.erase_cancelled(house.home, house.engine, JOB, long_after))

    def kept() -> tuple[str, bool, int, bool]:
        with reading(house.engine) as conn:
            reports = conn.scalars(select(letter.c.id).where(letter.c.call_id.is_(None))).all()
            marks = len(caller_marks.rows(conn, HIS))
        folder = house.home.documents / "reports/1"
        return house.row(CALL)["caller"], bool(reports), marks, folder.exists()

    assert erased().endswith("; calls that stay, blocked while a request is decided: 1")
    assert house.row("pbx-2.1")["caller"] == "erased"
    assert kept() == (HIS, True, 1, True)
    unblock(house, "andes")
    assert "stay" not in erased()
    assert kept() == ("erased", False, 0, False)
    with reading(house.engine) as conn:
        assert erasing.restricted_calls(conn, 1) == 0


# --- letters ----------------------------------------------------------------------------------------------


def test_his_letters_wait_and_others_to_the_same_address_go(house: House) -> None:
    with writing(house.engine) as conn:
        has_letter(conn, CALL, "waits", waiting=True)
    (his,) = sendable(house)
    block(house)
    assert sendable(house) == []
    with writing(house.engine) as conn:
        assert letters.claim(conn, [his], NOW + DAY) == []
        has_letter(conn, None, "of somebody else", waiting=True)
    (other,) = sendable(house)
    assert other != his
    unblock(house)
    assert sendable(house) == [his]
    with writing(house.engine) as conn:
        assert [one.id for one in letters.claim(conn, [his], NOW + DAY)] == [his]


def test_what_is_written_about_him_meanwhile_waits_too(house: House) -> None:
    block(house)
    with writing(house.engine) as conn:
        has_letter(conn, CALL, "a correction", waiting=True)
    assert sendable(house) == []


def has_report(house: House, text: str, *, waiting: bool = True) -> int:
    """The daily report that tells of his call."""
    with writing(house.engine) as conn:
        message_id = report_id(1, NOW, Recipient(Channel.EMAIL, f"{text[:9]}@andes.example"))
        more = {"attachment": "documents/reports/1/x.csv", "message_id": message_id}
        has_letter(conn, None, text, waiting=waiting, **more)
        conn.execute(update(call).where(call.c.id == CALL).values(reported_at=NOW))
        return conn.scalar(select(letter.c.id).where(letter.c.message_id == message_id)) or 0


def test_a_report_that_tells_of_him_waits_and_is_sent_once(house: House) -> None:
    text = f"missed: {HIS} ({NAME}), +56987654321"
    report = has_report(house, text)
    with writing(house.engine) as conn:
        has_letter(conn, None, "an invoice", waiting=True)
    block(house)
    (other,) = sendable(house)
    assert other != report
    with writing(house.engine) as conn:
        assert letters.claim(conn, [report], NOW + DAY) == []
    unblock(house)
    assert sendable(house) == [report]
    with writing(house.engine) as conn:
        (claimed,) = letters.claim(conn, [report], NOW + DAY)
        letters.delivered(conn, claimed, NOW + DAY)
    assert (claimed.letter.text, claimed.letter.attachment) == (text, "documents/reports/1/x.csv")
    assert sendable(house) == [other]


@pytest.mark.parametrize("whose", ["another client's", "another day's", "of a call that came later"])
def test_a_report_that_does_not_tell_of_him_goes(house: House, whose: str) -> None:
    report = has_report(house, "missed: +56987654321")
    changed = {
        "another client's": {"client_id": 2},
        "another day's": {"reported_at": NOW - DAY},
        "of a call that came later": {"ended_at": NOW + DAY},
    }
    with writing(house.engine) as conn:
        conn.execute(update(call).where(call.c.id == CALL).values(changed[whose]))
    block(house)
    assert sendable(house) == [report]


def test_what_was_not_there_for_a_while_is_known_when_it_is_over(house: House) -> None:
    report = has_report(house, "missed")
    with reading(house.engine) as conn:
        his = conn.scalar(select(letter.c.id).where(letter.c.call_id == CALL).order_by(letter.c.id)) or 0
        before = restrictions.pauses(conn, his)
    block(house, "andes")
    with writing(house.engine) as conn:
        assert restrictions.pauses(conn, his) == before
    restricting.unblock(house.home, house.engine, ADMIN, HIS, NOW + DAY, "andes")
    with reading(house.engine) as conn:
        for one in (his, report):
            assert sorted(restrictions.pauses(conn, one)) == [*before, (NOW, NOW + DAY)]


def test_nobody_reads_his_letters_or_sends_them_again(house: House) -> None:
    report = has_report(house, f"missed {HIS} {NAME}", waiting=False)
    with writing(house.engine) as conn:
        has_letter(conn, None, "an invoice", address="boss@andes.example")
        his = conn.scalars(select(letter.c.id).where(letter.c.call_id == CALL)).first() or 0
    block(house)
    with reading(house.engine) as conn:
        listed = {one.id: one.letter for one in letters.newest(conn)}
        for one in (his, report):
            with pytest.raises(ClientMistake) as refused:
                letters.get(conn, one)
            assert refused.value.code is Code.RESTRICTED
            assert listed[one].subject == "blocked while a request is decided"
            assert (listed[one].text, listed[one].html, listed[one].attachment) == ("", "", "")
    with pytest.raises(ClientMistake, match="blocked while a request is decided"), writing(house.engine) as conn:
        post.resend(by_admin(conn, NOW), [his])
    with writing(house.engine) as conn:
        conn.execute(update(letter).values(delivered_at=None, due_at=None))
        count = post.resend_undelivered(by_admin(conn, NOW), address="boss@andes.example")
    assert count == 2  # the invoice, and a report of which no call says that it tells of it
    unblock(house)
    with reading(house.engine) as conn:
        assert NAME in letters.get(conn, his).letter.text


# --- what the admin's other commands show -----------------------------------------------------------------


def test_calls_and_recordings_are_listed_without_him_and_not_opened(house: House) -> None:
    block(house)
    with reading(house.engine) as conn:
        (row,) = call_log.newest(conn)
        assert (row.id, row.caller, row.caller_name, row.recording) == (CALL, "", "", "")
        (recorded,) = recordings.newest(conn)
        assert (recorded.caller, recorded.caller_name) == ("", "")
        for read in (call_log.shown, recordings.get):
            with pytest.raises(ClientMistake) as refused:
                read(conn, CALL)
            assert refused.value.code is Code.RESTRICTED
        assert call_log.find(conn, CALL).caller == HIS  # for what is decided about the call
    unblock(house)
    with reading(house.engine) as conn:
        assert call_log.shown(conn, CALL).caller == HIS
        assert recordings.get(conn, CALL).caller == HIS


def test_earlier_calls_and_the_ledger_say_that_there_was_a_call(house: House) -> None:
    with writing(house.engine) as conn:
        put(conn, ledger_entry, client_id=1, at=NOW, kind="charge", units=-1, source="period", call_id=CALL)
    block(house)
    with reading(house.engine) as conn:
        (before,) = stored.calls_before(conn, 1, HIS, "", 5)
        (entry,) = ledger.statement(conn, 1, NOW - DAY, NOW + DAY).entries
    assert before.restricted
    assert (entry.call_id, entry.caller, entry.caller_name, entry.restricted) == (CALL, "", "", True)


def test_what_was_written_about_a_charge_is_not_read(house: House) -> None:
    """It tells of the call: what the client said against it, what was answered, why it was taken back."""
    with writing(house.engine) as conn:
        for call_id in (CALL, None):
            entry = {"client_id": 1, "at": NOW, "kind": "reversal", "units": 1, "source": "period", "call_id": call_id}
            put(conn, ledger_entry, **entry, why=f"{NAME}, a fax")
        for number in conn.scalars(select(ledger_entry.c.id)).all():
            put(conn, dispute, entry_id=number, at=NOW, why=f"{NAME} says so", answer=f"{NAME} is right")
    block(house)
    with reading(house.engine) as conn:
        kept = ledger.entries_after(conn, 1, 0, 9)
        told = ledger.statement(conn, 1, NOW - DAY, NOW + DAY).entries
        disputed = ledger.disputed(conn)
    for his, other in (kept, told, disputed):
        assert (his.restricted, NAME in str(his), NAME in str(other)) == (True, False, True)
    assert (kept[0].why, kept[0].disputed, kept[0].answer) == (restrictions.INSTEAD,) * 3
    unblock(house)
    with reading(house.engine) as conn:
        assert NAME in str(ledger.entries_after(conn, 1, 0, 1))


def test_a_request_that_blocks_says_so_in_the_block(house: House) -> None:
    with writing(house.engine) as conn:
        asked = caller_requests.add(by_admin(conn, NOW), register(house), HIS, RequestKind.BLOCKING, blocks=True)
        (one,) = restrictions.in_force(conn, HIS)
    assert one.why == f"request {asked.id}"
    assert one.since == NOW
