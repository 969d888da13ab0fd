"""An e-mail address as it is read back to a caller, letter by letter."""


def _pairs(characters: str, names: str) -> dict[str, str]:
    return dict(zip(characters, names.split(), strict=True))


# Not in the catalogue: an alphabet is no translation of another.
LETTERS = {
    "es": _pairs(
        "abcdefghijklmnñopqrstuvwxyz",
        "Ana Beatriz Carlos Daniel Elena Felipe Gabriel Hugo Isabel Juan Karina Luis María Nora Ñandú Óscar Pedro "
        "Quito Rosa Sara Tomás Úrsula Víctor Wálter Xilófono Yolanda Zapato",
    ),
    "en": _pairs(
        "abcdefghijklmnopqrstuvwxyz",
        "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec "
        "Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu",
    ),
}
OTHERS = {
    "es": {"@": "arroba", ".": "punto", "-": "guion", "_": "guion bajo", "+": "más"}
    | _pairs("0123456789", "cero uno dos tres cuatro cinco seis siete ocho nueve"),
    "en": {"@": "at", ".": "dot", "-": "dash", "_": "underscore", "+": "plus"}
    | _pairs("0123456789", "zero one two three four five six seven eight nine"),
}
AS_IN = {"es": "{letter} de {name}", "en": "{letter} as in {name}"}


def spelled(address: str, language: str) -> str:
    """The address for reading it back, "a de Ana, …"; `language` is "es" or "en". What has no name stands as it is."""
    return ", ".join(_named(character, language) for character in address.lower())


def _named(character: str, language: str) -> str:
    if name := LETTERS[language].get(character):
        return AS_IN[language].format(letter=character, name=name)
    return OTHERS[language].get(character, character)
