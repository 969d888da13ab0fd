"""A node that is gone for good: its calls are settled as those of a switch that has died."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, AuditEntry, Verb
from pbx_control.domain.call.board import Board
from pbx_control.domain.call.commands import InspectFiles
from pbx_control.domain.call.events import Event, FilesInspected
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.live.recovery import Found, differences
from pbx_control.services import nodes, taken_in
from pbx_control.services.steps import Rules, save
from pbx_control.store import audit, calls, letters
from pbx_control.store.engine import writing
from pbx_control.store.nodes import Node


@dataclass(frozen=True, slots=True)
class Retired:
    """What was settled when a node was retired: calls of its daemon, and calls that its switch had alone."""

    calls: int
    of_switch: int


def retire(engine: Engine, name: str, rules: Rules, actor: Actor) -> Retired:
    """Settles the calls of that node, each in a transaction of its own. What was broken off is finished by retiring it
    again. Raises ClientMistake for a node that is unknown, alive, or takes calls again meanwhile."""
    with writing(engine) as conn:
        gone = nodes.retire(conn, name)
        if gone.retired_at is None:
            audit.add(conn, AuditEntry(at=now(), actor=actor, verb=Verb.NODE_RETIRED, subject=name))
        left = calls.live(conn, name)
        lengths = calls.journal_lengths(conn, [call.id for call in left])
    for call in left:
        with writing(engine) as conn:
            nodes.keep_retired(conn, name)
            save(conn, settled(call, lengths.get(call.id, 0), gone, now()), rules)
    with writing(engine) as conn:
        nodes.keep_retired(conn, name)
        of_switch = taken_in.settle_unended(conn, name, gone.seen_at, rules)
        letters.free_of_node(conn, name)
    return Retired(len(left), of_switch)


def settled(call: Call, written: int, gone: Node, at: datetime) -> list[Save]:
    """The steps by which a call ends of which nothing is left. It ended with the node's last sign of life; its files
    are out of reach. `written`: how many lines its journal has."""
    board = Board()
    board.adopt(call, written + 1)
    saves = [Save(call, False, [Line(written + 1, at, "NodeRetired", {"node": gone.name})], only_noted=True)]
    waiting = deque[Event](differences(call, Found(unrecorded_until=gone.seen_at), at, newly_connected=True))
    while board.calls[call.id].phase is not Phase.ENDED:
        event = waiting.popleft() if waiting else board.deadline_passed(call.id, at)
        if event is None:
            raise ValueError(f"call {call.id} waits for nothing in {board.calls[call.id].phase}")
        stepped = board.step(call.id, event)
        waiting.extend(FilesInspected(event.at) for asked in stepped.commands if isinstance(asked, InspectFiles))
        saves.append(Save(stepped.after, False, stepped.lines, stepped.for_store))
    return saves
