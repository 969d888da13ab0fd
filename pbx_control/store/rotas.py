"""Who of a client's contacts is on call, in the store: lines with the turns of each, and swaps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection, bindparam, delete, insert, or_, select

from pbx_control.domain.opening.rota import Rota, Rule, Swap
from pbx_control.domain.opening.written_rota import read_shifts, shifts_text
from pbx_control.store.engine import new_id
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.tables import rota_rule, rota_swap, rota_turn


@dataclass(frozen=True, slots=True)
class KeptSwap:
    """A swap, its number, and who said it, by the name that he signs in with."""

    id: int
    swap: Swap
    said_by: str


@dataclass(frozen=True, slots=True)
class Place:
    """A department of a client's ("": the firm) for which somebody is on call; `swaps` are those of its rota, in their
    order."""

    department: str
    rota: Rota
    swaps: Sequence[KeptSwap] = ()


@dataclass(frozen=True, slots=True)
class _Turn:
    department: str
    number: int
    shifts: str
    starts: date | None
    contact_id: int


@dataclass(frozen=True, slots=True)
class _Swap:
    id: int
    department: str
    contact_id: int
    instead_of_id: int | None
    since: datetime
    until: datetime
    said_by: str


_TURNS = FixedQuery(
    _Turn,
    select(rota_rule.c.department, rota_rule.c.number, rota_rule.c.shifts, rota_rule.c.starts, rota_turn.c.contact_id)
    .join_from(rota_rule, rota_turn)
    .where(rota_rule.c.client_id == bindparam("client"))
    .order_by(rota_rule.c.department, rota_rule.c.number, rota_turn.c.number),
)
_SWAPS = FixedQuery(
    _Swap,
    select(
        rota_swap.c.id,
        rota_swap.c.department,
        rota_swap.c.contact_id,
        rota_swap.c.instead_of_id,
        rota_swap.c.since,
        rota_swap.c.until,
        rota_swap.c.said_by,
    )
    .where(rota_swap.c.client_id == bindparam("client"))
    .order_by(rota_swap.c.id),
)


def of_client(conn: Connection, client_id: int, after: datetime) -> list[Place]:
    """For which departments somebody is on call, by name, with those swaps that end after that instant."""
    rules: dict[str, list[Rule]] = {}
    for (department, _), turns in groupby(_TURNS.all(conn, client=client_id), lambda one: (one.department, one.number)):
        rules.setdefault(department, []).append(_rule(list(turns)))
    swaps: dict[str, list[KeptSwap]] = {}
    for one in _SWAPS.all(conn, client=client_id):
        if one.until > after:
            swap = Swap(one.contact_id, one.since, one.until, one.instead_of_id)
            swaps.setdefault(one.department, []).append(KeptSwap(one.id, swap, one.said_by))
    return [_place(each, rules.get(each, ()), swaps.get(each, ())) for each in sorted({*rules, *swaps})]


def _rule(turns: Sequence[_Turn]) -> Rule:
    return Rule(read_shifts(turns[0].shifts), tuple(one.contact_id for one in turns), turns[0].starts)


def _place(department: str, rules: Iterable[Rule], swaps: Sequence[KeptSwap]) -> Place:
    return Place(department, Rota(tuple(rules), tuple(one.swap for one in swaps)), tuple(swaps))


def put_rules(conn: Connection, client_id: int, department: str, rules: Sequence[Rule]) -> None:
    """Keeps the lines of a department in place of those that it had."""
    mine = rota_rule.c.client_id == client_id, rota_rule.c.department == department
    conn.execute(delete(rota_rule).where(*mine))  # their turns go along
    for number, rule in enumerate(rules):
        values = {"client_id": client_id, "department": department, "number": number, "starts": rule.starts}
        rule_id = new_id(conn, rota_rule, values | {"shifts": shifts_text(rule.shifts)})
        turns = [
            {"rule_id": rule_id, "number": turn, "contact_id": contact_id}
            for turn, contact_id in enumerate(rule.people)
        ]
        conn.execute(insert(rota_turn), turns)


def insert_swap(conn: Connection, client_id: int, department: str, swap: Swap, said_by: str) -> int:
    """Keeps a swap; gives its number."""
    values = {
        "client_id": client_id,
        "department": department,
        "contact_id": swap.who,
        "instead_of_id": swap.instead_of,
        "since": swap.since,
        "until": swap.until,
        "said_by": said_by,
    }
    return new_id(conn, rota_swap, values)


def delete_swaps(conn: Connection, ids: Sequence[int]) -> None:
    """Takes swaps away."""
    conn.execute(delete(rota_swap).where(rota_swap.c.id.in_(ids)))


def forget_past(conn: Connection, contact_id: int, at: datetime) -> None:
    """Takes away a contact's swaps that are over by that instant."""
    his = or_(rota_swap.c.contact_id == contact_id, rota_swap.c.instead_of_id == contact_id)
    conn.execute(delete(rota_swap).where(his, rota_swap.c.until <= at))
