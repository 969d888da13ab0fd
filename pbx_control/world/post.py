"""A real SMTP server that keeps the letters it is given: the clients' mailboxes in the outside world."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from pbx_control.world.legs import PATIENCE, within


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter as it arrived: to whom the envelope says, and when."""

    to: tuple[str, ...]
    at: datetime
    letter: EmailMessage

    @property
    def text(self) -> str:
        """What a plain mail program shows."""
        part = self.letter.get_body(("plain",))
        return part.get_content() if part else ""


@dataclass
class PostOffice:
    """Takes every letter; an async context manager. `answer` is what it says to the next ones ("451 …": try later)."""

    port: int
    host: str = "127.0.0.1"
    answer: str = "250 OK"
    deliveries: list[Delivery] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="mail.example.org"), self.host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def to(self, address: str) -> list[Delivery]:
        """The letters that arrived for an address, oldest first."""
        return [delivery for delivery in self.deliveries if address in delivery.to]

    async def arrived(self, address: str, count: int = 1, seconds: float = PATIENCE) -> Delivery:
        """Waits until so many letters have arrived for an address in all, and returns the last of these."""
        async with self._arrived:
            enough = self._arrived.wait_for(lambda: len(self.to(address)) >= count)
            await within(seconds, f"letter {count} arrives for {address}", enough)
        return self.to(address)[count - 1]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each letter."""
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)  # aiosmtpd decodes nothing unless it is told to
            letter = message_from_bytes(content, policy=policy.default)
            async with self._arrived:
                self.deliveries.append(Delivery(tuple(envelope.rcpt_tos), datetime.now(UTC), letter))
                self._arrived.notify_all()
        return self.answer
