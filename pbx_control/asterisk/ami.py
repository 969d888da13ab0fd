"""The AMI connection (panoramisk): reloads, looks at what is loaded, and tells of telephones and refusals.

manager.conf lets only a few kinds of events through to this account, so that neither a busy hour nor a scanner
floods the daemon.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import md5
from typing import Any

from panoramisk import Manager

from pbx_control.asterisk.connection import HERE, Check, require_asterisk
from pbx_control.catalogue import N_
from pbx_control.errors import Code, SwitchUnavailable, reason
from pbx_control.settings import Home, Settings

USER = "pbx"
# An Asterisk that takes longer for one action is treated as away, seconds. A reload of 10,000 clients takes one.
ANSWER_TIMEOUT = 20.0

# Security events and what they are in our table of refusals.
WRONG_PASSWORD = "wrong-password"
REASONS = {
    "InvalidPassword": WRONG_PASSWORD,
    "ChallengeResponseFailed": WRONG_PASSWORD,
    "InvalidAccountID": "stranger",
    "FailedACL": "stranger",
}
# The endpoint (pjsip.conf) and the reason of whoever is kept out because he guesses passwords.
KEPT_OUT = "kept-out"

# panoramisk tells of each lost connection by itself; what matters of it is told here.
logging.getLogger("panoramisk").setLevel(logging.CRITICAL)


class SwitchAway(SwitchUnavailable):
    """Nobody listens on the AMI port: Asterisk does not run."""


class LoginRefused(SwitchUnavailable):
    """Somebody's AMI answers there and does not know us: an Asterisk with an old password, or another one."""


Listener = Callable[[str, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody was refused by the switch: from which address, why (a word of our own), and what he asked for."""

    source: str
    reason: str
    number: str = field(default="", compare=False)  # as it was dialled, "" where that is unknown
    trunk: str = field(default="", compare=False)  # the section of the trunk that it came by, "" for a telephone


@dataclass(frozen=True, slots=True)
class Telephone:
    """A telephone became reachable where it has registered, or unreachable there."""

    user: str
    uri: str
    reachable: bool


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A telephone's password has come from that address."""

    user: str
    host: str


@dataclass(frozen=True, slots=True)
class Stream:
    """What a leg sends now: its channel id, and the SSRC (RFC 3550) of the stream."""

    leg: str
    source: str


class Ami:
    """One connection. It comes back by itself after a break; an action while it is away raises SwitchUnavailable.

    `listener(event name, headers)` gets every event that the filters let through; it must not block or raise.
    """

    def __init__(self, settings: Settings, home: Home, listener: Listener | None = None) -> None:
        port = settings.asterisk.ami_port
        self._manager = _Manager(
            settings.secrets.ami_password,
            partial(require_asterisk, port, settings, home),
            host=HERE,
            port=port,
            events="on" if listener else "off",
            forgetable_actions=("ping", "challenge", "login"),  # not sent again after a break
            log=logging.getLogger("panoramisk"),
        )
        if listener:
            self._manager.register_event("*", partial(self._hear, listener))

    def _hear(self, listener: Listener, _manager: Manager, event: Any) -> None:
        if self._manager.with_asterisk:  # others could tell us anything
            listener(event.event, event)

    @property
    def connected(self) -> bool:
        """Whether Asterisk knows us at this moment."""
        return bool(self._manager.authenticated and self._manager.protocol and not self._manager.protocol.closed)

    async def connect(self) -> None:
        """Connects and logs in.

        Raises SwitchAway if Asterisk does not run, LoginRefused if it does not know our password.
        """
        try:
            await self._manager.connect()
            await asyncio.sleep(0)  # the login begins in a callback of the connection
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = await self._manager.authenticated_future
            await asyncio.sleep(0)  # its own callback, which notes the login, may still be waiting for its turn
        except OSError as error:
            self.close()
            raise SwitchAway(N_("Asterisk does not run: {why}"), why=reason(error)) from None
        except TimeoutError:
            self.close()
            raise SwitchUnavailable("Asterisk does not answer on AMI", Code.SWITCH_SILENT) from None
        except SwitchUnavailable:
            self.close()
            raise
        if not answer.success:
            self.close()
            raise LoginRefused(N_("Asterisk's AMI does not take our password: start Asterisk anew, it has an old one"))

    async def ask(self, action: str, **headers: str) -> Mapping[str, Any]:
        """Asterisk's answer to one action. Raises SwitchUnavailable if there is none, or if it is an error."""
        return (await self.ask_all(action, **headers))[0]

    async def ask_all(self, action: str, **headers: str) -> list[Mapping[str, Any]]:
        """The same for an action that is answered by a list: the answer, an event for each thing, and an end."""
        if not self.connected:
            raise SwitchUnavailable("Asterisk's AMI is away", Code.SWITCH_SILENT)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                answer = await self._manager.send_action({"Action": action, **headers})
        except TimeoutError:
            raise SwitchUnavailable("Asterisk does not answer {action} on AMI", action=action) from None
        answers = answer if isinstance(answer, list) else [answer]
        if not answers[0].success:
            raise SwitchUnavailable("Asterisk refused {action}: {why}", action=action, why=answers[0].message)
        return answers

    async def value(self, expression: str) -> str:
        """The value of a global variable or of a dialplan function, "" if it has none."""
        # panoramisk leaves an empty last header out
        return str((await self.ask("Getvar", Variable=expression)).get("value", ""))

    async def reload(self, module: str) -> None:
        """Has a module read its configuration anew. Raises SwitchUnavailable if it refuses."""
        await self.ask("Reload", Module=module)

    def close(self) -> None:
        """Ends the connection for good."""
        self._manager.wanted = False
        self._manager.close()


@asynccontextmanager
async def connected(settings: Settings, home: Home) -> AsyncIterator[Ami]:
    """A connection for a few actions. Raises SwitchUnavailable like `Ami.connect`."""
    ami = Ami(settings, home)
    await ami.connect()
    try:
        yield ami
    finally:
        ami.close()


def refusal(name: str, event: Mapping[str, str]) -> Refused | None:
    """What a security event, or the dialplan's own `Refused`, says about who was refused; None for other events.

    A source is an address without its port, so that a scanner that changes ports is one source.
    """
    if name == "UserEvent" and event.get("UserEvent") == "Refused":
        source, reason = _address_of_socket(event.get("Source", "")), event.get("Reason", "")[:32]
        return Refused(source, reason, event.get("Number", "")[:32], event.get("Trunk", "")[:32])
    if name in REASONS and event.get("Service", "PJSIP") == "PJSIP":
        reason = KEPT_OUT if event.get("AccountID") == KEPT_OUT else REASONS[name]
        return Refused(_address_of_security_event(event.get("RemoteAddress", "")), reason)
    return None


def to_dialplan() -> dict[str, str]:
    """Where a secretary's leg waits for her answer, as `Redirect` takes it."""
    # Imported here: a command that only asks who is registered sees no call.
    from pbx_control.asterisk.translate import WAITS_IN

    return {"Context": WAITS_IN, "Exten": "s", "Priority": "1"}


def telephone(name: str, event: Mapping[str, str]) -> Telephone | None:
    """What a ContactStatus event says about a telephone; None for other events."""
    if name != "ContactStatus":
        return None
    reachable = event.get("ContactStatus", "") not in ("Unreachable", "Removed")
    # A secure telephone has registered by its second name, USER@DOMAIN (pjsip.conf).
    user = (event.get("EndpointName") or event.get("AOR", "")).partition("@")[0]
    return Telephone(user, event.get("URI", ""), reachable)


def authenticated(name: str, event: Mapping[str, str]) -> Authenticated | None:
    """What a SuccessfulAuth event says about a telephone; None for other events, and for AMI's own."""
    if name != "SuccessfulAuth" or event.get("Service") != "PJSIP":
        return None
    user = event.get("AccountID", "").partition("@")[0]
    return Authenticated(user, _address_of_security_event(event.get("RemoteAddress", "")))


def stream(name: str, event: Mapping[str, str]) -> Stream | None:
    """What Asterisk reports to a leg's telephone of the stream that it gets from there; None for other events."""
    source = event.get("Report0SourceSSRC", "") if name == "RTCPSent" else ""
    return Stream(event.get("Uniqueid", ""), source) if source else None


def _address_of_socket(text: str) -> str:
    """`127.0.0.9:5060` or `[::1]:5060` without the port."""
    return text.rpartition(":")[0].strip("[]")[:64]


def _address_of_security_event(text: str) -> str:
    """The third part of `IPV4/UDP/127.0.0.9/5060`."""
    parts = text.split("/")
    return (parts[2] if len(parts) > 2 else text)[:64]


class _Manager(Manager):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's manager reconnects for ever, even after a failed first try; this one stops when told to."""

    wanted = True
    with_asterisk = False  # whether it is known that this connection is

    def __init__(self, password: str, require_asterisk: Check, **config: Any) -> None:
        """`require_asterisk` judges each connection before the login."""
        super().__init__(**config)
        self._password, self._require_asterisk = password, require_asterisk

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return super().connect(*args, **kwargs) if self.wanted else None

    def close(self) -> None:
        super().close()
        # The login of a connection that is closed at once would never be answered.
        if self.authenticated_future and not self.authenticated_future.done():
            self.authenticated_future.cancel()

    def connection_made(self, made: "asyncio.Future[Any]") -> None:
        self.with_asterisk = False
        super().connection_made(made)
        if not (made.cancelled() or made.exception()):
            self.authenticated = False
            self.authenticated_future = asyncio.ensure_future(self._log_in(self.protocol))
            self.authenticated_future.add_done_callback(self.login)

    async def _log_in(self, protocol: Any) -> Any:
        """Asterisk's answer to our login on that connection: it is told a digest of the password, not the password."""
        await asyncio.to_thread(self._require_asterisk, protocol.transport.get_extra_info("sockname")[1])
        self._require_same(protocol)
        self.with_asterisk = True
        answer = await self.send_action({"Action": "Challenge", "AuthType": "MD5"})
        self._require_same(protocol)
        if not answer.success:
            return answer
        login = {"Action": "Login", "AuthType": "MD5", "Username": USER, "Events": self.config["events"]}
        key = md5(f"{answer.challenge}{self._password}".encode()).hexdigest()
        return await self.send_action({**login, "Key": key})

    def _require_same(self, protocol: Any) -> None:
        """Raises SwitchUnavailable if another connection has taken the place of the one that was looked at."""
        if self.protocol is not protocol:
            raise SwitchUnavailable("the connection to Asterisk broke")

    def login(self, future: "asyncio.Future[Any]") -> bool:
        if future.cancelled() or future.exception():
            self.protocol.close()  # it is tried anew
            return False
        return bool(super().login(future))
