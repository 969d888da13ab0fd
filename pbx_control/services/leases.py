"""What one process does at a time, of several that could: whoever has the lease; one that dies loses it."""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from pbx_control.store import leases
from pbx_control.store.engine import writing


def take(engine: Engine, name: str, holder: str, length: timedelta, at: datetime) -> bool:
    """Takes or renews a lease; False if another holder has it. Raises StoreUnavailable."""
    with writing(engine) as conn:
        return leases.take(conn, name, holder, at, at + length)
