"""Reads everything that is provisioned, as one frozen Office, at one revision."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from pbx_control.domain.call.model import Contact
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.office import (
    Announcement,
    AnnouncementKind,
    Client,
    ClientState,
    Did,
    EarlyMedia,
    Holiday,
    Mark,
    MarkKind,
    Office,
    Secretary,
    SupervisorTelephone,
    Trunk,
)
from pbx_control.domain.opening import holidays
from pbx_control.domain.opening.hours import parse_week
from pbx_control.domain.opening.overrides import Override
from pbx_control.domain.users import SUPERVISORS
from pbx_control.store import clients, overrides
from pbx_control.store.holidays import changes
from pbx_control.store.tables import (
    account,
    account_user,
    announcement,
    caller_mark,
    client,
    contact,
    did,
    greeting,
    plan,
    revision,
    secretary,
    secretary_client,
    subscription,
    supervisor_telephone,
    trunk,
)


def read_revision(connection: Connection) -> int:
    """The number that counts the changes of provisioning; 0 before `setup`."""
    return connection.scalar(select(revision.c.number)) or 0


def read_office(connection: Connection, today: date) -> Office:
    """The whole office; its holidays are those from the day before `today` on, for a year and a month, and what clients
    have said for today is what holds from that day on."""
    trunks = _trunks(connection)
    from_yesterday = datetime.combine(today - timedelta(days=1), time.min, UTC)
    return Office(
        revision=read_revision(connection),
        trunks=tuple(trunks.values()),
        dids=_dids(connection, {trunk_id: one.name for trunk_id, one in trunks.items()}),
        clients=read_clients(connection, from_yesterday),
        secretaries=_secretaries(connection),
        supervisors=_supervisors(connection),
        holidays=read_holidays(connection, today),
        marks=_marks(connection),
    )


def _marks(connection: Connection) -> tuple[Mark, ...]:
    query = select(caller_mark).order_by(caller_mark.c.number, caller_mark.c.id)
    return tuple(Mark(row.number, MarkKind(row.kind), row.client_id) for row in connection.execute(query))


def _trunks(connection: Connection) -> dict[int, Trunk]:
    rows = connection.execute(select(trunk).order_by(trunk.c.name)).mappings()
    return {
        row["id"]: Trunk(**row | {"match": tuple(row["match"].split(",")), "codecs": tuple(row["codecs"].split(","))})
        for row in map(dict, rows)
    }


def read_trunks(connection: Connection) -> list[Trunk]:
    """All trunks, by name."""
    return list(_trunks(connection).values())


def _dids(connection: Connection, trunk_names: dict[int, str]) -> tuple[Did, ...]:
    query = select(did.c.number, did.c.trunk_id, did.c.client_id, did.c.main).order_by(did.c.number)
    return tuple(
        Did(number, trunk_names.get(trunk_id, ""), client_id, main)
        for number, trunk_id, client_id, main in connection.execute(query)
    )


def read_clients(connection: Connection, at: datetime) -> tuple[Client, ...]:
    """All clients, by slug; of what they have said for today, what holds at that instant or later."""
    announcements = _announcements(connection)
    greetings = _greetings(connection)
    contacts = _contacts(connection)
    said = overrides.by_client(connection, at)
    return tuple(
        _client(
            row,
            greetings.get(row.id, ""),
            tuple(announcements.get(row.id, ())),
            tuple(contacts.get(row.id, ())),
            said.get(row.id, ()),
        )
        for row in connection.execute(_clients().order_by(client.c.slug))
    )


def _clients() -> Select[Any]:
    """Clients, each with what its plan says of its calls: whether they are counted, whether they may be recorded."""
    running = and_(subscription.c.client_id == client.c.id, subscription.c.until.is_(None))
    return select(
        client, account.c.client_id.is_not(None).label("metered"), plan.c.recording.label("plan_recording")
    ).select_from(
        client.outerjoin(account).outerjoin(subscription, running).outerjoin(plan, plan.c.id == subscription.c.plan_id)
    )


def _client(
    row: Any,
    text: str,
    announcements: tuple[Announcement, ...],
    contacts: tuple[Contact, ...],
    said: tuple[Override, ...],
) -> Client:
    return Client(
        id=row.id,
        slug=row.slug,
        name=row.name,
        language=row.language,
        timezone=row.timezone,
        state=ClientState(row.state),
        week=parse_week([row.week]),
        recording=row.recording and row.plan_recording is not False,
        metered=row.metered,
        exhausted_messages=row.exhausted_messages,
        exhausted_report=row.exhausted_report,
        early_media=EarlyMedia(row.early_media),
        music=row.music,
        wait_limit=timedelta(seconds=row.wait_limit),
        after_call=timedelta(seconds=row.after_call),
        summary_closed=row.summary_closed,
        campaigns=row.campaigns,
        takes_messages=row.takes_messages,
        greeting=text,
        announcements=announcements,
        contacts=contacts,
        overrides=said,
        calls_out_at_once=row.calls_out_at_once,
        calls_out_a_day=row.calls_out_a_day,
    )


def _announcements(connection: Connection) -> dict[int, list[Announcement]]:
    found: dict[int, list[Announcement]] = defaultdict(list)
    query = select(announcement).order_by(announcement.c.client_id, announcement.c.kind)
    for row in connection.execute(query):
        found[row.client_id].append(Announcement(AnnouncementKind(row.kind), row.text, row.audio))
    return found


def _contacts(connection: Connection) -> dict[int, list[Contact]]:
    """Each client's contacts, by name."""
    found: dict[int, list[Contact]] = defaultdict(list)
    for row in connection.execute(select(contact).order_by(contact.c.client_id, contact.c.name)):
        numbers = tuple(number for number in (row.number, row.then_number) if number)
        found[row.client_id].append(Contact(row.id, row.name, numbers, row.key, row.away_until))
    return found


def _greetings(connection: Connection) -> dict[int, str]:
    newest = select(func.max(greeting.c.id)).group_by(greeting.c.client_id)
    query = select(greeting.c.client_id, greeting.c.text).where(greeting.c.id.in_(newest))
    return {row.client_id: row.text for row in connection.execute(query)}


def _secretaries(connection: Connection) -> tuple[Secretary, ...]:
    allowed: dict[int, set[int]] = defaultdict(set)
    for secretary_id, client_id in connection.execute(
        select(secretary_client.c.secretary_id, secretary_client.c.client_id)
    ):
        allowed[secretary_id].add(client_id)
    query = select(secretary).where(secretary.c.removed_at.is_(None)).order_by(secretary.c.user)
    return tuple(
        Secretary(
            id=row.id,
            name=row.name,
            user=row.user,
            password=row.password,
            languages=tuple(row.languages.split(",")),
            clients=None if row.all_clients else frozenset(allowed[row.id]),
            paused=row.paused,
            paused_by=PausedBy.kept(row.paused_why),
            pause_reason=row.pause_reason,
            paused_at=row.paused_at,
            wrap_up=timedelta(seconds=row.wrap_up),
            free_from=row.free_from,
            secure=row.secure,
            browser_telephone=row.browser_telephone,
            forwards=row.forwarded_at is not None,
        )
        for row in connection.execute(query)
    )


def _supervisors(connection: Connection) -> tuple[SupervisorTelephone, ...]:
    """Of whoever may still be in calls: a telephone outlasts no role."""
    roles = account_user.c.role.in_([role.value for role in SUPERVISORS])
    query = select(supervisor_telephone).join_from(supervisor_telephone, account_user)
    query = query.where(roles, account_user.c.removed_at.is_(None)).order_by(supervisor_telephone.c.user)
    return tuple(
        SupervisorTelephone(row.user_id, row.user, row.password, row.secure) for row in connection.execute(query)
    )


def read_holidays(connection: Connection, today: date) -> tuple[Holiday, ...]:
    """The holidays from the day before `today` on, public ones and the store's, for a year and a month."""
    first = today - timedelta(days=1)
    coming = (entry for entry in changes(connection) if entry.day >= first)
    return holidays.with_changes(holidays.coming(today), coming)


def read_client(connection: Connection, slug: str, at: datetime) -> Client:
    """One client as the office has it at that instant. Raises ClientMistake if it is unknown."""
    row = connection.execute(_clients().where(client.c.id == clients.find(connection, slug).id)).one()
    announcements = tuple(_announcements(connection).get(row.id, ()))
    contacts = tuple(_contacts(connection).get(row.id, ()))
    said = overrides.by_client(connection, at, row.id).get(row.id, ())
    return _client(row, _greetings(connection).get(row.id, ""), announcements, contacts, said)
