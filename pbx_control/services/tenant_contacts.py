"""The people of a client's to whom its calls may be handed: what one of its people sees of them and changes.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor
from pbx_control.services import people
from pbx_control.services.work import Work, changing
from pbx_control.store import clients, contacts, plans
from pbx_control.store.contacts import KEYS, Listed
from pbx_control.store.engine import reading

__all__ = ["KEYS", "ContactsList", "ContactsOf", "Listed", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """A contact as it was filled in."""

    name: str = ""
    number: str = ""
    then_number: str = ""
    department: str = ""
    key: int | None = None


@dataclass(frozen=True, slots=True)
class ContactsList:
    """A client's contacts; `room`: how many its plan has, None for any number."""

    firm: str
    zone: ZoneInfo
    each: Sequence[Listed]
    room: int | None


@dataclass(frozen=True, slots=True)
class ContactsOf:
    """One of a client's people, and his firm's contacts. Each question and each change is a transaction of its own."""

    engine: Engine
    client_id: int
    actor: Actor

    def listed(self) -> ContactsList:
        """All of them, those with a key first."""
        with reading(self.engine) as conn:
            client, current = clients.get(conn, self.client_id), plans.current(conn, self.client_id)
            found = contacts.rows(conn, self.client_id)
        return ContactsList(client.name, ZoneInfo(client.timezone), found, current.plan.contacts if current else None)

    def add(self, new: Written, at: datetime) -> None:
        """Raises ClientMistake as `services.people.add_contact`."""
        with self._changing(at) as work:
            people.add_contact(
                work,
                self.client_id,
                new.name,
                new.number,
                then_number=new.then_number,
                department=new.department,
                key=new.key,
            )

    def change(self, contact: str, new: Written, at: datetime) -> None:
        """Raises ClientMistake as `services.people.change_contact`."""
        with self._changing(at) as work:
            people.change_contact(
                work,
                self.client_id,
                contact,
                name=new.name,
                number=new.number,
                then_number=new.then_number,
                department=new.department,
                key=new.key,
            )

    def set_away(self, contact: str, until: datetime | None, at: datetime) -> None:
        """Raises ClientMistake as `services.people.set_away`."""
        with self._changing(at) as work:
            people.set_away(work, self.client_id, contact, until)

    def remove(self, contact: str, at: datetime) -> None:
        """Raises ClientMistake if there is none of that name."""
        with self._changing(at) as work:
            people.remove_contact(work, self.client_id, contact)

    @contextmanager
    def _changing(self, at: datetime) -> Iterator[Work]:
        with changing(self.engine, self.actor, at) as work:
            yield work
