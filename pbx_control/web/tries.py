"""How often somebody may give a wrong name or password, by name and by address; forgotten when the process ends.

Who has signed in from an address before is looked at from there nevertheless (sign_in.py).
"""

import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from pbx_control.domain.telephony.guessing import place_of

# One person at one place: who mistypes so often looks for the paper.
OF_A_NAME_AT_A_PLACE = RateLimitItemPerMinute(10, 5)
# A whole office may be behind one address, and starts to work at the same minute. People mistype less often.
OF_A_PLACE = RateLimitItemPerMinute(500, 5)
# Many places together against one name. Not fewer: whoever wants to keep her out would only need to try.
OF_A_NAME = RateLimitItemPerMinute(100, 15)


class Tries:
    """The wrong tries of late."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def wait(self, name: str, address: str) -> int:
        """For how many seconds that name is not looked at from that address; 0: it is."""
        reached = [each for each in self._limits(name, address) if not self._limiter.test(*each)]
        resets = [self._limiter.get_window_stats(*each).reset_time for each in reached]
        return max((max(1, math.ceil(reset - time.time())) for reset in resets), default=0)

    def wrong(self, name: str, address: str) -> None:
        """Somebody gave a wrong name or password."""
        for each in self._limits(name, address):
            self._limiter.hit(*each)

    def right(self, name: str, address: str) -> None:
        """He knows it: what he mistyped before is forgotten, but not what else was tried from there."""
        self._limiter.clear(OF_A_NAME_AT_A_PLACE, name, place_of(address))

    def _limits(self, name: str, address: str) -> tuple[tuple[RateLimitItem, *tuple[str, ...]], ...]:
        place = place_of(address)
        return (OF_A_NAME_AT_A_PLACE, name, place), (OF_A_PLACE, place), (OF_A_NAME, name)
