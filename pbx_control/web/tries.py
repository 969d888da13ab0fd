"""How often somebody may give a wrong name, password or code, or ask for a letter; forgotten when the process ends.

Who has signed in from an address before is looked at from there nevertheless (sign_in.py).
"""

import math
import time

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from pbx_control.domain.telephony.guessing import place_of

# One person at one place: who mistypes so often looks for the paper.
OF_A_NAME_AT_A_PLACE = RateLimitItemPerMinute(10, 5)
# A whole office may be behind one address, and starts to work at the same minute. People mistype less often.
OF_A_PLACE = RateLimitItemPerMinute(500, 5)
# Many places together against one name. Not fewer: whoever wants to keep her out would only need to try.
OF_A_NAME = RateLimitItemPerMinute(100, 15)
# Passwords that are asked for once more of somebody who is signed in.
PROOFS_OF_A_SESSION = RateLimitItemPerMinute(10, 5)
# Codes for one account. Of a million, three are right at a time, and whoever guesses them knows the password.
CODES_OF_ONE = RateLimitItemPerMinute(10, 15)
CODES_OF_ONE_A_DAY = RateLimitItemPerDay(50)
# Archives of all that is kept of one client.
EXPORTS_OF_ONE = RateLimitItemPerHour(6)
# Letters that a place may ask for, for any names.
LETTERS_OF_A_PLACE = RateLimitItemPerMinute(10, 15)
# Looks at links to letters' files from a place, and pieces of such files: a player asks for many.
FETCHES_OF_A_PLACE = RateLimitItemPerMinute(300, 15)
# Tries of a remote calendar by one client's people: our server asks another one at an address of theirs.
CALENDARS_OF_ONE = RateLimitItemPerMinute(20, 15)
# Tests of webhooks by one client's people: our server asks another one at an address of theirs.
WEBHOOK_TESTS_OF_ONE = RateLimitItemPerMinute(20, 15)
# E-mail addresses that are written to appointments of one client, or by one secretary: each is sent a letter.
INVITED_BY_ONE = RateLimitItemPerMinute(40, 15)
INVITED_BY_ONE_A_DAY = RateLimitItemPerDay(300)
# Looks at calendars' feeds from a place: a program that shows them looks for many people from one address.
FEEDS_OF_A_PLACE = RateLimitItemPerMinute(1500, 15)
# Requests by one token: ten a second.
REQUESTS_OF_A_TOKEN = RateLimitItemPerMinute(600)
# Tokens that are good no more, or never were, from a place.
WRONG_TOKENS_OF_A_PLACE = RateLimitItemPerMinute(60)
# Pieces of one file that a place fetches within this are one fetch.
PIECES_OF_A_FETCH = RateLimitItemPerMinute(1, 15)


class Tries:
    """The wrong tries of late."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def wait(self, name: str, address: str) -> int:
        """For how many seconds that name is not looked at from that address; 0: it is."""
        reached = [each for each in self._limits(name, address) if not self._limiter.test(*each)]
        return max((_seconds_until_free(self._limiter, *each) for each in reached), default=0)

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


class Allowance:
    """So many of something, for each key. Each is counted before it is looked at, so that a thousand at once are not a
    thousand."""

    def __init__(self, *items: RateLimitItem) -> None:
        self._items = items
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, key: str) -> int:
        """Counts one; for how many seconds there is none left, 0 if this was one."""
        # Each is counted, whether another one has room or not.
        refused = [item for item in self._items if not self._limiter.hit(item, key)]
        return max((_seconds_until_free(self._limiter, item, key) for item in refused), default=0)

    def give_back(self, key: str) -> None:
        """What was taken within the shortest time is forgotten."""
        self._limiter.clear(self._items[0], key)


def _seconds_until_free(limiter: FixedWindowRateLimiter, item: RateLimitItem, *key: str) -> int:
    return max(1, math.ceil(limiter.get_window_stats(item, *key).reset_time - time.time()))
