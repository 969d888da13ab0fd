"""What is measured of the house beside its calls: the outbox, the jobs, the nodes, the mirrors of calendars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.store import job_runs, letters, nodes, remotes
from pbx_control.store.letters import Waiting
from pbx_control.store.remotes import Arrears


@dataclass(frozen=True, slots=True)
class Gauges:
    """As the database tells them; instants, of which whoever shows them makes ages."""

    outbox: Waiting
    jobs: Mapping[str, datetime]  # when each job was last done as it should be
    nodes: Mapping[str, int]  # how many are alive, stopped, away, retired
    mirror: Arrears


def read(conn: Connection, at: datetime) -> Gauges:
    """All of them at once."""
    states = [one.state for one in nodes.rows(conn)]
    return Gauges(
        letters.waiting(conn),
        job_runs.last_done(conn),
        {state: states.count(state) for state in ("alive", "stopped", "away", "retired")},
        remotes.arrears(conn, at),
    )
