"""A text to a valid document of a schema, within limits; what was understood before is remembered. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)

from gateway import BytesLru
from ports.graphql import errors
from ports.graphql.schema import Schema

# Fields with a selection of their own and one name: the library compares each pair of them.
ALIKE_LIMIT = 100
TEXT_BYTES = 200_000
# A document that asks for the schema: each alias in it may ask for all of it once more.
SCHEMA_ALIASES = 10
MAX_ERRORS = 10
# A tree takes about so many times its text.
_WEIGHT = 60
_KNOWN_BYTES = 4 << 20


_VALUES = re.compile(r'"""(?:[^"]|"(?!""))*+"""|"(?:[^"\\\n]|\\.)*+"|"""[\s\S]*|"[^\n]*|#[^\n]*')


def valueless(text: str) -> str:
    """A document without its strings and comments, for the audit: there they would be what somebody looks for."""
    return _VALUES.sub("?", text)


@dataclass(frozen=True)
class Bounds:
    """What a document may ask for at most; `rows` of one list, `cost` rows in all."""

    depth: int
    aliases: int
    tokens: int
    cost: int
    rows: int


@dataclass(frozen=True, eq=False)
class Document:
    """A valid document: its operations by name, and its fragments."""

    text: str
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of that name, or the only one. Raises Refused."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name or "")
        if found is None:
            told = "operationName names no operation of the document" if name else "operationName says which to run"
            raise errors.Refused([{"message": told, "extensions": {"code": errors.VALIDATION}}])
        return found


class Documents:
    """Documents understood before. Thread-safe."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        # They go with their schema, which nothing but its own cache holds.
        self._known: WeakKeyDictionary[Schema, BytesLru[str, Document]] = WeakKeyDictionary()

    def understood(self, schema: Schema, text: str) -> Document:
        """The document. Raises Refused; BadQuery for one that asks for too much."""
        kept = self._known.setdefault(schema, BytesLru(_KNOWN_BYTES))
        known = kept.get(text)
        if known is not None:
            return known
        tree = self._parsed(text)
        self._bounded(tree)
        found = validate(schema.graphql, tree, max_errors=MAX_ERRORS, hide_suggestions=True)
        if found:
            raise errors.invalid(found, errors.VALIDATION)
        operations = [one for one in tree.definitions if isinstance(one, OperationDefinitionNode)]
        fragments = [one for one in tree.definitions if isinstance(one, FragmentDefinitionNode)]
        document = Document(
            text,
            {one.name.value if one.name else "": one for one in operations},
            {one.name.value: one for one in fragments},
        )
        kept.put(text, document, 2_000 + _WEIGHT * len(text))
        return document

    def _parsed(self, text: str) -> DocumentNode:
        if len(text) > TEXT_BYTES:
            raise errors.over(f"the document has {len(text)} characters", TEXT_BYTES)
        try:
            return parse(text, max_tokens=self._bounds.tokens, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            if f"{self._bounds.tokens} tokens" in error.message:
                raise errors.over("the document has too many tokens", self._bounds.tokens) from error
            raise errors.invalid([error], errors.PARSE) from error

    def _bounded(self, tree: DocumentNode) -> None:
        """Raises BadQuery before anything is compared that could be compared for long."""
        aliases, alike, allowed = 0, Counter[str](), self._bounds.aliases
        waiting: list[SelectionSetNode] = [
            one.selection_set
            for one in tree.definitions
            if isinstance(one, OperationDefinitionNode | FragmentDefinitionNode)
        ]
        while waiting:
            for one in waiting.pop().selections:
                if isinstance(one, FieldNode):
                    aliases += one.alias is not None
                    if one.name.value == "__schema":
                        allowed = min(allowed, SCHEMA_ALIASES)
                    if one.selection_set is not None:
                        alike[(one.alias or one.name).value] += 1
                inside = getattr(one, "selection_set", None)
                if inside is not None:
                    waiting.append(inside)
        if aliases > allowed:
            raise errors.over(f"the document has {aliases} aliases", allowed)
        for name, count in alike.items():
            if count > ALIKE_LIMIT:
                raise errors.over(f"the field {name[:63]} is selected {count} times", ALIKE_LIMIT)
