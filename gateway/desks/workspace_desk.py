"""Workspaces told to those who answer for them: what is of them, what they may use, what they use now.

Asks the fences of every process, and the engine of each for its turns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import limits
from gateway.contracts.workspaces import Workspace
from gateway.reach.fences import Fences
from gateway.reach.grants import sees
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.serving.running import Load
from gateway.serving.siblings import Siblings
from gateway.session import Session

# What others of the same deployment compute is waited for so long: who does not answer is left out.
WAIT_S = 1.0
_TOPIC = "workspaces"


@dataclass(frozen=True)
class Use:
    """What a workspace uses: turns now and queries that wait, and what it has spent of the present window."""

    running: int
    waiting: int
    queries: int
    computed_s: float


@dataclass(frozen=True)
class Told:
    """A workspace, the products of it that are served and shown, and its use in all processes."""

    workspace: Workspace
    products: tuple[str, ...]
    window_s: float
    use: Use

    @property
    def document(self) -> dict[str, Any]:
        """As JSON, limits in the words of the file."""
        one, used = self.workspace, self.use
        return {
            "name": one.name,
            "title": one.title,
            "owners": list(one.owners),
            "teams": list(one.teams),
            "products": list(self.products),
            "limits": limits.written(one.query.narrowed(one.shared)),
            "use": {
                "running": used.running,
                "waiting": used.waiting,
                "queries": used.queries,
                "computed_s": round(used.computed_s, 3),
                "window_s": self.window_s,
            },
        }


class WorkspaceDesk:
    """Tells of one deployment's workspaces. Thread-safe."""

    def __init__(
        self, fences: Fences, managers: Managers, pins: Pins, load: Callable[[], Load], siblings: Siblings
    ) -> None:
        self._fences, self._managers, self._pins = fences, managers, pins
        self._load, self._siblings = load, siblings
        siblings.on(_TOPIC, lambda _: json.dumps(dict(self._load().workspaces)).encode())

    def of(self, session: Session) -> tuple[Told, ...]:
        """The workspaces of which the session owns one, or manages a product; of it those that it sees and manages.

        Who owns one is told of every product of it that is served. Raises Unavailable.
        """
        pin, scope = self._pins.present(), session.principal.scope
        # A key for some products, or for some actions, is not its owner's right on all.
        whole = session.on_behalf_of is None and scope.products is None and scope.actions is None
        found: list[Told] = []
        turns = None
        for name, one in sorted(self._fences.workspaces.current().by_name.items()):
            of_it = [snapshot for snapshot in pin.deployment.current if snapshot.product.workspace == name]
            owner = whole and session.principal.subject in one.owners
            shown = [
                of.product.name
                for of in of_it
                if owner or (sees(session, pin, of) and self._managers.rule(session, of.product))
            ]
            if owner or shown:
                turns = turns or self._turns()
                found.append(Told(one, tuple(sorted(shown)), self._fences.window_s, self._use(name, turns)))
        return tuple(found)

    def _use(self, name: str, turns: Mapping[str, tuple[int, int]]) -> Use:
        running, waiting = turns.get(name, (0, 0))
        return Use(running, waiting, *self._fences.spending.of_workspace(name))

    def _turns(self) -> Mapping[str, tuple[int, int]]:
        """The turns and the waiting queries of each workspace in all processes."""
        every: list[Mapping[str, Any]] = [dict(self._load().workspaces)]
        every += [json.loads(one) for one in self._siblings.ask(_TOPIC, b"", WAIT_S) if one]
        names = {name for one in every for name in one}
        told = {name: [one.get(name, (0, 0)) for one in every] for name in names}
        return {name: (sum(one[0] for one in each), sum(one[1] for one in each)) for name, each in told.items()}
