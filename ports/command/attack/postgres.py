"""A client of the Postgres door with the standard library alone, message by message: what no driver would send, too.

Source: PostgreSQL 15, chapter 55 "Frontend/Backend Protocol"; SCRAM by RFC 5802 and 7677.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import socket
import ssl
import struct

from gateway.access.credentials import Bearer, Login, Password
from gateway.access.scram import prepared
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.doors import Reach

Message = tuple[bytes, bytes]
_VERSION, _SSL = 196608, 80877103
_DATA_LIMIT = 1 << 20
_POSITION = re.compile(r"\s+at character \d+")


class PostgresClient:
    """A connection as one principal; `binary` asks by the extended protocol for binary cells, else simple queries."""

    def __init__(
        self,
        at: Reach,
        credentials: Login,
        patience_s: float,
        context: ssl.SSLContext | None,
        *,
        binary: bool = False,
    ) -> None:
        self._at, self._credentials, self._patience_s, self._context = at, credentials, patience_s, context
        self._binary = binary
        self._open()

    def ask(self, text: str) -> Reply:
        """The answer to one statement. A connection that broke is opened again."""
        if "\x00" in text:
            return Reply("refused", b"", "no text of this protocol")
        try:
            if not self._binary:
                return reply(self.exchange((b"Q", text.encode() + b"\0")))
            bind = b"\0\0" + struct.pack("!hhhh", 0, 0, 1, 1)
            parsed = (b"P", b"\0" + text.encode() + b"\0" + struct.pack("!h", 0))
            return reply(
                self.exchange(
                    parsed,
                    (b"D", b"S\0"),
                    (b"B", bind),
                    (b"D", b"P\0"),
                    (b"E", b"\0" + struct.pack("!i", 200)),
                    (b"S", b""),
                )
            )
        except OSError:
            self._again()
            return Reply("gone")

    def exchange(self, *sent: Message) -> list[Message]:
        """What comes back up to ReadyForQuery. Raises OSError where the connection breaks."""
        self._socket.sendall(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in sent))
        found = [self._read()]
        held = 0
        while found[-1][0] != b"Z":
            found.append(self._read())
            held += len(found[-1][1])
            if held > _DATA_LIMIT and found[-1][0] == b"D":
                found.pop(-2)  # more than a judge looks at: the newest is kept
        return found

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def _again(self) -> None:
        self._socket.close()
        self._open()

    def _connected(self) -> socket.socket:
        try:
            plain = socket.create_connection(self._at.address, timeout=self._patience_s)
        except OSError as error:
            raise CannotConnect("the Postgres door does not answer") from error
        if self._context is None:
            return plain
        try:
            plain.sendall(struct.pack("!ii", 8, _SSL))
            if plain.recv(1) == b"S":
                return self._context.wrap_socket(plain, server_hostname=self._at.address[0])
        except OSError as error:
            plain.close()
            raise CannotConnect("the Postgres door's certificate is not trusted") from error
        plain.close()
        raise CannotConnect("the Postgres door offers no TLS")

    def _open(self) -> None:
        self._socket = self._connected()
        self._held = b""
        try:
            user = self._credentials.subject if isinstance(self._credentials, Password) else "token"
            body = struct.pack("!i", _VERSION) + f"user\0{user}\0database\0outport\0\0".encode()
            self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
            self._prove()
        except OSError as error:
            self._socket.close()
            raise CannotConnect("the Postgres door does not answer") from error
        except CannotConnect:
            self._socket.close()
            raise

    def _prove(self) -> None:
        kind, asked = self._read()
        match self._credentials:
            case Bearer(token) if (kind, asked[:4]) == (b"R", struct.pack("!i", 3)):
                told = self.exchange((b"p", token.encode() + b"\0"))
            case Password(_, secret) if (kind, asked[:4]) == (b"R", struct.pack("!i", 10)):
                told = self._scram(secret)
            case _:
                raise CannotConnect("the Postgres door does not take the credentials")
        if told[-1][0] != b"Z":
            raise CannotConnect("the Postgres door does not take the credentials")

    def _scram(self, secret: str) -> list[Message]:
        first = f"n=,r={secrets.token_urlsafe(18)}".encode()
        start = b"n,," + first
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(start)) + start)
        kind, told = self._read()
        if kind != b"R":
            raise CannotConnect("the Postgres door does not take the credentials")
        server = told[4:]
        nonce, salt, rounds = (part[2:] for part in server.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", prepared(secret), base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = b"c=biws,r=" + nonce
        signature = hmac.digest(hashlib.sha256(key).digest(), first + b"," + server + b"," + bare, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
        return self.exchange((b"p", bare + b",p=" + proof))

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _read(self) -> Message:
        head = self._exactly(5)
        (size,) = struct.unpack("!i", head[1:])
        return head[:1], self._exactly(size - 4)

    def _exactly(self, size: int) -> bytes:
        while len(self._held) < size:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError
            self._held += data
        found, self._held = self._held[:size], self._held[size:]
        return found


def reply(messages: list[Message]) -> Reply:
    """What a judge needs of an answer's messages."""
    data = b"".join(kind + body for kind, body in messages)
    for kind, body in messages:
        if kind == b"E":
            fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
            code = fields.get(b"C", "")
            words = f"{code} {_POSITION.sub('', fields.get(b'M', ''))}"
            return Reply("failed" if code == "XX000" else "refused", data, words)
    rows = [body for kind, body in messages if kind == b"D"]
    return Reply("answered", data, "", len(rows), _cell(rows[0]) if rows else None)


def _cell(row: bytes) -> str | None:
    """The first cell as text; of a binary one that is an integer its digits, False as nothing."""
    if len(row) < 6:
        return None
    (size,) = struct.unpack_from("!i", row, 2)
    if size < 0:
        return None
    cell = row[6 : 6 + size]
    if cell.isascii() and cell.decode("ascii").isprintable():
        return cell.decode("ascii")
    return str(int.from_bytes(cell, "big", signed=True)) if size in {1, 2, 4, 8} else cell.hex()
