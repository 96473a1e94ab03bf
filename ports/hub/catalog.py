"""The catalog for machines: DCAT 3 as JSON-LD, OpenLineage events, llms.txt; of what their reader may see. Pure.

No context is named that a client would have to fetch.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway import Kept, VisibleProduct
from ports.http.provenance import timestamp
from ports.hub import descriptors, lineage

Json = dict[str, Any]
_CONTEXT: Json = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "prov": "http://www.w3.org/ns/prov#",
    "adms": "http://www.w3.org/ns/adms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# Output port -> its address under the web door ("" elsewhere), and what it speaks.
_DOORS: Mapping[str, tuple[str, str, str]] = {
    "rest": ("/products/{}", "REST", "application/json"),
    "graphql": ("/graphql", "GraphQL", "application/json"),
    "mcp": ("/mcp", "Model Context Protocol", "application/json"),
    "flightsql": ("", "Arrow Flight SQL", "application/vnd.apache.arrow.stream"),
    "postgres": ("", "PostgreSQL wire protocol", ""),
}
# OpenLineage 2.0.2, "RunEvent", "SchemaDatasetFacet" 1.1.1, "ColumnLineageDatasetFacet" 1.2.0.
_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_SCHEMA = f"{_SPEC}/facets/1-1-1/SchemaDatasetFacet.json"
_COLUMNS = f"{_SPEC}/facets/1-2-0/ColumnLineageDatasetFacet.json"
_RUNS = uuid.UUID("6f1b1d0e-6f0e-5d0a-9a54-0f9a3f7d7b11")


def dcat(every: Sequence[VisibleProduct], base: str) -> Json:
    """The catalog. `base` is the web door's address."""
    known = {one.product.name: one for one in every}
    return {
        "@context": _CONTEXT,
        "@id": f"{base}/catalog.jsonld",
        "@type": "dcat:Catalog",
        "dct:title": "Outport",
        "dcat:dataset": [_dataset(one, known, base) for one in every],
    }


def _dataset(one: VisibleProduct, known: Mapping[str, VisibleProduct], base: str) -> Json:
    product, snapshot = one.product, one.snapshot
    up = descriptors.upstream(one, known)
    found: Json = {
        "@id": _id(base, product.name),
        "@type": "dcat:Dataset",
        "dct:identifier": product.name,
        "dct:title": product.title or product.name,
        "dct:description": product.purpose,
        "dcat:keyword": [*product.tags, *([product.domain] if product.domain else [])],
        "dcat:version": product.version,
        "adms:status": product.status,
        "dct:modified": {"@type": "xsd:dateTime", "@value": timestamp(snapshot.published_at)},
        "dcat:landingPage": {"@id": f"{base}/hub/{product.name}"},
        "dct:conformsTo": {"@id": f"{base}/products/{product.name}/-/odcs"},
        "dcat:distribution": [
            _distribution(base, product.name, kind) for kind in _DOORS if product.serves(kind)
        ],
    }  # fmt: skip
    if product.owner:
        found["dct:publisher"] = {"@type": "foaf:Agent", "foaf:name": product.owner}
    if up:
        found["prov:wasDerivedFrom"] = [{"@id": _id(base, other.product.name)} for other in up]
    return found


def _distribution(base: str, product: str, kind: str) -> Json:
    path, title, media_type = _DOORS[kind]
    told: Json = {"@type": "dcat:Distribution", "dct:title": title}
    told["dcat:accessURL"] = {"@id": base + path.format(product) if path else f"{base}/hub/{product}#connect"}
    return told | ({"dcat:mediaType": media_type} if media_type else {})


def _id(base: str, product: str) -> str:
    return f"{base}/products/{product}"


def openlineage(
    visible: VisibleProduct, known: Mapping[str, VisibleProduct], kept: Iterable[Kept], base: str
) -> list[Json]:
    """One event for each publication that is kept, the newest first."""
    inputs = [
        _data(base, up.product.name, table.table.name)
        for up in descriptors.upstream(visible, known)
        for table in up.tables
    ]
    outputs = _outputs(visible, known, base)
    return [
        {
            "eventType": "COMPLETE",
            "eventTime": timestamp(one.snapshot.published_at),
            "producer": base,
            "schemaURL": _EVENT,
            "run": {"runId": str(uuid.uuid5(_RUNS, one.snapshot.id))},
            "job": {"namespace": base, "name": f"publish.{visible.product.name}"},
            "inputs": inputs,
            "outputs": outputs,
        }
        for one in kept
    ]


def _outputs(visible: VisibleProduct, known: Mapping[str, VisibleProduct], base: str) -> list[Json]:
    made = {one.column: one.sources for one in lineage.made_of(visible, {**known, visible.product.name: visible})}
    found: list[Json] = []
    for one in visible.tables:
        fields = [{"name": column.name, "type": column.type, "description": column.description} for column in one.known]
        facets: Json = {"schema": {"_producer": base, "_schemaURL": _SCHEMA, "fields": fields}}
        columns = {
            column.name: {"inputFields": [_field(base, source) for source in made[f"{one.table.name}.{column.name}"]]}
            for column in one.known
            if f"{one.table.name}.{column.name}" in made
        }
        if columns:
            facets["columnLineage"] = {"_producer": base, "_schemaURL": _COLUMNS, "fields": columns}
        found.append({**_data(base, visible.product.name, one.table.name), "facets": facets})
    return found


def _data(base: str, product: str, table: str) -> Json:
    return {"namespace": base, "name": f"{product}.{table}"}


def _field(base: str, source: str) -> Json:
    product, table, column = source.split(".")
    return {**_data(base, product, table), "field": column}


def llms(every: Sequence[VisibleProduct], base: str) -> str:
    """What an agent should know first, as Markdown (llmstxt.org)."""
    lines = [
        "# Outport",
        "",
        "> Governed data products: the same rows, masks and refusals behind every door.",
        "",
        f"Agents ask best over MCP at {base}/mcp: search_products first, then describe_product; measures by name "
        f"before SQL of your own. REST is described at {base}/openapi.json, GraphQL introspects itself at "
        f"{base}/graphql. Every address takes Basic or Bearer.",
        "",
        "## Data products",
        "",
    ]
    for one in every:
        product = one.product
        about = " ".join(product.purpose.split())
        lines.append(f"- [{_plain(product.title or product.name)}]({_id(base, product.name)}): {_plain(about)}")
        for table in one.tables:
            named = [item.name for item in table.semantics if item.kind == "measure"]
            measures = f"; measures {', '.join(named)}" if named else ""
            lines.append(f"  - `{product.name}.{table.table.name}`: {_plain(table.table.granularity)}{measures}")
    lines += ["", "## Optional", ""]
    lines.append(f"- [Catalog]({base}/catalog.jsonld): all of this as DCAT")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A text on one line, in which Markdown and a browser read nothing as their own."""
    whole = " ".join(text.split())
    escaped = "".join(f"\\{one}" if one in "\\`*_[]()#|" else one for one in whole)
    return escaped.replace("<", "&lt;").replace(">", "&gt;")
