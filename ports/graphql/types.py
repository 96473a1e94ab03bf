"""How a type of strawberry's is made field by field, where its fields are known at run time only. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from types import GenericAlias
from typing import Any, Optional

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument


def listed(kind: Any) -> Any:
    """Lists of a type."""
    return GenericAlias(list, (kind,))


def maybe(kind: Any) -> Any:
    """A type, or null."""
    return Optional[kind]  # noqa: UP045 - `|` does not take every type that strawberry makes


def blank() -> Any:
    """A class that has no fields yet: a type may name it before it has."""
    return type("Made", (), {"__annotations__": {}})


def put(made: Any, name: str, kind: Any, description: str, arguments: Sequence[StrawberryArgument] = (), *,
         deprecated: str = "") -> None:  # fmt: skip
    """A field of an object. Its Python name has a prefix: contract names may be words of Python's."""
    field = strawberry.field(name=name, description=description or None, deprecation_reason=deprecated or None)
    field.type_annotation = StrawberryAnnotation(kind)
    if arguments:
        field.arguments = list(arguments)
    made.__annotations__[f"f_{name}"] = kind
    setattr(made, f"f_{name}", field)


def put_input(made: Any, name: str, kind: Any) -> None:
    """A field of an input, which may be left out."""
    made.__annotations__[f"f_{name}"] = kind
    setattr(made, f"f_{name}", strawberry.field(name=name, default=strawberry.UNSET))


def argument(name: str, kind: Any, default: object = strawberry.UNSET) -> StrawberryArgument:
    """An argument of a field."""
    return StrawberryArgument(f"a_{name}", name, StrawberryAnnotation(kind), default=default)
