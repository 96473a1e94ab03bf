"""One secret, and every key that is derived from it. Touches the file of the secret only.

Derivation is HKDF-SHA256 (RFC 5869) with the purpose as `info`; sealing is AES-256-GCM (NIST SP 800-38D) with the kind
as associated data, so that a cursor cannot be used as a ticket.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import BadQuery
from gateway.settings import Settings, SettingsError

SECRET_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96-bit nonces


class Keys:
    """Keys derived from one secret of at least 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES:
            raise SettingsError((f"secret_key: at least {SECRET_BYTES} bytes are needed (try `openssl rand -hex 32`)",))
        self._secret = secret
        self._cipher = lru_cache(maxsize=64)(lambda kind: AESGCM(self.derive(f"seal:{kind}")))

    def derive(self, purpose: str) -> bytes:
        """The key of 32 bytes for `purpose`: the same for the same secret, unrelated between purposes."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"outport:" + purpose.encode()).derive(
            self._secret
        )

    def seal(self, kind: str, payload: bytes) -> str:
        """`payload` encrypted and authenticated, as url-safe text without padding."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher(kind).encrypt(nonce, payload, kind.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def unseal(self, kind: str, text: str) -> bytes:
        """What `seal` was given. Raises BadQuery (value) if `text` is forged, cut, or of another kind."""
        try:
            sealed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return self._cipher(kind).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kind.encode())
        except (InvalidTag, ValueError, binascii.Error, UnicodeEncodeError) as error:
            raise BadQuery(f"this {kind} was not given out by this server", reason="value") from error


def load(settings: Settings) -> Keys:
    """The keys of this deployment; the demo makes a secret for itself once.

    Raises SettingsError outside the demo if neither `secret_key` nor `secret_key_file` is set.
    """
    if settings.secret_key is not None and settings.secret_key_file is not None:
        raise SettingsError(("secret_key: set either secret_key or secret_key_file, not both",))
    if settings.secret_key is not None:
        return Keys(settings.secret_key.get_secret_value().encode())
    if settings.secret_key_file is not None:
        return Keys(_read(settings.secret_key_file))
    if settings.demo:
        return Keys(_demo_secret(settings.demo_key))
    raise SettingsError(
        ("secret_key: set OUTPORT_SECRET_KEY or OUTPORT_SECRET_KEY_FILE (make one with `openssl rand -hex 32`)",)
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError((f"secret_key_file: {path} cannot be read ({error.strerror})",)) from error


def _demo_secret(path: Path) -> bytes:
    """The demo's secret, written complete under another name first: two processes that start at once agree."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(SECRET_BYTES).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its secret counts
        finally:
            draft.unlink()
    return _read(path)
