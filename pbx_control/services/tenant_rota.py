"""Who of a client's contacts is on call: what one of its people sees of that and changes.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.opening.hours import Week, parse_week
from pbx_control.domain.opening.rota import Rota, Rule, Swap
from pbx_control.services import rotas
from pbx_control.services.rotas import KeptSwap, Now, Place, version_of
from pbx_control.services.work import changing
from pbx_control.store import clients, desk
from pbx_control.store import rotas as stored
from pbx_control.store.desk import ContactOnDesk
from pbx_control.store.engine import reading

__all__ = ["ContactOnDesk", "KeptSwap", "Now", "Place", "RotaOf", "RotaSeen", "version_of"]


@dataclass(frozen=True, slots=True)
class RotaSeen:
    """A client's contacts, and each of their departments with its rota; one without a rota has an empty one."""

    firm: str
    zone: ZoneInfo
    week: Week
    contacts: Sequence[ContactOnDesk]
    places: Sequence[Place]

    @property
    def names(self) -> dict[int, str]:
        return {one.id: one.name for one in self.contacts}

    def now(self, at: datetime) -> list[Now]:
        """Who is on call, place by place."""
        return rotas.at_hand(self.places, self.contacts, self.zone, at)


@dataclass(frozen=True, slots=True)
class RotaOf:
    """One of a client's people, and his firm's rota. Each question and each change is a transaction of its own."""

    engine: Engine
    client_id: int
    actor: Actor

    def seen(self, at: datetime) -> RotaSeen:
        """All of it, with the swaps that are not over."""
        with reading(self.engine) as conn:
            client, contacts = clients.get(conn, self.client_id), desk.contacts_of(conn, self.client_id)
            kept = {one.department: one for one in stored.of_client(conn, self.client_id, at)}
        departments = sorted({one.department for one in contacts} | set(kept))
        places = [kept.get(one, Place(one, Rota())) for one in departments]
        return RotaSeen(client.name, ZoneInfo(client.timezone), parse_week([client.week]), contacts, places)

    def set_rules(self, department: str, rules: Sequence[Rule], before: str, at: datetime) -> None:
        """Raises ClientMistake as `services.rotas.set_rules`."""
        with changing(self.engine, self.actor, at) as work:
            rotas.set_rules(work, self.client_id, department, rules, before)

    def swap(self, department: str, wanted: Swap, at: datetime) -> None:
        """Raises ClientMistake as `services.rotas.swap`."""
        with changing(self.engine, self.actor, at) as work:
            rotas.swap(work, self.client_id, department, wanted)

    def take_back(self, number: int, at: datetime) -> None:
        """Raises ClientMistake if there is no such swap."""
        with changing(self.engine, self.actor, at) as work:
            rotas.take_back(work, self.client_id, number)
