"""Which of her telephones can be rung: her softphone, or else the one in her page."""

from collections.abc import Collection

from pbx_control.domain.telephony.browser import browser_of, is_browser, user_of
from pbx_control.live.switchboard import Switchboard


class Reach:
    """What the switch and the pages say of telephones; the board hears whether a secretary can be reached at all."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._online: dict[str, bool] = {}  # by endpoint, as the switch has it
        self._ready: frozenset[int] = frozenset()  # secretaries whose pages say that they can be heard
        self._rung: dict[str, str] = {}  # legs -> endpoints, of telephones in pages
        self._left: set[str] = set()  # those of a page that was opened anew since

    def is_online(self, endpoint: str, there: bool) -> None:
        """The switch has a contact of that endpoint that answers and is where it may be rung, or has none."""
        self._online[endpoint] = there
        self._tell(user_of(endpoint))

    def are_ready(self, secretary_ids: Collection[int]) -> None:
        """Whose page has its socket and a microphone: all of them."""
        before, self._ready = self._ready, frozenset(secretary_ids)
        for chair in list(self._board.chairs):
            if chair.seat.secretary_id in before ^ self._ready:
                self._tell(chair.seat.user)

    def _tell(self, user: str) -> None:
        self._board.registered(user, self._online.get(user, False) or self._in_page(user))

    def _in_page(self, user: str) -> bool:
        """The switch alone does not know whether she can speak there, her page alone not whether it can be rung."""
        if not self._online.get(browser_of(user)):
            return False
        return any(one.seat.user == user and one.seat.secretary_id in self._ready for one in self._board.chairs)

    def endpoint_of(self, user: str) -> str:
        """Where she is rung now."""
        return browser_of(user) if self._in_page(user) and not self._online.get(user) else user

    def ring(self, user: str, leg: str) -> str:
        """The endpoint that a leg is to ring, to reach her."""
        endpoint = self.endpoint_of(user)
        self.rings(leg, endpoint)
        return endpoint

    # --- legs ---------------------------------------------------------------------------------------------

    def rings(self, leg: str, endpoint: str) -> None:
        """That leg is one of this endpoint's."""
        if is_browser(endpoint):
            self._rung[leg] = endpoint

    def page_opened(self, user: str) -> None:
        """A page of hers begins with a telephone: what an earlier one had may have nobody behind it."""
        self._left |= {leg for leg, endpoint in self._rung.items() if endpoint == browser_of(user)}

    def browser_legs(self) -> dict[str, bool]:
        """The legs of secretaries who talk in their pages, and whether something says that the page is gone."""
        talking = set(self._board.legs_with_her())
        self._rung = {leg: endpoint for leg, endpoint in self._rung.items() if self._is_live(leg)}
        self._left &= self._rung.keys()
        return {
            leg: leg in self._left or not self._online.get(endpoint, False)
            for leg, endpoint in self._rung.items()
            if leg in talking
        }

    def _is_live(self, leg: str) -> bool:
        return any(call.seat and call.secretary_leg == leg for call in self._board.calls)
