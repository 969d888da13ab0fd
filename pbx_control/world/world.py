"""Starts the outside Asterisk and turns its events into people: callers who dial, telephones that ring."""

import asyncio
import itertools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from panoramisk import Manager

from pbx_control.asterisk.runtime import sandbox
from pbx_control.world import audio
from pbx_control.world.config import TLS_FILE, Account, Place, files
from pbx_control.world.legs import Leg, conversation, within
from pbx_control.world.people import Telephone

log = logging.getLogger(__name__)

LOGIN = 10.0  # s
REGISTRATION = 10.0  # s


async def end_leftovers(folder: Path) -> None:
    """Ends the outside Asterisk that a killed program left running in a folder."""
    await asyncio.to_thread(sandbox(folder).stop)


class World:
    """A carrier, callers and telephones around one switch; an async context manager.

    `place` says where it lives and which switch it calls; `runtime` is a value of `[asterisk] runtime`.
    """

    def __init__(self, place: Place, runtime: str = "auto") -> None:
        self.place = place
        self._asterisk = sandbox(place.folder, wanted=runtime)
        self._ami: Manager | None = None
        self._booted = asyncio.Event()
        self._accounts: list[Account] = []
        self._customers: list[Account] = []
        self._sayings: list[Path] = []  # what people say, as far as the outside Asterisk knows it
        self._telephones: dict[str, Telephone] = {}
        self._legs: dict[str, Leg] = {}  # by Asterisk's unique id
        self._serial = itertools.count(1)

    async def __aenter__(self) -> Self:
        self.place.folder.mkdir(mode=0o700, parents=True)  # a world starts with nothing that another one heard
        for name in ("etc", "say", "heard"):
            (self.place.folder / name).mkdir()
        if self.place.tls:
            shutil.copyfile(self.place.tls, self.place.folder / TLS_FILE)  # its sandbox sees nothing else
        self._write_config()
        try:
            await asyncio.to_thread(self._asterisk.start)
            await within(LOGIN, "the outside Asterisk lets us in", self._connect())
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for telephone in self._telephones.values():
            telephone.leave()
        if self._ami:
            self._ami.close()
        await asyncio.to_thread(self._asterisk.stop)

    async def phone(
        self,
        user: str,
        password: str,
        tone: float = 880,
        say: Path | None = None,
        over: str = "udp",
        name: str = "",
    ) -> Telephone:
        """A secretary's softphone that has registered at the switch; DidNotHappen if it was not let in.

        `over` and `name` as in Account: a second softphone of the same user needs a name of its own.
        """
        telephone = await self.unregistered_phone(user, password, tone, say, over, name)
        await within(REGISTRATION, f"{telephone.name} registers", telephone.registered.wait())
        return telephone

    async def unregistered_phone(
        self,
        user: str,
        password: str,
        tone: float = 880,
        say: Path | None = None,
        over: str = "udp",
        name: str = "",
    ) -> Telephone:
        """A softphone that tries to register: wait for its `registered` or `refused`."""
        telephone = self._telephone(name or user, tone, say)
        await self._learnt(telephone.say)
        self._accounts.append(Account(user, password, over, telephone.name))
        await self._reload()
        return telephone

    async def customer(self, user: str, password: str) -> None:
        """The carrier lets somebody register with that password from now on (again: it has been changed)."""
        self._customers = [one for one in self._customers if one.user != user] + [Account(user, password)]
        await self._reload()

    async def has_registered(self, user: str) -> bool:
        """Whether that customer of the carrier is registered with it now."""
        contacts = await self.console(f"pjsip show aor {user}")
        return f"Contact:  {user}/sip:" in contacts

    async def console(self, command: str) -> str:
        """What the outside Asterisk's console answers."""
        return await asyncio.to_thread(self._asterisk.command, command)

    async def _reload(self) -> None:
        self._write_config()
        await self._act({"Action": "Reload", "Module": "res_pjsip.so"})
        await self._act({"Action": "Reload", "Module": "res_pjsip_outbound_registration.so"})

    async def unregister(self, user: str) -> None:
        """The softphone is switched off in an orderly way: it unregisters."""
        self._telephones[user].registered.clear()
        await self._act({"Action": "PJSIPUnregister", "Registration": f"phone-{user}"})

    async def register(self, user: str) -> None:
        """It is switched on again."""
        await self._act({"Action": "PJSIPRegister", "Registration": f"phone-{user}"})
        await within(REGISTRATION, f"{user} registers", self._telephones[user].registered.wait())

    def contact(self, number: str, tone: float = 1100, say: Path | None = None) -> Telephone:
        """A telephone of the public network, which the switch reaches over the carrier at that number."""
        return self._telephone(number, tone, say)

    def telephone(self, name: str) -> Telephone:
        """One that is there already: a softphone by its user, a contact's by its number."""
        return self._telephones[name]

    async def call(
        self,
        number: str,
        caller: str = "+56912345678",
        name: str = "",
        tone: float = 700,
        say: Path | None = None,
        over: str = "udp",
    ) -> Leg:
        """A caller dials a number of ours over the carrier, by "udp", "tcp" or "tls" (with SRTP).

        Returns at once: await `ringing`, `answered`, `ended`.
        """
        pbx, line = self.place.pbx, "carrier" if over == "udp" else f"carrier-{over}"
        port = pbx.port + 1 if over == "tls" else pbx.port
        uri = f"sip:{number}@{pbx.host}:{port}" + ("" if over == "udp" else f";transport={over}")
        return await self._dial(f"PJSIP/{line}/{uri}", caller, name, tone, say)

    async def call_customer(self, user: str, number: str, caller: str = "+56912345678", tone: float = 700) -> Leg:
        """A caller dials a number that the carrier brings to where that customer has registered."""
        return await self._dial(f"PJSIP/{number}@{user}", caller, "", tone, None)

    async def dial_from_phone(self, user: str, number: str, tone: float = 880) -> Leg:
        """Somebody dials on a secretary's softphone, which ought to be refused."""
        channel = f"PJSIP/phone-{user}/sip:{number}@{self.place.pbx}"
        return await self._dial(channel, user, "", tone, None)

    async def _dial(self, channel: str, caller: str, name: str, tone: float, say: Path | None) -> Leg:
        say = await self._learnt(say or self._tone(tone))
        ident = f"caller-{next(self._serial)}"
        leg = Leg(self._act, f"{ident} ({caller})", say, self.place.folder / "heard" / f"{ident}.wav")
        self._legs[ident] = leg
        talk = {"Context": "talking", "Exten": "s", "Priority": "1", "Async": "true", "Timeout": "300000"}
        variables = [f"{key}={value}" for key, value in conversation(leg.say, leg.heard).items()]
        who = {"CallerID": f'"{name}" <{caller}>' if name else caller, "ChannelId": ident, "Variable": variables}
        await self._act({"Action": "Originate", "Channel": channel} | talk | who)
        return leg

    async def _learnt(self, say: Path) -> Path:
        """The same; from now on the outside Asterisk can say it, and all that telephones are to say."""
        new = {say, *(telephone.say for telephone in self._telephones.values())} - set(self._sayings)
        if new:
            self._sayings += sorted(new)
            self._write_config()
            await self._act({"Action": "Reload", "Module": "res_musiconhold.so"})
        return say

    def _telephone(self, name: str, tone: float, say: Path | None) -> Telephone:
        telephone = Telephone(name, self._act, self.place.folder / "heard", say or self._tone(tone))
        self._telephones[name] = telephone
        return telephone

    def _tone(self, hertz: float) -> Path:
        path = self.place.folder / "say" / f"tone-{hertz:g}.wav"
        return path if path.exists() else audio.write_tone(path, hertz)

    def _write_config(self) -> None:
        for name, text in files(self.place, self._accounts, self._customers, self._sayings).items():
            (self.place.folder / "etc" / name).write_text(text)

    # --- the manager interface

    async def _connect(self) -> None:
        self._ami = Manager(
            host="127.0.0.1",
            port=self.place.ami_port,
            username="world",
            secret=self.place.ami_secret,
            loop=asyncio.get_running_loop(),
        )
        for pattern, hear in self._ears().items():
            self._ami.register_event(pattern, hear)
        await self._ami.connect()
        await self._booted.wait()

    async def _act(self, action: dict[str, Any]) -> bool:
        assert self._ami
        answer = await self._ami.send_action(action, as_list=False)
        if not answer.success:
            log.info("the outside Asterisk refused %s: %s", action, answer.message)
        return bool(answer.success)

    def _ears(self) -> dict[str, Callable[[Manager, Any], Any]]:
        return {
            "FullyBooted": lambda _, event: self._booted.set(),
            "UserEvent": self._on_invited,
            "Newchannel": self._on_channel,
            "Newstate": self._on_state,
            "DTMFEnd": self._on_key,
            "Hangup": self._on_hangup,
            "Registry": self._on_registry,
            "OriginateResponse": self._on_originated,
        }

    async def _on_invited(self, _: Manager, event: Any) -> None:
        telephone = self._telephones.get(event["Callee"])
        if telephone:
            self._legs[event["Uniqueid"]] = await telephone.ring(event)
        else:
            await self._act({"Action": "Hangup", "Channel": event["Channel"], "Cause": "1"})

    def _on_channel(self, _: Manager, event: Any) -> None:
        if leg := self._legs.get(event["Uniqueid"]):
            leg.channel = event["Channel"]

    def _on_state(self, _: Manager, event: Any) -> None:
        leg = self._legs.get(event["Uniqueid"])
        if not leg:
            return
        if event["ChannelStateDesc"] == "Ringing":
            leg.rang.reach()
        elif event["ChannelStateDesc"] == "Up":
            leg.answer.reach()

    def _on_key(self, _: Manager, event: Any) -> None:
        leg = self._legs.get(event["Uniqueid"])
        if leg and event["Direction"] == "Received":
            leg.keys += event["Digit"]

    def _on_hangup(self, _: Manager, event: Any) -> None:
        if leg := self._legs.pop(event["Uniqueid"], None):
            leg.hung_up(int(event["Cause"]))

    def _on_originated(self, _: Manager, event: Any) -> None:
        leg = self._legs.get(event["Uniqueid"])
        if leg and event["Response"] == "Failure" and not leg.channel:
            leg.end.reach()

    def _on_registry(self, _: Manager, event: Any) -> None:
        user = event["Username"].removeprefix("sip:").partition("@")[0]
        for telephone in [self._telephones[one.name] for one in self._accounts if one.user == user]:
            if event["Status"] == "Registered":
                telephone.registered.set()
            elif event["Status"] == "Rejected":
                telephone.refused.set()
