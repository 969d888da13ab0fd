"""What stands on a secretary's desk about a call: for whom to answer, what to say and ask, and what is known of the
caller."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.desk.greeting import filled
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import Recipient
from pbx_control.services import messages, rotas
from pbx_control.services.messages import Draft, Earlier
from pbx_control.store import desk, infos, recipients
from pbx_control.store import rotas as stored_rotas
from pbx_control.store.desk import CallOnDesk, ContactOnDesk
from pbx_control.store.engine import reading, writing
from pbx_control.store.restrictions import INSTEAD

__all__ = ["INSTEAD", "Pop", "open_pop", "read_again", "read_pop"]

# So many earlier calls of a caller are shown.
EARLIER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """One call as it stands on her desk. Numbers and names are as they were told: the page makes them harmless."""

    call_id: str
    call: CallOnDesk
    greeting: str  # filled in
    draft: Draft  # with the protocol whose fields it has
    earlier: Sequence[Earlier]
    contacts: Sequence[ContactOnDesk]
    rota: Sequence[rotas.Place]  # who of them is on call
    infos: Sequence[infos.Version]
    recipients: Sequence[Recipient]
    taken_from: int | None = None  # the secretary on whose desk it was until now


def open_pop(engine: Engine, call_id: str, secretary_id: int, at: datetime) -> Pop | None:
    """A call as it stands on her desk; it is put there if it does not yet. None for one that is unknown, nobody's, or
    another's by now.

    Calls wait while this writes: it reads apart.
    """
    with reading(engine) as conn:
        if pop := read_pop(conn, call_id, secretary_id):
            return pop
        if desk.call_on_desk(conn, call_id) is None:
            return None
    with writing(engine) as conn:
        taken_from = messages.open_draft(conn, call_id, secretary_id, at)
    with reading(engine) as conn:
        pop = read_pop(conn, call_id, secretary_id)
    return replace(pop, taken_from=taken_from) if pop and taken_from else pop


def read_again(conn: Connection, pop: Pop) -> Pop | None:
    """The pop with her words as they stand now, and all else as it was; None if it has left her desk, or may not be
    shown any more."""
    if desk.call_on_desk(conn, pop.call_id) is None:
        return None
    draft = messages.draft_of(conn, pop.call_id, pop.draft)
    return replace(pop, draft=draft) if draft and draft.secretary_id == pop.draft.secretary_id else None


def read_pop(conn: Connection, call_id: str, secretary_id: int) -> Pop | None:
    """A call as it stands on her desk; None for one that does not."""
    draft, call = messages.draft_of(conn, call_id), desk.call_on_desk(conn, call_id)
    if call is None or draft is None or draft.secretary_id != secretary_id:
        return None
    greeting = desk.greeting_shown(conn, call_id, secretary_id)
    # As it was when she answered: the morning's call is still a good morning in the afternoon.
    zone = ZoneInfo(call.timezone)
    local = call.arrived_at.astimezone(zone)
    contacts = desk.contacts_of(conn, call.client_id)
    rota = stored_rotas.of_client(conn, call.client_id, call.arrived_at)
    on_call = rotas.in_words(rota, contacts, zone, call.arrived_at, call.language)
    return Pop(
        call_id=call_id,
        call=call,
        greeting=filled(greeting, desk.name_of(conn, secretary_id), call.client_name, local, call.language, on_call),
        draft=draft,
        earlier=messages.earlier(conn, call.client_id, call.caller, EARLIER, but=call_id),
        contacts=contacts,
        rota=rota,
        infos=infos.in_force(conn, call.client_id),
        recipients=recipients.of_client(conn, call.client_id, About.CALLS),
    )
