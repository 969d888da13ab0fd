"""The telephones in secretaries' pages: each page is lent a password of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from secrets import token_urlsafe

import structlog

from pbx_control.asterisk import page_passwords
from pbx_control.asterisk.ari import Ari
from pbx_control.domain.office import Secretary
from pbx_control.domain.telephony.browser import browser_of
from pbx_control.errors import SwitchUnavailable
from pbx_control.live.reach import Reach
from pbx_control.live.switchboard import Switchboard

log = structlog.get_logger()


class PageTelephones:
    """What the channel is asked about them."""

    def __init__(self, ari: Ari, board: Switchboard, reach: Reach) -> None:
        self._ari = ari
        self._board = board
        self._reach = reach
        self._with_password: set[str] = set()  # endpoints; of this switch
        self._one_by_one: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def lend(self, secretary_id: int) -> tuple[str, str] | None:
        """User and password of the telephone in her page: an earlier page's stops working. None if she may have none,
        or the switch is away."""
        her = self._her(secretary_id)
        if her is None or not her.browser_telephone:
            return None
        endpoint, password = browser_of(her.user), token_urlsafe(24)
        async with self._one_by_one[secretary_id]:
            try:
                taken = await page_passwords.put(self._ari, endpoint, password)
            except SwitchUnavailable as error:
                log.warning("a page gets no telephone", telephone=endpoint, why=str(error))
                return None
        if not taken:
            log.warning("Asterisk takes no password of a page: start it anew, it has old modules", telephone=endpoint)
            return None
        self._with_password.add(endpoint)
        self._reach.page_opened(her.user)
        return endpoint, password

    async def take_back(self, secretary_id: int) -> None:
        """Her page is gone: what it was lent is good for nothing any more."""
        if her := self._her(secretary_id):
            async with self._one_by_one[secretary_id]:
                try:
                    await self._take_back(her)
                except SwitchUnavailable as error:
                    log.info("a page's password ends with the switch", why=str(error))

    async def _take_back(self, her: Secretary) -> None:
        endpoint = browser_of(her.user)
        if her.browser_telephone:
            await page_passwords.close(self._ari, endpoint)
        else:
            await page_passwords.drop(self._ari, endpoint)
            self._with_password.discard(endpoint)

    async def close_those_without(self, *, newly_connected: bool) -> None:
        """Gives each telephone that has no password one that nobody knows, until a page is lent another. After a new
        connection all are looked at: it may be to another Asterisk. Raises SwitchUnavailable."""
        if newly_connected:
            self._with_password.clear()
        office = self._board.directory.office if self._board.directory else None
        for her in office.secretaries if office else ():
            if her.browser_telephone and browser_of(her.user) not in self._with_password:
                await self._close(her)

    async def _close(self, her: Secretary) -> None:
        endpoint = browser_of(her.user)
        async with self._one_by_one[her.id]:
            if endpoint in self._with_password:  # a page was lent one meanwhile
                return
            if await page_passwords.is_there(self._ari, endpoint) or await page_passwords.close(self._ari, endpoint):
                self._with_password.add(endpoint)

    def are_ready(self, secretary_ids: Collection[int]) -> None:
        """Whose page has its socket and a microphone: all of them."""
        self._reach.are_ready(secretary_ids)

    def _her(self, secretary_id: int) -> Secretary | None:
        office = self._board.directory.office if self._board.directory else None
        return next((one for one in office.secretaries if one.id == secretary_id), None) if office else None
