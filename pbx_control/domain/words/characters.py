"""Characters that need care: those that nobody sees, and those that are newer than the Python that reads them."""

import unicodedata

# Word, web pages and chats leave them in what is copied: zero-width space, word joiner, byte order mark, soft hyphen.
# (Not the joiner within emoji, U+200D, nor marks that turn the direction of writing, which are refused.)
UNSEEN = "\u200b\u2060\ufeff\u00ad"

# Small letters and digits of which none looks like another: what people type from a screen or from paper.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"

# Unicode's planes of pictures. What they gain each year is unassigned to an older Python.
_PICTURES = range(0x1F000, 0x1FFFE)


def without_unseen(text: str) -> str:
    """The text without characters that show nothing and mean nothing."""
    return text.translate(dict.fromkeys(map(ord, UNSEEN)))


def unseen_in(text: str) -> list[str]:
    """Those of them that the text has, each once: "U+200B"."""
    return [f"U+{ord(char):04X}" for char in UNSEEN if char in text]


def category(character: str) -> str:
    """Unicode's category; a picture that this Python does not know yet counts as a picture (So)."""
    found = unicodedata.category(character)
    return "So" if found == "Cn" and ord(character) in _PICTURES else found


def printable(text: str) -> bool:
    """As str.isprintable, with the pictures that this Python does not know yet."""
    return text.isprintable() or all(char.isprintable() or category(char) == "So" for char in text)


def harmless(text: str) -> str:
    """A text that moves no cursor of a terminal's: line breaks are blanks, control and format characters are gone."""
    if text.isprintable():
        return text
    return "".join(char for char in " ".join(text.split()) if unicodedata.category(char) not in ("Cc", "Cf"))


def folded(text: str) -> str:
    """A text as it is searched in: small letters without accents, in one line ("Pérez  Núñez" is "perez nunez")."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())
