"""Which leg sends a stream that is not the one it sent before."""

from collections import OrderedDict

from pbx_control.asterisk.ami import Stream

# The last stream of so many legs is kept: far more than one switch has at a time.
MOST_LEGS = 10_000


class Streams:
    """Knows the last stream of each leg, for as long as this daemon lives."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, str] = OrderedDict()

    def is_new(self, sent: Stream) -> bool:
        """Whether the leg sent another one before. Its first one is nothing new."""
        before = self._last.pop(sent.leg, sent.source)
        self._last[sent.leg] = sent.source
        if len(self._last) > MOST_LEGS:
            self._last.popitem(last=False)
        return before != sent.source
