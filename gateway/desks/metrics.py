"""Observations as Prometheus metrics, and what is so at the moment of asking. Touches /proc, to tell of this process.

Labels are ports, products, routes and our own words: never a subject, a column, an address or a statement, so their
number is bounded by what is deployed. Each gateway has a registry of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gateway.accounting.audit_chain import Head
from gateway.accounting.observe import (
    AccessExplained,
    AnswerSent,
    MetadataRead,
    Observation,
    PolicyLoaded,
    PolicyRefused,
    QueryAnswered,
    QueryRefused,
    SignInFailed,
    SnapshotServed,
)
from gateway.errors import Unavailable
from gateway.service_levels.slo_told import NOTHING, Document
from gateway.serving.running import Load
from gateway.serving.siblings import Siblings
from gateway.snapshot import Snapshot

# Seconds: from a cached lookup to a pull of tens of millions of rows.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# What others of the same deployment have counted is waited for so long: who does not answer is left out.
WAIT_S = 2.0
_TOPIC = "metrics"
_PROMISE = ("product", "objective", "port")
_STATES = ("ok", "at_risk", "breached", "no_data")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Exposition:
    """All metrics in the format that a scraper asked for."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class OpenThere:
    """What is open at a door where connections last: those signed in, those that are not yet, and their portals."""

    connections: int
    knocking: int
    portals: int


class Metrics:
    """The counters of one gateway. Thread-safe; recording an answer takes some microseconds."""

    def __init__(
        self,
        snapshots: Callable[[], Iterable[Snapshot]],
        load: Callable[[], Load],
        head: Callable[[], Head],
        siblings: Siblings | None = None,
        objectives: Callable[[], Document] = lambda: NOTHING,
    ) -> None:
        self._registry = CollectorRegistry()
        self._siblings = siblings or Siblings()
        self._siblings.on(_TOPIC, lambda _: self._told())
        counter = partial(Counter, namespace="outport", registry=self._registry)
        several = "; an answer from several products counts for each"
        self._queries = counter("queries", "Queries by how they ended", ("port", "outcome", "code"))
        self._seconds = Histogram(
            "outport_query_seconds",
            "From the question to the end of its answer, its client's reading included",
            ("port",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._by_product = (
            counter("product_queries", f"Answers that read a product{several}", ("port", "product")),
            counter("served_rows", f"Rows that left{several}", ("port", "product")),
            counter("served_bytes", f"Bytes of Arrow that left{several}", ("port", "product")),
            counter("cpu_seconds", f"CPU of the threads that computed answers{several}", ("port", "product")),
        )
        self._by_sent = (
            counter("sent_bytes", f"Bytes that the door sent, as it sent them{several}", ("port", "product")),
            counter("rendered_cpu_seconds", f"CPU that making them has taken{several}", ("port", "product")),
        )
        self._of_workspace = (
            counter("workspace_queries", "Answers that read a workspace's products", ("port", "workspace")),
            counter("workspace_computed_seconds", "Seconds that they computed", ("workspace",)),
        )
        self._snapshots, self._workspace = snapshots, dict[str, str]()
        self._metadata = counter("metadata_reads", "Looks at what there is", ("port",))
        self._failures = counter("sign_in_failures", "Credentials that were refused", ("port", "reason"))
        self._policies = counter("policy_loads", "Policy sets that came into force, or were refused", ("outcome",))
        self._swaps = counter("snapshots_served", "Snapshots that came into service", ("product",))
        self._audit = counter("audit_failures", "Records that could not be written")
        self._requests = counter("http_requests", "HTTP requests by route", ("method", "route", "status"))
        # Finding a child by its labels costs more than counting does.
        self._ended, self._read, self._left = cache(self._of_port), cache(self._of_product), cache(self._of_sent)
        ProcessCollector(registry=self._registry)
        self._watched: dict[str, Callable[[], OpenThere]] = {}
        self._registry.register(_State(snapshots, load, head))
        self._registry.register(_Watched(self._watched))
        # Of the deployment: every process would tell the same.
        self._shared = CollectorRegistry()
        self._shared.register(_Kept(objectives))

    def record(self, observation: Observation) -> None:
        """Count what happened."""
        match observation:
            case QueryAnswered():
                self._answered(observation)
            case AnswerSent(answer=answer):
                for state in answer.products:
                    size, cpu = self._left(answer.port, state.partition("@")[0])
                    size.inc(observation.bytes)
                    cpu.inc(observation.rendered_ms / 1000)
            case QueryRefused(port=port, refused=refused):
                self._queries.labels(port, "refused", refused.code).inc()
            case MetadataRead(port=port) | AccessExplained(port=port):
                self._metadata.labels(port).inc()
            case SignInFailed(port=port, reason=reason):
                self._failures.labels(port, reason).inc()
            case PolicyLoaded():
                self._policies.labels("loaded").inc()
            case PolicyRefused():
                self._policies.labels("refused").inc()
            case SnapshotServed(product=product):
                self._swaps.labels(product).inc()

    def unrecorded(self) -> None:
        """Count a record that the audit could not take."""
        self._audit.inc()

    def request(self, method: str, route: str, status: int) -> None:
        """Count an HTTP request by its route's template; `status` 0: the client had gone before anything was sent."""
        self._requests.labels(method if method in METHODS else "other", route, status).inc()

    def watch(self, port: str, count: Callable[[], OpenThere]) -> None:
        """Ask `count`, whenever the metrics are read, what is open at that door, from now on."""
        self._watched[port] = count

    def exposition(self, accept: str) -> Exposition:
        """Everything now, as OpenMetrics where `accept` names it, else in Prometheus' own text format."""
        encode, media_type = choose_encoder(accept)
        if self._siblings.count == 1:
            return Exposition(encode(_All(self._registry, self._shared)), media_type)
        every = [self._told(), *self._siblings.ask(_TOPIC, b"", WAIT_S)]
        return Exposition(encode(_All(_Together(every), self._shared)), media_type)

    def _told(self) -> bytes:
        """The metrics of this process for another one."""
        families = [
            (one.name, one.documentation, one.type, [(s.name, s.labels, s.value) for s in one.samples])
            for one in self._registry.collect()
        ]
        return json.dumps([str(self._siblings.index), families]).encode()

    def _answered(self, query: QueryAnswered) -> None:
        code = query.refused.code if query.refused is not None else ""
        ended, seconds = self._ended(query.port, query.outcome, code)
        ended.inc()
        seconds.observe(query.elapsed_ms / 1000)
        for state in query.products:
            answers, rows, size, cpu = self._read(query.port, state.partition("@")[0])
            answers.inc()
            rows.inc(query.rows)
            size.inc(query.bytes)
            cpu.inc(query.cpu_ms / 1000)
        answers, computed = self._of_workspace
        for name in {self._workspace_of(state.rpartition("/")[2]) for state in query.products} - {""}:
            answers.labels(query.port, name).inc()
            computed.labels(name).inc(query.computed_ms / 1000)

    def _workspace_of(self, snapshot: str) -> str:
        if snapshot not in self._workspace:
            self._workspace = {one.id: one.product.workspace for one in self._snapshots()}
        return self._workspace.setdefault(snapshot, "")

    def _of_port(self, port: str, outcome: str, code: str) -> tuple[Counter, Histogram]:
        return self._queries.labels(port, outcome, code), self._seconds.labels(port)

    def _of_product(self, port: str, product: str) -> tuple[Counter, ...]:
        return tuple(one.labels(port, product) for one in self._by_product)

    def _of_sent(self, port: str, product: str) -> tuple[Counter, ...]:
        return tuple(one.labels(port, product) for one in self._by_sent)


class _All(Collector):
    """What several collect, one after the other."""

    def __init__(self, *parts: Collector) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Each in turn."""
        for one in self._parts:
            yield from one.collect()


class _Together(Collector):
    """What several processes told, each sample with the number of its process as `worker`."""

    def __init__(self, told: Iterable[bytes]) -> None:
        self._told = [json.loads(one) for one in told]

    def collect(self) -> Iterator[Metric]:
        """Each family once."""
        families: dict[str, Metric] = {}
        for worker, told in sorted(self._told):
            for name, documentation, kind, samples in told:
                family = families.setdefault(name, Metric(name, documentation, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, "worker": worker}, value)
        yield from families.values()


class _State(Collector):
    """What is so when it is asked: the engine's load, and the served snapshots."""

    def __init__(
        self, snapshots: Callable[[], Iterable[Snapshot]], load: Callable[[], Load], head: Callable[[], Head]
    ) -> None:
        self._snapshots, self._load, self._head = snapshots, load, head

    def describe(self) -> Iterable[Metric]:
        """None: nothing is asked when it is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        load = self._load()
        yield GaugeMetricFamily("outport_queries_open", "Answers that are not at their end", load.open)
        yield GaugeMetricFamily("outport_queries_running", "Queries that compute now", load.running)
        yield GaugeMetricFamily("outport_queries_waiting", "Queries that wait for their turn", load.waiting)
        yield GaugeMetricFamily("outport_queries_running_limit", "Queries that may compute at once", load.limit)
        named = ("workspace",)
        running = GaugeMetricFamily("outport_workspace_queries_running", "Queries that compute now", labels=named)
        waiting = GaugeMetricFamily("outport_workspace_queries_waiting", "Queries that wait for a turn", labels=named)
        for name, (turns, waiters) in load.workspaces.items():
            running.add_metric((name,), turns)
            waiting.add_metric((name,), waiters)
        yield from (running, waiting)
        head = self._head()
        sequence = GaugeMetricFamily("outport_audit_sequence", "The last line of the audit's chain", labels=("chain",))
        sequence.add_metric((head.chain,), head.seq)
        yield sequence
        yield from self._served()

    def _served(self) -> Iterator[Metric]:
        labels = ("product", "major")
        age = GaugeMetricFamily("outport_snapshot_age_seconds", "Since it was published", labels=labels)
        behind = GaugeMetricFamily("outport_snapshot_data_age_seconds", "Since its data clock's time", labels=labels)
        quality = GaugeMetricFamily("outport_snapshot_quality_ratio", "Share of rules that hold", labels=labels)
        now = time.time()
        for one in self._snapshots():
            key = (one.product.name, str(one.product.major))
            age.add_metric(key, now - one.published_at.timestamp())
            quality.add_metric(key, one.quality)
            if one.data_time is not None:
                behind.add_metric(key, now - _utc(one.data_time).timestamp())
        yield from (age, behind, quality)


class _Watched(Collector):
    """What is open at the doors that tell."""

    def __init__(self, watched: Mapping[str, Callable[[], OpenThere]]) -> None:
        self._watched = watched

    def describe(self) -> Iterable[Metric]:
        """None: nothing is asked when it is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        connections = GaugeMetricFamily("outport_connections", "Connections that are open", labels=("port", "state"))
        portals = GaugeMetricFamily("outport_portals", "Portals and cursors that are open", labels=("port",))
        for port, count in list(self._watched.items()):
            there = count()
            connections.add_metric((port, "signed_in"), there.connections)
            connections.add_metric((port, "signing_in"), there.knocking)
            portals.add_metric((port,), there.portals)
        yield from (connections, portals)


class _Kept(Collector):
    """Adherence, budget, burn rates, state and open incidents; a gauge without data is not there."""

    def __init__(self, objectives: Callable[[], Document]) -> None:
        self._objectives = objectives

    def describe(self) -> Iterable[Metric]:
        """None: nothing is asked when it is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        try:
            told = self._objectives()
        except Unavailable:
            return
        kept = GaugeMetricFamily("outport_slo_adherence_ratio", "Share that was good in 30 days", labels=_PROMISE)
        left = GaugeMetricFamily("outport_slo_error_budget_ratio", "Share of the budget that is left", labels=_PROMISE)
        burns = GaugeMetricFamily(
            "outport_slo_burn_rate", "Budget spent, to that allowed", labels=(*_PROMISE, "window")
        )
        states = GaugeMetricFamily("outport_slo_state", "1 for how it stands", labels=(*_PROMISE, "state"))
        broken = GaugeMetricFamily("outport_slo_incidents_open", "Incidents that go on", labels=_PROMISE)
        going_on = [(one["product"], one["objective"], one["port"]) for one in told["incidents"] if not one["closed"]]
        for one in told["results"]:
            key = (one["product"], one["objective"], one["port"])
            if one["adherence"] is not None:
                kept.add_metric(key, one["adherence"])
            if one["budget"] is not None:
                left.add_metric(key, one["budget"])
            for name, window in one["windows"].items():
                if window["burn"] is not None:
                    burns.add_metric((*key, name), window["burn"])
            for state in _STATES:
                states.add_metric((*key, state), float(one["state"] == state))
            broken.add_metric(key, going_on.count(key))
        yield from (kept, left, burns, states, broken)


def _utc(moment: datetime) -> datetime:
    """A data clock's time is UTC where it says no offset."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
