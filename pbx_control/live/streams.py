"""Which leg sends a stream that is not the one it sent before."""

from collections import OrderedDict

from pbx_control.asterisk.ami import Stream

# The last stream of so many legs is kept: far more than one switch has at a time.
MOST_LEGS = 10_000
# So many changes of a leg are told. More of them come from a telephone that sends two streams at a time, or from a far
# switch that begins a new stream whenever ours does, as joining a leg anew has it do.
MOST_CHANGES = 20


class Streams:
    """Knows the last stream of each leg, for as long as this daemon lives."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, int]] = OrderedDict()  # legs -> SSRC, and how many there were before it

    def is_new(self, sent: Stream) -> bool:
        """Whether the leg sent another one before, and has not changed too often. Its first one is nothing new."""
        before, changes = self._last.pop(sent.leg, (sent.source, 0))
        new = sent.source != before
        self._last[sent.leg] = sent.source, changes + new
        if len(self._last) > MOST_LEGS:
            self._last.popitem(last=False)
        return new and changes < MOST_CHANGES
