"""What she says when she answers: a client's greeting, filled in."""

from collections.abc import Mapping
from datetime import datetime
from string import Formatter

from pbx_control.catalogue import InLanguages

# What a client's greeting may have filled in.
PLACES = ("secretary", "part_of_day")

_PARTS = InLanguages(("good morning", "good afternoon", "good evening"))
# The hours at which the first two are over.
_UNTIL = {"es": (12, 20), "en": (12, 18)}
_HOUSE = InLanguages({"greeting": "{client}, {part_of_day}, this is {secretary} speaking."})
# After these a sentence begins, maybe with opening signs before its first letter.
_ENDS = ".!?…\n"
_OPENING = "¡¿«“\"'( "


def filled(text: str, secretary: str, client_name: str, local_time: datetime, language: str) -> str:
    """The greeting as she reads it; `text` "" is the house's own. Braces in names stay text.

    `secretary` is her name as it was added: where a given name ends cannot be told from outside (María José Soto).
    `local_time` is on the client's wall clock.
    """
    values = {"secretary": secretary, "part_of_day": part_of_day(local_time, language)}
    if text:
        return _filled(text, values)
    return _filled(_HOUSE[language]["greeting"], values | {"client": client_name})


def part_of_day(local_time: datetime, language: str) -> str:
    """ "buenas tardes", by the hour."""
    return _PARTS[language][sum(local_time.hour >= end for end in _UNTIL[language])]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """str.format would read attributes of a value, and a name's braces must never be looked at."""
    said = ""
    try:
        for before, name, _, _ in Formatter().parse(text):
            said += before
            if name is not None:
                value = values.get(name, "{" + name + "}")
                said += value.capitalize() if name == "part_of_day" and _begins_sentence(said) else value
    except ValueError:  # a brace without its pair: it was kept before that was checked
        return text
    return said


def _begins_sentence(said: str) -> bool:
    before = said.rstrip(_OPENING)
    return not before or before[-1] in _ENDS
