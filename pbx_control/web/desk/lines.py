"""The telephones in secretaries' pages: one line each, between a page and the switch, while both sides hold it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from secrets import token_urlsafe

# So long a line may be without its socket, seconds: a network is away for a moment, and the call goes on meanwhile.
COMES_BACK_WITHIN = 30.0


@dataclass(eq=False, slots=True)
class Line:
    """The telephone of one page."""

    secretary_id: int
    session_id: int
    key: str = field(default_factory=partial(token_urlsafe, 18))  # the page shows it when it opens the socket
    is_open: bool = False  # its socket
    can_speak: bool = False  # the page has a microphone, and says so
    over: asyncio.Event = field(default_factory=asyncio.Event)  # another page has taken its place
    ending: asyncio.TimerHandle | None = None


class Lines:
    """All lines of this web process. `changed()` is called when another secretary can be reached, or one no more;
    `take_back(secretary_id)` when what a page was lent is not needed any longer."""

    def __init__(self, changed: Callable[[], None], take_back: Callable[[int], None]) -> None:
        self._changed = changed
        self._take_back = take_back
        self._lines: dict[int, Line] = {}
        self.lending: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)  # by secretary

    def begin(self, secretary_id: int, session_id: int) -> Line:
        """A page has been lent a password: it alone has her telephone from now on."""
        if former := self._lines.get(secretary_id):
            former.over.set()
            _cancel(former)
        line = self._lines[secretary_id] = Line(secretary_id, session_id)
        self._wait_for_socket(line)
        self._changed()
        return line

    def find(self, secretary_id: int, key: str) -> Line | None:
        """Her line, if that is its key."""
        line = self._lines.get(secretary_id)
        return line if line and line.key == key else None

    @contextmanager
    def open(self, line: Line) -> Iterator[None]:
        """Its socket is open for the length of the block."""
        line.is_open = True
        _cancel(line)
        self._changed()
        try:
            yield
        finally:
            line.is_open = False
            if not line.over.is_set():
                self._wait_for_socket(line)
            self._changed()

    def can_speak(self, line: Line, can_speak: bool) -> None:
        """What the page says of its microphone."""
        line.can_speak = can_speak
        self._changed()

    def end(self, line: Line) -> None:
        """The page is done with it."""
        if self._lines.get(line.secretary_id) is line:
            del self._lines[line.secretary_id]
            _cancel(line)
            line.over.set()
            self._take_back(line.secretary_id)
            self._changed()

    def signed_out(self, secretary_id: int, session_id: int) -> None:
        """That session is over, and its telephone with it."""
        line = self._lines.get(secretary_id)
        if line and line.session_id == session_id:
            self.end(line)

    @property
    def ready(self) -> set[int]:
        """Whose page could take a call, as far as the pages know."""
        return {her for her, line in self._lines.items() if line.is_open and line.can_speak}

    def _wait_for_socket(self, line: Line) -> None:
        line.ending = asyncio.get_running_loop().call_later(COMES_BACK_WITHIN, self.end, line)


def _cancel(line: Line) -> None:
    if line.ending:
        line.ending.cancel()
        line.ending = None
