"""TOML as people write it: what is wrong with a file, and where, in a sentence for them."""

import tomli

from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line

_BEGINS = N_("no line begins so: write a key with a value, a [table] or a # with a comment")
_ENDS = N_("the line should end here")
_LACKS = N_("{sign} is missing")
_STRANGE = N_("the character {sign} cannot stand here")
_TWICE_TABLE = N_("there is a table of this name already")
_TWICE_KEY = N_("there is a value of this name already")
_COMPLETE = N_("nothing can be added to this table any more: write all of it in one place")
_NO_EQUALS = N_("after a key there must be an = and a value")
_KEY = N_("a key is made of letters, digits, - and _, or stands in quotes")
_LIST = N_("in a list a comma or the ] at its end is missing")
_INLINE = N_("in an inline table a comma or the brace at its end is missing")
_BACKSLASH = N_(r"a \ in a text must be written twice, or the text in single quotes")
_CODE = N_("there is no character of this code")
_QUOTE = N_("a text has no quote at its end")
_DATE = N_("there is no such date or time")
_VALUE = N_("this is no value: write texts in quotes, and true, false and numbers without them")
_LONG_NUMBER = N_("a number is too long")
_DEEP = N_("too many brackets stand within one another")

# By how the parser's own sentence begins.
_MISTAKES = {
    "Invalid statement": _BEGINS,
    "Expected newline or end of document": _ENDS,
    "Expected ']' at the end of a table": _LACKS,
    "Expected ']]' at the end of an array": _LACKS,
    "Expected '=' after a key": _NO_EQUALS,
    "Expected ": _QUOTE,
    "Found invalid character ": _STRANGE,
    "Illegal character ": _STRANGE,
    "Cannot declare ": _TWICE_TABLE,
    "Cannot overwrite a value": _TWICE_KEY,
    "Duplicate inline table key": _TWICE_KEY,
    "Cannot mutate immutable namespace": _COMPLETE,
    "Cannot redefine namespace": _COMPLETE,
    "Invalid initial character for a key": _KEY,
    "Unclosed array": _LIST,
    "Unclosed inline table": _INLINE,
    "Unescaped '\\' in a string": _BACKSLASH,
    "Invalid hex value": _CODE,
    "Escaped character is not": _CODE,
    "Unterminated string": _QUOTE,
    "Invalid date or datetime": _DATE,
    "Invalid value": _VALUE,
}
# So much of a sentence that this table does not know.
_LONGEST = 200


class NotToml(Exception):
    """A text that is no TOML; `why` says what is wrong, and in which line and column."""

    def __init__(self, why: Sentence) -> None:
        super().__init__(str(why))
        self.why = why


def parse_toml(text: str) -> dict[str, object]:
    """What the text says. Raises NotToml."""
    try:
        return tomli.loads(text.removeprefix("\ufeff"))
    except tomli.TOMLDecodeError as error:
        line, column = _place(error)
        why = Sentence("{why} (line {line}, column {column})", why=_why(error), line=line, column=column)
        raise NotToml(why) from None
    except RecursionError:
        raise NotToml(Sentence(_DEEP)) from None
    except ValueError:  # Python converts no number of more than 4300 digits
        raise NotToml(Sentence(_LONG_NUMBER)) from None


def _place(error: tomli.TOMLDecodeError) -> tuple[int, int]:
    """Line and column, from 1: of a text without an end those of its beginning, not of the end of the file."""
    if error.pos < len(error.doc) or _why(error) != Sentence(_QUOTE):
        return error.lineno, error.colno
    before = error.doc[: error.doc.rindex(_open_quote(error))]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _open_quote(error: tomli.TOMLDecodeError) -> str:
    if error.msg.startswith("Expected "):
        return "'''" if "'''" in error.msg else "'"
    return '"""' if error.doc.count('"""') % 2 else '"'


def _why(error: tomli.TOMLDecodeError) -> Sentence:
    known = next((why for begun, why in _MISTAKES.items() if error.msg.startswith(begun)), None)
    if known is None:
        return Sentence(clean_line(error.msg, _LONGEST))
    if known == _LACKS:
        return Sentence(_LACKS, sign="]]" if "]]" in error.msg else "]")
    if known == _STRANGE:
        found = error.doc[error.pos : error.pos + 1]
        # A line that ends within a text: its quote is what lacks.
        return Sentence(_QUOTE) if found == "\n" else Sentence(_STRANGE, sign=repr(found))
    return Sentence(known)
