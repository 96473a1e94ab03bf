"""What is counted, under which labels, and at what price."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import Gateway, GatewayError, Password, Query, Unauthenticated, Unavailable
from gateway.accounting.audit_chain import Head
from gateway.accounting.observe import AnswerSent, Observer, QueryAnswered, QueryRefused, Refused, SignInFailed
from gateway.desks.metrics import Metrics
from gateway.serving.running import Load
from tests.conftest import World

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def own(world: World) -> Iterator[Gateway]:
    """A gateway of this test's own on the world: its counters begin at nothing."""
    gateway = Gateway(world.settings)
    yield gateway
    gateway.close()


def numbers(metrics: Metrics) -> Numbers:
    """Every sample of the text that a scraper gets, by its name and labels."""
    text = metrics.exposition("").body.decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) > 15
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def of(found: Numbers, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def ask(gateway: Gateway, subject: str, text: str, port: str = "rest") -> None:
    session = gateway.open(Password(subject, f"{subject}-secret"), port)
    with gateway.answer(session, Query(text)) as result:
        for _ in result.batches():
            pass


def test_answers_and_refusals_are_counted_by_port_product_and_end(own: Gateway) -> None:
    ask(own, "steward", "SELECT order_id FROM shop.orders LIMIT 7")
    ask(own, "steward", "SELECT o.order_id FROM shop.orders o, hr.salaries s LIMIT 5", "flightsql")
    for subject, text in (("analyst", "SELECT * FROM hr.salaries"), ("steward", "SELEC")):
        with pytest.raises(GatewayError):
            ask(own, subject, text)
    with pytest.raises(GatewayError):
        ask(own, "steward", "SELECT CAST(remark AS INTEGER) FROM shop.orders")
    with pytest.raises(Unauthenticated):
        own.open(Password("steward", "wrong"), "rest")
    found = numbers(own.metrics)
    assert of(found, "outport_queries_total", port="rest", outcome="answered", code="") == 1
    assert of(found, "outport_queries_total", port="flightsql", outcome="answered", code="") == 1
    assert of(found, "outport_queries_total", port="rest", outcome="refused", code="not_found") == 1
    assert of(found, "outport_queries_total", port="rest", outcome="refused", code="bad_query") == 1
    assert of(found, "outport_queries_total", port="rest", outcome="failed", code="bad_query") == 1
    assert of(found, "outport_query_seconds_count", port="rest") == 2
    assert of(found, "outport_query_seconds_bucket", port="rest", le="+Inf") == 2
    assert of(found, "outport_product_queries_total", port="rest", product="shop") == 2
    assert of(found, "outport_served_rows_total", port="rest", product="shop") == 7
    assert of(found, "outport_served_rows_total", port="flightsql", product="shop") == 5
    assert of(found, "outport_served_rows_total", port="flightsql", product="hr") == 5
    assert of(found, "outport_served_bytes_total", port="rest", product="shop") > 0
    assert of(found, "outport_sign_in_failures_total", port="rest", reason="wrong") == 1


def test_the_state_of_the_moment_is_told(own: Gateway) -> None:
    session = own.open(Password("steward", "steward-secret"), "rest")
    with own.answer(session, Query("SELECT order_id FROM shop.orders")) as result:
        batches = result.batches()
        next(batches)
        found = numbers(own.metrics)
        assert of(found, "outport_queries_open") == 1
        assert of(found, "outport_queries_running") == 0
    found = numbers(own.metrics)
    assert (of(found, "outport_queries_open"), of(found, "outport_queries_waiting")) == (0, 0)
    assert of(found, "outport_queries_running_limit") == 4
    assert 0 < of(found, "outport_snapshot_age_seconds", product="shop", major="1") < 86_400
    assert of(found, "outport_snapshot_quality_ratio", product="hr", major="1") == 1
    assert of(found, "outport_snapshots_served_total", product="shop") == 1
    assert of(found, "outport_policy_loads_total", outcome="loaded") == 1
    assert of(found, "outport_audit_sequence", chain=own._audit._audit.head.chain) >= 4  # type: ignore[attr-defined]
    assert of(found, "process_resident_memory_bytes") > 0


def test_a_query_that_computes_is_running(own: Gateway) -> None:
    slots = own._engine._slots
    slots.take(None)
    assert of(numbers(own.metrics), "outport_queries_running") == 1
    slots.give()
    assert of(numbers(own.metrics), "outport_queries_running") == 0


def test_each_gateway_counts_for_itself(own: Gateway, gateway: Gateway) -> None:
    ask(gateway, "steward", "SELECT 1 AS a", "other")
    assert not any(("port", "other") in labels for _, labels in numbers(own.metrics))
    assert of(numbers(gateway.metrics), "outport_queries_total", port="other", outcome="answered", code="") == 1


def test_no_label_holds_a_subject_a_column_or_a_word_of_a_statement(own: Gateway) -> None:
    secrets = ["steward", "analyst", "order_id", "amount", "SELECT", "4711"]
    ask(own, "steward", "SELECT order_id AS amount FROM shop.orders WHERE order_id = 4711")
    with pytest.raises(GatewayError):
        ask(own, "analyst", "SELECT 4711 FROM hr.salaries")
    text = own.metrics.exposition("application/openmetrics-text; version=1.0.0").body.decode()
    assert text.endswith("# EOF\n")
    assert [secret for secret in secrets if secret in text] == []


def test_a_record_that_the_audit_cannot_take_is_counted_as_that(world: World) -> None:
    class Full:
        def record(self, _: Any) -> None:
            raise Unavailable("the audit cannot be written", reason="audit")

    metrics = fresh()
    observer = Observer(Full(), metrics, required=True)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        observer.record(SignInFailed(port="rest", reason="credentials", error_id="x"))
    found = numbers(metrics)
    assert of(found, "outport_audit_failures_total") == 1
    assert not any(name == "outport_sign_in_failures_total" for name, _ in found)


def test_an_unknown_method_makes_no_label_of_its_own() -> None:
    metrics = fresh()
    for method in ("GET", "BREW", "PROPFIND"):
        metrics.request(method, "/products", 200)
    found = numbers(metrics)
    assert of(found, "outport_http_requests_total", method="GET", route="/products", status="200") == 1
    assert of(found, "outport_http_requests_total", method="other", route="/products", status="200") == 2


def fresh() -> Metrics:
    return Metrics(lambda: (), lambda: Load(0, 0, 0, 1), lambda: Head("0123456789abcdef", 7, "0" * 32))


def answered() -> QueryAnswered:
    return QueryAnswered(
        query_id="q", subject="s", port="rest", purpose=None, products=("shop@1.0.0/x", "hr@1.0.0/y"), columns=(),
        rules=(), statement="", rows=10, bytes=100, elapsed_ms=3.0, outcome="answered", refused=None,
    )  # fmt: skip


def test_counting_a_query_is_cheap() -> None:
    """A few microseconds; the bound leaves room for a busy machine, and none for a look at anything that grows."""
    metrics, query = fresh(), answered()
    refusal = QueryRefused(query_id="q", subject="s", port="rest", purpose=None, refused=Refused("bad_query", "", "x"))
    for observation in (query, refusal, AnswerSent(query, 100, 0.1)):
        metrics.record(observation)
        best = min(_microseconds(metrics, observation) for _ in range(7))
        assert best < 1_000


def _microseconds(metrics: Metrics, observation: Any) -> float:
    started = time.thread_time()
    for _ in range(500):
        metrics.record(observation)
    return (time.thread_time() - started) / 500 * 1e6


def test_only_one_room_knows_prometheus() -> None:
    root = Path(__file__).parent.parent.parent
    rooms = [*root.glob("gateway/**/*.py"), *root.glob("ports/**/*.py")]
    users = [str(room.relative_to(root)) for room in rooms if "prometheus_client" in room.read_text()]
    assert users == ["gateway/desks/metrics.py"]
