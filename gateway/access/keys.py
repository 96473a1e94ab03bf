"""The secrets of a deployment, and every key that is derived from them. Touches the files of the secrets only.

Derivation is HKDF-SHA256 (RFC 5869) with the purpose as `info`; sealing is AES-256-GCM (NIST SP 800-38D) with the kind
as associated data, so that a cursor cannot be used as a ticket. There may be several secrets: the first signs, what any
of them made is taken, and whatever was made carries the id of its key. What must outlive a rotation derives
from the mask key: pseudonyms, and what tells nobody that a name is unknown.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import BadQuery
from gateway.files import durable
from gateway.settings import Settings, SettingsError

SECRET_BYTES = 32
_ID_BYTES = 4
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96-bit nonces


class Keys:
    """Keys derived from secrets of at least 32 bytes each; `mask` and its version are for what outlives them.

    Without a `mask` the oldest secret stands in, the last.
    """

    def __init__(self, *given: bytes, mask: bytes | None = None, mask_version: int = 1) -> None:
        for name, secret in [*(("secret_key", one) for one in given), ("mask_key", mask or given[-1])]:
            if len(secret) < SECRET_BYTES:
                remedy = f"at least {SECRET_BYTES} bytes are needed for each (try `openssl rand -hex 32`)"
                raise SettingsError((f"{name}: {remedy}",))
        self._secrets = {_derived(one, "key id")[:_ID_BYTES]: one for one in given}
        self._current = next(iter(self._secrets))
        self._mask = mask or given[-1]
        self.mask_version = mask_version
        self._cipher = lru_cache(maxsize=256)(lambda key, kind: AESGCM(_derived(self._secrets[key], f"seal:{kind}")))

    def __repr__(self) -> str:
        return f"Keys({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the one that signs first."""
        return tuple(one.hex() for one in self._secrets)

    def derive(self, purpose: str, key: str | None = None) -> bytes:
        """The key of 32 bytes for `purpose`, of the current secret or the one of that id. Raises KeyError.

        It is the same for the same secret, and unrelated between purposes.
        """
        return _derived(self._secrets[self._current if key is None else bytes.fromhex(key)], purpose)

    def lasting(self, purpose: str) -> bytes:
        """The same of the mask key: no rotation of the secrets changes it."""
        return _derived(self._mask, purpose)

    def seal(self, kind: str, payload: bytes) -> str:
        """`payload` encrypted and authenticated, as url-safe text without padding."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._current + nonce + self._cipher(self._current, kind).encrypt(nonce, payload, kind.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def unseal(self, kind: str, text: str) -> bytes:
        """What `seal` was given. Raises BadQuery (value) if `text` is forged, cut, of another kind or key."""
        try:
            sealed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            key, nonce = sealed[:_ID_BYTES], sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
            return self._cipher(key, kind).decrypt(nonce, sealed[_ID_BYTES + _NONCE_BYTES :], kind.encode())
        except (InvalidTag, KeyError, ValueError, binascii.Error, UnicodeEncodeError) as error:
            raise BadQuery(f"this {kind} was not given out by this server", reason="value") from error


def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"outport:" + purpose.encode()).derive(secret)


def listed(text: bytes) -> tuple[bytes, ...]:
    """The secrets in a text, one a line; what is no ASCII text is one secret as it stands."""
    whole = text.strip()
    lines = tuple(one.strip() for one in whole.splitlines() if one.strip())
    return lines if whole.isascii() and lines else (whole,)


def load(settings: Settings) -> Keys:
    """The keys of this deployment; the demo makes a secret for itself once.

    Raises SettingsError outside the demo if neither `secret_key` nor `secret_key_file` is set.
    """
    mask = _mask(settings)
    if settings.secret_key is not None and settings.secret_key_file is not None:
        raise SettingsError(("secret_key: set either secret_key or secret_key_file, not both",))
    if settings.secret_key is not None:
        return _made(listed(settings.secret_key.get_secret_value().encode()), mask, settings)
    if settings.secret_key_file is not None:
        return _made(listed(_read("secret_key_file", settings.secret_key_file)), mask, settings)
    if settings.demo:
        return _made([_demo_secret(settings.demo_key)], mask, settings)
    raise SettingsError(
        ("secret_key: set OUTPORT_SECRET_KEY or OUTPORT_SECRET_KEY_FILE (make one with `openssl rand -hex 32`)",)
    )


def _made(given: Iterable[bytes], mask: bytes | None, settings: Settings) -> Keys:
    return Keys(*given, mask=mask, mask_version=settings.mask_key_version)


def _mask(settings: Settings) -> bytes | None:
    if settings.mask_key is not None and settings.mask_key_file is not None:
        raise SettingsError(("mask_key: set either mask_key or mask_key_file, not both",))
    if settings.mask_key is not None:
        return settings.mask_key.get_secret_value().encode().strip()
    return None if settings.mask_key_file is None else _read("mask_key_file", settings.mask_key_file)


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError((f"{setting}: {path} cannot be read ({error.strerror})",)) from error


def _demo_secret(path: Path) -> bytes:
    """The demo's secret, written complete under another name first: two processes that start at once agree."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Where another process was first, its secret counts.
        durable.create(path, secrets.token_hex(SECRET_BYTES).encode())
    return _read("secret_key_file", path)
