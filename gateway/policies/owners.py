"""Whose a product is, as its descriptor says: members of its team with the role owner, and the team. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.principal import Principal
from gateway.product import Product


@dataclass(frozen=True, slots=True)
class Owners:
    """Usernames and names of the members that own it, and the team's name, "" where it has none."""

    usernames: tuple[str, ...]
    names: tuple[str, ...]
    team: str

    @property
    def told(self) -> str:
        """In words."""
        team = (f"whoever has the role {self.team}",) if self.team else ()
        return ", or ".join((*self.usernames, *team)) or "nobody, as it stands there"

    def __contains__(self, name: object) -> bool:
        return name in self.usernames or name in self.names

    def of(self, principal: Principal) -> bool:
        """Whether the principal owns it: by its subject, or by a role of the team's name."""
        roles = principal.attributes.get("role")
        return principal.subject in self.usernames or (
            bool(self.team) and isinstance(roles, tuple) and self.team in roles
        )


def owners(product: Product) -> Owners:
    """The owners of a product."""
    (team,) = [one.get("team") or {} for one in product.documents.values() if one.get("kind") == "DataProduct"]
    mine = list(_owning(team))
    return Owners(
        tuple(str(one["username"]) for one in mine if one.get("username")),
        tuple(str(one["name"]) for one in mine if one.get("name")),
        str(team.get("name") or ""),
    )


def _owning(team: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those who own it now: who has left owns nothing."""
    for member in team.get("members") or ():
        if str(member.get("role", "")).lower() == "owner" and not member.get("dateOut"):
            yield member
