"""All promotions over REST in every format, beside ROAPI's Arrow and CSV of the same parquet file.

Each server runs in a process of its own and is pulled in turn by one client, which throws away what it reads. Lines
give rows per second, the time to the first byte of the body, and how much the server's memory grew.
"""

from __future__ import annotations

import base64
import http.client
import json
import statistics
import time
from dataclasses import dataclass, replace

from benchmarks.deployment import deployed
from benchmarks.flight_pull import PARQUET, ROWS, WIDENED, peak_resident, resident
from benchmarks.roapi import roapi
from benchmarks.servers import outport_process

RUNS = 5
READ_BYTES = 1 << 20
TABLE = "/products/promotions/promotions"
AS_ANALYST = "Basic " + base64.b64encode(b"analyst:analyst-demo").decode()
FIRST_MS = 200
GROWN_MB = 300
# (what is measured, beside what, the least ratio of rows/s that is asked)
RATIOS = (
    ("arrow", "roapi arrow", 1),
    ("arrow, widened", "roapi arrow", 1),
    ("csv", "roapi csv", 3),
    ("ndjson", "roapi csv", 3),
    ("json", "roapi csv", 3),
    ("parquet", "roapi parquet", 1),
)


@dataclass(frozen=True)
class Ask:
    """One request: to which port, of whose process; SQL makes it a POST."""

    name: str
    port: int
    pid: int
    target: str
    headers: dict[str, str]
    sql: str = ""


@dataclass(frozen=True)
class Pull:
    """Seconds to the first and to the last byte; bytes of the body, and the most that the server held meanwhile."""

    first_s: float
    all_s: float
    size: int
    peak: int


def ours(port: int, pid: int) -> list[Ask]:
    """What is asked of this server."""
    proof = {"Authorization": AS_ANALYST}
    every = {name: f"{TABLE}?format={name}" for name in ("arrow", "csv", "ndjson", "parquet")}
    # ROAPI's two int64 columns are int32 in the contract. Widened, both send the same bytes.
    texts = {"arrow, widened": f"SELECT {WIDENED} FROM promotions.promotions", "json": "FROM promotions.promotions"}
    return [
        *(Ask(name, port, pid, target, proof) for name, target in every.items()),
        *(Ask(name, port, pid, f"/sql?format={name.partition(',')[0]}", proof, text) for name, text in texts.items()),
        *(
            Ask(f"csv in {coding}", port, pid, every["csv"], {**proof, "Accept-Encoding": coding})
            for coding in ("zstd", "gzip")
        ),
    ]


def theirs(port: int, pid: int) -> list[Ask]:
    """What is asked of ROAPI."""
    kinds = {"arrow": "vnd.apache.arrow.stream", "csv": "csv", "parquet": "parquet"}
    return [
        Ask(f"roapi {name}", port, pid, "/api/tables/promotions", {"Accept": f"application/{kind}"})
        for name, kind in kinds.items()
    ]


def grown(place: int) -> int:
    """The bytes by which a new server grew over its first pull of everything: the one at `place` of `ours`."""
    with outport_process() as (port, pid):
        one = ours(port, pid)[place]
        pull(replace(one, target=f"{TABLE}?limit=1", sql=""))
        before = resident(pid)
        return pull(one).peak - before


def pull(ask: Ask) -> Pull:
    """Ask for everything and throw it away. Raises RuntimeError for anything but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", ask.port)
    body = json.dumps({"sql": ask.sql}) if ask.sql else None
    headers = {**ask.headers, "Content-Type": "application/json"} if ask.sql else ask.headers
    buffer = bytearray(READ_BYTES)
    with peak_resident(ask.pid) as most:
        start = time.perf_counter()
        connection.putrequest("POST" if body else "GET", ask.target, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body or ""))}.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() if body else None)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{ask.name}: {answer.status} {answer.read()!r}")
        size = len(answer.read(1))
        first_s = time.perf_counter() - start
        while got := answer.readinto(buffer):
            size += got
        all_s = time.perf_counter() - start
    connection.close()
    return Pull(first_s, all_s, size, most[0])


def main() -> None:
    """Print one line a figure."""
    deployed("promotions")
    with outport_process() as own, roapi(promotions=PARQUET) as other:
        asked = [*ours(*own), *theirs(other.http, other.pid)]
        pulls = {one.name: [pull(one)] for one in asked}  # warms up
        for _ in range(RUNS):
            for one in asked:
                pulls[one.name].append(pull(one))
    timed = {name: several[1:] for name, several in pulls.items()}
    for place, (name, several) in enumerate(timed.items()):
        rate = ROWS / statistics.median(one.all_s for one in several) / 1e6
        first_ms = 1000 * statistics.median(one.first_s for one in several)
        growth = "" if name.startswith("roapi") else f", RSS +{grown(place) / 1e6:.0f} MB (asked {GROWN_MB})"
        print(
            f"{name:14}: {rate:5.2f} M rows/s, {several[0].size / 1e6:5.0f} MB,"
            f" first byte after {first_ms:5.0f} ms (asked {FIRST_MS}){growth}"
        )
    for one, other_one, least in RATIOS:
        pairs = zip(timed[one], timed[other_one], strict=True)
        ratio = statistics.median(their.all_s / our.all_s for our, their in pairs)
        print(f"{one} / {other_one}: {ratio:.2f} x rows/s (asked {least}, median of {RUNS})")


if __name__ == "__main__":
    main()
