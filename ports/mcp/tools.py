"""The tools: their names, what they say of themselves, what they take and give, and who does the work. Pure.

What a tool says of itself is the same for everybody: nothing of a product is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ports.mcp import access, arguments, described, errors, feedback, measures, search, sql
from ports.mcp.arguments import Arguments
from ports.mcp.budget import Answered, Json
from ports.mcp.call import Call

Work = Callable[[Call, Any], Answered]


@dataclass(frozen=True)
class Tool:
    """One tool; `gives` are the members of its document, `writes` where it changes something."""

    name: str
    title: str
    description: str
    takes: type[Arguments]
    gives: Mapping[str, Json]
    work: Work
    writes: bool = False

    @property
    def input_schema(self) -> Json:
        """What it takes."""
        return arguments.schema(self.takes)

    @property
    def output_schema(self) -> Json:
        """What its document is."""
        common = {"truncated": {"type": "boolean"}, "note": {"type": "string"}}
        return {"type": "object", "properties": {**self.gives, **common}, "required": [*self.gives]}

    def answer(self, call: Call, given: Mapping[str, Any]) -> Answered:
        """Its answer. Raises BadQuery for arguments that it does not take, and as the gateway does."""
        try:
            asked = self.takes.model_validate(given)
        except ValidationError as error:
            raise errors.arguments(error, tuple(self.takes.model_fields)) from None
        return self.work(call.of(self.name), asked)


_TEXT: Json = {"type": "string"}
_OBJECT: Json = {"type": "object"}
_OBJECTS: Json = {"type": "array", "items": {"type": "object"}}
_ROWS: Mapping[str, Json] = {
    "columns": {"type": "array", "items": {"type": "object", "properties": {"name": _TEXT, "type": _TEXT}}},
    "rows": {"type": "array", "items": {"type": "array"}},
    "row_count": {"type": "integer"},
    "filtered": {"type": "boolean"},
    "provenance": _OBJECT,
}

TOOLS: Mapping[str, Tool] = {
    one.name: one
    for one in (
        Tool(
            "search_products",
            "Search data products",
            "Find data products, measures and columns by words. Begin here when you do not know the product's name.",
            arguments.Search,
            {"products": _OBJECTS},
            search.search,
        ),
        Tool(
            "describe_product",
            "Describe a data product",
            "Tables, columns (and how you see each: raw, masked, for aggregates only), keys, references, measures, "
            "freshness, the owner's notes, example queries. With table and column: that column's most frequent values.",
            arguments.Describe,
            {},
            described.describe,
        ),
        Tool(
            "list_measures",
            "List measures",
            "The measures of a product (revenue, active customers, ...) with their meaning, and by what they can be "
            "grouped and filtered, columns of related tables included.",
            arguments.ListMeasures,
            {"product": _TEXT, "tables": _OBJECTS},
            measures.listed,
        ),
        Tool(
            "query_measure",
            "Ask for measures",
            "Values of measures as their owner defines them, grouped and filtered. Prefer it to query_sql for any "
            "number that has a measure: joins and definitions are right by themselves.",
            arguments.QueryMeasure,
            _ROWS,
            measures.query,
        ),
        Tool(
            "query_sql",
            "Ask in SQL",
            "One SELECT in PostgreSQL's dialect over product.table; MEASURE(name) stands for a measure. Rows come as "
            "CSV, as many as fit: aggregate and filter in SQL instead of reading rows.",
            arguments.Sql,
            _ROWS,
            sql.query,
        ),
        Tool(
            "explain_access",
            "Explain access",
            "What you may see of a product and how: rows, masked and hidden columns. Stewards may name a subject.",
            arguments.Explain,
            {"access": _OBJECT, "product": _TEXT, "tables": _OBJECTS},
            access.explain,
        ),
        Tool(
            "report_feedback",
            "Report feedback",
            "Tell those who answer for a product what is wrong, missing, unclear or good: a definition that is "
            "ambiguous, a measure that is missing, data that look wrong. It is kept with your name.",
            arguments.Report,
            {"id": _TEXT, "product": _TEXT, "kind": _TEXT},
            feedback.report,
            writes=True,
        ),
    )
}
