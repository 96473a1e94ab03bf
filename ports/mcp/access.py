"""explain_access: what the principal may see and how; for stewards, another's. Touches the front door only."""

from __future__ import annotations

from gateway import Supposed, VisibleTable
from ports.mcp.arguments import Explain
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import PORT, Call

_COUNTED = ("hidden", "null", "constant", "hash", "bucket", "partial", "raw")


def explain(call: Call, asked: Explain) -> Answered:
    """One's own access in one's own words, another's with the rules. Raises NotFound, Forbidden, BadQuery."""
    schema, visible = call.product(asked.product) if asked.subject is None else (asked.product, None)
    if visible is None:
        return _another(call, asked)
    principal = call.session.principal
    who: Json = {
        "subject": principal.subject,
        "kind": principal.kind,
        "on_behalf_of": call.session.on_behalf_of,
        "purpose": call.session.purpose,
        "port": call.session.port,
    }
    head = f"{principal.subject} ({principal.kind})"
    head += f" on behalf of {who['on_behalf_of']}" if who["on_behalf_of"] else ""
    head += f", purpose {who['purpose'] or 'none stated'}, at {schema}"
    page = Page(call.tokens(asked.max_tokens), {"access": who, "product": schema, "tables": []}, [head])
    for table in visible.tables:
        line, value = _own(table)
        page.add(line, page.content["tables"], value)
    return page.answered("Raise max_tokens.")


def _own(table: VisibleTable) -> tuple[str, Json]:
    by_kind: dict[str, list[str]] = {}
    for column in table.known:
        use = table.decision.uses.get(column.name)
        kind = table.decision.treatments[column.name].kind if use is None else f"only to {use.kind}"
        by_kind.setdefault(kind, []).append(column.name)
    rows = "all" if table.decision.rows is None else "filtered: some rows are not yours"
    line = f"table {table.table.name}: rows {rows}" + "".join(
        f"\n  {kind}: {', '.join(names)}" for kind, names in by_kind.items()
    )
    return line, {"name": table.table.name, "rows": rows, "columns": by_kind}


def _another(call: Call, asked: Explain) -> Answered:
    assert asked.subject is not None
    supposed = Supposed(asked.subject, asked.product, asked.port or PORT, asked.purpose, None)
    found = call.gateway.stewards.explain(call.session, supposed).document
    tables = found.pop("tables")
    assert isinstance(tables, list)
    head = f"{asked.subject} at {asked.product} through {supposed.port}"
    page = Page(call.tokens(asked.max_tokens), {"access": found, "product": asked.product, "tables": []}, [head])
    for one in tables:
        exists = "exists" if one["exists"] else f"does not exist: {one['refusal']}"
        page.add(f"table {one['table']}: {exists}", page.content["tables"], one)
    return page.answered("Raise max_tokens.")
