"""Finding, handing out and erasing a caller's data go by one list, in which every table has its place."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from acting import ADMIN
from his_data import CALL, HIS, MAIL, NAME, has_appointment, has_letter, is_everywhere
from keeping import NOW, House
from sqlalchemy import Engine, func, select, update

from pbx_control.domain.audit import AuditEntry, Verb
from pbx_control.domain.keeping.erasure import fingerprint
from pbx_control.errors import ClientMistake, Code, StoreUnavailable
from pbx_control.media import caller_files
from pbx_control.media.erasure import ErasureOrder, erase
from pbx_control.services.caller_copies import Copy, CopyOrder, hand_out
from pbx_control.settings import Home, OfficeSettings
from pbx_control.store import audit, caller_data, callers, receipts
from pbx_control.store.caller_data import PARTS, WITHOUT_CALLERS, Whose
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import appointment, calendar, metadata

WISH = ErasureOrder(number=HIS, why="his letter", key="secret", actor=ADMIN)
ORDER = CopyOrder(number=HIS, office=OfficeSettings(language="en"), key="secret", actor=ADMIN)


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    made = House(Home(tmp_path / "home"), engine)
    is_everywhere(made)
    return made


def whose(house: House) -> Whose:
    with reading(house.engine) as conn:
        return callers.whose(callers.calls_of(conn, HIS), HIS)


def copied(house: House, target: Path, order: CopyOrder = ORDER) -> tuple[Copy, dict]:  # type: ignore[type-arg]
    copy = hand_out(house.home, house.engine, order, target, NOW)
    with ZipFile(target) as archive:
        assert archive.testzip() is None
        return copy, json.loads(archive.read("caller.json"))


def everything(house: House) -> str:
    """All rows of all tables, and all texts, as one text."""
    with reading(house.engine) as conn:
        rows = [str(row) for table in metadata.sorted_tables for row in conn.execute(select(table))]
    files = [path for path in house.home.root.rglob("*.csv") if path.is_file()]
    return "\n".join([*rows, *(path.read_text() for path in files)])


def test_every_table_is_in_the_list_or_holds_no_callers_data() -> None:
    """Who adds a table says here which it is: in PARTS with how it is read and erased, or in WITHOUT_CALLERS."""
    listed = {table.name for part in PARTS for table in part.tables}
    assert listed & WITHOUT_CALLERS.keys() == set()
    assert listed | WITHOUT_CALLERS.keys() == metadata.tables.keys()


def test_this_story_has_a_row_in_every_table_of_the_list(house: House) -> None:
    with reading(house.engine) as conn:
        tables = {table for part in PARTS for table in part.tables}
        assert [one.name for one in tables if not conn.scalar(select(func.count()).select_from(one))] == []


def test_what_is_found_is_what_is_handed_out_and_what_is_erased(house: House, tmp_path: Path) -> None:
    with reading(house.engine) as conn:
        found = caller_data.counts(conn, whose(house))
    found |= caller_files.counts(house.home, whose(house))
    assert [name for name, count in found.items() if not count] == []
    _, told = copied(house, tmp_path / "copy.zip")
    handed_out = {name: len(part["rows"]) for name, part in told["parts"].items()}
    assert handed_out | {"sounds": len(told["files"])} == found

    erase(house.home, house.engine, WISH, NOW)
    with reading(house.engine) as conn:
        assert set(caller_data.counts(conn, whose(house)).values()) == {0}
    assert set(caller_files.counts(house.home, whose(house)).values()) == {0}
    kept = everything(house)
    assert [one for one in (HIS, NAME, MAIL, "9 1234 5678", "Soto") if one in kept] == []
    assert "+56987654321" in kept
    assert house.files() == set()


def test_nobody_is_erased_who_is_still_expected(house: House) -> None:
    tomorrow = NOW + timedelta(days=1)
    with writing(house.engine) as conn:
        has_appointment(conn, tomorrow)
    with pytest.raises(ClientMistake, match="is still to come") as refused:
        erase(house.home, house.engine, WISH, NOW)
    assert refused.value.code is Code.APPOINTMENTS_TO_COME
    assert NAME in everything(house)
    with writing(house.engine) as conn:
        conn.execute(update(appointment).where(appointment.c.starts == tomorrow).values(state="cancelled"))
    erase(house.home, house.engine, WISH, NOW)
    with reading(house.engine) as conn:
        rows = conn.execute(select(appointment).order_by(appointment.c.starts)).all()
    assert [(row.name, row.number, row.email, row.answers, row.note) for row in rows] == [
        ("erased", "", "", "{}", "")
    ] * 2
    assert rows[1].starts == tomorrow


def test_an_appointment_booked_in_his_call_is_his_whatever_number_it_has(house: House, tmp_path: Path) -> None:
    with writing(house.engine) as conn:
        conn.execute(update(appointment).values(number="+56225559999", call_id=CALL))
    _, told = copied(house, tmp_path / "copy.zip")
    (visit,) = told["parts"]["appointments"]["rows"]
    assert (visit["name"], visit["answers"], visit["client"]) == (NAME, {"¿RUT?": f"{NAME} 1-9"}, "andes")
    erase(house.home, house.engine, WISH, NOW)
    assert NAME not in everything(house)


def test_a_remote_calendar_is_told_that_he_was_erased(house: House) -> None:
    with writing(house.engine) as conn:
        conn.execute(update(calendar).values(source="caldav"))
    erase(house.home, house.engine, WISH, NOW)
    with reading(house.engine) as conn:
        due = conn.scalar(select(appointment.c.mirror_due_at))
    assert due is not None
    assert due <= NOW


def test_a_copy_says_what_it_is_and_has_all_with_the_sounds(house: House, tmp_path: Path) -> None:
    copy, told = copied(house, tmp_path / "copy.zip")
    assert (told["format"], told["number"], told["client"], told["made_by"]) == (1, HIS, None, "Secretariado")
    assert told["what"].startswith("All that is kept of the calls from this number.")
    assert all(part["what"] for part in told["parts"].values())
    rows = {name: part["rows"] for name, part in told["parts"].items()}
    (his_call,), (written,) = rows["calls"], rows["messages"]
    assert (his_call["caller"], his_call["caller_name"], his_call["client"]) == (HIS, NAME, "andes")
    assert "state" not in his_call
    assert [one["words"] for one in written["versions"]] == [[["Nombre", f"{NAME} {n}"]] for n in (1, 2)]
    assert written["draft"] == {"name": f"{NAME}, draft"}
    assert [one["to"] for one in rows["letters"]] == ["client", MAIL]
    assert "boss@andes.example" not in json.dumps(rows)
    assert rows["reports"][0]["lines"] == [f"09:00 {HIS} {NAME}"]
    assert rows["documents"] == [{"file": "reports/1/2026-08-01.csv", "lines": [f"09:00,{HIS},{NAME}"]}]
    with ZipFile(copy.file) as archive:
        sounds = {one["file"]: archive.read(one["file"]) for one in told["files"]}
    assert sounds == {
        "sounds/2026/08/01/pbx-1.1.wav": b"sound of pbx-1.1",
        "sounds/2026/08/01/pbx-1.1-message.wav": b"his message",
    }
    assert [one["sha256"] for one in told["files"]] == [hashlib.sha256(one).hexdigest() for one in sounds.values()]


def test_a_copy_is_for_its_owner_and_leaves_a_receipt_that_does_not_name_him(house: House, tmp_path: Path) -> None:
    copy, _ = copied(house, tmp_path / "copy.zip")
    assert copy.file.stat().st_mode & 0o777 == 0o600
    assert copy.sha256 == hashlib.sha256(copy.file.read_bytes()).hexdigest()
    with reading(house.engine) as conn:
        (receipt,) = receipts.newest(conn)
        entry = audit.newest(conn)[0].entry
    assert (receipt.what, receipt.at, receipt.sha256) == ("handed_out", NOW, copy.sha256)
    assert receipt.size == copy.file.stat().st_size
    assert receipt.why == f"handed out: 1 calls, 2 sounds; by ana; caller {fingerprint(HIS, 'secret')[:16]}"
    assert (entry.verb, entry.subject, entry.difference["calls"]) == (Verb.CALLER_EXPORTED, "", (None, 1))


def test_a_file_that_is_there_is_replaced_only_if_that_is_said(house: House, tmp_path: Path) -> None:
    target = tmp_path / "copy.zip"
    target.write_text("precious")
    with pytest.raises(ClientMistake) as refused:
        hand_out(house.home, house.engine, ORDER, target, NOW)
    assert refused.value.code is Code.FILE_IS_THERE
    assert (target.read_text(), house.receipts()) == ("precious", [])
    hand_out(house.home, house.engine, ORDER, target, NOW, replacing=True)
    assert ZipFile(target).testzip() is None
    assert target.stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_of_a_copy_that_was_not_finished(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()

    def full(*_: object) -> None:
        raise StoreUnavailable("full")

    monkeypatch.setattr(receipts, "add", full)
    with pytest.raises(StoreUnavailable):
        hand_out(house.home, house.engine, ORDER, folder / "copy.zip", NOW)
    assert list(folder.iterdir()) == []


def test_a_copy_of_one_clients_calls_has_no_others(house: House, tmp_path: Path) -> None:
    house.has_call("pbx-2.1", 1, client_id=2, caller=HIS, caller_name="Otra")
    with writing(house.engine) as conn:
        has_letter(conn, None, f"of norte: {HIS}", client_id=2)
    _, told = copied(house, tmp_path / "norte.zip", replace(ORDER, client="norte"))
    assert [one["id"] for one in told["parts"]["calls"]["rows"]] == ["pbx-2.1"]
    assert [one["file"] for one in told["files"]] == ["sounds/2026/08/02/pbx-2.1.wav"]
    assert [one["lines"] for one in told["parts"]["reports"]["rows"]] == [[f"of norte: {HIS}"] * 2]
    assert (told["parts"]["documents"]["rows"], told["client"]) == ([], "norte")
    assert len(told["parts"]["marks"]["rows"]) == 1  # it is for all
    _, told = copied(house, tmp_path / "andes.zip", replace(ORDER, client="andes"))
    assert [one["id"] for one in told["parts"]["calls"]["rows"]] == [CALL]


def test_a_sound_that_is_not_there_is_said_to_be_absent(house: House, tmp_path: Path) -> None:
    (house.home.recordings / "2026/08/01/pbx-1.1.wav").unlink()
    (house.home.recordings / "2026/08/01/pbx-1.1.wav").symlink_to("/etc/hostname")
    copy, told = copied(house, tmp_path / "copy.zip")
    assert copy.absent == told["absent"] == ["2026/08/01/pbx-1.1.wav"]


def test_nothing_is_handed_out_of_somebody_unknown(house: House, tmp_path: Path) -> None:
    with pytest.raises(ClientMistake, match="nothing is known"):
        hand_out(house.home, house.engine, replace(ORDER, number="+56987650000"), tmp_path / "copy.zip", NOW)
    assert list(tmp_path.glob("*copy*")) == []


def test_a_number_that_is_only_a_contacts_is_no_callers(house: House, tmp_path: Path) -> None:
    other = "+56998765432"
    with writing(house.engine) as conn:
        entry = AuditEntry(
            at=NOW, actor=ADMIN, verb=Verb.CONTACT_ADDED, subject="andes", difference={"number": (None, other)}
        )
        audit.add(conn, entry)
    for refused in (
        lambda: erase(house.home, house.engine, replace(WISH, number=other), NOW),
        lambda: hand_out(house.home, house.engine, replace(ORDER, number=other), tmp_path / "x.zip", NOW),
    ):
        with pytest.raises(ClientMistake) as error:
            refused()
        assert error.value.code is Code.NO_SUCH_CALLER
    assert other in everything(house)
