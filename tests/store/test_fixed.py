"""Statements that are made into SQL once write and tell the same as SQLAlchemy's own, on either database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from pbx_control.errors import StoreUnavailable
from pbx_control.store.engine import reading, writing
from pbx_control.store.fixed import Fixed, FixedQuery
from pbx_control.store.tables import client

AT = datetime(2026, 1, 5, 12, tzinfo=timezone(-timedelta(hours=3)))
ANDES = {"id": 1, "slug": "andes", "name": "100 % Andes", "week": "always", "created_at": AT}
ADD = Fixed(insert(client))
NOWHERE = Table("nowhere", MetaData(), Column("id", Integer))


def test_values_are_written_as_their_columns_want_them(engine: Engine) -> None:
    with writing(engine) as conn:
        ADD.run(conn, ANDES)
    with reading(engine) as conn:
        kept = conn.execute(select(client.c.name, client.c.created_at)).one()
    assert kept == ("100 % Andes", AT.astimezone(UTC))


def test_rows_with_other_columns_are_another_statement(engine: Engine) -> None:
    rows = [ANDES | {"id": 2, "slug": "b"}, ANDES | {"id": 3, "slug": "c"}]
    with writing(engine) as conn:
        ADD.run(conn, ANDES | {"language": "en"})
        ADD.run_each(conn, rows)
        ADD.run_each(conn, [])
        assert conn.execute(select(client.c.id, client.c.language).order_by(client.c.id)).all() == [
            (1, "en"),
            (2, "es"),
            (3, "es"),
        ]


def test_what_it_returns_and_how_many_rows_it_changed_is_told(engine: Engine) -> None:
    rename = Fixed(update(client).where(client.c.id == bindparam("who")).values(name="Sur"))
    remove = Fixed(delete(client).where(client.c.id == bindparam("who")).returning(client.c.id))
    with writing(engine) as conn:
        ADD.run(conn, ANDES)
        assert [rename.run(conn, {"who": who}).rowcount for who in (1, 2)] == [1, 0]
        assert conn.scalar(select(client.c.name)) == "Sur"
        assert [remove.run(conn, {"who": who}).fetchone() for who in (1, 1)] == [(1,), None]


def test_rows_are_read_as_their_columns_have_them(engine: Engine) -> None:
    columns = client.c.id, client.c.name.label("called"), client.c.created_at, client.c.summary_closed
    found = FixedQuery(dict, select(*columns).where(client.c.slug == bindparam("slug")).limit(1))
    with writing(engine) as conn:
        ADD.run(conn, ANDES)
        assert found.all(conn, slug="sur") == []
        assert found.first(conn, slug="sur") is None
    with reading(engine) as conn:
        andes = {"id": 1, "called": "100 % Andes", "created_at": AT.astimezone(UTC), "summary_closed": False}
        assert found.all(conn, slug="andes") == [andes]
        assert found.first(conn, slug="andes") == andes


def test_what_is_read_in_one_go_is_one_state_of_the_database(engine: Engine) -> None:
    count = FixedQuery(lambda id: id, select(client.c.id))
    with reading(engine) as conn:
        assert count.all(conn) == []
        with writing(engine) as other:
            ADD.run(other, ANDES)
        assert count.all(conn) == []
    with reading(engine) as conn:
        assert count.all(conn) == [1]


def test_errors_are_those_of_sqlalchemy(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as conn:
        ADD.run_each(conn, [ANDES, ANDES])
    with pytest.raises(StoreUnavailable) as caught, writing(engine) as conn:
        Fixed(insert(NOWHERE)).run(conn, {"id": 1})
    assert isinstance(caught.value.__cause__, DBAPIError)
    with pytest.raises(StoreUnavailable), reading(engine) as conn:
        FixedQuery(dict, select(NOWHERE)).all(conn)
    with reading(engine) as conn:
        assert conn.scalar(select(client.c.id)) is None
