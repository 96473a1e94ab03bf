"""Tags and classes along lineage: what each column of a model is made of, and what it is served as because of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway import Gateway, Query
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import Progress, Warned
from gateway.snapshot import Snapshot
from gateway.sql.derivation import derived, everything
from ports.command.access import accesses
from tests.workshop import Workshop, column

TABLES = {("s", "a"): ("k", "x", "y"), ("s", "b"): ("k", "z", "x")}
ALL = "s.a.k s.a.x s.a.y"
BOTH = f"{ALL} s.b.k s.b.x s.b.z"


@pytest.mark.parametrize(
    ("model", "made_of"),
    [
        ("SELECT x AS o FROM s.a", "s.a.x"),
        ("SELECT 1 AS o FROM s.a", ""),
        ("SELECT x + y AS o FROM s.a", "s.a.x s.a.y"),
        ("SELECT a.x AS o FROM s.a", "s.a.x"),
        ("SELECT s.a.x AS o FROM s.a", "s.a.x"),
        ("SELECT A.X AS o FROM S.A", "s.a.x"),
        ("SELECT x AS o FROM s.a WHERE y > 1", "s.a.x s.a.y"),
        ("SELECT CASE WHEN y > 1 THEN x END AS o FROM s.a", "s.a.x s.a.y"),
        ("SELECT sum(x) AS o FROM s.a GROUP BY k", "s.a.x"),
        ("SELECT sum(x) FILTER (WHERE y > 1) AS o FROM s.a", "s.a.x s.a.y"),
        ("SELECT count(*) AS o FROM s.a HAVING max(y) > 1", "s.a.y"),
        ("SELECT x AS o FROM s.a QUALIFY row_number() OVER (ORDER BY y) = 1", "s.a.x s.a.y"),
        ("SELECT sum(x) OVER (PARTITION BY k ORDER BY y) AS o FROM s.a", ALL),
        ("SELECT x AS o FROM s.a ORDER BY y", "s.a.x"),
        ("SELECT x AS o FROM s.a ORDER BY y LIMIT 3", "s.a.x s.a.y"),
        ("SELECT DISTINCT ON (y) x AS o FROM s.a", "s.a.x s.a.y"),
        ("SELECT a.y AS o FROM s.a JOIN s.b ON a.k = b.k", "s.a.k s.a.y s.b.k"),
        ("SELECT y AS o FROM s.a JOIN s.b USING (k)", "s.a.k s.a.y s.b.k"),
        ("SELECT a.x AS o FROM s.a LEFT JOIN s.b ON a.k = b.k AND b.z > 3", "s.a.k s.a.x s.b.k s.b.z"),
        ("SELECT z AS o FROM s.a, s.b WHERE a.k = b.k", "s.a.k s.b.k s.b.z"),
        ("WITH c AS (SELECT x AS p FROM s.a WHERE y > 1) SELECT p AS o FROM c", "s.a.x s.a.y"),
        ("WITH c(p) AS (SELECT x FROM s.a), d AS (FROM c) SELECT p AS o FROM d", "s.a.x"),
        ("SELECT q AS o FROM (SELECT x AS q, y FROM s.a) t", "s.a.x"),
        ("SELECT t.q AS o FROM (SELECT x, y FROM s.a) t(p, q)", "s.a.y"),
        ("SELECT x AS o FROM s.a WHERE k IN (SELECT k FROM s.b WHERE z > 1)", "s.a.k s.a.x s.b.k s.b.z"),
        ("SELECT (SELECT max(z) FROM s.b WHERE b.k = a.k) AS o FROM s.a", "s.a.k s.b.k s.b.z"),
        ("SELECT x AS o FROM s.a WHERE EXISTS (SELECT 1 FROM s.b WHERE b.k = a.k)", "s.a.k s.a.x s.b.k"),
        ("SELECT x AS o FROM s.a UNION ALL SELECT z FROM s.b", "s.a.x s.b.z"),
        ("SELECT x AS o FROM s.a EXCEPT SELECT z FROM s.b", "s.a.x s.b.z"),
        ("SELECT x AS p, p + y AS o FROM s.a", "s.a.x s.a.y"),
        ("SELECT u AS o FROM s.a, LATERAL (SELECT a.x + 1 AS u) t", "s.a.x"),
        ("SELECT i AS o FROM s.a, range(a.x) r(i)", "s.a.x"),
        ("SELECT v AS o FROM (VALUES (1)) t(v)", ""),
        # What is not followed passes everything.
        ("SELECT list_transform([x], e -> e + 1)[1] AS o FROM s.a", ALL),
        ("SELECT min(COLUMNS('x')) AS o FROM s.a", ALL),
        ("SELECT * EXCLUDE (k), x AS o FROM s.a", ALL),
        ("SELECT y AS o FROM s.a NATURAL JOIN s.b", BOTH),
        ("SELECT x AS o FROM s.a UNION BY NAME SELECT z AS o FROM s.b", BOTH),
        ("WITH RECURSIVE c AS (SELECT x AS o FROM s.a UNION ALL SELECT o + 1 FROM c WHERE o < 3) FROM c", ALL),
        ("SELECT o FROM (SELECT * FROM s.a) UNPIVOT (o FOR n IN (x, y))", ALL),
    ],
)
def test_a_column_is_made_of_what_it_is_computed_and_chosen_from(model: str, made_of: str) -> None:
    found = derived(model, TABLES, ["o"])["o"]
    assert {".".join(one) for one in found} == set(made_of.split())


def test_a_column_that_the_tree_does_not_show_is_made_of_everything() -> None:
    assert derived("SELECT * FROM s.a", TABLES, ["y", "w"]) == {
        "y": frozenset({("s", "a", "y")}),
        "w": everything("SELECT * FROM s.a", TABLES),
    }


SOURCE = {
    "person_id": column(tags=["identifier"]),
    "email": column("VARCHAR", classification="restricted", tags=["pii"]),
    "city": column("VARCHAR"),
    "spent": column(),
}
PEOPLE = pa.table({"person_id": [1, 2], "email": ["a@x.example", "b@y.example"], "city": ["A", "A"], "spent": [3, 4]})
MODEL = """
SELECT city, count(person_id) AS buyers, CAST(sum(spent) AS BIGINT) AS spent, max(split_part(email, '@', 2)) AS domain
FROM src.people WHERE {condition} GROUP BY city
"""
READS = {"id": "reads", "on": {"product": "src"}, "to": {"subject": "product:stats"}, "grant": {"columns": ["*"]}}
SEES = {"id": "sees", "on": {"product": "stats"}, "to": {}, "grant": {"columns": ["*"]}}
NO_PII = {"id": "no-pii", "on": {"product": "stats"}, "to": {}, "hide": {"columns": ["tag:pii"]}}
LOWERS = {"id": "domains", "on": {"product": "stats"}, "to": {}, "declassify": {"columns": ["domain"]}}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    made.allow(READS, SEES)
    made.declare("src", {"people": SOURCE}, data={"people": PEOPLE})
    made.publish("src")
    return made


def figures(workshop: Workshop, condition: str = "true", **more: Any) -> tuple[Snapshot, list[str]]:
    """The figures of those of whom `condition` holds, published, and the warnings; `more` is said of `domain`."""
    columns = {
        "city": column("VARCHAR"),
        "buyers": column(classification="public", tags=["figure"]),
        "spent": column(),
        "domain": column("VARCHAR", **more),
    }
    model = MODEL.format(condition=condition)
    workshop.declare("stats", {"cities": columns}, models={"cities": model}, inputs=["src"])
    told: list[Progress] = []
    found = workshop.publish("stats", progress=told.append)
    return found, [str(one.finding) for one in told if isinstance(one, Warned)]


def naming(rule: str) -> dict[str, Any]:
    """What a contract says of a column that the rule declassifies."""
    return {"customProperties": [{"property": "declassified", "vendor": "outport", "value": rule}]}


def served(snapshot: Snapshot) -> dict[str, tuple[str | None, list[str]]]:
    return {one.name: (one.classification, sorted(one.tags)) for one in snapshot.product.table("cities").columns}


def shown(workshop: Workshop) -> list[str]:
    """The columns that somebody gets."""
    Directory(workshop.settings.principals, load(workshop.settings)).add("somebody", "person", {}, "secret")
    gateway = Gateway(workshop.settings)
    session = gateway.impersonate("somebody", "rest")
    with gateway.answer(session, Query("SELECT * FROM stats.cities")) as result:
        names = list(result.schema.names)
    gateway.close()
    return names


def test_a_derived_column_has_the_class_and_tags_of_what_it_is_made_of(workshop: Workshop) -> None:
    snapshot, _ = figures(workshop)
    assert served(snapshot) == {
        "city": ("internal", []),
        "buyers": ("internal", ["figure", "identifier"]),
        "spent": ("internal", []),
        "domain": ("restricted", ["pii"]),
    }


def test_what_rows_are_chosen_by_passes_to_every_column(workshop: Workshop) -> None:
    snapshot, _ = figures(workshop, "email LIKE '%@x.example'")
    assert {kind for kind, _ in served(snapshot).values()} == {"restricted"}
    assert all("pii" in tags for _, tags in served(snapshot).values())


def test_a_rule_by_tag_bears_on_a_derived_column_at_the_doors(workshop: Workshop) -> None:
    workshop.allow(READS, SEES, NO_PII)
    figures(workshop)
    assert shown(workshop) == ["city", "buyers", "spent"]


def test_lowering_takes_the_contracts_word_and_a_rule_and_is_recorded(workshop: Workshop) -> None:
    workshop.allow(READS, SEES, NO_PII, LOWERS)
    snapshot, warnings = figures(workshop, **naming("domains"))
    assert served(snapshot)["domain"] == ("internal", [])
    assert not [one for one in warnings if "domains" in one]
    (recorded,) = [one for one in snapshot.inherited if one.column == "domain"]
    assert (recorded.rule, recorded.sources) == ("domains", ("src.people.email",))
    assert shown(workshop) == ["city", "buyers", "spent", "domain"]


def test_governance_is_told_what_was_declassified_and_by_which_rule(workshop: Workshop) -> None:
    workshop.allow(READS, SEES, LOWERS)
    snapshot, _ = figures(workshop, **naming("domains"))
    shown(workshop)
    gateway = Gateway(workshop.settings)
    (table,) = accesses(gateway, gateway.impersonate("somebody", "rest"), snapshot)
    gateway.close()
    told = {one.column: (one.declassified, one.made_of) for one in table.columns}
    assert told["domain"] == ("domains", ("src.people.email",))
    assert told["buyers"] == ("", ("src.people.person_id",))


def test_a_contract_alone_lowers_nothing_and_its_owner_is_warned(workshop: Workshop) -> None:
    snapshot, warnings = figures(workshop, **naming("domains"))
    assert served(snapshot)["domain"] == ("restricted", ["pii"])
    assert [one for one in warnings if "no rule domains declassifies it" in one]


def test_a_rule_alone_lowers_nothing(workshop: Workshop) -> None:
    workshop.allow(READS, SEES, LOWERS)
    snapshot, _ = figures(workshop)
    assert served(snapshot)["domain"] == ("restricted", ["pii"])


def test_a_rule_of_another_column_or_name_lowers_nothing(workshop: Workshop) -> None:
    workshop.allow(READS, SEES, LOWERS | {"declassify": {"columns": ["spent"]}}, LOWERS | {"id": "other"})
    snapshot, _ = figures(workshop, **naming("domains"))
    assert served(snapshot)["domain"] == ("restricted", ["pii"])


def test_a_source_that_is_classified_anew_passes_it_on_at_the_next_publication(workshop: Workshop) -> None:
    before, _ = figures(workshop)
    columns = SOURCE | {"spent": column(classification="confidential", tags=["money"])}
    workshop.declare("src", {"people": columns}, data={"people": PEOPLE})
    workshop.publish("src")
    after, _ = figures(workshop)
    assert served(before)["spent"] == ("internal", [])
    assert served(after)["spent"] == ("confidential", ["money"])
    assert before.product.digest == after.product.digest
    assert before.product.identity != after.product.identity


def test_declassifying_names_columns_and_is_for_everybody(workshop: Workshop) -> None:
    for body in ({"to": {"role": "x"}}, {"declassify": {"columns": ["*"]}}, {"declassify": {"columns": ["tag:pii"]}}):
        workshop.allow(READS, SEES, LOWERS | body)
        with pytest.raises(Exception, match="declassify names columns, for everybody"):
            figures(workshop)
