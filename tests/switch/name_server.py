"""A name server for an Asterisk under test: it keeps each question, and answers those alone that it is told to."""

import asyncio
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

# Resolvers know no other port.
PORT = 53


@asynccontextmanager
async def name_server(host: str):
    """A name server at that address for the length of a block; port 53 is root's."""
    one = NameServer()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: one, local_addr=(host, PORT))
    try:
        yield one
    finally:
        transport.close()


class NameServer(asyncio.DatagramProtocol):
    """`questions` are the names asked for, oldest first. `addresses` are those that it tells; it is silent about all
    other names that end in `silent`, and says of the rest that there are none."""

    def __init__(self, silent: str = ".silent.example.") -> None:
        self.questions: list[str] = []
        self.addresses: dict[str, str] = {}
        self._silent = silent
        self._news = asyncio.Condition()

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, source) -> None:
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text()
        self.questions.append(name)
        self._telling = asyncio.ensure_future(self._tell())
        if not name.endswith(self._silent):
            self._transport.sendto(self._answer(question, name).to_wire(), source)

    def _answer(self, question: dns.message.Message, name: str) -> dns.message.Message:
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        address = self.addresses.get(name)
        if address and question.question[0].rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", address))
        return answer

    async def asked(self, name: str) -> None:
        """Waits until that name is asked for."""
        async with self._news:
            await self._news.wait_for(lambda: name in self.questions)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
