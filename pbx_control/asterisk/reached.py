"""Who is registered now: secretaries' telephones with us, and we with the carriers. The switch itself is asked."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pbx_control.asterisk.ami import Ami, connected
from pbx_control.errors import SwitchUnavailable
from pbx_control.settings import Home, Settings

T = TypeVar("T")

# A list of an admin's does not wait longer for the switch, seconds.
PATIENCE = 3.0
# What a switch says of an endpoint that it can send no call to.
OUT_OF_REACH = ("Unavailable", "Invalid", "Unknown")
UNKNOWN = "unknown"
TRANSPORT = re.compile(r";transport=(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a telephone has registered, and what Asterisk calls that."""

    user: str
    uri: str
    id: str


@dataclass(frozen=True, slots=True)
class Reached:
    """What the switch said; `known` is False if it was away."""

    known: bool = False
    telephones: Mapping[str, bool] = field(default_factory=dict)  # SIP user -> whether it can be rung now
    over: Mapping[str, str] = field(default_factory=dict)  # SIP user -> udp, tcp or tls: how it has registered
    registrations: Mapping[str, str] = field(default_factory=dict)  # trunk's section -> Asterisk's word, in lower case

    def telephone(self, user: str) -> str:
        """ "reached", "away" (not registered, or silent when asked), or "unknown"."""
        if not self.known:
            return UNKNOWN
        return "reached" if self.telephones.get(user) else "away"

    def registration(self, section: str) -> str:
        """ "registered", "rejected" (the carrier refuses us), "unregistered" (not answered yet), or "unknown"."""
        return self.registrations.get(section, "unregistered") if self.known else UNKNOWN


def ask_switch(settings: Settings, home: Home) -> Reached:
    """What the switch knows now, for commands. Never raises because of a switch that is away."""
    return _asked(settings, home, _ask, Reached())


def ask_kept_out(settings: Settings, home: Home) -> Mapping[str, datetime]:
    """Which addresses are kept out now for guessing passwords, and until when. Never raises, either."""
    # Imported here: the lists ask who is registered, and need nothing of ARI.
    from pbx_control.asterisk.kept_out import kept_out

    return _asked(settings, home, kept_out, {})


def _asked(settings: Settings, home: Home, ask: Callable[[Ami], Awaitable[T]], otherwise: T) -> T:
    async def connect_and_ask() -> T:
        async with connected(settings, home) as ami:
            return await ask(ami)

    try:
        return asyncio.run(asyncio.wait_for(connect_and_ask(), PATIENCE))
    except (SwitchUnavailable, TimeoutError):
        return otherwise


async def _ask(ami: Ami) -> Reached:
    return Reached(True, await _telephones(ami), await _over(ami), await registrations(ami))


async def _telephones(ami: Ami) -> dict[str, bool]:
    said = await ami.ask_all("PJSIPShowEndpoints")
    return {row["ObjectName"]: row["DeviceState"] not in OUT_OF_REACH for row in _rows(said, "EndpointList")}


async def _over(ami: Ami) -> dict[str, str]:
    """Asterisk writes the transport of a registration into its contact, whatever the telephone wrote there."""
    there = await contacts(ami)
    return {one.user: found[1].lower() if (found := TRANSPORT.search(one.uri)) else "udp" for one in there}


async def contacts(ami: Ami) -> list[Contact]:
    """Where telephones are registered now. Raises SwitchUnavailable."""
    try:
        rows = _rows(await ami.ask_all("PJSIPShowContacts"), "ContactList")
    except SwitchUnavailable:
        if ami.connected:
            return []  # where nobody has registered, Asterisk calls that an error
        raise
    # Of a secure telephone the endpoint is USER@DOMAIN; a carrier has a contact, too, but no such id.
    return [
        Contact(row["Endpoint"].partition("@")[0], plain(row["Uri"]), plain(row["ObjectName"]))
        for row in rows
        if ";@" in plain(row["ObjectName"])
    ]


def plain(text: str) -> str:
    """A value of AMI's as it was: a semicolon is written as ^3B."""
    return text.replace("^3B", ";")


async def registrations(ami: Ami) -> dict[str, str]:
    """How each registration with a carrier stands, by its section; as in Reached. Raises SwitchUnavailable."""
    said = await ami.ask_all("PJSIPShowRegistrationsOutbound")
    return {row["ObjectName"]: row["Status"].lower() for row in _rows(said, "OutboundRegistrationDetail")}


def _rows(said: Iterable[Mapping[str, Any]], event: str) -> list[Mapping[str, Any]]:
    return [row for row in said if row.get("Event") == event]
