"""What an address that names its row by key asks for, understood once for all keys. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gateway import NotFound, Query, VisibleTable
from ports.rest import compose, formats, question
from ports.rest.address import Address, Pairs
from ports.rest.compose import Relation
from ports.rest.embeds import columns_of
from ports.rest.formats import Format
from ports.rest.question import Question, Related

REMEMBERED = 1_000


@dataclass(frozen=True)
class Record:
    """One row of a relation, whatever its key: what is selected of it, and in which format."""

    question: Question
    relation: Relation
    form: Format

    def query(self, key: Sequence[str]) -> Query:
        """The row of `key`. Raises BadQuery for another number of values, or wrong ones."""
        values = compose.key_values(self.relation, key)
        if self.question.embeds:
            return compose.by_key(self.question, self.relation, values)
        return Query(self._text, values)

    @cached_property
    def _text(self) -> str:
        return compose.by_key(self.question, self.relation, [None] * len(self.relation.key)).text


class Records:
    """Addresses understood before. Thread-safe: at worst one is understood twice."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[VisibleTable, str, Pairs, str | None], Record] = OrderedDict()

    def understood(self, asked: Address, table: VisibleTable, related: Related) -> Record:
        """The record that `asked` names. Raises BadQuery; NotFound where the table has no key."""
        key = (table, asked.schema, asked.pairs, asked.accept)
        known = self._known.get(key)
        if known is not None:
            return known
        record = _record(asked, table, related)
        if not record.question.embeds:  # what stands in another table follows from another decision
            self._known[key] = record
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return record


def _record(asked: Address, table: VisibleTable, related: Related) -> Record:
    understood = question.selection_of(asked.pairs, table, related)
    form = formats.choose(asked.accept, understood.format, understood.int64)
    relation = Relation(asked.schema.lower(), table.table.name, columns_of(table), table.key)
    if not relation.key:
        raise NotFound(f"{relation.table} has no key that you may use; filter it instead", reason="key")
    return Record(understood, relation, form)
