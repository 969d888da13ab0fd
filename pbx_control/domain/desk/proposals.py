"""Changes of what secretaries say and ask, as they are proposed: what would be different (docs/service.md rule 4)."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pbx_control.domain.desk.protocol import Field, Protocol


class Subject(StrEnum):
    """What a proposal is about; the names are those of `proposal.subject`."""

    GREETING = "greeting"
    PROTOCOL = "protocol"


class Way(StrEnum):
    """How a proposal came; the names are those of `proposal.way`."""

    PORTAL = "portal"
    TELEGRAM = "telegram"
    MAIL = "mail"


class Decision(StrEnum):
    """What became of a proposal; the names are those of `proposal.decision`."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Mark(StrEnum):
    """What a piece of a comparison is."""

    SAME = "same"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of one line."""

    mark: Mark
    text: str


Line = tuple[Piece, ...]


def compared(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    """Both texts line by line: what is gone, what is new, and within a changed line word by word."""
    lines: list[Line] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [(Piece(Mark.SAME, line),) for line in new[c:d]]
        elif tag == "replace" and b - a == d - c:
            lines += [_words(was, now) for was, now in zip(old[a:b], new[c:d], strict=True)]
        else:
            lines += [(Piece(Mark.GONE, line),) for line in old[a:b]]
            lines += [(Piece(Mark.NEW, line),) for line in new[c:d]]
    return lines


def _words(old: str, new: str) -> Line:
    was, now = old.split(" "), new.split(" ")
    return tuple(_pieces(was, now))


def _pieces(was: Sequence[str], now: Sequence[str]) -> Iterator[Piece]:
    for tag, a, b, c, d in difflib.SequenceMatcher(a=was, b=now, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece(Mark.SAME, " ".join(now[c:d]))
        else:
            if was[a:b]:
                yield Piece(Mark.GONE, " ".join(was[a:b]))
            if now[c:d]:
                yield Piece(Mark.NEW, " ".join(now[c:d]))


def in_lines(protocol: Protocol) -> list[str]:
    """A protocol as lines that people read and compare."""
    told = [f"+ {line}" for line in protocol.may_tell] + [f"– {line}" for line in protocol.must_not_tell]
    notes = [one for one in (protocol.pronunciation, protocol.colour) if one]
    return [*map(_field, protocol.fields), *told, *protocol.steps_note.splitlines(), *notes]


def _field(field: Field) -> str:
    star = " *" if field.required else ""
    offered = f" ({' / '.join(field.choices)})" if field.choices else ""
    when = f" ← {field.when.field} = {' / '.join(field.when.values)}" if field.when else ""
    hint = f" – {field.hint}" if field.hint else ""
    return f"{field.label}{star}{offered}{when}{hint}"
