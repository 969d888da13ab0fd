"""What she says when she answers: a client's greeting, filled in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from string import Formatter

from pbx_control.catalogue import InLanguages

# What a client's greeting may have filled in.
PLACES = ("secretary", "part_of_day", "on_call")

_PARTS = InLanguages(("good morning", "good afternoon", "good evening"))
# The hours at which the first two are over.
_UNTIL = {"es": (12, 20), "en": (12, 18)}
_NOBODY = InLanguages({"nobody": "nobody"})
_HOUSE = InLanguages({"greeting": "{client}, {part_of_day}, this is {secretary} speaking."})
# After these a sentence begins, maybe with opening signs before its first letter.
_ENDS = ".!?…\n"
_OPENING = "¡¿«“\"'( "


def filled(text: str, secretary: str, client_name: str, local_time: datetime, language: str, on_call: str = "") -> str:
    """The greeting as she reads it; `text` "" is the house's own. Braces in names stay text.

    `secretary` is her name as it was added: where a given name ends cannot be told from outside (María José Soto).
    `local_time` is on the client's wall clock; `on_call`: who is (`on_call_words`).
    """
    values = {"secretary": secretary, "part_of_day": part_of_day(local_time, language)}
    values["on_call"] = on_call or on_call_words((), language)
    if text:
        return _filled(text, values)
    return _filled(_HOUSE[language]["greeting"], values | {"client": client_name})


def on_call_words(people: Sequence[tuple[str, str]], language: str) -> str:
    """Who is on call, of department and name: "Ana", "Ana, Juan (Ventas)", or "nobody"."""
    if len({name for _, name in people}) == 1:
        return people[0][1]
    each = (f"{name} ({department})" if department else name for department, name in people)
    return ", ".join(each) or str(_NOBODY[language]["nobody"])


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
