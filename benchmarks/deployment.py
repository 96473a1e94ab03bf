"""The demo's products, published once into a folder that is kept, and ways to time things in turn."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent
STATE = ROOT / ".outport-bench"
# Smaller counts, for a look: `python -m benchmarks --quick`.
QUICK = bool(os.environ.get("OUTPORT_BENCH_QUICK"))
RUNS = 3 if QUICK else 7


def deployed(*products: str) -> Settings:
    """Settings of a deployment in which `products` are published and the demo personas live."""
    settings = Settings(
        products=ROOT / "products",
        policies=ROOT / "policies",
        state=STATE,
        demo=True,
        http_port=0,
        flight_port=0,
        postgres_port=0,
        rate_limit=0,
    )
    STATE.mkdir(exist_ok=True)
    Directory(settings.principals, load(settings)).add_demo_personas()
    for product in products:
        publish(settings, settings.products / product)
    return settings


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternated(
    ours: Callable[[], object], theirs: Callable[[], object], runs: int = RUNS
) -> tuple[float, float, float]:
    """Medians of both in seconds and of the ratio ours / theirs, taken pair by pair after one warm-up each."""
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    return _median([a for a, _ in pairs]), _median([b for _, b in pairs]), _median([a / b for a, b in pairs])


def median_s(work: Callable[[], object], runs: int) -> float:
    """The median wall time of `runs` calls after one warm-up."""
    work()
    return _median([seconds(work) for _ in range(runs)])


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)
