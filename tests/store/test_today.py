"""What clients say for today is kept: the last one wins, each ends by itself, and who said what stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from acting import ADMIN
from sqlalchemy import Engine

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, today
from pbx_control.services.work import changing
from pbx_control.store import audit, overrides
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_client, read_office

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLOSED, OPEN, ANNOUNCED = OverrideKind.CLOSED, OverrideKind.OPEN, OverrideKind.ANNOUNCED
ROSA, LUIS = Actor(ActorKind.USER, "rosa", "192.0.2.1"), Actor(ActorKind.USER, "luis", "192.0.2.2")


@pytest.fixture
def andes(engine: Engine) -> int:
    with changing(engine, ADMIN, NOON - HOUR) as work:
        clientele.add(work, "lagos", name="Lagos")
        return clientele.add(work, "andes", name="Andes")


def say(engine: Engine, client: int, kind: OverrideKind, until: datetime, at: datetime = NOON, **more: Any) -> None:
    with changing(engine, more.pop("who", ROSA), at) as work:
        today.say(work, client, kind, until, **more)


def holding(engine: Engine, at: datetime) -> list[Override]:
    with reading(engine) as conn:
        return [one.override for one in overrides.holding(conn, at)]


def test_the_last_one_wins_and_both_can_see_who_it_was(engine: Engine, andes: int) -> None:
    say(engine, andes, CLOSED, NOON + 3 * HOUR)
    say(engine, andes, OPEN, NOON + 2 * HOUR, NOON + HOUR, who=LUIS)
    assert holding(engine, NOON + HOUR) == [Override(OPEN, NOON + HOUR, NOON + 2 * HOUR, said_by="luis")]
    with reading(engine) as conn:
        last, first = overrides.latest(conn, andes, 5)
    assert (first.override.said_by, first.ended_at, first.ended_by) == ("rosa", NOON + HOUR, "luis")
    assert (last.override.said_by, last.ended_at) == ("luis", None)
    assert holding(engine, NOON + 2 * HOUR) == []


def test_words_and_hours_hold_beside_each_other(engine: Engine, andes: int) -> None:
    say(engine, andes, CLOSED, NOON + 3 * HOUR)
    say(engine, andes, ANNOUNCED, NOON + HOUR, text=" Nos  mudamos a {name}. ")
    assert [(one.kind, one.text) for one in holding(engine, NOON)] == [
        (CLOSED, ""),
        (ANNOUNCED, "Nos mudamos a {name}."),
    ]
    assert [one.kind for one in holding(engine, NOON + HOUR)] == [CLOSED]
    with changing(engine, LUIS, NOON + timedelta(minutes=1)) as work:
        assert today.back_to_normal(work, andes)
        assert not today.back_to_normal(work, andes)
    assert holding(engine, NOON + timedelta(minutes=2)) == []


def test_the_office_has_what_holds_from_yesterday_on_and_what_was_taken_back_ends_then(
    engine: Engine, andes: int
) -> None:
    say(engine, andes, CLOSED, NOON - 60 * HOUR, NOON - 72 * HOUR)
    say(engine, andes, CLOSED, NOON + HOUR)
    say(engine, andes, OPEN, NOON + 2 * HOUR, NOON + timedelta(minutes=30), who=LUIS)
    with reading(engine) as conn:
        office = read_office(conn, NOON.date())
        before = read_client(conn, "andes", NOON).overrides
        later = read_client(conn, "andes", NOON + 2 * HOUR).overrides
    half_past = NOON + timedelta(minutes=30)
    both = (
        Override(CLOSED, NOON, half_past, said_by="rosa"),
        Override(OPEN, half_past, NOON + 2 * HOUR, said_by="luis"),
    )
    assert {client.slug: client.overrides for client in office.clients} == {"andes": both, "lagos": ()}
    assert (before, later) == (both, ())


def test_the_same_again_is_no_change(engine: Engine, andes: int) -> None:
    say(engine, andes, CLOSED, NOON + HOUR)
    say(engine, andes, CLOSED, NOON + HOUR, NOON + timedelta(seconds=1), who=LUIS)
    with reading(engine) as conn:
        assert [one.override.said_by for one in overrides.latest(conn, andes, 5)] == ["rosa"]
        assert [one.entry.actor for one in audit.newest(conn, client_id=andes)] == [ROSA, ADMIN]


def test_what_makes_no_sense_changes_nothing(engine: Engine, andes: int) -> None:
    for kind, until, text in (
        (CLOSED, NOON, ""),
        (OPEN, NOON + timedelta(days=40), ""),
        (ANNOUNCED, NOON + HOUR, " "),
        (ANNOUNCED, NOON + HOUR, "{hora}"),
        (ANNOUNCED, NOON + HOUR, "a\x00b"),
        (ANNOUNCED, NOON + HOUR, "x" * 2000),
    ):
        with pytest.raises(ClientMistake):
            say(engine, andes, kind, until, text=text)
    with changing(engine, ADMIN, NOON) as work:
        clientele.cancel(work, "andes")
    with pytest.raises(ClientMistake, match="cancelled"):
        say(engine, andes, CLOSED, NOON + HOUR)
    assert holding(engine, NOON) == []
