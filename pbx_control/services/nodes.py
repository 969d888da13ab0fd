"""What can be done with nodes: one that is gone for good is retired."""

from sqlalchemy import Connection

from pbx_control.errors import ClientMistake, Code
from pbx_control.store import nodes
from pbx_control.store.nodes import AWAY_AFTER, Node


def refuse_unless_gone(conn: Connection, name: str) -> None:
    """Raises ClientMistake if there is no node of that name, or it is alive."""
    _gone(nodes.find(conn, name), name)


def retire(conn: Connection, name: str) -> Node:
    """Notes that a node is gone for good, and gives it as it was.

    Raises ClientMistake if there is none of that name, or it is alive.
    """
    found = _gone(nodes.locked(conn, name), name)
    if found.retired_at is None:
        nodes.note_retired(conn, name, found.now)
    return found


def keep_retired(conn: Connection, name: str) -> None:
    """No daemon takes calls under that name until the transaction ends. Raises ClientMistake if one does already."""
    found = nodes.locked(conn, name)
    if found is None or found.retired_at is None:
        raise ClientMistake(
            "the node {node} takes calls again: what is left of it was not settled", Code.CHANGED_MEANWHILE, node=name
        )


def _gone(found: Node | None, name: str) -> Node:
    if found is None:
        raise ClientMistake("there is no node {node}", Code.NO_SUCH_NODE, node=name)
    if found.is_alive:
        raise ClientMistake(
            "the node {node} is alive ({place}): stop its daemon, or wait until it has been silent for {seconds} s",
            Code.WRONG_STATE,
            node=name,
            place=found.place,
            seconds=round(AWAY_AFTER.total_seconds()),
        )
    return found
