"""Whose changes the tests make: an admin's, at an instant; and who writes the letters about them."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.services.work import Work

ADMIN = Actor(ActorKind.ADMIN, "ana", "pts/3")
JOB = Actor(ActorKind.JOB, "nightly")
HOUSE = House(office="Secretariado Sur", sender="avisos@sur.example")


def by_admin(conn: Connection, at: datetime = datetime(2026, 8, 3, 15, tzinfo=UTC)) -> Work:
    """What a service is given."""
    return Work(conn, ADMIN, at)
