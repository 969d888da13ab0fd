"""Why a database refuses, in words that the catalogue knows; what it knows no word for is quoted."""

import re

from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Word

# As PostgreSQL's client tells of a server, and as it tells of its name.
_AT_HOST = re.compile(r'server at "(?P<host>[^"]+)"[^,]*, port (?P<port>\d+) failed: (?P<why>.+)')
_ON_SOCKET = re.compile(r'server on socket "(?P<place>[^"]+)" failed: (?P<why>.+)')
_NO_HOST = re.compile(r"failed to resolve host '(?P<place>[^']+)': (?P<why>.+)")
_PASSWORD = re.compile(r'password authentication failed for user "(?P<user>[^"]+)"')
# Before the words of the server, or of the system.
_SEVERITY = re.compile(r"^(FATAL: +|\[Errno -?\d+\] )")


def cause(error: BaseException | None) -> Sentence | Word:
    """What SQLite or PostgreSQL says: with the place, if it cannot be reached."""
    said = (str(error).strip().splitlines() or ["unknown"])[0]
    if found := _AT_HOST.search(said):
        return Sentence("{place}: {why}", place=f"{found['host']}:{found['port']}", why=_plain(found["why"]))
    if found := _ON_SOCKET.search(said) or _NO_HOST.search(said):
        return Sentence("{place}: {why}", place=found["place"], why=_plain(found["why"]))
    return _plain(said)


def _plain(said: str) -> Sentence | Word:
    if found := _PASSWORD.search(said):
        return Sentence("it does not take the password of {user}", user=found["user"])
    return Word(_SEVERITY.sub("", said))
