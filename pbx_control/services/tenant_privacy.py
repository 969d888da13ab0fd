"""What becomes of a client's data: who else processes them, and the contract's annex, as its owner reads them.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from pbx_control.domain.keeping.annex import Annex
from pbx_control.domain.keeping.subprocessors import Subprocessor
from pbx_control.services import annexes, subprocessors
from pbx_control.settings import Settings
from pbx_control.store import clients
from pbx_control.store.engine import reading

__all__ = ["Annex", "PrivacyOf", "Subprocessor"]


@dataclass(frozen=True, slots=True)
class PrivacyOf:
    """One of a client's owners. Each question is a transaction of its own."""

    engine: Engine
    settings: Settings
    client_id: int

    def others(self) -> tuple[str, Sequence[Subprocessor]]:
        """The firm's name, and who else processes its data."""
        with reading(self.engine) as conn:
            found = subprocessors.current(conn, self.settings, self.client_id)
            return clients.get(conn, self.client_id).name, found

    def annex(self, at: datetime) -> tuple[str, Annex]:
        """The client's short name, and the annex as things stand."""
        with reading(self.engine) as conn:
            made = annexes.of_client(conn, self.settings, self.client_id, at)
            return clients.get(conn, self.client_id).slug, made
