"""Certificates of every kind, and a carrier over TLS that keeps each byte it gets."""

import asyncio
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Authority:
    """Somebody who vouches for others."""

    folder: Path
    name: str

    @classmethod
    def new(cls, folder: Path, name: str) -> "Authority":
        _openssl(folder, "req", "-x509", *KEY, "-days", "30", "-subj", f"/CN={name}", *_files(name))
        return cls(folder, name)

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.crt"

    @property
    def pem(self) -> str:
        return self.file.read_text()

    def vouches(self, name: str, host: str, days: int = 30) -> Path:
        """A certificate with its key, in one file, for whom `host` is the address; -1 days: it has expired."""
        _openssl(self.folder, "req", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=IP:{host}\n")
        ours = ("-CA", f"{self.name}.crt", "-CAkey", f"{self.name}.key", "-CAcreateserial", "-days", str(days))
        _openssl(
            self.folder, "x509", "-req", "-in", f"{name}.csr", *ours, "-extfile", f"{name}.ext", "-out", f"{name}.crt"
        )
        return _joined(self.folder, name)


def nobody_vouches(folder: Path, name: str) -> Path:
    """A certificate that its owner made himself, for another name."""
    _openssl(folder, "req", "-x509", *KEY, "-days", "30", "-subj", "/CN=wrong.example", *_files(name))
    return _joined(folder, name)


@dataclass
class Carrier:
    """Answers no request. `got` is what came over all connections, after the handshake."""

    got: bytes = b""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    ended: int = 0  # connections
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while block := await reader.read(4096):
                await self._note(block)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            self.ended += 1
            await self._note(b"")
            writer.close()

    async def request(self, method: str) -> str:
        """The first request of that method, whole."""

        def found() -> re.Match[str] | None:
            return re.search(rf"^{method} .*?\r\n\r\n.*", self.got.decode(), re.DOTALL | re.MULTILINE)

        async with self.news:
            await asyncio.wait_for(self.news.wait_for(found), patience(20))
        match = found()
        assert match
        return match[0]

    async def was_left(self, times: int) -> None:
        """Waits until so many have connected and gone."""
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: self.ended >= times), patience(20))

    async def _note(self, block: bytes) -> None:
        async with self.news:
            self.got += block
            self.news.notify_all()


@asynccontextmanager
async def carrier(here: Address, certificate: Path):
    """Listens there with that certificate."""
    one, context = Carrier(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(one.serve, here.host, here.port, ssl=context)
    try:
        yield one
    finally:
        server.close()
        for writer in one.writers:
            writer.close()


def _files(name: str) -> Iterator[str]:
    yield from ("-keyout", f"{name}.key", "-out", f"{name}.crt")


def _joined(folder: Path, name: str) -> Path:
    file = folder / f"{name}.pem"
    file.write_text((folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text())
    file.chmod(0o644)
    return file


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
