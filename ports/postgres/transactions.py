"""A read-only transaction: one state of every product from its first statement to its end. Asks the gateway for pins.

What is granted is decided anew for each statement: a transaction keeps the data still, not the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway import Backend, Gateway, Pin, Session
from ports.postgres.errors import WireError
from ports.postgres.variables import VERSION_TEXT, Marked, Variables

# Subjects that a connection remembers it may ask for.
STANDING = 100


class Transaction:
    """The transaction of one connection, explicit (BEGIN) or implicit (one query, or a series up to Sync)."""

    def __init__(self, gateway: Gateway, session: Session, variables: Variables, process: int) -> None:
        self.gateway = gateway
        self._process = process
        self.variables = variables
        self.open = False
        self.failed = False
        self._session = self._present = session
        # By subject: whom this connection has asked for. It is replaced, never changed: another thread reads it.
        self._standing: Mapping[str, Session] = {session.principal.subject: session}
        self._settled: tuple[object, ...] | None = None
        self._pin: Pin | None = None
        self._pinned: tuple[str, ...] = ()
        self._savepoints: list[tuple[str, Marked]] = []
        self._start = variables.mark()

    @property
    def asker(self) -> str:
        """On whose behalf, and for which purpose, is asked now."""
        return f"{self.variables.current}\0{self.variables.purpose or ''}"

    @property
    def standing(self) -> Session:
        """The session of who asks now, as it was last allowed; from any thread."""
        return self._standing.get(self.variables.current, self._session)

    def state(self, purpose: str) -> None:
        """Have what is asked from now on be for `purpose`. Raises Forbidden."""
        self.gateway.stating(self.standing, purpose)

    def stand(self, subject: str) -> None:
        """Have the connection's principal ask on behalf of `subject`. Raises Forbidden, Exhausted."""
        made = self.gateway.on_behalf_of(self.gateway.stating(self._session, self.variables.purpose), subject)
        known = {name: one for name, one in self._standing.items() if name != subject}
        kept = dict(list(known.items())[-STANDING:]) if len(known) > STANDING else known
        self._standing = {self._session.principal.subject: self._session, **kept, subject: made}

    @property
    def session(self) -> Session:
        """The session of who asks now, with the search path and the pinned snapshots that are set now."""
        asker = self.variables.current
        if asker not in self._standing:
            self.stand(asker)
        values, standing = self.variables.values, self._standing[asker]
        named = ("search_path", "outport.snapshot", "outport.purpose", "session_authorization")
        settings = (standing, *[values[name] for name in named])
        if self._settled != settings:
            stated = self.gateway.stating(standing, self.variables.purpose)
            known = replace(stated, authorization=values["session_authorization"])
            self._present = known.at(*self.variables.search_path).pinned(self.variables.snapshots)
            self._settled = settings
        return self._present

    @property
    def backend(self) -> Backend:
        """What the connection knows of itself."""
        return Backend(self._process, VERSION_TEXT, self.variables.values)

    def pin(self) -> Pin:
        """The data of the transaction's first statement, under the policies of now."""
        present = self.gateway.pin(self.session)
        snapshots = self.variables.snapshots
        if self._pin is None or self._pinned != snapshots:
            self._pin, self._pinned = present, snapshots
        same = present.deployment is self._pin.deployment
        return present if same else replace(present, deployment=self._pin.deployment)

    def require_usable(self) -> None:
        """Raises WireError in a failed transaction."""
        if self.failed:
            raise WireError("25P02", "current transaction is aborted, commands ignored until end of transaction block")

    def fail(self) -> None:
        """An error: in a transaction block everything but its end is refused from now on; else nothing stays set."""
        self.failed = self.open
        if not self.open:
            self.variables.back_to(self._start)

    def rest(self) -> None:
        """An implicit transaction has ended."""
        self.variables.end(committed=True)
        self._pin, self._start = None, self.variables.mark()

    def begin(self) -> None:
        """BEGIN. A second one changes nothing."""
        if not self.open:
            self.open = True
            self.variables.begin(self._start)

    def end(self, *, commit: bool) -> bool:
        """COMMIT or ROLLBACK; whether it was a commit, which it is not once the transaction has failed."""
        committed = commit and not self.failed
        self.variables.end(committed=committed)
        self.open = self.failed = False
        self._savepoints.clear()
        self._pin, self._start = None, self.variables.mark()
        return committed

    def save(self, name: str) -> None:
        """SAVEPOINT. Raises WireError outside a transaction block."""
        if not self.open:
            raise WireError("25P01", "SAVEPOINT can only be used in transaction blocks")
        if len(self._savepoints) > 1000:
            raise WireError("53400", "too many savepoints")
        self._savepoints.append((name, self.variables.mark()))

    def release(self, name: str) -> None:
        """RELEASE: this savepoint and those after it."""
        self._savepoints = self._savepoints[: self._place(name, "RELEASE SAVEPOINT")]

    def back_to(self, name: str) -> None:
        """ROLLBACK TO: those after it, what was set since, and the failure, are forgotten."""
        self._savepoints = self._savepoints[: self._place(name, "ROLLBACK TO SAVEPOINT") + 1]
        self.variables.back_to(self._savepoints[-1][1])
        self.failed = False

    def _place(self, name: str, command: str) -> int:
        if not self.open:
            raise WireError("25P01", f"{command} can only be used in transaction blocks")
        names = [one for one, _ in self._savepoints]
        if name not in names:
            raise WireError("3B001", f'savepoint "{name[:63]}" does not exist')
        return len(names) - 1 - names[::-1].index(name)
