"""What each tool takes: strict models, and their JSON Schemas in few words. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

SMALLEST_TOKENS, USUAL_TOKENS = 300, 4000
TEXT_LIMIT = 4000


def _listed(given: Any) -> Any:
    """Models write a list as a text now and then."""
    if isinstance(given, str):
        return [one.strip() for one in given.strip("[] ").replace('"', "").split(",") if one.strip()]
    return given


Names = Annotated[list[str], BeforeValidator(_listed), Field(max_length=20)]
Scalar = str | int | float | bool | None
Conditions = dict[str, Scalar | list[Scalar] | dict[str, Scalar | list[Scalar]]]
_Object = WithJsonSchema({"type": "object"})
Product = Annotated[str, Field(min_length=1, max_length=80, description="name of a product, such as shop or shop@2")]


class Arguments(BaseModel):
    """What every tool takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: Annotated[
        int | None, Field(ge=SMALLEST_TOKENS, description=f"tokens of the answer at most; unset: {USUAL_TOKENS}")
    ] = None


class Search(Arguments):
    """search_products."""

    query: Annotated[
        str, Field(max_length=400, description="words to look for, such as revenue department; empty: all products")
    ] = ""


class Describe(Arguments):
    """describe_product."""

    product: Product
    table: Annotated[str | None, Field(max_length=80, description="one table only")] = None
    column: Annotated[
        str | None,
        Field(max_length=80, description="one column of that table, with its most frequent values as you see them"),
    ] = None


class ListMeasures(Arguments):
    """list_measures."""

    product: Product
    table: Annotated[str | None, Field(max_length=80, description="measures of one table only")] = None


class QueryMeasure(Arguments):
    """query_measure."""

    product: Product
    measures: Annotated[Names, Field(min_length=1, description="names of measures; table.name where two share one")]
    by: Annotated[Names, Field(description="dimensions to group by: columns of the table or of related ones")] = []
    grain: Annotated[
        Literal["minute", "hour", "day", "week", "month", "quarter", "year"] | None,
        Field(description="step of the time that the rows are grouped by"),
    ] = None
    where: Annotated[
        Conditions,
        _Object,
        Field(
            description='conditions on rows, all of which hold: {"brand": "a", "age": ["35-44", "45-54"], "day": '
            '"2017-03", "amount": {"gte": 5}}; a year, month or day stands for all of it; operators eq, neq, gt, gte, '
            "lt, lte, like, ilike, in, not_in, is_null"
        ),
    ] = {}
    having: Annotated[Conditions, _Object, Field(description='conditions on measures: {"revenue": {"gt": 100}}')] = {}
    order: Annotated[Names, Field(description='such as ["revenue desc"]')] = []
    limit: Annotated[int | None, Field(ge=1, description="groups at most")] = None
    offset: Annotated[int, Field(ge=0, description="groups to skip")] = 0
    compare: Annotated[
        Literal["previous_period"] | None, Field(description="beside each period of the grain the one before it")
    ] = None


class Sql(Arguments):
    """query_sql."""

    sql: Annotated[str, Field(min_length=1, max_length=100_000, description="one SELECT; tables are product.table")]
    parameters: Annotated[
        list[Scalar | list[Scalar]] | dict[str, Scalar | list[Scalar]],
        WithJsonSchema({"type": ["array", "object"]}),
        Field(description="values of $1, $2 as a list, or of $name as an object"),
    ] = []


class Explain(Arguments):
    """explain_access."""

    product: Product
    subject: Annotated[str | None, Field(max_length=128, description="whose access, for stewards; unset: your own")] = (
        None
    )
    purpose: Annotated[str | None, Field(max_length=64, description="for that purpose, of another's access")] = None
    port: Annotated[str | None, Field(max_length=32, description="through that door; unset: mcp")] = None


class Report(Arguments):
    """report_feedback."""

    product: Product
    text: Annotated[str, Field(min_length=1, max_length=2000, description="what is to be said; no secrets, no data")]
    kind: Annotated[Literal["question", "problem", "praise", "request"], Field(description="what it is")] = "problem"
    rating: Annotated[int | None, Field(ge=1, le=5, description="how well the product serves, 1 to 5")] = None


def schema(model: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of what a tool takes, without what says nothing to a model."""
    told = model.model_json_schema()
    return {
        name: _plain(told[name], names=name == "properties") for name in told if name not in {"description", "title"}
    }


def _plain(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _plain(value) for name, value in node.items()}
    kept = {name: value for name, value in node.items() if name != "title" and (name, value) != ("default", None)}
    options = kept.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and len(options) == 2:
        (other,) = (one for one in options if one != {"type": "null"})
        del kept["anyOf"]
        kept = {**other, **kept}
    return {name: _plain(value, names=name == "properties") for name, value in kept.items()}
