"""The corpus as it is published: YAML files beside this room, read into attacks whose templates are then filled. Pure.

A template's words in braces are filled per target; an attack is tried on each target of the kind that its words need.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ports.command.attack.judge import Expectation
from ports.command.attack.terrain import Kind, Target

Door = Literal["rest", "flight", "postgres", "graphql", "mcp"]
# sql: one statement; script: several of one message, which the extended protocol does not take; request: with headers.
Form = Literal["sql", "script", "request"]
Asker = Literal["attacker", "keeper"]
DOORS: tuple[Door, ...] = get_args(Door)
SQL_DOORS: tuple[Door, ...] = ("rest", "flight", "postgres")
_WORD = re.compile(r"\{([a-z_]+)\}")
# `absent` is the product of a table that is denied, of which nothing else is granted either: else its name is known.
_NEEDS: Mapping[str, Kind] = {
    "hidden": "hidden",
    "masked": "masked",
    "filtered": "filtered",
    "denied": "denied",
    "absent": "denied",
    "used": "used",
    "joined": "joined",
    "foreign": "foreign",
    "behalf": "behalf",
    "beyond": "behalf",
    "kept": "kept",
    "keeper": "kept",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Attack(_Strict):
    ask: str
    expect: Expectation | None = None


class Category(_Strict):
    """Attacks of one kind: through which doors, what is expected unless an attack says otherwise, and its twin."""

    category: str
    doors: tuple[Door, ...] = SQL_DOORS
    form: Form = "sql"
    expect: Expectation = "harmless"
    honest: str
    honest_by: Asker = "attacker"
    attacks: tuple[Annotated[_Attack | str, Field()], ...]


@dataclass(frozen=True)
class Attack:
    """One template; `id` is its category's file, its category and its place there."""

    id: str
    category: str
    doors: tuple[Door, ...]
    form: Form
    expect: Expectation
    template: str
    honest: str
    honest_by: Asker = "attacker"

    @property
    def needs(self) -> Kind:
        """The kind of target that the template's words are of."""
        words = _WORD.findall(self.template)
        for word in words:
            for stem, kind in _NEEDS.items():
                if word.removeprefix("bare_").startswith(stem):
                    return kind
        return "visible"

    def fits(self, target: Target) -> bool:
        """Whether the target has every word that the template and its twin need."""
        known = {"table", "product", "bare", *target.names}
        wanted = {*_WORD.findall(self.template), *_WORD.findall(self.honest)}
        return all(word in target.names for word in wanted if word in known or word in _VOCABULARY)


_VOCABULARY = frozenset(
    "table product bare column bare_column text number count measure hidden bare_hidden masked bare_masked filtered "
    "bare_filtered denied denied_product denied_table denied_column absent_product absent_snapshot secret value "
    "used bare_used joined bare_joined foreign behalf beyond beyond_product beyond_table subject "
    "kept kept_major kept_input keeper".split()
)


def filled(template: str, names: Mapping[str, str]) -> str:
    """`template` with its words in place; braces of its own language stay."""
    return _WORD.sub(lambda found: names.get(found.group(1), found.group(0)), template)


@cache
def corpus() -> tuple[Attack, ...]:
    """Every attack that is published."""
    found: list[Attack] = []
    counted: Counter[str] = Counter()
    folder = resources.files("ports.command.attack") / "corpus"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(".yaml"):
            continue
        stem = file.name.removesuffix(".yaml")
        for one in TypeAdapter(tuple[Category, ...]).validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))):
            for item in one.attacks:
                attack = _Attack(ask=item) if isinstance(item, str) else item
                place = f"{stem}/{one.category.replace(' ', '-')}"
                counted[place] += 1  # a category may differ from door to door
                name = f"{place}/{counted[place]}"
                expect = attack.expect or one.expect
                found.append(
                    Attack(name, one.category, one.doors, one.form, expect, attack.ask, one.honest, one.honest_by)
                )
    return tuple(found)
