"""A row that is there already is not new, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime

from running_out import add_client
from sqlalchemy import Engine, insert

from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.store import mail_in, tasks, telegram_accounts
from pbx_control.store.engine import writing
from pbx_control.store.mail_in import Entry, Outcome
from pbx_control.store.tables import account_user, call

NOW = datetime(2026, 12, 3, 15, tzinfo=UTC)


def test_a_connected_account_and_a_task_are_kept_once(engine: Engine) -> None:
    add_client(engine)
    user = {"id": 9, "name": "ana", "role": "client", "client_role": "owner", "client_id": 1, "password_hash": "x"}
    with writing(engine) as conn:
        conn.execute(insert(account_user).values(user | {"created_at": NOW}))
        row = {"id": "pbx-1.1", "client_id": 1, "did": "+56225550101", "caller": "", "phase": "ended"}
        conn.execute(insert(call).values(row | {"arrived_at": NOW, "ended_at": NOW}))
        assert [telegram_accounts.bind(conn, 9, "42", NOW) for _ in range(2)] == [True, False]
        assert [tasks.add(conn, 1, "pbx-1.1", TaskKind.CALL_BACK, "ana", NOW) for _ in range(2)] == [True, False]


def test_what_became_of_a_mail_is_kept_once(engine: Engine) -> None:
    entry = Entry(place="INBOX", validity="1", uid="7", at=NOW, outcome=Outcome.REFUSED)
    with writing(engine) as conn:
        assert [mail_in.add(conn, entry) for _ in range(2)] == [True, False]
