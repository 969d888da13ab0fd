"""Where secretaries' telephones are, and where they may be rung (domain/places.py).

What is known lies in Asterisk's own database: the dialplan asks there while no daemon lives, and the next daemon begins
with it.
"""

from collections.abc import Iterable

from pbx_control.asterisk.ami import Ami
from pbx_control.asterisk.reached import contacts
from pbx_control.domain.places import address_in, is_at, noted, with_newest

# The family in Asterisk's database (extensions.conf, [is-at-home]).
FAMILY = "telephone-at"


class Places:
    """`authenticated` and `registered` are told by AMI's events; `may_ring` and `at_home` give the rule's answers."""

    def __init__(self) -> None:
        self._known = False  # whether Asterisk's database was read
        self._hosts: dict[str, tuple[str, ...]] = {}  # telephone -> noted hosts, newest first
        self._contacts: dict[str, str] = {}  # telephone -> where it has registered

    async def read(self, ami: Ami) -> Iterable[str]:
        """Reads what Asterisk knows; gives the telephones that are registered. Raises SwitchUnavailable."""
        self._contacts.clear()  # of an Asterisk that may have been started anew since
        now = {one.user: one.uri for one in await contacts(ami)}
        rows = await ami.ask_all("DBGetTree", Family=FAMILY)
        stored = {str(row["Key"]).rpartition("/")[2]: tuple(str(row["Val"]).split("|")) for row in rows if "Val" in row}
        self._hosts = stored | self._hosts
        self._contacts = now | self._contacts
        self._known = True
        if not self._hosts:
            self._trust_those_there()
        for user in self._hosts.keys() - stored.keys():
            await self.write(ami, user)
        return now

    def _trust_those_there(self) -> None:
        """An Asterisk of which nobody has ever noted anything: it comes from the time before this rule."""
        for user, uri in self._contacts.items():
            self.authenticated(user, address_in(uri))

    def authenticated(self, user: str, host: str) -> bool:
        """A telephone's password has come from that host. True if that is news, to be written."""
        before = self._hosts.get(user, ())
        if not (one := noted(host)) or before[:1] == (one,):
            return False
        self._hosts[user] = with_newest(before, one)
        return True

    async def write(self, ami: Ami, user: str) -> None:
        """Keeps a telephone's hosts in Asterisk. Raises SwitchUnavailable."""
        await ami.ask("DBPut", Family=FAMILY, Key=user, Val="|".join(self._hosts[user]))

    def registered(self, user: str, uri: str) -> None:
        """A telephone has registered that contact."""
        self._contacts[user] = uri

    def at_home(self, user: str) -> bool:
        """Whether a telephone may be rung where it has registered, as far as that is known."""
        return user not in self._contacts or self.may_ring(user, self._contacts[user])

    def may_ring(self, user: str, uri: str) -> bool:
        """Whether a telephone may be rung there. Before the database is read, any address will do."""
        return is_at(uri, self._hosts.get(user, ())) if self._known else bool(address_in(uri))
