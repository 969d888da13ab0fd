"""Several daemons on one database: each has a name, its own calls, and a place that tells it from a copy."""

from datetime import UTC, datetime, timedelta

import pytest
from accounts import AT, arriving, provide
from sqlalchemy import Engine, insert, select, text, update

from pbx_control.domain.call.saving import Save
from pbx_control.errors import ClientMistake
from pbx_control.services import nodes as services
from pbx_control.services.steps import Rules, save
from pbx_control.store import calls, nodes
from pbx_control.store.engine import node_here, reading, writing
from pbx_control.store.tables import call, node

RULES = Rules("Casa")


def on(engine: Engine, name: str) -> Engine:
    """The same database, as that node's home opens it."""
    return engine.execution_options(pbx_node=name)


def silent_for(engine: Engine, seconds: float) -> None:
    with writing(engine) as conn:
        conn.execute(update(node).values(seen_at=datetime.now(UTC) - timedelta(seconds=seconds)))


def states(engine: Engine) -> dict[str, str]:
    with reading(engine) as conn:
        return {one.name: one.state for one in nodes.rows(conn)}


def test_a_call_belongs_to_the_node_that_saved_it(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn)
    for name in ("a", "b"):
        with writing(on(engine, name)) as conn:
            assert save(conn, [arriving(f"{name}1"), arriving(f"{name}2")], RULES) == [True, True]
    with reading(engine) as conn:
        assert {one.id for one in calls.live(conn, "a")} == {"a1", "a2"}
        assert {one.id for one in calls.live(conn, "b")} == {"b1", "b2"}
        assert calls.live(conn, "main") == []


def test_a_later_step_leaves_the_call_where_it_is(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn)
    with writing(on(engine, "a")) as conn:
        save(conn, [arriving("a1")], RULES)
    with writing(on(engine, "b")) as conn:
        save(conn, [Save(arriving("a1").call, False, ())], RULES)
        assert conn.scalars(select(call.c.node)).all() == ["a"]


def test_what_was_there_before_there_were_nodes_is_of_the_main_one(engine: Engine) -> None:
    with writing(engine) as conn:
        assert node_here(conn) == "main"
        conn.execute(insert(call).values(id="c", did="x", caller="", phase="ended", arrived_at=AT))
        assert conn.scalars(select(call.c.node)).all() == ["main"]


def test_a_node_is_alive_as_long_as_it_gives_signs_of_life(engine: Engine) -> None:
    with writing(engine) as conn:
        nodes.take(conn, "a", "here", "1")
        nodes.take(conn, "b", "there", "2")
    assert states(engine) == {"a": "alive", "b": "alive"}
    silent_for(engine, 31)
    assert states(engine) == {"a": "away", "b": "away"}
    with writing(engine) as conn:
        assert nodes.beat(conn, "a", "1")
        nodes.stop(conn, "b", "2")
    assert states(engine) == {"a": "alive", "b": "stopped"}


def test_a_name_that_another_took_gives_no_sign_of_life(engine: Engine) -> None:
    with writing(engine) as conn:
        nodes.take(conn, "a", "here", "1")
        nodes.take(conn, "a", "there", "2")
        assert not nodes.beat(conn, "a", "1")
        found = nodes.find(conn, "a")
    assert found
    assert (found.place, found.process) == ("there", "2")


def test_who_takes_a_name_again_keeps_since_when_it_is_known(engine: Engine) -> None:
    with writing(engine) as conn:
        nodes.take(conn, "a", "here", "1")
        conn.execute(update(node).values(since=AT))
        nodes.take(conn, "a", "here", "2")
        again = nodes.find(conn, "a")
        assert again
        assert again.since == AT
    silent_for(engine, 31)
    with writing(engine) as conn:
        services.retire(conn, "a")
        nodes.take(conn, "a", "here", "3")
        anew = nodes.find(conn, "a")
        assert anew
        assert anew.since > AT
        assert anew.retired_at is None


def test_a_node_that_lives_cannot_be_retired_nor_one_that_is_unknown(engine: Engine) -> None:
    with writing(engine) as conn:
        nodes.take(conn, "a", "here", "1")
    with pytest.raises(ClientMistake, match=r"the node a is alive \(here\)"), writing(engine) as conn:
        services.retire(conn, "a")
    with pytest.raises(ClientMistake, match="there is no node b"), writing(engine) as conn:
        services.retire(conn, "b")
    assert states(engine) == {"a": "alive"}


def test_a_stopped_node_is_retired_at_once(engine: Engine) -> None:
    with writing(engine) as conn:
        nodes.take(conn, "a", "here", "1")
        nodes.stop(conn, "a", "1")
        services.retire(conn, "a")
    assert states(engine) == {"a": "retired"}


def test_who_may_listen_without_being_of_the_house_is_known(engine: Engine) -> None:
    """Whoever may connect to a PostgreSQL database hears its notifications and can send some: by default everybody."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as conn:
            assert nodes.may_overhear(conn) == []
        return
    with engine.begin() as conn:
        conn.execute(text("CREATE ROLE curious LOGIN"))
        conn.execute(text("CREATE ROLE second_node LOGIN"))
        try:
            conn.execute(text("GRANT SELECT, UPDATE ON call TO second_node"))
            assert nodes.may_overhear(conn) == ["curious"]
            conn.execute(text(f"REVOKE CONNECT ON DATABASE {engine.url.database} FROM PUBLIC"))
            assert nodes.may_overhear(conn) == []
        finally:
            conn.rollback()  # roles are the whole server's
