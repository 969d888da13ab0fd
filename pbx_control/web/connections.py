"""The connections to the pages: nobody holds many of them by saying nothing, slowly, or by reading nothing."""

import asyncio
from ipaddress import ip_address

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pbx_control.domain.telephony.guessing import place_of

# So long the first request's head may take, seconds.
FIRST_WITHIN = 15.0
# So long somebody may read nothing of what he is sent, seconds.
UNREAD_FOR = 30.0
# Of those that are open at once: a desk has one or two.
MOST = 800
# From one address: a whole office may be behind it, and must not be all that there is room for.
MOST_OF_A_PLACE = 400


class Connection(H11Protocol):
    """uvicorn's, whose own limit begins with the first answer only, and is over with any byte that comes."""

    _silent: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Lets somebody in, or not."""
        super().connection_made(transport)
        if len(self.connections) > MOST or self._has_too_many():
            transport.abort()
        else:
            self._wait(FIRST_WITHIN)

    def data_received(self, data: bytes) -> None:
        """A whole head of a request ends the waiting: how long its body takes is the guard's to say."""
        super().data_received(data)
        if self._answers:
            _cancel(self._silent)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on it is another protocol's, which has its own signs of life."""
        _cancel(self._silent)
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """The next request has its own time."""
        super().on_response_complete()
        if not self._answers:
            self._wait(self.timeout_keep_alive)

    def pause_writing(self) -> None:
        """He does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_FOR, self.transport.abort)

    def resume_writing(self) -> None:
        """He reads again."""
        super().resume_writing()
        _cancel(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        _cancel(self._silent)
        _cancel(self._unread)

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self, seconds: float) -> None:
        _cancel(self._silent)
        self._silent = self.loop.call_later(seconds, self.transport.abort)

    def _has_too_many(self) -> bool:
        """A proxy on this machine has them all."""
        place = _place(self)
        return bool(place) and sum(_place(one) == place for one in self.connections) > MOST_OF_A_PLACE


def _place(connection: object) -> str:
    """Where it comes from; "" for this machine itself."""
    client = connection.client if isinstance(connection, H11Protocol) else None
    return place_of(client[0]) if client and not ip_address(client[0]).is_loopback else ""


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
