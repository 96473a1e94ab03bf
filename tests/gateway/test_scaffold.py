"""`outport new` writes a product that loads, compiles and hides what it should, without an edit."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from gateway import document
from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.operations import scaffold
from gateway.product import Table

ROWS = 60


def people() -> pa.Table:
    """Sixty persons, with odd column names, money in doubles and personal data in two unsuspicious columns."""
    ids = range(ROWS)
    return pa.table(
        {
            "Customer ID": pa.array(ids, pa.int64()),
            "Full Name": [f"Ada Quinn{i}" for i in ids],
            "contact": [f"a{i}@example.org" for i in ids],
            "line": [f"+49 30 1234{i:03d}" for i in ids],
            "holder": ["".join(("Ida ", "Be", chr(97 + i % 26), chr(97 + i // 26))) for i in ids],
            "total_spend": [i + 0.25 for i in ids],
            "price_index": [i / 7 for i in ids],
            "on": [i % 3 for i in ids],
            "region": ["North West" if i % 2 else "South East" for i in ids],
            "Birth Date": pa.array([None if i == 5 else 4000 + i for i in ids], pa.date32()),
        }
    )


def made(folder: Path, table: pa.Table, name: str = "crm", file: str = "Customer List.parquet") -> Table:
    """The table of the product that is scaffolded over `table`."""
    path = folder / file
    if path.suffix == ".csv":
        pacsv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    scaffold.new(name, path, folder / "products", folder / "policies")
    product = contract.load(folder / "products" / name)
    contract.compile_product(product, {}, folder / "products" / name)
    [found] = product.tables
    return found


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_types_keys_and_classes_are_proposed(tmp_path: Path, suffix: str) -> None:
    table = made(tmp_path, people(), file=f"Customer List.{suffix}")

    assert table.name == "customer_list"
    assert table.key == ("customer_id",)
    assert {column.name: column.type for column in table.columns} == {
        "customer_id": "BIGINT",
        "full_name": "VARCHAR",
        "contact": "VARCHAR",
        "line": "VARCHAR",
        "holder": "VARCHAR",
        "total_spend": "DECIMAL(18,2)",
        "price_index": "DOUBLE",
        "on": "BIGINT",
        "region": "VARCHAR",
        "birth_date": "DATE",
    }
    assert all(column.classification is not None for column in table.columns)
    assert table.column("customer_id").physical_name == "Customer ID"
    assert not table.column("birth_date").required


def test_what_may_identify_a_person_is_restricted_by_name_and_by_value(tmp_path: Path) -> None:
    table = made(tmp_path, people())

    personal = {column.name for column in table.columns if "pii" in column.tags}
    assert personal == {"full_name", "contact", "line", "holder", "birth_date"}
    assert all(table.column(name).classification == "restricted" for name in personal)
    text = (tmp_path / "products" / "crm" / "crm.odcs.yaml").read_text()
    assert text.count("tags: [pii] # confirm") == len(personal)


def test_a_key_is_claimed_only_where_it_is_proven(tmp_path: Path) -> None:
    pair = pa.table({"basket_id": [1, 1, 2, 2], "line_no": [1, 2, 1, 2], "note": ["a", "b", "b", "b"]})
    none = pa.table({"a": [1, 1, 1], "b": [2, 2, 2], "ratio": [0.1, 0.2, 0.3]})
    gap = pa.table({"id": pa.array([1, 2, None], pa.int64()), "b": [1, 1, 1]})

    assert made(tmp_path, pair, "pair", "pair.parquet").key == ("basket_id", "line_no")
    assert made(tmp_path, none, "none", "none.parquet").key == ()
    assert made(tmp_path, gap, "gap", "gap.parquet").key == ()


def test_an_empty_file_and_nested_columns_make_a_product_too(tmp_path: Path) -> None:
    nested = pa.table({"id": [1, 2], "tags": [["a"], []], "at": [{"x": 1.0}, {"x": 2.0}]})

    assert made(tmp_path, people().slice(0, 0), "empty", "empty.parquet").key == ()
    assert made(tmp_path, nested, "nested", "nested.parquet").column("at").type == "STRUCT(x DOUBLE)"


def test_two_headers_that_would_share_a_name_get_one_each(tmp_path: Path) -> None:
    table = made(tmp_path, pa.table({"a b": [1, 2], "a-b": [3, 4], "1st": [5, 6]}), file="t.parquet")

    assert [column.name for column in table.columns] == ["a_b", "a_b_2", "c_1st"]


def test_the_policy_shows_everything_to_the_owner_and_nothing_to_others(tmp_path: Path) -> None:
    made(tmp_path, people())

    [rule], _ = document.read("crm.yaml", (tmp_path / "policies" / "crm.yaml").read_text())
    tests, _ = document.read("crm.yaml", (tmp_path / "policies" / "tests" / "crm.yaml").read_text())

    assert rule == {
        "id": "crm-owner",
        "on": {"product": "crm"},
        "to": {"role": "crm_owner"},
        "grant": {"columns": ["*"]},
    }
    assert [one["expect"] for one in tests] == [{"columns": "raw", "rows": "all"}, "nothing"]


@pytest.mark.parametrize(
    ("name", "file", "problem"),
    [
        ("Crm", "people.parquet", "is no product name"),
        ("crm_v2", "people.parquet", "is no product name"),
        ("crm", "absent.parquet", "does not exist"),
        ("crm", "people.xlsx", "none of"),
        ("crm", "broken.parquet", "cannot be read"),
    ],
)
def test_what_cannot_be_scaffolded_leaves_nothing_behind(tmp_path: Path, name: str, file: str, problem: str) -> None:
    pq.write_table(people(), tmp_path / "people.parquet")
    (tmp_path / "people.xlsx").write_bytes(b"x")
    (tmp_path / "broken.parquet").write_bytes(b"not parquet at all")

    with pytest.raises(ContractError, match=problem):
        scaffold.new(name, tmp_path / file, tmp_path / "products", tmp_path / "policies")

    assert not (tmp_path / "products").exists()
    assert not (tmp_path / "policies").exists()


def test_an_existing_product_is_never_overwritten(tmp_path: Path) -> None:
    made(tmp_path, people())

    with pytest.raises(ContractError, match="exists already"):
        made(tmp_path, people())
