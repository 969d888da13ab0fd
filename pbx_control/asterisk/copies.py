"""Copies of the SIP messages that come and go, as Asterisk's res_hep_pjsip sends them (HEP, version 3).

Each has a password with it: any program of the machine could send us something.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address

from pbx_control.settings import Secrets

_MAGIC = b"HEP3"
_HEAD = struct.Struct("!4sH")
_CHUNK = struct.Struct("!HHH")  # vendor, type, length with this head
# Types of chunks: addresses of IPv4 and IPv6, ports, the message, and what it belongs to.
_FROM, _TO = (3, 5), (4, 6)
_FROM_PORT, _TO_PORT = 7, 8
_PASSWORD, _MESSAGE, _ABOUT = 14, 15, 17


@dataclass(frozen=True, slots=True)
class Copy:
    """One SIP message, and who sent it to whom: address and port. `about` is its Call-ID, or its channel's name."""

    sender: tuple[str, int]
    receiver: tuple[str, int]
    about: bytes
    message: bytes


def password(secrets: Secrets) -> str:
    """What Asterisk sends along. It is no password for anything else."""
    return sha256(f"copies {secrets.ami_password}".encode()).hexdigest()


def read(datagram: bytes, password: bytes) -> Copy | None:
    """The message in a datagram; None if it is no copy of one, or somebody else's."""
    try:
        chunks = dict(_chunks(datagram))
        if not compare_digest(chunks[_PASSWORD], password):
            return None
        return Copy(_place(chunks, _FROM, _FROM_PORT), _place(chunks, _TO, _TO_PORT), chunks[_ABOUT], chunks[_MESSAGE])
    except (struct.error, LookupError, ValueError):
        return None


def _chunks(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    magic, length = _HEAD.unpack_from(datagram)
    if magic != _MAGIC or length != len(datagram):
        raise ValueError("no copy")
    at = _HEAD.size
    while at < length:
        _, kind, size = _CHUNK.unpack_from(datagram, at)
        if size < _CHUNK.size or at + size > length:
            raise ValueError("a broken copy")
        yield kind, datagram[at + _CHUNK.size : at + size]
        at += size


def _place(chunks: dict[int, bytes], addresses: tuple[int, ...], port: int) -> tuple[str, int]:
    packed = next(chunks[kind] for kind in addresses if kind in chunks)
    return _written(packed), int.from_bytes(chunks[port], "big")


@lru_cache(maxsize=1024)  # each call is from and to those of the calls before
def _written(address: bytes) -> str:
    return str(ip_address(address))
