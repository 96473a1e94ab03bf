"""Environments: one product's descriptors, other values in each; a value is never more than one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.product import Product
from tests.workshop import KEY, Workshop, column, stored

MODEL = "SELECT id, name, ${greeting} AS greeting FROM raw.people WHERE id < ${most} AND id > ${least} AND ${all}"
RAW = """
apiVersion: v3.2.0
kind: DataContract
id: raw
version: 1.0.0
servers: [{server: people, type: local, path: "data/${place}.parquet", format: parquet}]
schema:
  - name: people
    properties: [{name: id, physicalType: BIGINT}, {name: name, physicalType: VARCHAR}]
"""
PROD = """
place: people
greeting: it's "${"
most: 3
least: -1
all: true
rows: 1
moment: "2018-01-01"
owner: sales
"""


class Site:
    """A product whose descriptors hold variables."""

    def __init__(self, folder: Path) -> None:
        self.shop = Workshop(folder)
        tables = {"people": {"id": KEY, "name": column("VARCHAR"), "greeting": column("VARCHAR"),
                             "n": {"semanticType": "measure", "transformLogic": "count(*) + ${rows}"}}}  # fmt: skip
        self.folder = self.shop.declare(
            "staff",
            tables,
            models={"people": MODEL},
            inputs=["raw"],
            quality={"people": [{"metric": "rowCount", "mustBeGreaterThan": "${rows}"}]},
            custom={"dataClock": "${moment}"},
        )
        (self.folder / "raw.odcs.yaml").write_text(RAW)
        self.shop.fill("staff", "people", pa.table({"id": [1, 2, 3], "name": ["a", "b", "c"]}))
        (self.folder / "environments").mkdir()
        self.write(PROD.replace('it\'s "${"', "it's"))

    def write(self, text: str, name: str = "prod") -> None:
        (self.folder / "environments" / f"{name}.yaml").write_text(text)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def load(self, name: str | None = "prod") -> Product:
        return contract.load(self.folder, name)

    def refused(self, name: str | None = "prod") -> list[str]:
        with pytest.raises(ContractError) as refusal:
            self.load(name)
        return [str(one) for one in refusal.value.findings]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_product_is_published_with_the_values_of_its_environment(site: Site) -> None:
    site.shop.settings = site.shop.settings.model_copy(update={"environment": "prod"})
    found = site.shop.publish("staff")
    assert stored(found, "SELECT * FROM people ORDER BY id") == [(1, "a", "it's"), (2, "b", "it's")]
    assert [one.holds for one in found.outcomes if one.dimension == "coverage"] != [False]
    assert "${" not in repr(found.product.documents)
    assert contract.from_documents(found.product.documents, contract.models_of(found.product)).digest == (
        site.load().digest
    )


def test_each_environment_has_a_digest_of_its_own_and_the_same_values_the_same(site: Site) -> None:
    text = (site.folder / "environments" / "prod.yaml").read_text()
    site.write(text, "copy")
    site.write(text.replace("most: 3", "most: 4"), "test")
    assert site.load().digest == site.load("copy").digest
    assert site.load().digest != site.load("test").digest


def test_types_stay_what_they_are_in_their_file(site: Site) -> None:
    rule = site.load().table("people").quality[-1]
    assert rule.comparison == ("mustBeGreaterThan", (1,))
    site.write((site.folder / "environments" / "prod.yaml").read_text().replace("rows: 1", 'rows: "1"'))
    assert any("mustBeGreaterThan" in one for one in site.refused())


def test_without_an_environment_every_variable_is_told_with_its_place(site: Site) -> None:
    found = site.refused(None)
    assert all("is a variable, and no environment is chosen (--environment NAME)" in one for one in found)
    assert {one.split(":")[0] for one in found} == {"raw.odcs.yaml", "staff.odcs.yaml", "staff.odps.yaml",
                                                    "models/people.sql"}  # fmt: skip
    assert any(one.startswith("raw.odcs.yaml:6:servers[0].path: error: place ") for one in found)


def test_an_unknown_variable_is_told_with_the_nearest_that_is_known(site: Site) -> None:
    site.edit("raw.odcs.yaml", "${place}", "${plaec}")
    (found,) = site.refused()
    assert (
        found
        == "raw.odcs.yaml:6:servers[0].path: error: the environment prod has no variable plaec (did you mean place?)"
    )
    assert any("has no variable" in one for one in site.refused("nowhere"))


@pytest.mark.parametrize(
    "value",
    [
        "x' OR 'a' = 'a",
        "x'; DROP TABLE people; --",
        "'||(SELECT name FROM raw.people)||'",
        "$data_clock",
        "\\\\' OR 1=1",
    ],
)
def test_a_value_in_sql_is_a_literal_whatever_it_holds(site: Site, value: str) -> None:
    site.write(f'greeting: "{value}"\n' + "\n".join(
        line for line in (site.folder / "environments" / "prod.yaml").read_text().splitlines() if "greeting" not in line
    ))  # fmt: skip
    site.shop.settings = site.shop.settings.model_copy(update={"environment": "prod"})
    found = site.shop.publish("staff") if value.startswith("x' OR") else None
    plain = value.replace("\\\\", "\\")
    assert plain.replace("'", "''") in (site.load().table("people").model or "")
    if found is not None:
        assert stored(found, "SELECT DISTINCT greeting FROM people") == [(plain,)]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("models/people.sql", "${greeting}", "'${greeting}'", "stands within quotes"),
        ("models/people.sql", "${greeting}", "'a' /* ${greeting} */", "stands within quotes or a comment"),
        ("models/people.sql", "${greeting}", "'${greeting}' || $environment_greeting", "stands within quotes"),
        ("models/people.sql", "raw.people", "${place}", "no value can stand where the variable does"),
        ("models/people.sql", "raw.people", "raw.${place}", "no value can stand where the variable does"),
        ("models/people.sql", "${greeting}", "${Greeting}", "is no variable"),
        ("models/people.sql", "${greeting}", "${}", "is no variable"),
        ("raw.odcs.yaml", "${place}", "${place", "is no variable"),
        ("raw.odcs.yaml", "${place}", "../${owner}/x", "may not be read"),
        ("environments/prod.yaml", "owner: sales", "owner: ${place}", "owner refers to a variable"),
        ("environments/prod.yaml", "owner: sales", "owner: [a]", "owner has no plain value"),
        ("environments/prod.yaml", "owner: sales", "owner:", "owner has no plain value"),
        ("environments/prod.yaml", "owner: sales", "Owner: a", "Owner is no variable"),
        ("environments/prod.yaml", "owner: sales", "owner: a\nowner: b", "the key stands twice"),
        ("environments/prod.yaml", '"2018-01-01"', "(SELECT max(id) FROM raw.people)", "is no time"),
    ],
)
def test_what_is_no_plain_value_in_a_place_for_one_is_refused(
    site: Site, file: str, old: str, new: str, problem: str
) -> None:
    site.edit(file, old, new)
    found = site.refused()
    assert any(problem in one for one in found), found
    assert all(one.split(":")[1].isdecimal() for one in found), found


def test_placeholders_of_rules_stay_theirs(site: Site) -> None:
    rule = '{"id": "own", "type": "sql", "query": "SELECT count(*) FROM ${object} WHERE id > ${least}", "mustBe": 3}'
    site.edit("staff.odcs.yaml", "  quality:\n", f"  quality:\n  - {rule}\n")
    (found,) = [one for one in site.load().table("people").quality if one.id == "own"]
    assert "FROM people" in found.query
    assert "-1" in found.query
    site.write("table: x")
    assert any("table is no variable" in one for one in site.refused())


def test_a_reference_to_a_secret_stays_one(site: Site) -> None:
    site.edit("staff.odps.yaml", "apiVersion", "name: a ${secret:TOKEN} of ${owner}\napiVersion")
    assert site.load().title == "a ${secret:TOKEN} of sales"
    assert "TOKEN" in site.load().documents["staff.odps.yaml"]["name"]


def test_a_product_without_variables_is_the_same_in_every_environment(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    folder = shop.declare("plain", {"people": {"id": KEY}}, data={"people": pa.table({"id": [1]})})
    assert contract.load(folder).digest == contract.load(folder, "prod").digest
