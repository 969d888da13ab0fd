"""Callers' rights as an admin types them: requests, copies, blocks."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

from sqlalchemy import create_engine, text
from terminal import Admin

HIS = "+56912345678"


def has_call(admin: Admin) -> None:
    engine = create_engine(f"sqlite:///{admin.home / 'pbx.db'}")
    with engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO call (id, client_id, did, caller, caller_name, phase, outcome, arrived_at, ended_at,"
                " recording) VALUES ('pbx-1.1', 1, '+56225550101', :number, 'María Soto', 'ended', 'answered',"
                " '2026-08-01 12:00:00', '2026-08-01 12:05:00', '2026/08/01/pbx-1.1.wav')"
            ),
            {"number": HIS},
        )
    engine.dispose()
    file = admin.home / "recordings/2026/08/01/pbx-1.1.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a voice")


def test_a_request_is_entered_listed_shown_and_closed(office: Admin) -> None:
    told = office.does(
        "request",
        "add",
        HIS,
        "--kind",
        "access",
        "--client",
        "andes",
        "--received",
        "2026-08-03 10:00",
        "--note",
        "a letter",
    )
    assert told == "request 1: the answer is in time until the end of 2026-09-02\n"
    (row,) = office.reads("request", "list", "--open")
    assert (row["number"], row["kind"], row["client"], row["last_day"]) == (HIS, "access", "andes", "2026-09-02")
    assert row["state"] == "late"
    assert "fingerprint" not in row
    assert "+56 9 1234 5678" in office.does("request", "list").replace("912345678", "9 1234 5678")
    assert office.does("request", "close", "1", "--answer", "sent") == "request 1 is closed\n"
    assert office.reads("request", "list", "--open") == []
    shown = office.reads("request", "show", "1")
    assert (shown["state"], shown["answer"], [one["what"] for one in shown["steps"]]) == (
        "closed",
        "sent",
        ["received", "closed"],
    )
    assert "received" in office.does("request", "show", "1")
    assert "is closed already" in office.is_refused("request", "close", "1", "--answer", "again")
    assert "`request list` shows them" in office.is_refused("request", "show", "7")


def test_a_request_is_shown_in_spanish(office: Admin) -> None:
    spanish = {"LC_ALL": "es_CL.UTF-8"}
    office.does("request", "add", HIS, "--kind", "access", "--note", "por carta")
    shown = office.does("request", "show", "1", env=spanish)
    assert re.search(r"^nota +por carta$", shown, re.MULTILINE)
    assert re.search(r"^estado +abierta$", shown, re.MULTILINE)
    office.does("request", "close", "1", "--answer", "enviado")
    assert re.search(r"^estado +cerrada$", office.does("request", "show", "1", env=spanish), re.MULTILINE)


def test_a_request_for_blocking_blocks_unless_told_not_to(office: Admin) -> None:
    has_call(office)
    assert "is blocked meanwhile" in office.does("request", "add", HIS, "--kind", "blocking")
    assert "blocked while a request is decided" in office.does("caller", "find", HIS)
    assert office.reads("caller", "find", HIS)["kept"]["restrictions"] == 1
    assert "`caller unblock` ends that" in office.is_refused("caller", "block", HIS, "--why", "again")
    office.does("caller", "unblock", HIS)
    assert "is not blocked there" in office.is_refused("caller", "unblock", HIS)
    assert "blocked" not in office.does("request", "add", HIS, "--kind", "blocking", "--no-block")


def test_a_copy_is_written_once_and_replaced_only_if_told(office: Admin, tmp_path: Path) -> None:
    has_call(office)
    target = tmp_path / "soto.zip"
    told = office.does("caller", "export", "9 1234 5678", "-o", str(target))
    assert re.search(r"calls 1, recordings 1, .* SHA-256 [0-9a-f]{64}$", told)
    with ZipFile(target) as archive:
        assert archive.namelist() == ["sounds/2026/08/01/pbx-1.1.wav", "caller.json"]
        assert json.loads(archive.read("caller.json"))["number"] == HIS
    assert "or replace it with --force" in office.is_refused("caller", "export", HIS, "-o", str(target))
    office.does("caller", "export", HIS, "-o", str(target), "--force")
    (_, receipt) = office.reads("recording", "receipts")
    assert receipt["what"] == "handed_out"
    assert receipt["sha256"] in told
    assert HIS not in json.dumps(receipt)


def test_what_cannot_be_written_is_said_in_one_line(office: Admin, tmp_path: Path) -> None:
    has_call(office)
    assert "cannot be written" in office.is_refused("caller", "export", HIS, "-o", str(tmp_path / "none/x.zip"))
    assert "is there already" in office.is_refused("caller", "export", HIS, "-o", "")
    assert "nothing is known" in office.is_refused("caller", "export", "+56987654321", "-o", str(tmp_path / "x.zip"))
    assert "is no caller's number" in office.is_refused("caller", "export", "", "-o", str(tmp_path / "x.zip"))
    assert list(tmp_path.glob("*.zip*")) == list(tmp_path.glob(".*zip*")) == []


def test_the_two_kinds_of_blocking_tell_of_each_other(office: Admin) -> None:
    assert "caller mark NUMBER blocked" in " ".join(office.does("caller", "block", "--help").split())
    assert "caller block" in office.does("caller", "mark", "--help")
