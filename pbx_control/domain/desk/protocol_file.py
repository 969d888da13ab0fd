"""A protocol as people write it: a TOML file (docs/protocol.md). It is a stranger's, whoever hands it in."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

from pbx_control.domain import checks
from pbx_control.domain.desk.protocol import Condition, Field, FieldKind, Protocol
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.domain.words.toml import NotToml, parse_toml
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code

T = TypeVar("T")

# Bytes of a file, in UTF-8.
LARGEST = 64 * 1024
MOST_FIELDS = 40
MOST_CHOICES = 30
MOST_LINES = 50  # of what may be told, and of what may not
# Of white letters on the client's colour: WCAG 2.2, success criterion 1.4.3.
LEAST_CONTRAST = 4.5

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.ASCII | re.IGNORECASE)


def parse(text: str) -> Protocol:
    """The protocol that a file holds. Raises ClientMistake, which names the place, if it holds none."""
    top = _Table(_toml(text))
    protocol = Protocol(
        pronunciation=top.line("pronunciation", 120),
        colour=_colour(top),
        may_tell=top.lines("may_tell", MOST_LINES, 500),
        must_not_tell=top.lines("must_not_tell", MOST_LINES, 500),
        steps_note=top.paragraph("steps_note", 2000),
        fields=_fields(top.tables("field", MOST_FIELDS)),
    )
    top.end()
    return protocol


def written(protocol: Protocol) -> str:
    """The protocol as a file: what `parse` reads back as the same."""
    # Imported here: it is slow to load, and only this needs it.
    import tomlkit

    document = tomlkit.document()
    for name in ("pronunciation", "colour", "steps_note"):
        if value := getattr(protocol, name):
            document.add(name, tomlkit.string(value, multiline="\n" in value))
    for name in ("may_tell", "must_not_tell"):
        if lines := getattr(protocol, name):
            document.add(name, tomlkit.array().multiline(True))
            document[name].extend(lines)
    fields = tomlkit.aot()
    for field in protocol.fields:
        fields.append(tomlkit.item(_as_table(field)))
    document.add("field", fields)
    return tomlkit.dumps(document)


def _as_table(field: Field) -> dict[str, object]:
    import tomlkit

    table: dict[str, object] = {"key": field.key, "label": field.label, "kind": field.kind.value}
    if field.required:
        table["required"] = True
    if field.choices:
        table["choices"] = list(field.choices)
    if field.hint:
        table["hint"] = field.hint
    if field.when:
        when = tomlkit.inline_table()
        when.update({"field": field.when.field, "values": list(field.when.values)})
        table["when"] = when
    return table


def _toml(text: str) -> dict[str, object]:
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise ClientMistake("the protocol is larger than {most} kB", Code.BAD_FILE, most=LARGEST // 1024)
    try:
        return parse_toml(text)
    except NotToml as error:
        raise ClientMistake("the protocol is not valid TOML: {why}", Code.BAD_FILE, why=error.why) from None


def _fields(tables: Iterable["_Table"]) -> tuple[Field, ...]:
    found: dict[str, Field] = {}
    for table in tables:
        field = _field(table, found)
        found[field.key] = field
    if not found:
        raise ClientMistake("the protocol asks for nothing: it needs at least one [[field]]", Code.BAD_FILE)
    return tuple(found.values())


def _field(table: "_Table", earlier: Mapping[str, Field]) -> Field:
    key = _new_key(table, earlier)
    table.is_about(key)
    kind = _kind(table)
    field = Field(
        key=key,
        label=table.needed("label", 80),
        kind=kind,
        required=table.flag("required"),
        choices=_choices(table, kind),
        when=_condition(table, earlier),
        hint=table.line("hint", 200),
    )
    table.end()
    return field


def _new_key(table: "_Table", earlier: Mapping[str, Field]) -> str:
    key = table.needed("key", 80)
    if not _KEY.fullmatch(key):
        raise table.mistake(
            Sentence(
                "{value} cannot be a key: use 1 to 40 small letters, digits and underscores, a letter first",
                value=repr(key),
            )
        )
    if key in earlier:
        raise table.mistake(Sentence("there is a field {key} already", key=key))
    return key


def _kind(table: "_Table") -> FieldKind:
    name = table.line("kind", 80) or FieldKind.TEXT.value
    if name not in [kind.value for kind in FieldKind]:
        known = ", ".join(kind.value for kind in FieldKind)
        raise table.mistake(Sentence("there is no kind {value}: write one of {known}", value=repr(name), known=known))
    return FieldKind(name)


def _choices(table: "_Table", kind: FieldKind) -> tuple[str, ...]:
    choices = table.lines("choices", MOST_CHOICES, 80)
    if kind is FieldKind.CHOICE and len(choices) < 2:
        raise table.mistake(Sentence("a choice needs two `choices` or more"))
    if kind is not FieldKind.CHOICE and choices:
        raise table.mistake(Sentence("only a field of the kind choice has `choices`"))
    if twice := {one for one in choices if choices.count(one) > 1}:
        raise table.mistake(Sentence("{value} is twice among the `choices`", value=repr(min(twice))))
    return choices


def _condition(table: "_Table", earlier: Mapping[str, Field]) -> Condition | None:
    when = table.table("when")
    if when is None:
        return None
    asked = earlier.get(key := when.needed("field", 80))
    values = when.lines("values", MOST_CHOICES, 80)
    when.end()
    if asked is None or asked.kind is not FieldKind.CHOICE:
        raise table.mistake(Sentence("`when` names {key}, which is no choice of an earlier field", key=repr(key)))
    if not values:
        raise table.mistake(Sentence("`when` needs `values`, such as {example}", example=repr(list(asked.choices[:1]))))
    if strange := [one for one in values if one not in asked.choices]:
        raise table.mistake(
            Sentence("`when` names {value}, which {key} does not offer", value=repr(strange[0]), key=asked.key)
        )
    return Condition(asked.key, values)


def _colour(table: "_Table") -> str:
    colour = table.line("colour", 80).lower()
    if not colour:
        return ""
    if not _COLOUR.fullmatch(colour):
        raise table.mistake(Sentence("`colour` {value} is no colour: write one like #1d5f8a", value=repr(colour)))
    # Imported here: few commands need it.
    from coloraide import Color

    contrast = Color(colour).contrast("white", method="wcag21")
    if contrast < LEAST_CONTRAST:
        raise table.mistake(
            Sentence(
                "`colour` {value} is too pale: white letters on it have a contrast of {contrast}, they need {least}",
                value=colour,
                contrast=round(contrast, 2),
                least=LEAST_CONTRAST,
            )
        )
    return colour


class _Table:
    """A table of the file: each value that is taken from it is checked, and `end` refuses what nobody took."""

    def __init__(self, values: Mapping[str, object], place: Sentence | None = None) -> None:
        self._values = values
        self._place = place
        self._known: list[str] = []

    def is_about(self, key: str) -> None:
        """From now on mistakes name the field by its key, too."""
        self._place = Sentence("{place} ({key})", place=self._place, key=key)

    def mistake(self, what: Sentence) -> ClientMistake:
        """What is wrong, with the place."""
        if self._place is None:
            return ClientMistake(what.template, Code.BAD_FILE, **what.values)
        return ClientMistake("{place}: {what}", Code.BAD_FILE, place=self._place, what=what)

    def end(self) -> None:
        """Raises ClientMistake for a name that means nothing here."""
        if strange := [name for name in self._values if name not in self._known]:
            known = ", ".join(self._known)
            raise self.mistake(
                Sentence("{name} means nothing here; what does: {known}", name=_shown(strange[0]), known=known)
            )

    def line(self, name: str, longest: int) -> str:
        """One line of text; "" if there is none."""
        return self._text(name, lambda value: checks.line(value, f"`{name}`", longest))

    def paragraph(self, name: str, longest: int) -> str:
        """A text with line breaks; "" if there is none."""
        return self._text(name, lambda value: checks.paragraph(value, f"`{name}`", longest, places=None))

    def needed(self, name: str, longest: int) -> str:
        """One line of text that must be there."""
        if not (value := self.line(name, longest)):
            raise self.mistake(Sentence("`{name}` is missing", name=name))
        return value

    def lines(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """Some lines of text; none if there are none."""
        found = self._list(name, str, most, Sentence('`{name}` is no list of texts: write ["…", "…"]', name=name))
        return tuple(self._checked(partial(checks.line, one, f"`{name}`", longest)) for one in found)

    def flag(self, name: str) -> bool:
        """Yes or no; no if nothing is said."""
        value = self._of(name, False)
        if not isinstance(value, bool):
            raise self.mistake(Sentence("`{name}` is neither true nor false, without quotes", name=name))
        return value

    def table(self, name: str) -> "_Table | None":
        """A table within this one, or None."""
        value = self._of(name, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.mistake(Sentence("`{name}` is no table", name=name))
        return _Table(value, Sentence("{place}, `{name}`", place=self._place, name=name))

    def tables(self, name: str, most: int) -> list["_Table"]:
        """The tables that stand under [[name]], in their order."""
        found = self._list(name, dict, most, Sentence("write [[{name}]] above each {name}", name=name))
        return [_Table(one, Sentence("field {number}", number=number)) for number, one in enumerate(found, start=1)]

    def _list(self, name: str, kind: type[T], most: int, wrong: Sentence) -> list[T]:
        value = self._of(name, [])
        if not isinstance(value, list):
            raise self.mistake(wrong)
        found = [one for one in value if isinstance(one, kind)]
        if len(found) < len(value):
            raise self.mistake(wrong)
        if len(found) > most:
            raise self.mistake(
                Sentence("`{name}` has {count}, at most {most} are kept", name=name, count=len(found), most=most)
            )
        return found

    def _text(self, name: str, check: Callable[[str], str]) -> str:
        value = self._of(name, "")
        if not isinstance(value, str):
            raise self.mistake(Sentence("`{name}` is no text: write it in quotes", name=name))
        return self._checked(partial(check, value)) if value else ""

    def _checked(self, check: Callable[[], str]) -> str:
        try:
            return check()
        except ClientMistake as error:
            raise self.mistake(sentence_of(error)) from None

    def _of(self, name: str, otherwise: object) -> object:
        self._known.append(name)
        return self._values.get(name, otherwise)


def _shown(name: str) -> str:
    """A name of the file's as an error line may carry it."""
    return f"`{clean_line(name, 40)}`"
