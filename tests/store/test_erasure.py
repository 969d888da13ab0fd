"""A caller's data are erased wherever they are, with receipts that do not name him; nobody else's are touched."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import ADMIN, by_admin
from keeping import NOW, House
from sqlalchemy import Connection, Engine, insert, select

from pbx_control.errors import ClientMistake, Code
from pbx_control.media import caller_files
from pbx_control.media import erased as remembered
from pbx_control.media.erased import CallerErased
from pbx_control.media.erasure import ErasureOrder, erase
from pbx_control.services import marks
from pbx_control.settings import Home
from pbx_control.store import caller_marks, callers, holds, restrictions
from pbx_control.store.caller_data import Whose
from pbx_control.store.callers import NamedContact
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import caller_mark, contact, journal, letter, message, message_field, receipt, secretary

HIS = "+56912345678"
WISH = ErasureOrder(number=HIS, why="his letter of 3 August, from +56 9 1234 5678", key="secret", actor=ADMIN)
# However his number is written.
WRITTEN = ("+56912345678", "+56 9 1234 5678", "9 1234 5678", "56912345678", "+56\xa09\xa01234\xa05678", "(9) 1234-5678")


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(Home(tmp_path / "home"), engine)


def has_letter(house: House, call_id: str | None, text: str, *, waiting: bool = False) -> None:
    row = {"channel": "email", "address": "a@b.example", "subject": text, "body_text": text, "body_html": text}
    with writing(house.engine) as conn:
        due = {
            "written_at": NOW,
            "due_at": NOW if waiting else None,
            "message_id": hashlib.sha256(text.encode()).hexdigest(),
        }
        conn.execute(insert(letter).values(call_id=call_id, **row, **due))


def letters(house: House) -> list[tuple[str, str, str]]:
    with reading(house.engine) as conn:
        rows = conn.execute(select(letter.c.subject, letter.c.body_text, letter.c.body_html).order_by(letter.c.id))
        return [tuple(row) for row in rows]


def everything(house: House) -> str:
    """All that is kept, as one text."""
    with reading(house.engine) as conn:
        tables = (journal, letter, receipt, caller_mark)
        rows = [str(row) for table in tables for row in conn.execute(select(table))]
        rows += [str(call) for call in conn.execute(callers.select(callers.call))]
    files = [path for path in house.home.root.rglob("*") if path.is_file() and path.name.endswith((".csv", ".json"))]
    return "\n".join([*rows, *(path.read_text() for path in files)])


def test_his_files_number_and_name_go_and_others_stay(house: House) -> None:
    house.has_call("pbx-1.1", 2, caller_name="María Soto", message="2026/08/01/pbx-1.1-message.wav")
    house.has_file("2026/08/01/pbx-1.1-message.wav")
    house.has_file("2026/08/01/pbx-1.1-message.json", json.dumps({"caller": HIS}))
    other = house.has_call("pbx-1.2", 2, caller="+56912345679", caller_name="María Paz")
    details = {"caller": HIS, "name": "María Soto", "did": "+56225550101", "client": "andes"}
    with writing(house.engine) as conn:
        line = {"call_id": "pbx-1.1", "seq": 1, "at": NOW, "event": "CallArrived", "details": json.dumps(details)}
        conn.execute(insert(journal).values(line))
        marks.mark(by_admin(conn), HIS, "test", "ours")
    has_letter(house, "pbx-1.1", f"María Soto ({HIS}) left a message")
    has_letter(house, "pbx-1.2", "María Paz called")
    erased = erase(house.home, house.engine, WISH, NOW)
    assert (erased.calls, erased.done.deleted, erased.letters, erased.marks) == (1, 3, 1, 1)
    assert house.files() == {other}
    assert letters(house) == [("erased", "erased", ""), ("María Paz called",) * 3]
    row = house.row("pbx-1.1")
    assert (row["caller"], row["caller_name"], row["recording"], row["message"]) == ("erased", "", "", "")
    assert house.row("pbx-1.2")["caller_name"] == "María Paz"
    kept = everything(house)
    assert not any(number in kept for number in WRITTEN)
    assert "María Soto" not in kept
    assert "+56225550101" in kept


def test_the_receipt_shows_whose_data_it_was_to_who_knows_the_number(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    erase(house.home, house.engine, WISH, NOW)
    [file, his] = house.receipts()
    assert (file["what"], file["why"]) == ("recording", "erased: his letter of 3 August, from erased")
    assert (his["what"], his["call_id"]) == ("caller_data", "")
    assert his["sha256"] == hmac.new(b"secret", HIS.encode(), hashlib.sha256).hexdigest()
    assert his["why"].startswith("erased: 1 calls, 1 files, 0 letters")


@pytest.mark.parametrize("number", WRITTEN)
def test_reports_lose_his_number_however_it_is_written(house: House, number: str) -> None:
    house.has_call("pbx-1.1", 2, caller_name="María Soto", recording="")
    text = f"09:00 {number} María Soto\n09:05 +56 9 1234 5679 María Soto-Díaz\n09:06 +56912345678 1"
    has_letter(house, None, text)
    report = house.home.documents / "reports" / "1.csv"
    report.parent.mkdir(parents=True)
    report.write_text(text)
    erased = erase(house.home, house.engine, WISH, NOW)
    assert (erased.letters, erased.documents) == (1, 1)
    wanted = "09:00 erased erased\n09:05 +56 9 1234 5679 erased-Díaz\n09:06 erased 1"
    assert letters(house)[0][1] == wanted
    assert report.read_text() == wanted


def test_the_switch_s_own_records_lose_him(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    done = house.home.run / "absence" / "done"
    done.mkdir(parents=True)
    lines = [
        '"1.5","entered","pbx-1.1","{""extra"":""+56225550101 1 1""}","912345678","María"',
        '"1.6","answered","PJSIP/x","{""extra"":""pbx-1.1 ana""}","912345678","María"',
        '"1.6","entered","pbx-1.2","{""extra"":""x""}","987654321","Paz"',
    ]
    (done / "1.csv").write_text("\n".join(lines) + "\n")
    assert erase(house.home, house.engine, WISH, NOW).documents == 1
    kept = (done / "1.csv").read_text()
    assert "María" not in kept
    assert "912345678" not in kept
    assert lines[2] in kept


def test_a_call_that_lasts_stops_everything(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    house.has_call("pbx-1.2", 0, ended_at=None, state=b"{}")
    nothing_is_erased(house, WISH, "pbx-1.2 of that caller lasts")


def test_a_letter_that_waits_stops_everything_until_it_is_given_up(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    has_letter(house, "pbx-1.1", "hello", waiting=True)
    nothing_is_erased(house, WISH, "still to be sent")
    assert erase(house.home, house.engine, replace(WISH, drop_waiting=True), NOW).letters == 1
    with reading(house.engine) as conn:
        assert conn.scalar(select(letter.c.due_at)) is None


def test_a_message_that_is_still_to_be_written_stops_everything_until_it_is_given_up(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    with writing(house.engine) as conn:
        conn.execute(insert(secretary).values(id=77, name="Eva", user="eva77", password="x"))
        client_id = conn.scalar(select(callers.call.c.client_id))
        draft = {"call_id": "pbx-1.1", "client_id": client_id, "secretary_id": 77, "begun_at": NOW, "due_at": NOW}
        conn.execute(insert(message).values(draft))
        field = {"call_id": "pbx-1.1", "key": "name", "value": "María", "saved_at": NOW}
        conn.execute(insert(message_field).values(field))
    nothing_is_erased(house, WISH, "still to be written")
    erase(house.home, house.engine, replace(WISH, drop_waiting=True), NOW)
    with reading(house.engine) as conn:
        assert conn.execute(select(message_field)).all() == conn.execute(select(message)).all() == []


def test_a_held_call_stops_everything_or_stays_as_it_is(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    held = house.has_call("pbx-1.2", 2)
    with writing(house.engine) as conn:
        holds.hold(conn, "pbx-1.2", "a trial", NOW)
    nothing_is_erased(house, WISH, "pbx-1.2 is under a legal hold")
    erased = erase(house.home, house.engine, replace(WISH, keep_held=True), NOW)
    assert (erased.calls, erased.kept) == (1, ["pbx-1.2"])
    assert house.files() == {held}
    assert house.row("pbx-1.2")["caller"] == HIS
    with pytest.raises(ClientMistake, match="are calls under a legal hold: pbx-1"):
        erase(house.home, house.engine, replace(WISH, keep_held=True), NOW)


def test_a_hold_that_comes_in_between_stops_it(house: House) -> None:
    path = house.has_call("pbx-1.1", 2)

    def hold_now(moment: str) -> None:
        if moment == "aside":
            with writing(house.engine) as conn:
                holds.hold(conn, "pbx-1.1", "just in time", NOW)

    with pytest.raises(ClientMistake, match="is under a legal hold"):
        erase(house.home, house.engine, WISH, NOW, reached=hold_now)
    assert house.files() == {path}
    assert (house.row("pbx-1.1")["caller"], house.receipts()) == (HIS, [])


def _held(conn: Connection) -> None:
    holds.hold(conn, "pbx-1.1", "just in time", NOW)


def _blocked(conn: Connection) -> None:
    restrictions.add(conn, HIS, None, "just in time", NOW)


def _told_of(conn: Connection) -> None:
    words = {"subject": "María called", "body_text": "María called", "message_id": "just.in-time"}
    due = {"channel": "email", "address": "a@b.example", "written_at": NOW, "due_at": NOW}
    conn.execute(insert(letter).values(call_id="pbx-1.1", **words, **due))


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize(
    ("comes", "code"),
    [(_held, Code.CALL_IS_HELD), (_blocked, Code.RESTRICTED), (_told_of, Code.MESSAGE_WAITS)],
)
def test_what_comes_in_between_stops_it_and_no_restore_does_it(
    house: House, comes: Callable[[Connection], None], code: Code, recording: bool
) -> None:
    """Also of a call without a file, of which nothing else is asked once more."""
    house.has_call("pbx-1.1", 2, **({} if recording else {"recording": ""}))
    files = house.files()

    def come_now(moment: str) -> None:
        if moment == "aside":
            with writing(house.engine) as conn:
                comes(conn)

    with pytest.raises(ClientMistake) as refused:
        erase(house.home, house.engine, replace(WISH, keep_held=True), NOW, reached=come_now)
    assert refused.value.code is code
    assert (house.files(), house.row("pbx-1.1")["caller"], house.receipts()) == (files, HIS, [])
    with reading(house.engine) as conn:
        assert conn.scalar(select(letter.c.due_at)) == (NOW if comes is _told_of else None)
    assert remembered.recall(house.home) == []


def test_what_was_erased_before_it_was_stopped_stays_erased_and_the_rest_stays(house: House) -> None:
    """A restore does again what was done, and no more."""
    for number in range(25):
        house.has_call(f"pbx-1.{number:02}", 30 - number, recording="")
    groups = iter((False, True))

    def block_later(moment: str) -> None:
        if moment == "aside" and next(groups):
            with writing(house.engine) as conn:
                _blocked(conn)

    with pytest.raises(ClientMistake):
        erase(house.home, house.engine, WISH, NOW, reached=block_later)
    (line,) = remembered.recall(house.home)
    assert isinstance(line, CallerErased)
    assert line.kept == tuple(f"pbx-1.{number}" for number in range(20, 25))
    assert line.papers


def test_a_block_that_comes_while_papers_are_erased_stops_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.has_call("pbx-1.1", 2)
    has_letter(house, None, f"09:00 {HIS}")
    with writing(house.engine) as conn:
        marks.mark(by_admin(conn), HIS, "test", "ours")
    whole = caller_files.erase_papers

    def block_now(home: Home, whose: Whose) -> int:
        with writing(house.engine) as conn:
            _blocked(conn)
        return whole(home, whose)

    monkeypatch.setattr(caller_files, "erase_papers", block_now)
    with pytest.raises(ClientMistake) as refused:
        erase(house.home, house.engine, WISH, NOW)
    assert refused.value.code is Code.RESTRICTED
    with reading(house.engine) as conn:
        assert [one.why for one in caller_marks.rows(conn, HIS)] == ["ours"]
    assert house.row("pbx-1.1")["caller"] == HIS
    (line,) = remembered.recall(house.home)  # the letter has gone
    assert isinstance(line, CallerErased)
    assert (line.kept, line.papers) == (("pbx-1.1",), False)


def test_a_file_that_cannot_be_deleted_stops_it(house: House) -> None:
    path = house.has_call("pbx-1.1", 2)
    file = house.home.recordings / path
    file.unlink()
    file.symlink_to("/etc/hostname")
    nothing_is_erased(house, WISH, "cannot be deleted")


def test_nothing_is_known_of_others(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    nothing_is_erased(house, replace(WISH, number="+56987654321"), "nothing is known")


def test_many_calls_are_erased_in_groups(house: House) -> None:
    for number in range(45):
        house.has_call(f"pbx-1.{number}", 2 + number / 100)
    erased = erase(house.home, house.engine, WISH, NOW)
    assert (erased.calls, erased.done.deleted, house.files()) == (45, 45, set())
    assert len(house.receipts()) == 46


def test_files_left_by_a_crash_are_deleted_by_the_next_purge_at_any_age(house: House) -> None:
    house.has_call("pbx-1.1", 2)

    class Crash(BaseException):
        pass

    def crash(moment: str) -> None:
        if moment == "committed":
            raise Crash

    with pytest.raises(Crash):
        erase(house.home, house.engine, WISH, NOW, reached=crash)
    assert house.row("pbx-1.1")["caller"] == "erased"
    assert house.purges(NOW + timedelta(hours=1)).done.unfinished == 1
    assert (house.files(), len(house.receipts())) == (set(), 1)


def test_contacts_and_marks_of_a_number_are_found(house: House) -> None:
    with writing(house.engine) as conn:
        conn.execute(insert(contact).values(client_id=1, name="Rosa", number="+56987654321", then_number=HIS))
        marks.mark(by_admin(conn), "9 1234 5678", "blocked", "threats", "norte")
        marks.mark(by_admin(conn), HIS, "blocked", "threats")
        marks.mark(by_admin(conn), HIS, "test", "ours")
    with reading(house.engine) as conn:
        assert callers.contacts_with(conn, HIS) == [NamedContact("andes", "Rosa")]
        marked = [(row.client, row.kind, row.why) for row in caller_marks.rows(conn, HIS)]
    assert sorted(marked) == [("", "test", "ours"), ("norte", "blocked", "threats")]


@pytest.mark.parametrize(
    ("number", "why", "slug", "refusal"),
    [
        ("", "x", None, "no caller's number"),
        ("anonymous", "x", None, "no caller's number"),
        ("erased", "x", None, "no caller's number"),
        ("abc", "x", None, "only those can be marked"),
        (HIS, " ", None, "why is empty"),
        (HIS, "x", "nobody", "there is no client"),
    ],
)
def test_marks_that_make_no_sense(house: House, number: str, why: str, slug: str | None, refusal: str) -> None:
    with pytest.raises(ClientMistake, match=refusal), writing(house.engine) as conn:
        marks.mark(by_admin(conn), number, "test", why, slug)


def test_a_mark_is_taken_away_once(house: House) -> None:
    with writing(house.engine) as conn:
        marks.mark(by_admin(conn), HIS, "test", "ours", "andes")
        with pytest.raises(ClientMistake, match="not marked there"):
            marks.unmark(by_admin(conn), HIS)
        assert marks.unmark(by_admin(conn), HIS, "andes") == HIS
        assert caller_marks.rows(conn) == []


def nothing_is_erased(house: House, wish: ErasureOrder, why: str) -> None:
    before: Any = house.files(), everything(house)
    with pytest.raises(ClientMistake, match=why):
        erase(house.home, house.engine, wish, NOW)
    assert (house.files(), everything(house)) == before
