"""Who asks at which door, and the one state that an answer depends on: frozen values. Touches nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.access.credentials import Proof
from gateway.access.rate import Quota
from gateway.policies.policy import PolicySet
from gateway.principal import Principal
from gateway.serving.catalog import Deployment
from gateway.sql.scope import Users


@dataclass(frozen=True)
class Session:
    """An authenticated principal at one door, with the purpose it states and the schemas of its unqualified names.

    `snapshots` are the ids of those that it is pinned to: they stand in place of what is served. `quota` is what the
    principal might still ask for when the session was opened, None where nothing limits it. `proof` is what proved the
    principal, None where nobody had to (the demo's page, the operator's commands). `authorization` is the subject that
    a connection has taken for its own (SET SESSION AUTHORIZATION), None for the one that signed in. `trace` is the
    traceparent that came with the question (W3C Trace Context), as it came. `account` is the account of the machine
    whose command asks as the principal, None where the principal itself does. `tool` is what an agent asks by.
    """

    principal: Principal
    port: str
    purpose: str | None
    search_path: tuple[str, ...]
    snapshots: tuple[str, ...] = ()
    quota: Quota | None = field(default=None, compare=False)
    proof: Proof | None = field(default=None, compare=False, repr=False)
    authorization: str | None = None
    trace: str | None = field(default=None, compare=False, repr=False)
    account: str | None = None
    tool: str | None = field(default=None, compare=False)

    @property
    def on_behalf_of(self) -> str | None:
        """The subject on whose behalf the principal asks, None for its own."""
        return self.principal.behalf.subject if self.principal.behalf is not None else None

    @property
    def recorded(self) -> tuple[str, str | None]:
        """Who asks and on whose behalf, as the audit keeps it: for an account of the machine the principal is that."""
        subject, behalf = self.principal.subject, self.on_behalf_of
        if self.account is None:
            return subject, behalf
        return f"account:{self.account}", subject if behalf is None else f"{subject} for {behalf}"

    @property
    def askers(self) -> tuple[str, ...]:
        """The subjects of who asks and on whose behalf, () where that is one."""
        return tuple(one.subject for one in self.principal.both) if self.principal.behalf is not None else ()

    @property
    def users(self) -> Users:
        """The session's current_user and session_user."""
        subject = self.principal.subject
        return Users(self.on_behalf_of or subject, self.authorization or subject)

    def traced(self, parent: str | None) -> Session:
        """The same session, for a question that came with that traceparent."""
        return self if parent is None else replace(self, trace=parent)

    def at(self, *search_path: str) -> Session:
        """The same session with another search path."""
        return replace(self, search_path=search_path)

    def pinned(self, snapshots: Iterable[str]) -> Session:
        """The same session, pinned to these snapshots by id."""
        return replace(self, snapshots=tuple(snapshots))


@dataclass(frozen=True)
class Pin:
    """One state of everything that an answer depends on: the snapshots and the policies."""

    deployment: Deployment
    policies: PolicySet


@dataclass(frozen=True)
class Readiness:
    """Whether every declared product is served; `problems` are lines for an operator, not for a client."""

    ready: bool
    served: tuple[str, ...]
    missing: tuple[str, ...]
    problems: tuple[str, ...]
