"""Opening hours in words, and written times in the form in which a voice pronounces them; Spanish and English."""

import re
from collections.abc import Sequence
from datetime import time
from functools import lru_cache
from itertools import pairwise

from pbx_control.catalogue import InLanguages
from pbx_control.domain.opening.hours import Week
from pbx_control.domain.words.characters import printable

Hours = tuple[tuple[time, time], ...]
"""The spans of one day, (opens, closes), sorted."""

ALL_DAY: Hours = ((time.min, time.max),)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)

DAYS = InLanguages(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
RUN = InLanguages("{first} to {last}")
AND = InLanguages(" and ")
EACH_DAY = InLanguages("every day")
AROUND_THE_CLOCK = InLanguages("24 hours a day")
ALWAYS = InLanguages("24 hours a day, every day")
NEVER = InLanguages("for now, none")


@lru_cache(maxsize=1024)  # most clients share a few weeks, and each arriving call asks
def hours_in_words(week: Week, language: str) -> str:
    """The week as people are told it: "de lunes a viernes de las 9:00 a las 13:00 horas y de las 14:00 …".

    Days with the same hours are told together; the days are always named (docs/service.md rule 3): who calls on a
    Saturday must not hear hours that are those of Monday.
    """
    groups = _days_by_hours(week)
    if not groups:
        return NEVER[language]
    if groups == [(EVERY_DAY, ALL_DAY)]:
        return ALWAYS[language]
    return "; ".join(f"{_days(days, language)} {_spans(spans, language)}" for days, spans in groups)


def pronounceable(text: str, language: str) -> str:
    """The text as it is given to a voice: times in words ("9:00" is no "nueve cero cero"), nothing that steers it.

    Square brackets would switch a synthesiser to phonemes; a line's end would make a pause, or end what it reads.
    """
    cleaned = "".join(character if printable(character) else " " for character in text)
    spoken = PRONOUNCE[language](re.sub(r"[\[\]<>{}|\\]", " ", cleaned))
    return " ".join(spoken.split())


def _days_by_hours(week: Week) -> list[tuple[tuple[int, ...], Hours]]:
    by_day: dict[int, list[tuple[time, time]]] = {}
    for span in week:
        by_day.setdefault(span.weekday, []).append((span.opens, span.closes))
    groups: dict[Hours, list[int]] = {}
    for day in sorted(by_day):
        groups.setdefault(tuple(sorted(by_day[day])), []).append(day)
    return [(tuple(days), hours) for hours, days in groups.items()]


def _days(days: tuple[int, ...], language: str) -> str:
    if days == EVERY_DAY:
        return EACH_DAY[language]
    return _listed([_run(run, language) for run in _runs_worth_telling(days)], language)


def _runs_worth_telling(days: tuple[int, ...]) -> list[tuple[int, ...]]:
    # Two days in a row are named one by one: "los sábados y domingos", not "de sábado a domingo".
    return [part for run in _runs(days) for part in ([run] if len(run) > 2 else [(day,) for day in run])]


def _runs(days: tuple[int, ...]) -> list[tuple[int, ...]]:
    breaks = [i for i, (day, following) in enumerate(pairwise(days), 1) if following != day + 1]
    return [days[start:end] for start, end in pairwise([0, *breaks, len(days)])]


def _run(run: tuple[int, ...], language: str) -> str:
    names = DAYS[language]
    if len(run) > 1:
        return RUN[language].format(first=names[run[0]], last=names[run[-1]])
    if language == "en":
        return f"{names[run[0]]}s"
    return f"los {names[run[0]].removesuffix('s')}s"


def _listed(parts: Sequence[str], language: str) -> str:
    if language == "es" and all(part.startswith("los ") for part in parts):
        parts = [parts[0], *(part.removeprefix("los ") for part in parts[1:])]
    return AND[language].join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _spans(spans: Hours, language: str) -> str:
    if spans == ALL_DAY:
        return AROUND_THE_CLOCK[language]
    tell = _span_es if language == "es" else _span_en
    return AND[language].join(tell(opens, closes) for opens, closes in spans)


def _span_es(opens: time, closes: time) -> str:
    start, end = _clock_es(opens), _clock_es(closes)
    return f"de {_article(start)} {start} a {_article(end)} {end} horas"


def _article(clock: str) -> str:
    return "la" if clock.startswith("1:") else "las"


def _clock_es(moment: time) -> str:
    return "24:00" if moment == time.max else f"{moment.hour}:{moment.minute:02}"


def _span_en(opens: time, closes: time) -> str:
    return f"from {_clock_en(opens)} to {_clock_en(closes)}"


def _clock_en(moment: time) -> str:
    if moment in (time.min, time.max):
        return "midnight"
    if moment == time(12):
        return "noon"  # "12 p.m." is read both ways
    half = "a.m." if moment.hour < 12 else "p.m."
    return f"{(moment.hour - 1) % 12 + 1}:{moment.minute:02} {half}"


WRITTEN_TIME = r"(?<![\d:.,])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])"


def _pronounce_es(text: str) -> str:
    # Hours are feminine: a voice that reads digits would say "uno horas" and "veintiún horas".
    return re.sub(r"\buna horas\b", "una hora", re.sub(WRITTEN_TIME, _time_es, text))


def _time_es(found: re.Match[str]) -> str:
    hour, minutes = int(found[1]), int(found[2])
    name = {0: "cero", 1: "una", 21: "veintiuna"}.get(hour, str(hour))
    if minutes == 0:
        return name
    return f"{name} cero {minutes}" if minutes < 10 else f"{name} {minutes}"


def _pronounce_en(text: str) -> str:
    return re.sub(WRITTEN_TIME + r"(\s?[ap]\.?\s?m\b\.?)?", _time_en, text, flags=re.IGNORECASE)


def _time_en(found: re.Match[str]) -> str:
    hour, minutes = int(found[1]), int(found[2])
    half = f" {found[3].strip()}" if found[3] else ""
    if minutes == 0:
        return f"{hour}{half}" if half or not 0 < hour < 13 else f"{hour} o'clock"
    return f"{hour} oh {minutes}{half}" if minutes < 10 else f"{hour} {minutes}{half}"


PRONOUNCE = {"es": _pronounce_es, "en": _pronounce_en}
