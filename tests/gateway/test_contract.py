"""Contracts are compiled: what a product promises is bound by DuckDB before anything is served."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gateway.contracts import clock, contract
from gateway.contracts.contract import ContractError
from gateway.desks import push_examples
from gateway.document import Finding
from gateway.product import Product

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "products"
ODPS = """\
apiVersion: v1.1.0
kind: DataProduct
id: shop
version: 1.2.0
inputPorts:
  - {name: raw}
outputPorts:
  - {name: all, contractId: shop}
customProperties:
  - {property: dataClock, vendor: outport, value: "2020-06-01T02:00:00+02:00"}
"""
RAW = """\
apiVersion: v3.2.0
kind: DataContract
id: raw
version: 1.0.0
servers:
  - {server: files, type: local, path: "data/{model}.csv", format: csv}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - {name: amount, logicalType: number}
      - {name: day, logicalType: date}
      - {name: customer, logicalType: integer}
"""
ODCS = """\
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.2.0
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true, classification: internal}
      - {name: amount, logicalType: number, physicalType: "numeric(18, 2)", required: true, classification: internal}
      - {name: day, logicalType: date, classification: internal}
      - {name: recent, logicalType: boolean, classification: internal}
      - name: customer
        logicalType: integer
        classification: internal
        relationships: [{to: customers.customer}]
      - {name: month, semanticType: dimension, transformLogic: "date_trunc('month', day)"}
      - {name: mean, semanticType: measure, transformLogic: "revenue / nullif(order_count, 0)"}
      - {name: revenue, semanticType: measure, transformLogic: "sum(amount) FILTER (WHERE amount > 0)"}
      - {name: order_count, semanticType: measure, transformLogic: count(*)}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
  - name: customers
    properties:
      - {name: customer, logicalType: integer, primaryKey: true, classification: internal}
"""
MODELS = {
    "orders": "SELECT id, amount::DECIMAL(18,2) AS amount, day, day > $data_clock AS recent, customer FROM raw.orders",
    "customers": "SELECT DISTINCT customer FROM raw.orders",
}


class Folder:
    """A product's folder, written from texts with some replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path / "shop"
        (self.path / "models").mkdir(parents=True)
        (self.path / "data").mkdir()
        (self.path / "data" / "orders.csv").write_text("id,amount,day,customer\n1,2.50,2020-01-01,7\n")
        self.texts = {"shop.odps.yaml": ODPS, "raw.odcs.yaml": RAW, "shop.odcs.yaml": ODCS}
        self.texts |= {f"models/{name}.sql": text for name, text in MODELS.items()}

    def edit(self, file: str, old: str, new: str) -> Folder:
        assert old in self.texts[file]
        self.texts[file] = self.texts[file].replace(old, new)
        return self

    def load(self) -> Product:
        for name, text in self.texts.items():
            (self.path / name).write_text(text)
        return contract.load(self.path)

    def compile(
        self, tables: Mapping[str, Mapping[str, Sequence[tuple[str, str]]]] | None = None
    ) -> tuple[Finding, ...]:
        return contract.compile_product(self.load(), tables or {}, self.path)

    def errors(self) -> list[str]:
        with pytest.raises(ContractError) as refused:
            self.compile()
        return [str(finding) for finding in refused.value.findings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_draft_compiles_and_is_only_warned_of_what_it_lacks(folder: Folder) -> None:
    found = folder.compile()
    assert {finding.severity for finding in found} == {"warning"}
    assert {"nobody is named as owner", "the purpose is not said"} <= {finding.problem for finding in found}


def test_columns_carry_canonical_types_keys_and_what_follows_from_them(folder: Folder) -> None:
    orders = folder.load().table("orders")

    assert [(column.name, column.type) for column in orders.columns] == [
        ("id", "BIGINT"),
        ("amount", "DECIMAL(18,2)"),
        ("day", "DATE"),
        ("recent", "BOOLEAN"),
        ("customer", "BIGINT"),
    ]
    assert orders.key == ("id",)
    assert orders.column("id").required
    assert orders.column("id").unique
    assert [(r.columns, r.to_table, r.to_columns) for r in orders.relationships] == [
        (("customer",), "customers", ("customer",))
    ]


def test_measures_come_after_those_they_name_with_their_types(folder: Folder) -> None:
    semantics = folder.load().table("orders").semantics

    assert [(one.name, one.kind, one.type) for one in semantics] == [
        ("month", "dimension", "TIMESTAMP"),
        ("revenue", "measure", "DECIMAL(38,2)"),
        ("order_count", "measure", "BIGINT"),
        ("mean", "measure", "DOUBLE"),
    ]


def test_the_data_clock_stands_in_the_model_as_utc(folder: Folder) -> None:
    product = folder.load()

    assert product.data_clock == "2020-06-01T00:00:00"
    assert "'2020-06-01 00:00:00'" in str(product.table("orders").model)


def test_a_clock_may_be_computed_from_the_inputs(folder: Folder) -> None:
    folder.edit("shop.odps.yaml", '"2020-06-01T02:00:00+02:00"', '"(SELECT max(day) FROM raw.orders)"')

    assert {finding.severity for finding in folder.compile()} == {"warning"}
    assert "max" in str(folder.load().table("orders").model)


def test_keys_required_columns_and_relationships_are_rules_by_themselves(folder: Folder) -> None:
    rules = {rule.id: rule for rule in folder.load().table("orders").quality}

    assert list(rules) == [
        "orders.key",
        "orders.id.required",
        "orders.amount.required",
        "orders.customer.customers",
        "orders.rowCount",
    ]
    assert (rules["orders.key"].severity, rules["orders.key"].comparison) == ("error", ("mustBe", (0,)))
    assert rules["orders.customer.customers"].severity == "warning"
    assert rules["orders.rowCount"].comparison == ("mustBeGreaterThan", (0,))


def test_a_product_survives_a_round_trip_through_its_documents(folder: Folder) -> None:
    product = folder.load()

    again = contract.from_documents(json.loads(json.dumps(product.documents)), contract.models_of(product))

    assert again == product


def test_reformatting_keeps_the_digest_and_a_changed_meaning_changes_it(folder: Folder) -> None:
    digest = folder.load().digest
    folder.texts["models/orders.sql"] = MODELS["orders"].replace(", ", " ,\n   ").replace("SELECT", "-- so\nselect")
    folder.texts["shop.odcs.yaml"] = ODCS.replace("\n    quality", "\n    # checks\n    quality")
    folder.edit("shop.odcs.yaml", "revenue / nullif(order_count, 0)", "revenue/NULLIF( order_count , 0 )")

    assert folder.load().digest == digest

    folder.edit("models/orders.sql", "> $data_clock", ">= $data_clock")

    assert folder.load().digest != digest


def _custom(name: str, value: str, item: str = "mean") -> str:
    """The start of a property with a custom property of ours."""
    return f"{{name: {item}, customProperties: [{{property: {name}, vendor: outport, value: {value}}}],"


def test_what_a_contract_says_of_measures_is_kept(folder: Folder) -> None:
    folder.edit("shop.odcs.yaml", "{name: mean,", _custom("metricTree", "{formula: revenue / order_count}"))
    folder.edit("shop.odcs.yaml", "{name: month,", _custom("grains", "[month, quarter]", "month"))
    folder.edit("shop.odcs.yaml", "{name: revenue,", _custom("unit", "EUR", "revenue"))
    found = {one.name: one for one in folder.load().table("orders").semantics}

    assert found["mean"].tree is not None
    assert (found["mean"].tree.drivers, found["mean"].additive) == (("revenue", "order_count"), False)
    assert found["month"].grains == ("month", "quarter")
    assert (found["revenue"].unit, found["revenue"].additive, found["order_count"].additive) == ("EUR", True, True)


@pytest.mark.parametrize(
    ("expression", "adds"),
    [
        ("sum(amount)", True), ("count(*)", True), ("count(DISTINCT customer)", False), ("avg(amount)", False),
        ("sum(amount) - revenue", True), ("2 * sum(amount)", True), ("revenue / 100", True), ("max(amount)", False),
        ("revenue * revenue", False), ("revenue + 1", False), ("sum(amount)::DOUBLE", True), ("100 / revenue", False),
    ],
)  # fmt: skip
def test_a_measure_adds_up_if_its_parts_do(folder: Folder, expression: str, adds: bool) -> None:
    folder.edit(
        "shop.odcs.yaml", "revenue / nullif(order_count, 0)", expression.replace("/ revenue", "/ nullif(revenue, 0)")
    )

    assert {one.name: one.additive for one in folder.load().table("orders").semantics}["mean"] is adds


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("shop.odps.yaml", "id: shop", "id: Shop", "shop.odps.yaml:3:id: error: the id Shop is no product name"),
        ("shop.odps.yaml", "id: shop", "id: shop_v2", "is no product name"),
        ("shop.odps.yaml", "id: shop", "id: semantic", "is taken by the doors"),
        ("shop.odps.yaml", "version: 1.2.0", "version: 1.2.x", "shop.odps.yaml:4:version: error: the version 1.2.x"),
        ("shop.odps.yaml", "contractId: shop", "contractId: shpo", "serves no known contract"),
        ("shop.odps.yaml", "contractId: shop", "contractId: raw", "serves an input contract"),
        ("shop.odps.yaml", "outputPorts", "status: active\noutputPorts", "has no type"),
        ("shop.odps.yaml", "2020-06-01T02", "yesterday 2020 02", "dataClock"),
        ("shop.odcs.yaml", "name: day", "name: Day Of", "column Day Of is no identifier"),
        ("shop.odcs.yaml", '"numeric(18, 2)"', "MONEY", "shop.odcs.yaml:9:schema[0].properties[1]: error: MONEY"),
        ("shop.odcs.yaml", '"numeric(18, 2)"', "\"ENUM('a')\"", "ENUM"),
        ("shop.odcs.yaml", '"numeric(18, 2)"', '"DECIMAL(9,2)"', "amount is DECIMAL(18,2), the contract declares"),
        ("shop.odcs.yaml", "name: recent", "name: rescent", "the contract declares no column recent"),
        ("shop.odcs.yaml", "primaryKey: true", "primaryKey: true, required: false", "id is part of the key"),
        ("shop.odcs.yaml", "to: customers.customer", "to: customers.custmer", "customers has no column custmer"),
        ("shop.odcs.yaml", "to: customers.customer", "to: clients.customer", "names no table of this product"),
        ("shop.odcs.yaml", "to: customers.customer", "to: customers", "the relationship is not understood"),
        ("shop.odcs.yaml", "{name: customer, logicalType: integer", "{name: customer, logicalType: string", "BIGINT"),
        ("shop.odcs.yaml", "count(*)", "count(", "order_count: syntax error"),
        ("shop.odcs.yaml", "count(*)", "amount * 2", "order_count does not bind"),
        ("shop.odcs.yaml", "count(*)", "\"42\"", "order_count does not aggregate"),
        ("shop.odcs.yaml", "count(*)", "count(*) OVER ()", "holds a window function"),
        ("shop.odcs.yaml", "count(*)", "(SELECT count(*) FROM customers)", "holds a subquery"),
        ("shop.odcs.yaml", "count(*)", '"count(*), 1"', "one plain value"),
        ("shop.odcs.yaml", "count(*)", '"count(*)) FROM orders --"', "order_count"),
        ("shop.odcs.yaml", "count(*)", "sum(amuont)", 'column "amuont" does not exist'),
        ("shop.odcs.yaml", "count(*)", "mean * 2", "in a circle: order_count -> mean -> order_count"),
        ("shop.odcs.yaml", "nullif(order_count, 0)", "order_count", "mean divides by order_count, which may be 0"),
        ("shop.odcs.yaml", "count(*)", "sum(amuont)", "did you mean amount?"),
        ("shop.odcs.yaml", "count(*)", "count(*) * random()", "random(), which is another value each time"),
        ("shop.odcs.yaml", "nullif(order_count, 0)", "nullif(order_count, 1)", "divides by"),
        ("shop.odcs.yaml", "nullif(order_count, 0)", "greatest(order_count, 0)", "divides by"),
        ("shop.odcs.yaml", "count(*)", "sum(orders.amount)", "order_count names orders, which is no column"),
        ("shop.odcs.yaml", "{name: mean,", _custom("metricTree", "{formula: revenue * nothing}"), "names nothing"),
        ("shop.odcs.yaml", "{name: mean,", _custom("metricTree", "{formula: sqrt(revenue)}"), "not understood"),
        ("shop.odcs.yaml", "{name: mean,", _custom("metricTree", "{north: true}"), "metricTree is not understood"),
        ("shop.odcs.yaml", "{name: mean,", _custom("alternatives", "[{measure: revenue}]"), "are not understood"),
        ("shop.odcs.yaml", "{name: mean,", _custom("alternatives", "[{measure: x, proposedBy: y, reason: z}]"), "s x"),
        ("shop.odcs.yaml", "{name: month,", _custom("grains", "[fortnight]", "month"), "grains of month are not"),
        ("shop.odcs.yaml", "{name: month,", _custom("timeZone", "Mars/Base", "month"), "timeZone of month is not"),
        ("shop.odcs.yaml", "date_trunc('month', day)", "max(day)", "the dimension month gives no value per row"),
        ("shop.odcs.yaml", "metric: rowCount", "type: sql, query: DROP TABLE orders", "DROP is not allowed"),
        ("shop.odcs.yaml", "metric: rowCount", "type: sql, query: SELECT 1 FROM raw.orders", "rule reads raw.orders"),
        ("shop.odcs.yaml", "metric: rowCount", "type: sql, query: SELECT 1 FROM duckdb_tables()", "duckdb_tables"),
        ("shop.odcs.yaml", "metric: rowCount", "type: sql, query: 'SELECT 1, 2'", "several columns"),
        ("shop.odcs.yaml", "metric: rowCount", "type: sql, query: SELECT max(day) FROM orders", "gives DATE"),
        ("shop.odcs.yaml", "metric: rowCount", "metric: nullValues", "nullValues stands at a property"),
        ("shop.odcs.yaml", "metric: rowCount", "metric: duplicateValues", "properties"),
        ("shop.odcs.yaml", "mustBeGreaterThan: 0", "mustBeGreaterThan: 0, mustBe: 3", "exactly one comparison"),
        ("shop.odcs.yaml", ", mustBeGreaterThan: 0", "", "exactly one comparison"),
        ("raw.odcs.yaml", "data/{model}.csv", "../{model}.csv", "may not be read"),
        ("raw.odcs.yaml", "data/{model}.csv", "/etc/passwd", "may not be read"),
        ("raw.odcs.yaml", "data/{model}.csv", "https://x.org/{model}.csv", "may not be read"),
        ("raw.odcs.yaml", "data/{model}.csv", "data/*.csv", "may not be read"),
        ("raw.odcs.yaml", "data/{model}.csv", "data/absent.csv", "does not exist"),
        ("raw.odcs.yaml", "format: csv", "format: xlsx", "xlsx"),
        ("raw.odcs.yaml", "name: amount", "name: amont", "has no column amont"),
        ("models/orders.sql", "raw.orders", "raw.oders", "did you mean raw.orders?"),
        ("models/orders.sql", "raw.orders", "'/etc/passwd'", "no declared input"),
        ("models/orders.sql", "raw.orders", "read_csv('/etc/passwd')", "read_csv"),
        ("models/orders.sql", "raw.orders", "raw.orders, information_schema.tables", "information_schema.tables"),
        ("models/orders.sql", "SELECT id", "SELECT idd AS id", 'column "idd" does not exist'),
        ("models/orders.sql", "$data_clock", "$clock", "$clock is unknown"),
        ("models/orders.sql", "SELECT id", "\n\nSELECT id,, 1", "models/orders.sql:3: error: syntax error"),
        ("models/orders.sql", "SELECT id", "DELETE FROM raw.orders; SELECT id", "models/orders.sql: error"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_told_with_its_place(folder: Folder, file: str, old: str, new: str, finding: str) -> None:
    found = folder.edit(file, old, new).errors()

    assert any(finding in one for one in found), found
    assert any(one.startswith((file, "models/")) for one in found), found


def test_all_findings_of_a_run_come_together(folder: Folder) -> None:
    folder.edit("shop.odcs.yaml", "count(*)", "sum(amuont)").edit(
        "shop.odcs.yaml", "metric: rowCount", "metric: nullValues"
    )
    folder.edit("models/customers.sql", "DISTINCT customer", "DISTINCT (")

    found = folder.errors()

    assert len(found) == 3
    assert {one.split(":")[0] for one in found} == {"shop.odcs.yaml", "models/customers.sql"}


def test_an_input_product_must_be_there_to_read(folder: Folder) -> None:
    del folder.texts["raw.odcs.yaml"]
    product = folder.load()

    assert product.inputs[0].product == "raw"
    with pytest.raises(ContractError, match="publish raw first, and grant it to product:shop"):
        contract.compile_product(product, {})

    columns = [("id", "BIGINT"), ("amount", "DOUBLE"), ("day", "DATE"), ("customer", "BIGINT")]
    assert contract.compile_product(product, {"raw": {"orders": columns}})
    with pytest.raises(ContractError, match="does not run on its inputs"):
        contract.compile_product(product, {"raw": {"orders": columns[1:]}})


def test_a_relationship_to_an_input_product_names_a_real_column(folder: Folder) -> None:
    folder.edit("shop.odcs.yaml", "to: customers.customer", "to: raw.orders.customer")
    del folder.texts["raw.odcs.yaml"]
    columns = [("id", "BIGINT"), ("amount", "DOUBLE"), ("day", "DATE"), ("customer", "BIGINT")]

    assert {finding.severity for finding in folder.compile({"raw": {"orders": columns}})} == {"warning"}

    folder.edit("shop.odcs.yaml", "to: raw.orders.customer", "to: raw.orders.day")
    with pytest.raises(ContractError, match=r"orders.customer refers to raw.orders.day, which is DATE"):
        folder.compile({"raw": {"orders": columns}})


def test_a_table_has_one_origin(folder: Folder) -> None:
    servers = "servers: [{server: orders, type: local, path: data/orders.csv, format: csv}]\nschema:\n  - name: orders"
    folder.edit("shop.odcs.yaml", "schema:\n  - name: orders", servers)

    assert any("both a model and a file fill orders" in one for one in folder.errors())


def test_an_input_contract_may_leave_its_columns_to_the_file(folder: Folder) -> None:
    folder.texts["raw.odcs.yaml"] = folder.texts["raw.odcs.yaml"].split("    properties")[0]

    folder.compile()

    [source] = folder.load().inputs
    assert [(column.name, column.type) for column in source.tables[0].columns] == [
        ("id", "BIGINT"),
        ("amount", "DOUBLE"),
        ("day", "DATE"),
        ("customer", "BIGINT"),
    ]


def test_the_smallest_product_is_two_files_and_takes_its_columns_from_the_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cities.csv").write_text("City Name,people\nBonn,300000\n")
    (tmp_path / "mini.odps.yaml").write_text(
        "apiVersion: v1.1.0\nkind: DataProduct\nid: mini\nversion: 0.1.0\noutputPorts: [{name: all}]\n"
    )
    (tmp_path / "mini.odcs.yaml").write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: mini\nversion: 0.1.0\n"
        "servers: [{server: files, type: local, path: data/cities.csv, format: csv}]\nschema: [{name: cities}]\n"
    )

    product = contract.load(tmp_path)

    table = product.table("cities")
    assert [(column.name, column.type, column.effective_class) for column in table.columns] == [
        ("city_name", "VARCHAR", "restricted"),
        ("people", "BIGINT", "restricted"),
    ]
    assert [column.physical_name for column in table.columns] == ["City Name", ""]
    assert all(product.serves(door) for door in ("rest", "graphql", "postgres", "flightsql"))
    warnings = [finding.problem for finding in contract.compile_product(product, {}, tmp_path)]
    assert "cities: no class is declared for city_name, people" in warnings
    assert contract.from_documents(product.documents, {}) == product


def test_a_link_out_of_the_folder_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("id,amount,day,customer\n")
    (folder.path / "data" / "orders.csv").unlink()
    (folder.path / "data" / "orders.csv").symlink_to(outside)

    assert any("lies outside of its folder" in one for one in folder.errors())


def test_a_file_may_come_from_an_installed_package_only_by_name(folder: Folder) -> None:
    extra = "format: csv, customProperties: [{property: package, vendor: outport, value: PACKAGE}]"
    folder.edit("raw.odcs.yaml", "format: csv", extra)

    folder.edit("raw.odcs.yaml", "PACKAGE", "no_such_package_at_all")
    assert any("no_such_package_at_all is not installed" in one for one in folder.errors())

    folder.edit("raw.odcs.yaml", "no_such_package_at_all", "os.path")
    assert any("package is no package name" in one for one in folder.errors())


def test_an_enum_a_range_and_a_pattern_become_rules(folder: Folder) -> None:
    limits = "enum: [{value: 2020-01-01}], logicalTypeOptions: {minimum: 2019-01-01}"
    folder.edit("shop.odcs.yaml", "{name: day, ", f"{{name: day, {limits}, ")
    rules = {rule.id: rule.query for rule in folder.load().table("orders").quality}

    assert "NOT IN" in rules["orders.day.enum"]
    assert "2019-01-01" in rules["orders.day.minimum"]

    folder.edit("shop.odcs.yaml", "minimum: 2019-01-01", "pattern: x")
    assert any("unknown: pattern" in one for one in folder.errors())


def test_a_share_and_a_placeholder_are_understood(folder: Folder) -> None:
    own = (
        '{type: sql, id: own, query: "SELECT count(*) FROM ${object} WHERE day > $data_clock", mustBeLessOrEqualTo: 3}'
    )
    twice = (
        "{metric: duplicateValues, unit: percent, arguments: {properties: [day]}, mustBeBetween: [0, 50], id: twice}"
    )
    folder.edit("shop.odcs.yaml", "{metric: rowCount, mustBeGreaterThan: 0}", f"{own}\n      - {twice}")
    rules = {rule.id: rule for rule in folder.load().table("orders").quality}

    assert rules["own"].query.startswith("SELECT (SELECT count_star() FROM orders")
    assert rules["own"].comparison == ("mustBeLessOrEqualTo", (3,))
    assert (rules["twice"].unit, rules["twice"].comparison) == ("percent", ("mustBeBetween", (0, 50)))


def test_a_clock_that_runs_on_from_another_day_measures_freshness_as_the_real_one_does() -> None:
    stock = contract.load(DEMO / "inventory")
    (fresh,) = [rule for rule in stock.table("positions").quality if rule.id == "positions.checked_at.freshness"]
    assert "2018-01-01" in fresh.query
    assert "now()" in fresh.query
    assert not clock.stands(stock.data_clock)
    assert not clock.needs_input(stock.data_clock)


def test_examples_of_a_contract_make_the_row_that_one_may_push_at_first() -> None:
    (one,) = push_examples.of(contract.load(DEMO / "shipments"))
    assert (one.source, one.table, one.alone) == ("scans", "scans", True)
    assert dict(one.row).keys() == {"shipment_id", "carrier", "scanned_at", "delivered"}
    assert push_examples.of(contract.load(DEMO / "inventory")) == ()


def test_the_demo_products_compile_with_what_their_owners_promise() -> None:
    retail, customers = contract.load(DEMO / "retail"), contract.load(DEMO / "customer_360")
    readable = {
        "retail": {table.name: [(column.name, column.type) for column in table.columns] for table in retail.tables}
    }

    told = [
        *contract.compile_product(retail, {}, DEMO / "retail"),
        *contract.compile_product(customers, readable, DEMO / "customer_360"),
        *contract.compile_product(contract.load(DEMO / "promotions"), {}, DEMO / "promotions"),
    ]
    assert [one for one in told if "is promised, and not measured" not in one.problem] == []
    assert len(told) == 3, "how long rows are kept, of each"
    assert customers.table("customers").column("lifetime_value").type == "DECIMAL(18,2)"
    assert {column.name for column in customers.table("customers").columns if "pii" in column.tags} == {
        "full_name",
        "email",
        "phone",
        "birth_date",
    }
