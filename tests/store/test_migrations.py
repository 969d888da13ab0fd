"""The migrations give the schema of store/tables.py, go down again, and may be repeated."""

from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN, HOUSE
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from running_out import add_client
from sqlalchemy import Engine, inspect, select, text

from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.services import appointments, calendar_sync, calendars
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import agenda
from pbx_control.store.engine import reading, writing
from pbx_control.store.migrate import VERSIONS, move, newest, upgrade
from pbx_control.store.remotes import Access
from pbx_control.store.tables import revision, whole_schema

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)


def test_migrated_schema_is_that_of_the_tables(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, whole_schema()) == []


def test_server_defaults_are_those_of_the_tables(engine: Engine) -> None:
    wanted = {
        (table.name, column.name): str(getattr(column.server_default.arg, "text", column.server_default.arg))
        for table in whole_schema().sorted_tables
        for column in table.columns
        if column.server_default is not None
    }
    inspector = inspect(engine)
    found = {
        (table.name, column["name"]): str(column["default"]).partition("::")[0].strip("'")
        for table in whole_schema().sorted_tables
        for column in inspector.get_columns(table.name)
        if column["default"] is not None and "nextval" not in column["default"]
    }
    assert found == wanted


def test_checks_and_partial_indexes_are_those_of_the_tables(engine: Engine) -> None:
    inspector = inspect(engine)
    checks = {check["name"] for table in whole_schema().tables for check in inspector.get_check_constraints(table)}
    assert checks == {
        "ck_revision_single",
        "ck_announcement_text_or_audio",
        "ck_clock_guard_single",
        "ck_appointment_in_order",
        "ck_score_mark_points",
    }
    indexes = {index["name"]: index for table in whole_schema().tables for index in inspector.get_indexes(table)}
    only = {name: [str(one) for one in index["dialect_options"].values()] for name, index in indexes.items()}
    assert "main" in only["uq_did_main"]
    assert any("removed_at IS NULL" in condition for condition in only["uq_secretary_name"])
    assert any("kind" in condition for condition in only["uq_ledger_entry_charge"])
    assert any("until IS NULL" in condition for condition in only["uq_subscription_open"])
    assert any("released_at IS NULL" in condition for condition in only["uq_recording_hold_open"])


def test_migrations_go_down_and_up_again(engine: Engine) -> None:
    with writing(engine) as connection:
        move(connection, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    with writing(engine) as connection:
        move(connection, "head")
    assert set(inspect(engine).get_table_names()) == {*whole_schema().tables, "alembic_version"}


def test_trunks_over_tls_keep_their_calls_and_zones_get_their_names_in_the_list(engine: Engine) -> None:
    zones = {
        "a": ("right/America/Santiago", "America/Santiago"),
        "b": ("posix/Pacific/Easter", "Pacific/Easter"),
        "c": ("localtime", "America/Santiago"),
        "d": ("Europe/Madrid", "Europe/Madrid"),
    }
    with writing(engine) as connection:
        move(connection, "base")
        move(connection, "0007")
        for slug, (zone, _) in zones.items():
            words = (
                "INSERT INTO client (slug, name, timezone, week, created_at) VALUES (:slug, 'x', :zone, 'always', :at)"
            )
            connection.execute(text(words), {"slug": slug, "zone": zone, "at": "2026-01-01 00:00:00"})
        for transport in ("udp", "tls"):
            connection.execute(
                text("INSERT INTO trunk (name, match, transport) VALUES (:t, '192.0.2.1', :t)"), {"t": transport}
            )
    with writing(engine) as connection:
        move(connection, "head")
        assert {row.slug: row.timezone for row in connection.execute(text("SELECT slug, timezone FROM client"))} == {
            slug: zone for slug, (_, zone) in zones.items()
        }
        rows = connection.execute(text("SELECT name, verify, ca, srtp FROM trunk ORDER BY name")).all()
        assert [(name, bool(verify), ca, srtp) for name, verify, ca, srtp in rows] == [
            ("tls", True, "", "optional"),
            ("udp", True, "", ""),
        ]


def test_upgrading_again_changes_nothing(engine: Engine, tmp_path) -> None:
    settings = Settings(database=Database(url=engine.url.render_as_string(hide_password=False)))
    upgrade(Home(tmp_path), settings)
    with reading(engine) as connection:
        assert connection.execute(select(revision)).all() == [(1, 1)]


def test_migration_that_breaks_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(engine) as connection:
        move(connection, "base")
    monkeypatch.setattr("alembic.op.create_index", _break)
    with pytest.raises(ZeroDivisionError), writing(engine) as connection:
        move(connection, "head")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_one_address_written_in_two_ways_becomes_one_recipient(engine: Engine) -> None:
    with writing(engine) as connection:
        move(connection, "base")
        move(connection, "0005")
        connection.execute(
            text("INSERT INTO client (id, slug, name, week, created_at) VALUES (1, 'a', 'a', 'always', '2026-01-01')")
        )
        added = text("INSERT INTO recipient (client_id, channel, address) VALUES (1, 'email', :address)")
        connection.execute(added, [{"address": one} for one in ("ventas@andes.cl", "VENTAS@andes.cl", "b@andes.cl")])
        move(connection, "head")
        left = connection.scalars(text("SELECT address FROM recipient ORDER BY id")).all()
    assert left == ["ventas@andes.cl", "b@andes.cl"]


def _break(*_arguments: object, **_options: object) -> None:
    raise ZeroDivisionError


def test_the_newest_revision_is_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    assert ScriptDirectory.from_config(config).get_current_head() == newest()


def test_without_the_ways_to_remote_calendars_all_calendars_are_ours_alone(engine: Engine) -> None:
    add_client(engine, 1, "andes")
    with booking(engine, ADMIN, NOW) as work:
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)], week="always", zone="UTC")
        calendar_sync.connect(
            work, 1, "soto", Access(source=Source.CALDAV, address="https://dav.example/soto/", secret="x")
        )
        order = Order(client_id=1, calendar="soto", starts=NOW + timedelta(days=1), name="Ana")
        one = appointments.book(work, order, house=HOUSE)
        assert agenda.mirror_of(work.conn, one.id).due_at
    with writing(engine) as connection:
        move(connection, "0038")
        move(connection, "head")
        assert calendars.get(connection, 1, "soto").source is Source.OWN
        assert agenda.mirror_of(connection, one.id).due_at is None
