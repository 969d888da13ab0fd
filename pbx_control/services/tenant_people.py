"""Who signs in for a client: its owners look after their own people, and of another client's they learn nothing.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.users import ClientRole, Person, UserRole, login_name
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import sign_in_links, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import clients
from pbx_control.store import users as store
from pbx_control.store.engine import reading
from pbx_control.store.users import Colleague, User

__all__ = ["Colleague", "PeopleOf", "Staffed", "prefix_of", "require_owner"]
# Accounts of one client's.
MOST_PEOPLE = 50
# Of the client's short name, characters that stand before its people's names.
PREFIX = 20
# Of these, digits in place of what a longer one ends with.
DIGITS = 4

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffed:
    """A client's people as its owner sees them."""

    firm: str
    timezone: str
    prefix: str  # what the names of those begin with whom he adds
    people: Sequence[Colleague]


@dataclass(frozen=True, slots=True)
class PeopleOf:
    """One of a client's owners, and the client's people. Each question and each change is a transaction of its own."""

    engine: Engine
    settings: Settings
    client_id: int
    person: Person
    actor: Actor

    def all(self) -> Staffed:
        """Everybody, by name."""
        with reading(self.engine) as conn:
            firm = clients.get(conn, self.client_id)
            people = store.colleagues(conn, self.client_id)
        return Staffed(firm=firm.name, timezone=firm.timezone, prefix=prefix_of(firm.slug), people=people)

    def add(self, name: str, role: ClientRole, email: str, password: NewPassword, at: datetime) -> str:
        """Adds somebody; gives the whole name. With an e-mail address he is sent a link to set his password.

        The name begins with the client's: whether another client has somebody of a name is told to nobody.

        Raises ClientMistake if it is taken or cannot be one, the address is none, or there are too many.
        """

        def act(work: Work) -> str:
            whole = prefix_of(clients.get(work.conn, self.client_id).slug) + login_name(name)
            if len(store.of_client(work.conn, self.client_id)) >= MOST_PEOPLE:
                raise ClientMistake("there are {count} people already: remove one", Code.WRONG_STATE, count=MOST_PEOPLE)
            kept = users.add(
                work, whole, UserRole.CLIENT, password, client_id=self.client_id, client_role=role, email=email
            )
            if email:
                sign_in_links.send(work, self.settings, kept, invited=True)
            return kept

        return self._do(act, at)

    def send_link(self, user_id: int, at: datetime) -> str:
        """Sends one of them another link to set his password; gives his name. Raises ClientMistake if he has no
        address, was sent too many, or is none of them."""

        def act(work: Work) -> str:
            user = self._one(work, user_id)
            sign_in_links.send(work, self.settings, user.name, invited=not store.origins(work.conn, user.id))
            return user.name

        return self._do(act, at)

    def set_role(self, user_id: int, role: ClientRole, at: datetime) -> str:
        """Makes one of them owner or staff; gives his name. Raises ClientMistake if nobody would be left as owner, or
        he is none of them."""

        def act(work: Work) -> str:
            user = self._one(work, user_id)
            users.change(work, user.name, client_role=role)
            return user.name

        return self._do(act, at)

    def remove(self, user_id: int, at: datetime) -> str:
        """Takes one of them away; gives his name. Raises ClientMistake if nobody would be left as owner, or he is none
        of them."""

        def act(work: Work) -> str:
            user = self._one(work, user_id)
            users.remove(work, user.name)
            return user.name

        return self._do(act, at)

    def _do(self, act: Callable[[Work], Answer], at: datetime) -> Answer:
        with booking(self.engine, self.actor, at) as work:
            require_owner(work.conn, self.client_id, self.person)
            return act(work)

    def _one(self, work: Work, user_id: int) -> User:
        found = [one for one in store.of_client(work.conn, self.client_id) if one.id == user_id]
        if not found:
            raise ClientMistake("there is nobody of that kind any more", Code.CHANGED_MEANWHILE)
        return found[0]


def require_owner(conn: Connection, client_id: int, person: Person) -> None:
    """Asked once more within the transaction: his own role may be taken from him at the same instant. Raises
    ClientMistake if he is no owner of the client's any more."""
    mine = [one for one in store.of_client(conn, client_id) if one.id == person.user_id]
    if not mine or mine[0].client_role is not ClientRole.OWNER:
        raise ClientMistake("only an owner may do this", Code.CHANGED_MEANWHILE)


def prefix_of(slug: str) -> str:
    """What the names begin with that a client's owner gives: whether another client has one is not told by that. A few
    digits stand for what is cut off of a long one: two clients may begin alike."""
    if len(slug) <= PREFIX:
        return f"{slug}."
    return f"{slug[: PREFIX - DIGITS - 1]}-{sha256(slug.encode()).hexdigest()[:DIGITS]}."
