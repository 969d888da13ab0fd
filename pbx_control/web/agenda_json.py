"""What the week view of desk and portal gets (static/week.js): one shape of JSON for both (docs/desk.md).

Instants go as they are kept, in UTC; what is shown goes as wall time of the calendar's zone, so that no browser
computes with zones of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.agenda.slots import Slot
from pbx_control.domain.opening.hours import parse_week
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, day_in_words, readable_number
from pbx_control.services.agenda_shown import Days, Shown
from pbx_control.services.calendars import Whole
from pbx_control.store.agenda_shown import Remote
from pbx_control.store.restrictions import INSTEAD

DAY = timedelta(days=1)
# What is shown of a day on which nothing can be booked.
USUAL_DAY = (time(9), time(18))
TODAY, TOMORROW = N_("today, {day}"), N_("tomorrow, {day}")

Json = dict[str, Any]


def calendars_json(found: Iterable[Whole]) -> list[Json]:
    """A client's calendars, to choose from."""
    return [
        {
            "slug": one.calendar.slug,
            "name": clean_line(one.calendar.name, NAME_LIMIT),
            "resource": clean_line(one.calendar.resource, NAME_LIMIT),
            "zone": one.calendar.zone,
            "kinds": [{"name": kind.name, "minutes": kind.minutes} for kind in one.kinds],
            "questions": list(one.calendar.questions),
            "address": one.calendar.place.address,
            "map": one.calendar.place.map_link,
        }
        for one in found
    ]


def week_json(shown: Days, language: str) -> Json:
    """Some days of a calendar: appointments, what is busy, held by others and free."""
    zone = ZoneInfo(shown.calendar.zone)
    now = shown.at.astimezone(zone)
    opens, closes = _hours(shown.calendar)
    return {
        "calendar": shown.calendar.slug,
        "kind": shown.kind.name,
        "minutes": shown.kind.minutes,
        "zone": shown.calendar.zone,
        "offset": _offset(now),
        "now": _wall(now),
        "today": now.date().isoformat(),
        "from": shown.first.isoformat(),
        "days": shown.days,
        "opens": opens,
        "closes": closes,
        "step": shown.calendar.step,
        "trouble": trouble(shown.remote, language),
        "appointments": [appointment_json(one, zone, language) for one in shown.appointments],
        "busy": [piece for one in shown.busy for piece in _pieces(one.starts, one.ends, zone, shown)],
        "held": [
            piece | {"holder": clean_line(one.holder, NAME_LIMIT)}
            for one in shown.held
            for piece in _pieces(one.starts, one.blocked_until, zone, shown)
        ],
        "free": list(_free(shown.free, zone)),
    }


def appointment_json(one: Shown, zone: ZoneInfo, language: str) -> Json:
    """One appointment, by the clocks of its calendar."""
    it = one.appointment
    starts = it.starts.astimezone(zone)
    return {
        "id": it.id,
        "uid": it.uid,
        "state": it.state.value,
        "kind": clean_line(it.kind, NAME_LIMIT),
        "name": said(language, INSTEAD, {}) if one.blocked else clean_line(it.name, NAME_LIMIT),
        "number": "" if one.blocked else readable_number(it.number),
        "starts": instant(it.starts),
        "from": _wall(starts),
        "until": _wall_end(starts, it.ends - it.starts),
        "day": day_in_words(starts.date(), language),
        "time": f"{starts:%H:%M}",
        "synced": one.synced,
        "may_change": one.may_change,
    }


def free_json(found: Mapping[date, Sequence[Slot]], zone: ZoneInfo, now: datetime, language: str) -> list[Json]:
    """Days with their free slots, as a list."""
    return [
        {
            "day": day.isoformat(),
            "words": day_words(day, now.astimezone(zone).date(), language),
            "slots": [slot_json(one, zone) for one in slots],
        }
        for day, slots in found.items()
    ]


def slot_json(slot: Slot, zone: ZoneInfo) -> Json:
    """A free slot: the instant by which it is asked for, and the time that is told."""
    return {"starts": instant(slot.starts), "time": f"{slot.starts.astimezone(zone):%H:%M}"}


def day_words(day: date, today: date, language: str) -> str:
    """ "hoy, lunes 30 de noviembre"; other days with their year, and without a word before."""
    near = {today: TODAY, today + DAY: TOMORROW}.get(day)
    words = day_in_words(day, language, with_year=near is None)
    return said(language, near, {"day": words}) if near else words


def trouble(remote: Remote, language: str) -> str:
    """Why the remote calendar could not be read; "": it could."""
    return read_kept(remote.trouble).said(language) if remote.trouble else ""


def instant(at: datetime) -> str:
    """As pages send it back."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _hours(calendar: AgendaCalendar) -> tuple[str, str]:
    """The first and the last hour of its week, as a day's clock is written there; the day's end is 24:00."""
    spans = parse_week([calendar.week])
    opens = min((one.opens for one in spans), default=USUAL_DAY[0])
    closes = max((one.closes for one in spans), default=USUAL_DAY[1])
    return f"{opens:%H:%M}", "24:00" if closes == time.max else f"{closes:%H:%M}"


def _free(slots: Sequence[Slot], zone: ZoneInfo) -> Iterator[Json]:
    """Free slots; each is drawn until the next one begins, as those of long appointments overlap."""
    for slot, after in zip_longest(slots, [one.starts for one in slots[1:]]):
        starts = slot.starts.astimezone(zone)
        length = min(slot.ends, after) - slot.starts if after else slot.ends - slot.starts
        yield {
            "starts": instant(slot.starts),
            "from": _wall(starts),
            "until": _wall_end(starts, slot.ends - slot.starts),
            "drawn_until": _wall_end(starts, length),
        }


def _pieces(starts: datetime, ends: datetime, zone: ZoneInfo, shown: Days) -> Iterator[Json]:
    """A time, cut at each midnight, as far as it lies within the days that are shown."""
    begins, stops = starts.astimezone(zone).replace(tzinfo=None), ends.astimezone(zone).replace(tzinfo=None)
    for place in range(shown.days):
        midnight = datetime.combine(shown.first + place * DAY, time.min)
        first, last = max(begins, midnight), min(stops, midnight + DAY)
        if first < last:
            yield {"from": _wall(first), "until": _wall(last)}


def _wall(local: datetime) -> str:
    return f"{local:%Y-%m-%dT%H:%M}"


def _wall_end(local: datetime, length: timedelta) -> str:
    """When it ends, drawn in its true length: also where the clocks are changed meanwhile."""
    return _wall(local.replace(tzinfo=None) + length)


def _offset(local: datetime) -> str:
    """As ISO 8601 writes it: -03:00."""
    return local.isoformat()[-6:]
