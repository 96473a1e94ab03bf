"""Sign-in: SCRAM-SHA-256 for names with passwords, tokens in the clear for the user `token` under TLS. No socket.

Unknown names get the same challenge as known ones, and the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway import Bearer, Challenge, Gateway, Session, Unauthenticated
from ports.postgres import backend, decode
from ports.postgres.decode import sasl_initial
from ports.postgres.errors import WireError

PORT = "postgres"
MECHANISM = "SCRAM-SHA-256"
TOKEN_USER = "token"  # noqa: S105  the name by which a client says that its password is a token


class SignIn:
    """The exchange of one connection: `ask` first, then `answer` for each password message until `session` is set.

    `private` says that nobody on the way can read along: TLS, or both ends on this machine.
    """

    def __init__(self, gateway: Gateway, user: str, *, private: bool) -> None:
        self.session: Session | None = None
        self._gateway = gateway
        self._user = user
        self._by_token = user == TOKEN_USER
        self._private = private
        self._challenge: Challenge | None = None

    def ask(self) -> bytes:
        """The request for credentials. Raises WireError for a token without TLS."""
        if not self._by_token:
            return backend.sasl([MECHANISM])
        if not self._private:
            raise WireError("28000", "a token is taken over TLS only", "connect with sslmode=require")
        return backend.AUTHENTICATION_CLEARTEXT

    def answer(self, body: bytes) -> Iterator[bytes]:
        """The answer to a password message. Raises Unauthenticated, ProtocolViolation."""
        if self._by_token:
            self.session = self._gateway.open(Bearer(decode.cleartext(body)), PORT)
        elif self._challenge is None:
            mechanism, first = sasl_initial(body)
            if mechanism != MECHANISM:
                raise Unauthenticated("the mechanism offered is SCRAM-SHA-256", reason="scheme")
            self._challenge = self._gateway.challenge(self._user, first, PORT)
            yield backend.sasl_continue(self._challenge.message)
        else:
            self.session, last = self._gateway.open_proved(self._user, self._challenge, body, PORT)
            yield backend.sasl_final(last)


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
