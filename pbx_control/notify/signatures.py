"""Whether a mail is from whom it says: its DKIM signature (RFC 6376), by dkimpy, with keys from the DNS.

A signature proves the domain, not the person, and covers only what it says that it covers. So much is asked of it
here that whatever is put in force is what the sender's own servers have signed, lately, for us.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import dkim
import dns.exception
import dns.resolver
from dkim.crypto import UnparsableKeyError

from pbx_control.domain.mail_in.mails import Mail

FindKey = Callable[[str], bytes | None]
"""Gives the TXT record of that name; None if there is none, or nobody says."""

# A mail is some minutes on its way, and some days if a server is away.
SIGNED_WITHIN = timedelta(days=3)
# Clocks of others run ahead.
AHEAD = timedelta(minutes=30)
MOST_SIGNATURES = 5
LEAST_KEY = 1024  # bits
DNS_LIMIT = 5.0  # seconds
# What must be signed, and be there once: who says it, what, to whom, when.
COVERED = (b"from", b"subject", b"to", b"date")
# How the body is read.
READ_BY = (b"content-type", b"content-transfer-encoding")
ALGORITHMS = (b"rsa-sha256", b"ed25519-sha256")

_HEADER = re.compile(rb"[!-9;-~]+:|[ \t]")
_BAD_LINES = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a mail's signature will do, and if not, why, for the log."""

    good: bool
    why: str = ""


def find_key(name: str, resolver: dns.resolver.Resolver | None = None) -> bytes | None:
    """A TXT record of the DNS; None if there is none, or the DNS does not answer."""
    try:
        answer = (resolver or dns.resolver.get_default_resolver()).resolve(name, "TXT", lifetime=DNS_LIMIT)
    except (dns.exception.DNSException, OSError, ValueError):
        return None
    texts = [b"".join(record.strings) for record in answer]
    return texts[0] if len(texts) == 1 else None


def keys_from(server: str) -> FindKey:
    """What asks that DNS server (`[mail_in] dns`), or this machine's if none is named."""
    if not server:
        return find_key
    host, _, port = server.rpartition(":")
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host.strip("[]")], int(port)
    return partial(find_key, resolver=resolver)


def judge(raw: bytes, mail: Mail, ours: Iterable[str], at: datetime, find: FindKey = find_key) -> Verdict:
    """Looks at the mail's signatures; one that will do is enough. `ours`: the addresses by which mail comes to us."""
    head = raw.partition(b"\r\n\r\n")[0]
    if _BAD_LINES.search(raw) or not all(_HEADER.match(line) for line in head.split(b"\r\n")):
        return Verdict(False, "lines that programs read in several ways")
    names = [line.partition(b":")[0].strip().lower() for line in head.split(b"\r\n") if not line[:1].isspace()]
    if any(names.count(each) != 1 for each in COVERED) or any(names.count(each) > 1 for each in READ_BY):
        return Verdict(False, "a header is missing, or there twice")
    if not set(mail.to) & {each.lower() for each in ours}:
        return Verdict(False, "not addressed to us")
    count = min(names.count(b"dkim-signature"), MOST_SIGNATURES)
    verdicts = [_judge(raw, index, names, mail, at, find) for index in range(count)]
    return next((one for one in verdicts if one.good), verdicts[0] if verdicts else Verdict(False, "no signature"))


def _judge(raw: bytes, index: int, names: list[bytes], mail: Mail, at: datetime, find: FindKey) -> Verdict:
    signature = dkim.DKIM(raw, minkey=LEAST_KEY)
    testing: list[bytes] = []

    def key(name: bytes, timeout: float = DNS_LIMIT) -> bytes | None:
        record = find(name.decode("ascii").rstrip("."))
        testing.extend(each for each in (record or b"").replace(b" ", b"").split(b";") if each.startswith(b"t="))
        return record

    try:
        valid = signature.verify(index, dnsfunc=key)
    except (dkim.DKIMException, UnparsableKeyError, ValueError, KeyError, TypeError, IndexError) as error:
        return Verdict(False, f"{type(error).__name__}: {error}")
    if not valid:
        return Verdict(False, "the signature is wrong, or its key is not there")
    if any(b"y" in each[2:].split(b":") for each in testing):
        return Verdict(False, "the domain only tries signing out")
    why = _lacks(signature.signature_fields, set(signature.include_headers), names, mail, at)
    return Verdict(not why, why)


def _lacks(fields: dict[bytes, bytes], covered: set[bytes], names: list[bytes], mail: Mail, at: datetime) -> str:
    """Why a valid signature will not do; "" if it will."""
    if fields[b"a"] not in ALGORITHMS:
        return "an old algorithm"
    if not is_aligned(fields[b"d"].decode("ascii", "replace"), mail.domain):
        return "the signature is of another domain"
    if b"l" in fields:
        return "only a part of the body is signed"
    if not set(COVERED) <= covered:
        return "From, Subject, To or Date is not signed"
    if not mail.reads_one_way and any(each in names and each not in covered for each in READ_BY):
        return "how the body is read is not signed"
    signed_at = datetime.fromtimestamp(int(fields[b"t"]), UTC) if b"t" in fields else mail.date
    dates = [each for each in (signed_at, mail.date) if each]
    if len(dates) < 2 or not all(at - SIGNED_WITHIN < each < at + AHEAD for each in dates):
        return "not signed lately"
    return ""


def is_aligned(signer: str, domain: str) -> bool:
    """Whether the domain that signs is the sender's, or one above it; not so high that it is everybody's, like `cl`.

    Nobody but a registry could sign for names like com.au. What is beside the sender's domain, not above, will not do,
    though DMARC (RFC 7489) takes it: that needs a list of all registries' names.
    """
    signer, domain = signer.lower().rstrip("."), domain.lower().rstrip(".")
    return "." in signer and (domain == signer or domain.endswith(f".{signer}"))
