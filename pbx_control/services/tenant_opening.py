"""When a client is open, and what its callers hear: what one of its people sees of that and changes.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.office import AnnouncementKind, Client, Holiday
from pbx_control.domain.opening import holidays as calendar
from pbx_control.domain.opening.admission import Heard, heard_at
from pbx_control.domain.opening.hours import OpenState, next_opening, state_at, usual_state_at
from pbx_control.domain.opening.overrides import OverrideKind, end_of_day
from pbx_control.domain.sounds import announcement_sound, announcement_text, default_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import clientele, closing_days, heard, texts, today
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, changing
from pbx_control.settings import Home
from pbx_control.store import clients, overrides
from pbx_control.store import holidays as days
from pbx_control.store.engine import reading
from pbx_control.store.overrides import Kept
from pbx_control.store.snapshot import read_client, read_holidays

__all__ = ["HOUSE", "AnnouncementOf", "AnnouncementsOf", "Heard", "HoursOf", "Kept", "OpeningOf", "Own", "TodayOf"]
YEAR, FARTHEST = timedelta(days=365), timedelta(days=730)
# So many of the last presses are shown.
LATEST = 6


def closed_heard(client: Client) -> Heard:
    """A client's closed announcement."""
    closed = AnnouncementKind.CLOSED
    return Heard(announcement_sound(client, closed), announcement_text(client, closed))


@dataclass(frozen=True, slots=True, kw_only=True)
class TodayOf:
    """What holds for a client at an instant, and what comes after it."""

    client: Client
    state: OpenState
    after: OpenState | None  # the usual state at the end of what was said about being open
    holding: Sequence[Kept]
    latest: Sequence[Kept]
    heard: Sequence[Heard]
    day_ends: datetime
    next_opening: datetime | None  # on a later day

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.client.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursOf:
    """A client's week, and what its callers hear of it."""

    client: Client
    today: date  # on the client's calendar
    public: Sequence[Holiday]  # those of everybody, for a year
    own: Sequence[Holiday]  # what it has said of single days from today on
    closed: Heard  # the closed announcement


@dataclass(frozen=True, slots=True)
class Own:
    """A client's own announcement: a text, or the name of a converted upload; neither: the house's serves."""

    text: str = ""
    audio: str = ""


HOUSE = Own()


@dataclass(frozen=True, slots=True)
class AnnouncementOf:
    """One of a client's announcements. `standard`: the house's text, with what is filled in; "": it says nothing."""

    kind: AnnouncementKind
    own: Own
    standard: str
    heard: Heard  # its sound "": nothing is played


@dataclass(frozen=True, slots=True)
class AnnouncementsOf:
    """What a client's callers hear from the switch."""

    client: Client
    each: Mapping[AnnouncementKind, AnnouncementOf]


def announcements_of(client: Client) -> AnnouncementsOf:
    """All of them, but for the recording notice of a client that is not recorded."""
    kinds = [kind for kind in AnnouncementKind if kind is not AnnouncementKind.RECORDING or client.recording]
    return AnnouncementsOf(client, {kind: _announcement_of(client, kind) for kind in kinds})


def own_of(client: Client, kind: AnnouncementKind) -> Own:
    """What the client has set in place of the house's own."""
    own = client.announcement(kind)
    return Own(own.text, own.audio) if own else HOUSE


def _announcement_of(client: Client, kind: AnnouncementKind) -> AnnouncementOf:
    heard = Heard(announcement_sound(client, kind), announcement_text(client, kind))
    # A welcome delays each caller: nobody has one who has not asked for it.
    standard = "" if kind is AnnouncementKind.WELCOME else default_text(kind, client.language, client.week)
    return AnnouncementOf(kind, own_of(client, kind), standard, heard)


@dataclass(frozen=True, slots=True)
class OpeningOf:
    """One of a client's people, and his firm's hours. Each question and each change is a transaction of its own."""

    engine: Engine
    home: Home
    client_id: int
    actor: Actor

    def today(self, at: datetime) -> TodayOf:
        """What holds now."""
        with reading(self.engine) as conn:
            client = self._client(conn, at)
            zone = ZoneInfo(client.timezone)
            everybody = read_holidays(conn, at.astimezone(zone).date())
            holding = overrides.holding(conn, at, self.client_id)
            latest = overrides.latest(conn, self.client_id, LATEST)
        closed: Mapping[date, str] = calendar.of_client(everybody, client.id, client.week)
        state = state_at(client.week, closed, zone, at, client.overrides)
        said = state.override
        return TodayOf(
            client=client,
            state=state,
            after=usual_state_at(client.week, closed, zone, said.until) if said else None,
            holding=holding,
            latest=latest,
            heard=heard_at(client, state, at, at.astimezone(zone).date() in calendar.common(everybody)),
            day_ends=end_of_day(zone, at),
            next_opening=next_opening(client.week, closed, zone, at),
        )

    def say(self, kind: OverrideKind, until: datetime, at: datetime, text: str = "") -> None:
        """Says something for today; new words are spoken first. Raises ClientMistake as `services.today.say`."""

        def act(work: Work) -> None:
            today.say(work, self.client_id, kind, until, text)

        self._change(act, at)

    def spoken(self, until: datetime, at: datetime, text: str) -> Heard:
        """How words for today would be heard; nothing is changed. Raises ClientMistake as `say`."""

        def act(work: Work) -> None:
            today.say(work, self.client_id, OverrideKind.ANNOUNCED, until, text)

        client = self._as_it_would_be(act, at)
        state = OpenState(False, None, "")
        return heard_at(client, state, at, False)[0]

    def back_to_normal(self, at: datetime) -> None:
        """The usual hours and announcements hold again."""
        with changing(self.engine, self.actor, at) as work:
            today.back_to_normal(work, self.client_id)

    # --- the week, and days of its own ---

    def hours(self, at: datetime) -> HoursOf:
        """The week as it is, and the days of the coming year on which it does not hold."""
        with reading(self.engine) as conn:
            client = self._client(conn, at)
            today = at.astimezone(ZoneInfo(client.timezone)).date()
            everybody = read_holidays(conn, today)
            own = [one for one in days.changes(conn) if one.client_id == self.client_id and one.day >= today]
        last = today.replace(year=today.year + 1) if (today.month, today.day) != (2, 29) else today + YEAR
        public = [one for one in everybody if one.client_id is None and today <= one.day < last]
        return HoursOf(client=client, today=today, public=public, own=own, closed=closed_heard(client))

    def hours_would_be(self, week: str, at: datetime) -> HoursOf:
        """The same with another week; nothing is changed, and what callers would hear is spoken."""

        def act(work: Work) -> None:
            clientele.change(work, refuse_cancelled(work.conn, self.client_id), week=week)

        client = self._as_it_would_be(act, at)
        return replace(self.hours(at), client=client, closed=closed_heard(client))

    def set_hours(self, week: str, before: str, at: datetime) -> None:
        """Puts a week in force. Raises ClientMistake (CHANGED_MEANWHILE) unless `before` is in force until then."""

        def act(work: Work) -> None:
            slug = refuse_cancelled(work.conn, self.client_id)
            if clients.get(work.conn, self.client_id).week != before:
                raise ClientMistake(
                    "somebody else has changed the hours meanwhile: look at them once more", Code.CHANGED_MEANWHILE
                )
            clientele.change(work, slug, week=week)

        self._change(act, at)

    def close_on(self, day: date, name: str, at: datetime) -> None:
        """A holiday of its own. Raises ClientMistake for a day that has passed or is far away, or is one already."""
        with self._changing(at) as work:
            self._require_ahead(work, day)
            closing_days.add(work, day, self.client_id, name)

    def work_on(self, day: date, at: datetime) -> None:
        """Open on a day that is a holiday for everybody. Raises ClientMistake if it is none."""
        with self._changing(at) as work:
            closing_days.remove(work, day, self.client_id)

    def as_everybody_on(self, day: date, at: datetime) -> None:
        """Takes back what was said of a day. Raises ClientMistake if nothing was."""
        with self._changing(at) as work:
            closing_days.forget(work, day, self.client_id)

    # --- announcements ---

    def announcements(self, at: datetime) -> AnnouncementsOf:
        """What callers hear from the switch."""
        with reading(self.engine) as conn:
            return announcements_of(self._client(conn, at))

    def keep_sound(self, content: bytes, name: str) -> Own:
        """A file that was sent, converted to what telephones play; it is kept for a day at least.

        Raises ClientMistake if it is no audio, too long, or silent.
        """
        # Imported here: its numerics take a second to load.
        from pbx_control.media.prompts import store_sound

        return Own(audio=store_sound(self.home, content, clean_line(name, NAME_LIMIT) or "–"))

    def announcement_would_be(self, kind: AnnouncementKind, own: Own, at: datetime) -> AnnouncementsOf:
        """The same with another one; nothing is changed, and what callers would hear is spoken."""
        return announcements_of(self._as_it_would_be(lambda work: self._put(work, kind, own), at))

    def set_announcement(self, kind: AnnouncementKind, own: Own, before: Own, at: datetime) -> None:
        """Puts one in force. Raises ClientMistake (CHANGED_MEANWHILE) unless `before` is in force until then."""

        def act(work: Work) -> None:
            if own_of(self._client(work.conn, at), kind) != before:
                raise ClientMistake(
                    "somebody else has changed this announcement meanwhile: look at it once more",
                    Code.CHANGED_MEANWHILE,
                )
            self._put(work, kind, own)

        self._change(act, at)

    def _put(self, work: Work, kind: AnnouncementKind, own: Own) -> None:
        refuse_cancelled(work.conn, self.client_id)
        if own == HOUSE:
            texts.forget_announcement(work, self.client_id, kind)
        else:
            texts.put_announcement(work, self.client_id, kind, text=own.text, audio=own.audio)

    def _require_ahead(self, work: Work, day: date) -> None:
        today = work.at.astimezone(ZoneInfo(clients.get(work.conn, self.client_id).timezone)).date()
        if not today <= day <= today + FARTHEST:
            raise ClientMistake("choose a day from today on, within two years", Code.BAD_VALUE, field=Field("day"))

    @contextmanager
    def _changing(self, at: datetime) -> Iterator[Work]:
        with changing(self.engine, self.actor, at) as work:
            refuse_cancelled(work.conn, self.client_id)
            yield work

    def _client(self, conn: Connection, at: datetime) -> Client:
        return read_client(conn, clients.get(conn, self.client_id).slug, at)

    def _slug(self) -> str:
        with reading(self.engine) as conn:
            return clients.get(conn, self.client_id).slug

    def _change(self, act: Callable[[Work], None], at: datetime) -> None:
        heard.change_heard(self.home, self.engine, self.actor, at, self._slug(), act)

    def _as_it_would_be(self, act: Callable[[Work], None], at: datetime) -> Client:
        client = heard.as_it_would_be(self.engine, self.actor, at, self._slug(), act)
        heard.speak(self.home, client)
        return client
