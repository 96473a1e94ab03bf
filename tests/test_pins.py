"""A retained snapshot can be asked for again: the same rows while it is kept, and refused like an unknown one else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway import BadQuery, Expired, Gateway, NotFound, Query, Session
from gateway.access.identity import Directory
from gateway.access.keys import load
from tests.workshop import KEY, STEWARD, Workshop, column

TABLE = {"id": {**KEY}, "who": column("VARCHAR"), "stamp": column("INTEGER")}
ROWS = 1_000


def stamped(stamp: int) -> pa.Table:
    numbers = range(ROWS)
    who = [f"p{number}" for number in numbers]
    return pa.table({"id": numbers, "who": who, "stamp": pa.array([stamp] * ROWS, pa.int32())})


def opened(folder: Path, **settings: Any) -> tuple[Workshop, Gateway]:
    made = Workshop(folder, **settings)
    odd = {"id": "odd", "on": {"product": "one"}, "to": {"role": "analyst"}, "grant": {"columns": ["*"]}}
    rows = {"id": "rows", "on": {"product": "one"}, "to": {"role": "analyst"}, "restrict": {"rows": "id < 10"}}
    made.allow(STEWARD, odd, rows)
    for product in ("one", "two"):
        made.declare(product, {"t": TABLE}, data={"t": stamped(0)})
    made.settings.state.mkdir()
    directory = Directory(made.settings.principals, load(made.settings))
    for subject in ("steward", "analyst", "stranger"):
        directory.add(subject, "person", {"role": (subject,)}, "secret")
    for product in ("one", "two"):
        made.publish(product)
    return made, Gateway(made.settings)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Workshop, Gateway]]:
    made, gateway = opened(tmp_path)
    yield made, gateway
    gateway.close()


def table(gateway: Gateway, session: Session, text: str, query: Query | None = None) -> pa.Table:
    with gateway.answer(session, query or Query(text)) as result:
        return pa.Table.from_batches(result.batches(), result.schema)


def serve(made: Workshop, product: str, stamp: int) -> str:
    made.fill(product, "t", stamped(stamp))
    return made.publish(product).id


def test_a_pinned_session_gets_the_same_rows_after_a_publication(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward = gateway.impersonate("steward", "python")
    before = table(gateway, steward, "FROM one.t")
    first = gateway.product(steward, "one").snapshot.id
    serve(made, "one", 1)
    pinned = steward.pinned([first])
    assert table(gateway, pinned, "FROM one.t").equals(before)
    assert table(gateway, steward, "SELECT max(stamp) AS s FROM one.t").to_pylist() == [{"s": 1}]
    with gateway.answer(pinned, Query("FROM one.t")) as result:
        assert [one.snapshot for one in result.provenance.products] == [first]


def test_a_session_pinned_to_two_products_sees_one_state_of_both(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward = gateway.impersonate("steward", "python")
    ids = [gateway.product(steward, name).snapshot.id for name in ("one", "two")]
    serve(made, "one", 1)
    serve(made, "two", 1)
    joined = "SELECT a.stamp + b.stamp AS s, count(*) AS n FROM one.t a JOIN two.t b USING (id) GROUP BY 1"
    assert table(gateway, steward.pinned(ids), joined).to_pylist() == [{"s": 0, "n": ROWS}]
    assert table(gateway, steward.pinned(ids[:1]), joined).to_pylist() == [{"s": 1, "n": ROWS}]


def test_what_a_pin_shows_is_decided_now(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    analyst = gateway.impersonate("analyst", "python")
    first = gateway.product(analyst, "one").snapshot.id
    serve(made, "one", 1)
    pinned = analyst.pinned([first])
    assert table(gateway, pinned, "SELECT count(*) AS n FROM one.t").to_pylist() == [{"n": 10}]
    made.allow(STEWARD)
    assert wait_for_refusal(gateway, pinned)


def wait_for_refusal(gateway: Gateway, session: Session) -> bool:
    """Whether the answer is refused within the store's interval between two looks at the folder."""
    for _ in range(100_000):
        try:
            table(gateway, session, "SELECT 1 FROM one.t LIMIT 1")
        except NotFound:
            return True
    return False


def test_an_older_major_is_what_its_name_means_once_pinned(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward = gateway.impersonate("steward", "python")
    first = gateway.product(steward, "one").snapshot.id
    made.declare("one", {"t": TABLE}, data={"t": stamped(7)}, version="2.0.0")
    made.publish("one")
    assert table(gateway, steward, "SELECT max(stamp) AS s FROM one.t").to_pylist() == [{"s": 7}]
    assert table(gateway, steward.pinned([first]), "SELECT max(stamp) AS s FROM one.t").to_pylist() == [{"s": 0}]
    assert gateway.product(steward.pinned([first]), "one").product.version == "1.0.0"


def test_a_snapshot_that_one_may_not_see_reads_like_one_that_never_was(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward, stranger = gateway.impersonate("steward", "python"), gateway.impersonate("stranger", "python")
    analyst = gateway.impersonate("analyst", "python")
    real = [gateway.product(steward, "two").snapshot.id]
    serve(made, "two", 1)
    messages = set()
    for session in (stranger, analyst):
        for snapshot in (real[0], "20260101t000000000000_abcd_two", "nonsense", "", "x" * 5000):
            with pytest.raises(NotFound) as refusal:
                table(gateway, session.pinned([snapshot]), "SELECT 1 AS a")
            messages.add(refusal.value.message)
    assert messages == {"this snapshot does not exist"}


def test_a_snapshot_that_is_kept_no_longer_has_expired_for_those_who_saw_it(tmp_path: Path) -> None:
    made, gateway = opened(tmp_path, retain_s=1e-6)
    with_steward, stranger = gateway.impersonate("steward", "python"), gateway.impersonate("stranger", "python")
    for name in ("one", "two"):
        made.declare(name, {"t": TABLE}, data={"t": stamped(0)}, custom={"snapshotRetention": 0})
        made.publish(name)
    first = gateway.product(with_steward, "one").snapshot.id
    serve(made, "one", 1)
    with pytest.raises(Expired):
        table(gateway, with_steward.pinned([first]), "FROM one.t")
    with pytest.raises(NotFound):
        table(gateway, stranger.pinned([first]), "FROM one.t")
    assert [one.until for one in gateway.snapshots(with_steward, "one")] == [None]
    gateway.close()


def test_two_snapshots_of_one_product_are_one_too_many(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward = gateway.impersonate("steward", "python")
    ids = [gateway.product(steward, "one").snapshot.id, serve(made, "one", 1)]
    with pytest.raises(BadQuery):
        table(gateway, steward.pinned(ids), "FROM one.t")
    assert table(gateway, steward.pinned(ids[:1] * 2), "SELECT max(stamp) AS s FROM one.t").to_pylist() == [{"s": 0}]


def test_kept_snapshots_are_listed_for_those_who_see_them(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward, stranger = gateway.impersonate("steward", "python"), gateway.impersonate("stranger", "python")
    first = gateway.product(steward, "one").snapshot.id
    second = serve(made, "one", 1)
    kept = gateway.snapshots(steward, "one")
    assert [one.snapshot.id for one in kept] == [second, first]
    assert kept[0].until is None
    assert kept[1].until is not None
    with pytest.raises(NotFound):
        gateway.snapshots(stranger, "one")


def test_an_answer_that_is_known_already_is_audited_and_not_run(shop: tuple[Workshop, Gateway]) -> None:
    made, gateway = shop
    steward = gateway.impersonate("steward", "python")
    with gateway.answer(steward, Query("FROM one.t")) as result:
        result.unchanged()
    assert result.summary is not None
    assert (result.summary.outcome, result.summary.rows) == ("unchanged", 0)
    assert '"unchanged"' in "".join(path.read_text() for path in made.settings.audit.iterdir())
