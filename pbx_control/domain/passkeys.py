"""Passkeys (WebAuthn, level 2): what a browser is asked to make or to sign, and whether its answer is right.

All texts of bytes are base64url, as in the browser's JSON.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

# How long a browser has for an answer.
ANSWER_WITHIN = timedelta(minutes=5)
MOST_PASSKEYS = 10
NAME_LIMIT = 40
# An answer that is longer is not looked at; one with a chain of certificates has some 6,000 characters.
LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Party:
    """For whom passkeys are made: browsers bind them to a host, and say from which address they were asked."""

    host: str
    origin: str

    @classmethod
    def of(cls, url: str) -> "Party | None":
        """The pages at that address; None where browsers make no passkeys: where the host is a number, or in the clear
        except on the machine itself (https://www.w3.org/TR/webauthn-2/, section 5.1.2)."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        safe = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
        return cls(host, f"{parts.scheme}://{parts.netloc}") if safe and host and not _is_address(host) else None


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that a browser has made."""

    credential: str
    public_key: str
    sign_count: int


@dataclass(frozen=True, slots=True)
class Known:
    """One that is known, and how many signatures it has counted."""

    credential: str
    public_key: str
    sign_count: int


def new_challenge() -> str:
    """What no passkey has signed yet."""
    from webauthn.helpers import bytes_to_base64url, generate_challenge

    return bytes_to_base64url(generate_challenge())


def to_make(party: Party, office: str, user_id: int, name: str, challenge: str, known: Sequence[str]) -> str:
    """What the browser is asked for, as JSON: a passkey that is none of the known ones."""
    # Imported here, as all of the library: few make a passkey, and it takes a while.
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.host,
        rp_name=office,
        user_id=sha256(f"{party.host}:{user_id}".encode()).digest(),
        user_name=name,
        challenge=base64url_to_bytes(challenge),
        timeout=_milliseconds(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return options_to_json(options)


def made(party: Party, challenge: str, answer: str) -> Made | None:
    """The passkey of a browser's answer; None if that is not right."""
    from webauthn import verify_registration_response
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        right = verify_registration_response(
            credential=answer[:LONGEST_ANSWER],
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, RecursionError):
        return None
    public_key = bytes_to_base64url(right.credential_public_key)
    return Made(bytes_to_base64url(right.credential_id), public_key, right.sign_count)


def to_sign(party: Party, challenge: str, known: Sequence[str]) -> str:
    """What the browser is asked for, as JSON: a signature by one of these."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers import base64url_to_bytes

    options = generate_authentication_options(
        rp_id=party.host,
        challenge=base64url_to_bytes(challenge),
        timeout=_milliseconds(),
        allow_credentials=_descriptors(known),
    )
    return options_to_json(options)


def named(answer: str) -> str:
    """Which passkey an answer says that it is by; "" if it is no such answer."""
    from webauthn.helpers import bytes_to_base64url, parse_authentication_credential_json
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        return bytes_to_base64url(parse_authentication_credential_json(answer[:LONGEST_ANSWER]).raw_id)
    except (WebAuthnException, ValueError, TypeError, KeyError, RecursionError):
        return ""


def signed(party: Party, challenge: str, answer: str, by: Known) -> int | None:
    """How many signatures it has counted now; None if the answer is not right, or counts no further (a copy's)."""
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        right = verify_authentication_response(
            credential=answer[:LONGEST_ANSWER],
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=party.host,
            expected_origin=party.origin,
            credential_public_key=base64url_to_bytes(by.public_key),
            credential_current_sign_count=by.sign_count,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, RecursionError):
        return None
    return right.new_sign_count


def _descriptors(known: Sequence[str]) -> list["PublicKeyCredentialDescriptor"]:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known]


def _milliseconds() -> int:
    return int(ANSWER_WITHIN.total_seconds() * 1000)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
