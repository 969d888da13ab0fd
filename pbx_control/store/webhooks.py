"""Webhooks: where programs are told of events, and how it stands with each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, Text, cast, func, literal, select, update

from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.office import ClientState
from pbx_control.domain.webhooks import EventType, Listener, signing_secrets
from pbx_control.domain.words.sentences import Sentence, kept, read_kept
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.mailboxes import ERROR_LIMIT
from pbx_control.store.tables import Instant, api_token, client, letter, webhook

State = Literal["untried", "working", "failing", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook that was not removed. `client` is a slug, "" for the office's, which is told of all clients' calls."""

    id: int
    client_id: int | None
    client: str
    token: str  # the name of the token that made it, with which it ends; "": it was made by a command
    url: str
    secret: str = field(repr=False)
    former_secret: str = field(repr=False)  # "": none, or forgotten
    rotated_at: datetime | None  # when the secret took the former one's place
    events: tuple[EventType, ...]  # (): all
    created_at: datetime
    delivered_at: datetime | None
    failing_since: datetime | None
    kept_error: str  # why, as the store has it (domain.sentences)
    lost: int
    stopped_at: datetime | None
    waiting: int  # events that are still to be taken

    @property
    def state(self) -> State:
        if self.stopped_at is not None:
            return "stopped"
        if self.failing_since is not None:
            return "failing"
        return "untried" if self.delivered_at is None else "working"

    def secrets_at(self, at: datetime) -> tuple[str, ...]:
        """By which secrets an event is signed at that instant, the one that holds first."""
        return signing_secrets(self.secret, self.former_secret, self.rotated_at, at)

    @property
    def error(self) -> Sentence:
        """Why the last try failed; empty if it did not."""
        return read_kept(self.kept_error)


def insert_row(conn: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new webhook; gives its id."""
    return new_id(conn, webhook, values)


def find(conn: Connection, number: int, client_id: int | None = None) -> Webhook | None:
    """The webhook of that number, of that client if one is named."""
    query = _query().where(webhook.c.id == number)
    if client_id is not None:
        query = query.where(webhook.c.client_id == client_id)
    row = conn.execute(query).one_or_none()
    return _webhook(row) if row else None


def get(conn: Connection, number: int, client_id: int | None = None) -> Webhook:
    """The same. Raises ClientMistake if there is none."""
    found = find(conn, number, client_id)
    if found is None:
        raise ClientMistake("there is no webhook {id}", Code.NO_SUCH_WEBHOOK, id=number)
    return found


def rows(conn: Connection, client_id: int | None = None, after: int = 0, limit: int | None = None) -> list[Webhook]:
    """The webhooks whose numbers are higher, of one client or of all, by number."""
    query = _query().where(webhook.c.id > after).order_by(webhook.c.id).limit(limit)
    if client_id is not None:
        query = query.where(webhook.c.client_id == client_id)
    return [_webhook(row) for row in conn.execute(query)]


def numbers(conn: Connection) -> list[int]:
    """The numbers of all webhooks, also in a database as the first version with webhooks left it."""
    return list(conn.scalars(select(webhook.c.id).where(_THERE).order_by(webhook.c.id)))


def of_token(conn: Connection, token_id: int) -> list[Webhook]:
    """The webhooks that a token has made, by number."""
    query = _query().where(webhook.c.token_id == token_id).order_by(webhook.c.id)
    return [_webhook(row) for row in conn.execute(query)]


def count_of(conn: Connection, client_id: int | None) -> int:
    """How many the client has; None: the office."""
    query = select(func.count()).where(webhook.c.client_id.is_not_distinct_from(client_id), _THERE)
    return int(conn.execute(query).scalar_one())


def made_since(conn: Connection, client_id: int | None, since: datetime) -> int:
    """How many the client has made after that, also those that were removed; None: the office."""
    theirs = webhook.c.client_id.is_not_distinct_from(client_id)
    query = select(func.count()).where(theirs, webhook.c.created_at > since)
    return int(conn.execute(query).scalar_one())


def listening(conn: Connection) -> list[Listener]:
    """All that are told of events: neither stopped nor those of a client that has cancelled."""
    return _LISTENING.all(conn)


_THERE = webhook.c.removed_at.is_(None)
_WITH_US = client.c.id.is_(None) | (client.c.state != ClientState.CANCELLED.value)
_LISTENING = FixedQuery(
    lambda id, client_id, events: Listener(id, client_id, frozenset(events.split())),
    select(webhook.c.id, webhook.c.client_id, webhook.c.events)
    .select_from(webhook.outerjoin(client, client.c.id == webhook.c.client_id))
    .where(_THERE, webhook.c.stopped_at.is_(None), _WITH_US)
    .order_by(webhook.c.id),
)


def any_there(conn: Connection) -> bool:
    """Whether anybody is told of events."""
    return bool(_LISTENING.all(conn))


def note_delivered(conn: Connection, number: int, at: datetime) -> None:
    """An event was taken."""
    well = {"delivered_at": at, "failing_since": None, "last_error": ""}
    conn.execute(update(webhook).where(webhook.c.id == number).values(well))


def note_failed(conn: Connection, number: int, at: datetime, why: Sentence) -> datetime:
    """A try failed; gives since when they do. Of one that was removed meanwhile nothing is kept: why names its host."""
    since = func.coalesce(webhook.c.failing_since, literal(at, Instant))
    failed = {"failing_since": since, "last_error": kept(why, ERROR_LIMIT)}
    noted = update(webhook).where(webhook.c.id == number, _THERE).values(failed).returning(webhook.c.failing_since)
    began: datetime | None = conn.scalar(noted)
    return began or at


def count_lost(conn: Connection, number: int, events: int) -> None:
    """So many more events were never taken."""
    conn.execute(update(webhook).where(webhook.c.id == number).values(lost=webhook.c.lost + events))


def stop(conn: Connection, number: int, at: datetime) -> bool:
    """Nothing is told there any more; False if that was so already, or it was removed."""
    told = webhook.c.id == number, webhook.c.stopped_at.is_(None), _THERE
    return bool(conn.execute(update(webhook).where(*told).values(stopped_at=at)).rowcount)


def go_on(conn: Connection, number: int, at: datetime) -> None:
    """A test was taken: it is told of events again."""
    note_delivered(conn, number, at)
    conn.execute(update(webhook).where(webhook.c.id == number).values(stopped_at=None))


def rotate(conn: Connection, number: int, secret: str, at: datetime) -> None:
    """Another secret holds; the one that held becomes the former one."""
    values = {"secret": secret, "former_secret": webhook.c.secret, "rotated_at": at}
    conn.execute(update(webhook).where(webhook.c.id == number, _THERE).values(values))


def forget_former_secrets(conn: Connection, before: datetime) -> None:
    """Those that were replaced until then sign nothing any more, and are not kept."""
    old = webhook.c.former_secret != "", webhook.c.rotated_at <= before
    conn.execute(update(webhook).where(*old).values(former_secret=""))


def remove(conn: Connection, number: int, at: datetime) -> None:
    """It is gone, its secret and address with it."""
    gone = {"removed_at": at, "secret": "", "former_secret": "", "url": "", "last_error": ""}
    conn.execute(update(webhook).where(webhook.c.id == number).values(gone))


def _query() -> Select[Any]:
    waits = letter.c.channel == Channel.WEBHOOK.value, letter.c.due_at.is_not(None)
    theirs = select(func.count()).where(*waits, letter.c.address == cast(webhook.c.id, Text))
    waiting = theirs.correlate(webhook).scalar_subquery()
    names = (func.coalesce(client.c.slug, "").label("client"), func.coalesce(api_token.c.name, "").label("token"))
    joined = webhook.outerjoin(client, client.c.id == webhook.c.client_id).outerjoin(
        api_token, api_token.c.id == webhook.c.token_id
    )
    return select(webhook, *names, waiting.label("waiting")).select_from(joined).where(_THERE)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        id=row.id,
        client_id=row.client_id,
        client=row.client,
        token=row.token,
        url=row.url,
        secret=row.secret,
        former_secret=row.former_secret,
        rotated_at=row.rotated_at,
        events=tuple(EventType(one) for one in row.events.split() if one in _KNOWN),
        created_at=row.created_at,
        delivered_at=row.delivered_at,
        failing_since=row.failing_since,
        kept_error=row.last_error,
        lost=row.lost,
        stopped_at=row.stopped_at,
        waiting=row.waiting,
    )


# A type of a later version is told by none of ours.
_KNOWN = frozenset(one.value for one in EventType)
