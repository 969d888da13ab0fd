"""Which Telegram accounts belong to which of the clients' people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.store.engine import is_new
from pbx_control.store.tables import account_user, telegram_account


@dataclass(frozen=True, slots=True)
class Owner:
    """One of a client's people, as the owner of a Telegram account."""

    user_id: int
    name: str
    client_id: int
    role: ClientRole


def bind(conn: Connection, user_id: int, telegram_id: str, at: datetime) -> bool:
    """Notes that the account is that person's; False if it was so already."""
    return is_new(conn, telegram_account, {"user_id": user_id, "telegram_id": telegram_id, "bound_at": at})


def owners(conn: Connection, telegram_id: str) -> list[Owner]:
    """Whose account it is: somebody may be one of several clients' people."""
    query = (
        select(account_user.c.id, account_user.c.name, account_user.c.client_id, account_user.c.client_role)
        .join_from(telegram_account, account_user)
        .where(
            telegram_account.c.telegram_id == telegram_id,
            telegram_account.c.ended_at.is_(None),
            account_user.c.removed_at.is_(None),
            account_user.c.role == UserRole.CLIENT.value,
        )
        .order_by(account_user.c.id)
    )
    return [Owner(row.id, row.name, row.client_id, ClientRole(row.client_role)) for row in conn.execute(query)]


def of_user(conn: Connection, user_id: int) -> list[str]:
    """The accounts that are bound to a person."""
    bound = telegram_account.c.user_id == user_id, telegram_account.c.ended_at.is_(None)
    return list(conn.scalars(select(telegram_account.c.telegram_id).where(*bound).order_by(telegram_account.c.id)))


def unbind(conn: Connection, user_id: int, at: datetime) -> int:
    """Takes all accounts from a person; gives how many there were."""
    bound = telegram_account.c.user_id == user_id, telegram_account.c.ended_at.is_(None)
    return conn.execute(update(telegram_account).where(*bound).values(ended_at=at)).rowcount
