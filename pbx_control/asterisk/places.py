"""Where secretaries' telephones are, and where they may be rung (domain/telephony/places.py)."""

from collections.abc import Callable, Iterable

from pbx_control.asterisk.ami import Ami
from pbx_control.asterisk.reached import contacts
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.places import carriers_networks, is_never_rung, may_ring, plain_address, with_newest


class Places:
    """`authenticated` and `registered` are told by AMI's events; `may_ring` and `at_home` give the rule's answers."""

    def __init__(self, trunks: Callable[[], Iterable[Trunk]]) -> None:
        self._trunks = trunks
        self._addresses: dict[str, tuple[str, ...]] = {}  # telephone -> where its password came from, newest first
        self._contacts: dict[str, str] = {}  # telephone -> where it has registered

    async def read(self, ami: Ami) -> Iterable[str]:
        """After each login: what was told meanwhile was missed. A telephone may have moved, so it counts as unknown
        until its next registration. Gives those that are registered. Raises SwitchUnavailable."""
        self._addresses.clear()
        self._contacts = {one.user: one.uri for one in await contacts(ami)}
        return list(self._contacts)

    def authenticated(self, user: str, host: str) -> bool:
        """A telephone's password has come from that host. True if that is news."""
        before = self._addresses.get(user, ())
        if not (address := plain_address(host)) or before[:1] == (address,):
            return False
        self._addresses[user] = with_newest(before, address)
        return True

    def registered(self, user: str, uri: str) -> None:
        """A telephone has registered that contact."""
        self._contacts[user] = uri

    def at_home(self, user: str) -> bool:
        """Whether a telephone may be rung where it has registered, as far as that is known."""
        return user not in self._contacts or self._may_ring(user, self._contacts[user])

    def is_lost(self, user: str) -> bool:
        """Whether a telephone has registered where none is ever rung."""
        return user in self._contacts and is_never_rung(self._contacts[user], carriers_networks(self._trunks()))

    def may_ring(self, user: str, uri: str) -> bool:
        """Whether a telephone may be rung there. (Its contact is looked at, too: Asterisk takes headers out of it for
        the INVITE, and the address that it then tells does not show them.)"""
        return self._may_ring(user, uri) and self.at_home(user)

    def _may_ring(self, user: str, uri: str) -> bool:
        return may_ring(uri, self._addresses.get(user, ()), carriers_networks(self._trunks()))
