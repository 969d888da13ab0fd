"""A rota as people type it, in Spanish and English: one line for each rule, and one for a swap.

mon-fri 09:00-18:00: Ana                    L-V 18-9: Ana, Juan, Eva desde 30/11/2026          always: Ana
24/12/2026 09:00-18:00: Ana instead of Juan          mañana: Ana en vez de Juan
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

from pbx_control.domain.opening.hours import DAYS, days_text, same_hours
from pbx_control.domain.opening.rota import Rule, Shift, Swap, instant_of
from pbx_control.domain.opening.written_hours import read_spans
from pbx_control.domain.words.characters import folded
from pbx_control.domain.words.wording import clean_line
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake, Code, Field

EXAMPLE = "mon-fri 09:00-18:00: Ana"
SWAP_EXAMPLE = "24/12/2026 09:00-18:00: Ana instead of Juan"
ALWAYS = {"en": "always", "es": "siempre"}
FROM = {"en": "from", "es": "desde"}
INSTEAD = {"en": "instead of", "es": "en vez de"}
# Characters of one line.
LONGEST = 1000

# The colon that ends the times is followed by no digit.
_LINE = re.compile(r"(.*?):(?!\d)(.*)", re.DOTALL)
_SINCE = re.compile(r"\s+(?:from|desde)(?: el)?\s+([\d/.-]+|today|hoy|tomorrow|ma[nñ]ana)\s*$", re.IGNORECASE)
# As a kept rule has it.
_KEPT_SINCE = re.compile(r" from (?=\d{4}-\d{2}-\d{2}$)")
_INSTEAD = re.compile(r"\s+(?:instead of|en vez de|en lugar de|por|for)\s+", re.IGNORECASE)
_DAY = r"(\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{4}|today|hoy|tomorrow|manana)"
_CLOCK = r"(\d{1,2}:\d{2}|\d{1,2})"
_TO = r" ?(?:-|a|al|to|until|hasta|hasta el) ?"
_ONE_DAY = re.compile(rf"(?:el |on )?{_DAY}(?:,? (?:de |from )?{_CLOCK}{_TO}{_CLOCK})?", re.ASCII)
_DAYS = re.compile(rf"(?:el |on )?{_DAY}(?:,? {_CLOCK})?{_TO}{_DAY}(?:,? {_CLOCK})?", re.ASCII)


# --- rules ------------------------------------------------------------------------------------------------


def read_rules(lines: Sequence[str], contacts: Mapping[str, int], today: date) -> list[Rule]:
    """The rules that somebody typed, one a line. `contacts`: ids by name. Raises ClientMistake, whose field is the
    number of the line."""
    return [at_line(number, line, contacts, today) for number, line in enumerate(lines)]


def at_line(number: int, line: str, contacts: Mapping[str, int], today: date) -> Rule:
    """One of them."""
    try:
        return _read_rule(line, contacts, today)
    except ClientMistake as error:
        raise of_line(error, number) from None


def of_line(error: ClientMistake, number: int) -> ClientMistake:
    """The mistake, told of that line."""
    error.values["field"] = Field(str(number))
    return error


def _read_rule(line: str, contacts: Mapping[str, int], today: date) -> Rule:
    when, who = _parts(line, EXAMPLE)
    since = _SINCE.search(who)
    starts = read_day(since[1], today) if since else None
    people = [contacts[name] for name in _names(who[: since.start()] if since else who, contacts)]
    return rule_of(when, people, starts, today)


def rule_of(when: str, people: Sequence[int], starts: date | None, today: date) -> Rule:
    """A rule of its parts. People who take turns do so from the present week on, unless it is said from when.

    Raises ClientMistake if there are no times, or nobody.
    """
    if not people:
        raise ClientMistake("say who is on call", Code.EMPTY_VALUE, field=Field("who"))
    if starts is None and len(people) > 1:
        starts = today - timedelta(days=today.weekday())
    return Rule(read_shifts(when), tuple(people), starts)


@lru_cache(maxsize=4096)
def read_shifts(text: str) -> tuple[Shift, ...]:
    """The shifts that somebody typed, as opening hours are written. Raises ClientMistake, naming the word that makes
    no sense."""
    text = " ".join(text[:LONGEST].split())
    if text.lower() in (*ALWAYS.values(), "24/7"):
        text = "mon-sun 00:00-24:00"
    found = {
        Shift(day, span.opens, span.closes) for span in read_spans(text, "mon-fri 09:00-18:00") for day in span.days
    }
    return tuple(sorted(found, key=lambda shift: shift.minutes))


def shifts_text(shifts: Sequence[Shift], language: str = "en") -> str:
    """The text of shifts; `read_shifts` of it gives the same ones. What is stored is that of "en"."""
    if shifts == read_shifts(ALWAYS["en"]):
        return ALWAYS[language]
    hours: dict[int, str] = {}
    for one in shifts:
        closes = "24:00" if one.closes == time.max else f"{one.closes:%H:%M}"
        hours[one.weekday] = f"{hours.get(one.weekday, '')} {one.opens:%H:%M}-{closes}".strip()
    return " ".join(f"{days_text(days, DAYS[language])} {text}" for text, days in same_hours(hours))


def rule_in(text: str, language: str) -> str:
    """What `rule_text` wrote, in that language; anything else as it is."""
    parts = _LINE.fullmatch(text)
    try:
        when = shifts_text(read_shifts(parts[1]), language) if parts else ""
    except ClientMistake:
        when = ""
    if not parts or not when:
        return text
    return f"{when}:{_KEPT_SINCE.sub(f' {FROM[language]} ', parts[2])}"


def rule_text(rule: Rule, names: Mapping[int, str], language: str = "en") -> str:
    """A rule as it can be typed. `names`: contacts' by id."""
    people = ", ".join(clean_line(names.get(one, "?"), 60) for one in rule.people)
    since = f" {FROM[language]} {rule.starts.isoformat()}" if rule.starts else ""
    return f"{shifts_text(rule.shifts, language)}: {people}{since}"


# --- swaps ------------------------------------------------------------------------------------------------


def read_swap(text: str, contacts: Mapping[str, int], zone: tzinfo, now: datetime) -> Swap:
    """The swap that somebody typed. Raises ClientMistake if it is none."""
    when, who = _parts(text, SWAP_EXAMPLE)
    since, until = _read_time(when, zone, now)
    taking, instead_of = _taken(who.strip(), contacts)
    return Swap(contacts[taking], since, until, contacts[instead_of] if instead_of else None)


def swap_text(swap: Swap, names: Mapping[int, str], zone: tzinfo, language: str = "en") -> str:
    """A swap as it can be typed."""
    since, until = (f"{one.astimezone(zone):%Y-%m-%d %H:%M}" for one in (swap.since, swap.until))
    who, other = (clean_line(names.get(one or 0, "?"), 60) for one in (swap.who, swap.instead_of))
    instead = f" {INSTEAD[language]} {other}" if swap.instead_of is not None else ""
    return f"{since} - {until}: {who}{instead}"


def swap_between(
    who: int, since: tuple[date, time], until: tuple[date, time], instead_of: int | None, zone: tzinfo
) -> Swap:
    """A swap of its parts, by the wall clock."""
    return Swap(who, instant_of(*since, zone), instant_of(*until, zone), instead_of)


def _taken(who: str, contacts: Mapping[str, int]) -> tuple[str, str]:
    """Who takes over, and from whom; "": from whoever it would be."""
    if folded(who) in {folded(name) for name in contacts}:
        return called(who, contacts), ""
    for found in _INSTEAD.finditer(who):
        return called(who[: found.start()], contacts), called(who[found.end() :], contacts)
    return called(who, contacts), ""


def _read_time(when: str, zone: tzinfo, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end on the wall clock: of one day, of a night, or from one day to another."""
    written, today = folded(when).replace("–", "-"), now.astimezone(zone).date()
    try:
        if found := _ONE_DAY.fullmatch(written):
            day = read_day(found[1], today)
            opens, closes = _clock(found[2], time.min), _clock(found[3], time.max)
            last = day + timedelta(days=closes <= opens)
        elif found := _DAYS.fullmatch(written):
            day, last = read_day(found[1], today), read_day(found[3], today)
            opens, closes = _clock(found[2], time.min), _clock(found[4], time.max)
        else:
            raise ValueError
        return instant_of(day, opens, zone), instant_of(last, closes, zone)
    except (ValueError, OverflowError):
        raise ClientMistake(
            "{text} is no time of a swap: write for example `{example}`",
            Code.BAD_VALUE,
            text=f"'{clean_line(when, 60)}'",
            example=SWAP_EXAMPLE,
            field=Field("when"),
        ) from None


def _clock(text: str | None, otherwise: time) -> time:
    """A time of day; 24:00 is time.max. Raises ValueError if it is none."""
    if text is None:
        return otherwise
    hour, _, minute = text.partition(":")
    return time.max if (int(hour), int(minute or 0)) == (24, 0) else time(int(hour), int(minute or 0))


# --- people -----------------------------------------------------------------------------------------------


def called(written: str, names: Mapping[str, int]) -> str:
    """The contact that is meant: by the whole name, or by a beginning that only one has; case and accents do not
    matter. Raises ClientMistake if it is nobody, or several."""
    wanted = folded(written.strip())
    exact = [name for name in names if folded(name) == wanted]
    found = exact or [name for name in names if wanted and f"{folded(name)} ".startswith(f"{wanted} ")]
    if len(found) == 1:
        return found[0]
    shown = f"'{clean_line(written, 60)}'"
    if written.strip() in found:  # two that differ in their accents alone
        return written.strip()
    if found:
        raise ClientMistake(
            "{name} may be several contacts: {known}", Code.AMBIGUOUS, name=shown, known=", ".join(sorted(found))
        )
    raise ClientMistake(
        "{name} is no contact of this client: it has {known}",
        Code.NO_SUCH_CONTACT,
        name=shown,
        known=", ".join(sorted(names)) or "–",
    )


def _names(text: str, contacts: Mapping[str, int]) -> Iterator[str]:
    """The contacts that are named, with commas between them; a name may have commas of its own."""
    parts = text.split(",")
    known = {folded(name): name for name in contacts}
    while parts:
        count = next((one for one in range(len(parts), 1, -1) if folded(",".join(parts[:one]).strip()) in known), 1)
        yield called(",".join(parts[:count]), contacts)
        parts = parts[count:]


def _parts(line: str, example: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line[:LONGEST].strip())
    if not found or not found[1].strip() or not found[2].strip():
        raise ClientMistake(
            "say when and who, with a colon between them: `{example}`",
            Code.BAD_VALUE,
            example=example,
            field=Field("when"),
        )
    return found[1].strip(), found[2].strip()
