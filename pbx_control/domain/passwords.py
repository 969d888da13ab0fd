"""What a password that somebody chooses must be: long, and nothing that a guesser would try early."""

from collections.abc import Iterable
from threading import Lock

from pbx_control.catalogue import N_
from pbx_control.domain.words.characters import folded
from pbx_control.errors import ClientMistake, Code, Field

SHORTEST = 12
# Of what is typed as a password, characters.
LONGEST_PASSWORD = 200
# Guesses, as a power of ten: at twenty a second, the most that the sign-in takes (sign_in.py), sixteen years.
ENOUGH_GUESSES = 10
# What the estimate looks at, characters: it takes long for more.
LOOKED_AT = 72
# Early guesses of Spanish speakers, which the estimate's own lists lack.
EARLY = ("contrasena", "clave", "secreta", "secreto", "secretaria", "oficina", "empresa", "chile", "santiago", "hola")

TOO_EASY = N_("this password is too easy to guess: take four words that do not belong together, or the proposed one")

# The estimate keeps the words of the one whom it is asked about in a place that all threads share.
_one_at_a_time = Lock()


def check_chosen(password: str, known: Iterable[str]) -> None:
    """Raises ClientMistake if a password may not be chosen. `known`: what everybody knows of its owner: his name, his
    firm's."""
    if len(password) < SHORTEST:
        raise ClientMistake(
            "{field} is too short: write at least {least} characters",
            Code.BAD_VALUE,
            field=Field("password"),
            least=SHORTEST,
        )
    if len(password) > LONGEST_PASSWORD:
        raise ClientMistake(
            "{field} is too long: write at most {most} characters",
            Code.BAD_VALUE,
            field=Field("password"),
            most=LONGEST_PASSWORD,
        )
    # Imported here: it brings lists of words along.
    from zxcvbn import zxcvbn

    words = [word for text in known for word in folded(text).replace("@", " ").replace(".", " ").split()]
    with _one_at_a_time:
        judged = zxcvbn(folded(password)[:LOOKED_AT], user_inputs=[*words, *EARLY])
    if judged["guesses_log10"] < ENOUGH_GUESSES:
        raise ClientMistake(TOO_EASY, Code.BAD_VALUE, field=Field("password"))
