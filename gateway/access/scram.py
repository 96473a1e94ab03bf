"""SCRAM-SHA-256 verifiers: the only form in which a password is stored. Pure; touches nothing.

Sources: RFC 5802 (StoredKey, ServerKey), RFC 7677 (SHA-256), RFC 4013 (SASLprep); the text is PostgreSQL's:
`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, base64 where binary.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from dataclasses import dataclass, field

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 4096  # RFC 7677 section 4 asks for at least this many, and PostgreSQL takes it
_SALT_BYTES = 16
_TEXT = re.compile(r"SCRAM-SHA-256\$(\d{4,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)", re.ASCII)
_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


@dataclass(frozen=True)
class Verifier:
    """What a server keeps of a password: enough to check a proof, not enough to log in elsewhere."""

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str, *, iterations: int = ITERATIONS, salt: bytes | None = None) -> Verifier:
        """The verifier of `password` under a fresh salt."""
        chosen = os.urandom(_SALT_BYTES) if salt is None else salt
        salted = hashlib.pbkdf2_hmac("sha256", prepared(password), chosen, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        return cls(
            iterations, chosen, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")
        )

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier that PostgreSQL's `text` says. Raises ValueError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(f"a verifier reads {MECHANISM}$<iterations>:<salt>$<StoredKey>:<ServerKey>")
        try:
            salt, stored, server = (base64.b64decode(part, validate=True) for part in found.groups()[1:])
        except binascii.Error as error:
            raise ValueError("salt, StoredKey and ServerKey of a verifier are base64") from error
        if int(found[1]) < ITERATIONS or len(stored) != 32 or len(server) != 32:
            raise ValueError(f"a verifier has at least {ITERATIONS} iterations and keys of 32 bytes")
        return cls(int(found[1]), salt, stored, server)

    def __str__(self) -> str:
        salt, stored, server = (
            base64.b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"{MECHANISM}${self.iterations}:{salt}${stored}:{server}"

    def accepts(self, password: str) -> bool:
        """Whether this is the verifier of `password`: derives again (about 1 ms) and compares in constant time."""
        again = Verifier.of(password, iterations=self.iterations, salt=self.salt)
        return hmac.compare_digest(again.stored_key, self.stored_key)


def prepared(password: str) -> bytes:
    """`password` by SASLprep as UTF-8; as it is where SASLprep prohibits it, which is what PostgreSQL does."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in password if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    unfit = any(table(char) for char in normal for table in _PROHIBITED) or _mixes_directions(normal)
    return (password if unfit or not normal else normal).encode("utf-8", "surrogatepass")


def _mixes_directions(text: str) -> bool:
    """RFC 3454 section 6: right-to-left text holds no left-to-right character, and starts and ends as what it is."""
    if not any(stringprep.in_table_d1(char) for char in text):
        return False
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends or any(stringprep.in_table_d2(char) for char in text)
