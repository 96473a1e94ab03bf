"""Sign-in: SCRAM-SHA-256 for names with passwords, bound to the channel under TLS; tokens in the clear for the user
`token` under TLS; nothing more to ask of a client certificate that proves the user. No socket.

Unknown names get the same challenge as known ones, and the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway import Bearer, Binding, Challenge, ClientCertificate, Gateway, Session, Unauthenticated
from ports.postgres import backend, decode
from ports.postgres.decode import sasl_initial
from ports.postgres.errors import WireError

PORT = "postgres"
MECHANISM = "SCRAM-SHA-256"
PLUS = f"{MECHANISM}-PLUS"
TOKEN_USER = "token"  # noqa: S105  the name by which a client says that its password is a token


@dataclass(frozen=True)
class Line:
    """What the connection itself tells: `private` says that nobody on the way can read along (TLS, or one machine).

    `end_point` is what SCRAM binds to under TLS, `certificate` what the client has shown there, `address` where it is.
    """

    address: str
    private: bool
    end_point: bytes | None
    certificate: ClientCertificate | None


class SignIn:
    """The exchange of one connection: `ask` first, then `answer` for each password message until `session` is set."""

    def __init__(self, gateway: Gateway, user: str, line: Line) -> None:
        self.session: Session | None = None
        self._gateway = gateway
        self._user = user
        self._by_token = user == TOKEN_USER
        self._line = line
        self._challenge: Challenge | None = None

    def ask(self) -> bytes:
        """The request for credentials, nothing where a certificate proves the user. Raises WireError: no TLS."""
        if self._certified():
            return b""
        if not self._by_token:
            return backend.sasl([MECHANISM] if self._line.end_point is None else [PLUS, MECHANISM])
        if not self._line.private:
            raise WireError("28000", "a token is taken over TLS only", "connect with sslmode=require")
        return backend.AUTHENTICATION_CLEARTEXT

    def answer(self, body: bytes) -> Iterator[bytes]:
        """The answer to a password message. Raises Unauthenticated, ProtocolViolation."""
        if self._by_token:
            self.session = self._gateway.open(Bearer(decode.cleartext(body)), PORT)
        elif self._challenge is None:
            mechanism, first = sasl_initial(body)
            if mechanism != MECHANISM and (mechanism != PLUS or self._line.end_point is None):
                raise Unauthenticated("the mechanism offered is SCRAM-SHA-256", reason="scheme")
            binding = Binding(self._line.end_point, mechanism == PLUS)
            self._challenge = self._gateway.challenge(self._user, first, PORT, binding)
            yield backend.sasl_continue(self._challenge.message)
        else:
            self.session, last = self._gateway.open_proved(self._user, self._challenge, body, PORT, self._line.address)
            yield backend.sasl_final(last)

    def _certified(self) -> bool:
        """Whether the client's certificate proves the user that it has named: no other, and nothing is asked then."""
        certificate = self._line.certificate
        if certificate is None or not self._gateway.proves(certificate, self._user):
            return False
        self.session = self._gateway.open(certificate, PORT)
        return True


def options(parameters: Mapping[str, str]) -> dict[str, str]:
    """The settings in a startup message: its own parameters, and `-c name=value` within `options`."""
    found = {name: value for name, value in parameters.items() if name not in _NO_SETTINGS and name[:5] != "_pq_."}
    words = parameters.get("options", "").split()
    place = 0
    while place < len(words):
        word = words[place]
        if word == "-c" and place + 1 < len(words):
            word, place = words[place + 1], place + 1
        elif word.startswith("-c"):
            word = word[2:]
        elif word.startswith("--"):
            word = word[2:].replace("-", "_")
        name, equals, value = word.partition("=")
        if not equals:
            raise WireError("42601", f'invalid command-line argument for server process: "{word[:63]}"')
        found[name] = value.replace("\\ ", " ")
        place += 1
    return found


_NO_SETTINGS = frozenset({"user", "database", "options", "replication"})
