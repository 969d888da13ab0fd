"""A passkey made of software: it answers what pages ask as a browser with a security key does (WebAuthn, level 2)."""

import json
import secrets
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

PRESENT, WITH_CREDENTIAL = 0x01, 0x40


@dataclass
class Authenticator:
    """One key at one address."""

    origin: str
    host: str
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0

    def makes(self, options: dict[str, Any]) -> str:
        """The answer to what is to be made."""
        said = self._client_data("webauthn.create", options)
        numbers = self.key.public_key().public_numbers()
        public_key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        credential = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential + cbor2.dumps(public_key)
        attested = {"fmt": "none", "attStmt": {}, "authData": self._data(PRESENT | WITH_CREDENTIAL) + credential}
        return self._answer(clientDataJSON=said, attestationObject=cbor2.dumps(attested))

    def signs(self, options: dict[str, Any]) -> str:
        """The answer to what is to be signed."""
        self.count += 1
        said, data = self._client_data("webauthn.get", options), self._data(PRESENT)
        signature = self.key.sign(data + sha256(said).digest(), ECDSA(SHA256()))
        return self._answer(clientDataJSON=said, authenticatorData=data, signature=signature)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, flags: int) -> bytes:
        return sha256(self.host.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _answer(self, **response: bytes) -> str:
        named = bytes_to_base64url(self.credential)
        texts = {name: bytes_to_base64url(value) for name, value in response.items()}
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": texts})
