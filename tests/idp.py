"""An OpenID Connect issuer of the tests' own: a real HTTP server on loopback, and whatever tokens one may sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Body = dict[str, Any]
RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int) -> str:
    """An unsigned integer of so many bytes."""
    return b64(value.to_bytes(size))


def public(key: Any, **members: str) -> Body:
    """The JWK of a private key's public part."""
    if isinstance(key, rsa.RSAPrivateKey):
        told = key.public_key().public_numbers()
        body = {"kty": "RSA", "n": number(told.n, key.key_size // 8), "e": number(told.e, 3)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        at = key.public_key().public_numbers()
        body = {"kty": "EC", "crv": "P-256", "x": number(at.x, 32), "y": number(at.y, 32)}
    else:
        body = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    return {**body, "use": "sig", **members}


def pem(key: Any) -> bytes:
    """The public key as anybody may have it."""
    told: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return told


def signature(algorithm: str, key: Any, text: bytes) -> bytes:
    """The signature of `text`; `key` is bytes for HS256."""
    match algorithm:
        case "RS256":
            return bytes(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))
        case "PS256":
            return bytes(key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))
        case "ES256":
            r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case "EdDSA" | "Ed25519":
            return bytes(key.sign(text))
        case "HS256":
            return hmac.digest(key, text, hashlib.sha256)
    return b""


def jwt(claims: Body | str, key: Any = RSA, algorithm: str = "RS256", **header: Any) -> str:
    """A token; `claims` as text are taken as they stand, a header of None is left out."""
    head = {"alg": algorithm, "typ": "JWT", "kid": "rsa", **header}
    shown = json.dumps({name: value for name, value in head.items() if value is not None})
    body = claims if isinstance(claims, str) else json.dumps(claims)
    text = f"{b64(shown.encode())}.{b64(body.encode())}"
    return f"{text}.{b64(signature(algorithm, key, text.encode()))}"


class Idp:
    """A running issuer: `keys` are what it publishes, `asked` the paths that were asked for, `answer` its body then.

    Its client is `hub`, by `secret`; whoever comes to /authorize is `ann`, with claims of `change` in her ID token.
    """

    secret = "a secret/of the:client"

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self.keys: list[Body] = [public(RSA, kid="rsa"), public(EC, kid="ec"), public(ED, kid="ed")]
        self.asked: list[str] = []
        self.change: Body = {}
        self.told: Body = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.sent: list[tuple[dict[str, str], str]] = []
        self.answer: Callable[[str], tuple[int, bytes]] = self.honest
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                idp.asked.append(self.path)
                status, body = idp.answer(self.path)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, told = idp.exchanged(dict(parse_qsl(body)), self.headers.get("Authorization", ""))
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        """The issuer."""
        return f"http://{self._host}:{self._server.server_address[1]}"

    def honest(self, path: str) -> tuple[int, bytes]:
        """What it answers when nothing is wrong."""
        if path == "/.well-known/openid-configuration":
            named = {"jwks_uri": "jwks", "authorization_endpoint": "authorize", "token_endpoint": "token"}
            told = {name: f"{self.url}/{path}" for name, path in named.items()}
            told["end_session_endpoint"] = f"{self.url}/bye"
            return 200, json.dumps({"issuer": self.url, **told, **self.told}).encode()
        if path.startswith("/authorize?"):
            return 302, self.authorized(dict(parse_qsl(urlsplit(path).query))).encode()
        return (200, json.dumps({"keys": self.keys}).encode()) if path == "/jwks" else (404, b"")

    def claims(self, **change: Any) -> Body:
        """The claims of an honest token; a change of None leaves one out."""
        now = int(time.time())
        body = {
            "iss": self.url,
            "aud": "outport",
            "sub": "ann",
            "iat": now,
            "exp": now + 600,
            "groups": ["staff", "analysts"],
            "shop": {"store": 3},
        }
        return {name: value for name, value in {**body, **change}.items() if value is not None}

    def authorized(self, asked: dict[str, str], **change: str) -> str:
        """Where the browser is sent back to, with a code."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url} | change)}"

    def exchanged(self, form: dict[str, str], login: str) -> tuple[int, Body]:
        """What a code is good for, once, with the verifier of its challenge (RFC 6749, 4.1.3; RFC 7636, 4.6)."""
        self.sent.append((form, login))
        pair = f"hub:{quote(self.secret, safe='')}".encode()
        if login != f"Basic {base64.b64encode(pair).decode()}":
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        proved = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or proved != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant", "error_description": "<b>markup</b>"}
        token = self.token(**{"aud": "hub", "nonce": asked["nonce"], **self.change})
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}

    def token(self, **change: Any) -> str:
        """An honest token with changed claims."""
        return jwt(self.claims(**change))

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
