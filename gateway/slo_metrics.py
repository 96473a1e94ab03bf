"""How objectives are kept, as Prometheus gauges. Asks for what the last look has found, when it is asked.

Labels are products, ports and the names of promises, none of which names a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.errors import Unavailable
from gateway.slo_told import Document

_LABELS = ("product", "objective", "port")
STATES = ("ok", "at_risk", "breached", "no_data")


class Kept(Collector):
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
        kept = GaugeMetricFamily("outport_slo_adherence_ratio", "Share that was good in 30 days", labels=_LABELS)
        left = GaugeMetricFamily("outport_slo_error_budget_ratio", "Share of the budget that is left", labels=_LABELS)
        burns = GaugeMetricFamily("outport_slo_burn_rate", "Budget spent, to that allowed", labels=(*_LABELS, "window"))
        states = GaugeMetricFamily("outport_slo_state", "1 for how it stands", labels=(*_LABELS, "state"))
        broken = GaugeMetricFamily("outport_slo_incidents_open", "Incidents that go on", labels=_LABELS)
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
            for state in STATES:
                states.add_metric((*key, state), float(one["state"] == state))
            broken.add_metric(key, going_on.count(key))
        yield from (kept, left, burns, states, broken)
