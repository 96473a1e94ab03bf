"""A thousand hostile queries of every class in a row, through every door, while honest clients work: what they notice.

One server of two workers over the demo's products; a worker is killed in the middle. Honest clients are a process of
their own. Every answer of theirs is compared with the one before the attack.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.flight as fl

from benchmarks.deployment import QUICK, ROOT, deployed
from ports.flight import messages

DOORS = ("rest", "flight", "postgres")
ATTACKERS = 2  # at each door, each with one query after the other
THINK_S = 0.02  # between an honest client's requests
PATIENCE_S = 60.0
KILLED_S = 20.0  # so long after the kill a connection may be seen to be broken
COMPUTE_S = 2.0  # of the server; with its own 60 s the show would take hours
# {big} and {small} are tables with a number {id}; a class is refused, stopped by a clock, or bounded by memory.
BOMBS: Mapping[str, tuple[str, ...]] = {
    "cross joins": (
        "SELECT count(*) FROM {big} a, {big} b, {big} c WHERE a.{id} + b.{id} > c.{id}",
        "SELECT max(a.{id} * b.{id} % 7) FROM {big} a, {small} b, {small} c",
    ),
    "inequality joins": (
        "SELECT count(*) FROM {big} a JOIN {big} b ON a.{id} < b.{id}",
        "SELECT count(*) FROM {small} a WHERE (SELECT count(*) FROM {big} b WHERE b.{id} > a.{id}) > 5",
    ),
    "endless recursion": ("WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r",),
    "multiplying recursion": (
        "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r, (VALUES (1), (2)) x) SELECT count(*) FROM r",
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT r.i + 1 FROM r, (VALUES (1), (2)) x(v) WHERE r.i < 60) "
        "SELECT count(*) FROM r",
        "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM r) SELECT max(s) FROM r",
    ),
    "series": (
        "SELECT count(*) FROM range(100000000) a(i), range(1000) b(j) WHERE i * j % 7 = 3",
        "SELECT unnest(range(100000000))",
        "SELECT * FROM range(100000000000)",
    ),
    "long values": (
        "SELECT repeat(repeat('x', 10000), 10000)",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT list_transform(range(100000), lambda x: range(100000))",
    ),
    "memory": (
        "SELECT len(list(i)) FROM range(100000000) r(i)",
        "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(3000000) r(i)",
        "SELECT count(*) FROM (SELECT DISTINCT i, i * 7 % 1000003 AS k FROM range(60000000) r(i))",
        "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(i)) AS n FROM range(50000000) r(i))",
    ),
    "patterns": (
        "SELECT count(*) FROM {big} WHERE regexp_matches(repeat({id}::VARCHAR, 50), '(([0-9]+)+)+x')",
        "SELECT levenshtein(x, x) FROM (SELECT string_agg({id}::VARCHAR) AS x FROM {big})",
    ),
    "planning": (
        "SELECT {id} AS c0, " + ", ".join(f"c{i} + c{i} AS c{i + 1}" for i in range(40)) + " FROM {small}",
        "SELECT count(*) FROM {small} GROUP BY CUBE (" + ", ".join(f"{{id}} + {i}" for i in range(12)) + ")",
        "SELECT " + "(" * 300 + "1" + ")" * 300,
    ),
    "large answers": ("SELECT a.{id}, b.{id} FROM {big} a, {small} b",),
}


@dataclass(frozen=True)
class Place:
    """Where the doors are, what is asked there, and as whom; `honest` and `hostile` are a subject and its password."""

    http: tuple[str, int]
    flights: tuple[str, ...]
    postgres: tuple[str, int]
    honest: tuple[str, str]
    hostile: tuple[str, str]
    path: str
    text: str
    pull: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class Sample:
    """One honest request: when, how long, and whether its answer was right, wrong, refused or its connection broke."""

    door: str
    at: float
    took_s: float
    outcome: str
    words: str = ""


@dataclass
class Attacked:
    """What became of hostile queries."""

    tried: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[float, str]] = field(default_factory=list)


class Broken(Exception):
    """A connection has ended: its worker has."""


class Refused(Exception):
    """The server refused, as it should a hostile query and never an honest one."""


Ask = Callable[[str], object]


class Rest:
    """A connection to the web door."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, proof = place, base64.b64encode(":".join(who).encode()).decode()
        self._headers = {"Authorization": f"Basic {proof}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement."""
        return self._asked("POST", "/sql", json.dumps({"sql": text}))

    def get(self, path: str) -> object:
        """The rows that answer a GET; where they go on is sealed anew each time."""
        return json.loads(self._asked("GET", path, None))["data"]

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _asked(self, method: str, path: str, body: str | None) -> bytes:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._place.http, timeout=PATIENCE_S)
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read(1 << 20)
            if answer.isclosed() is False:
                self.close()
        except http.client.IncompleteRead as error:
            self.close()
            raise Refused("the answer was cut off") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Broken(repr(error)) from error
        if answer.status != 200:
            words = f"{answer.status} {json.loads(content or b'{}').get('detail', '')}"
            raise Refused(words) if answer.status < 500 or answer.status == 504 else Broken(words)
        return content


class Flight:
    """A connection to one worker's Flight door, to the next one's where that has gone."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, self._who, self._turn = place, who, 0
        self._client: fl.FlightClient | None = None
        self._options: fl.FlightCallOptions | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement, its first 2 MB."""
        try:
            if self._client is None:
                self._turn += 1
                self._client = fl.connect(self._place.flights[self._turn % len(self._place.flights)])
                proof = self._client.authenticate_basic_token(*self._who)
                self._options = fl.FlightCallOptions(headers=[proof], timeout=PATIENCE_S)
            command = messages.pack(messages.CommandStatementQuery(text))
            info = self._client.get_flight_info(fl.FlightDescriptor.for_command(command), self._options)
            reader = self._client.do_get(info.endpoints[0].ticket, self._options)
            found, size = list[pa.RecordBatch](), 0
            for chunk in reader:
                found.append(chunk.data)
                size += chunk.data.nbytes
                if size > 1 << 21:
                    reader.cancel()
                    break
            return pa.Table.from_batches(found, reader.schema).to_pydict()
        except (fl.FlightError, pa.ArrowException) as error:
            words = str(error)
            if "[" in words and not isinstance(error, fl.FlightInternalError):
                raise Refused(words) from error
            self.close()
            raise Broken(words) from error

    def close(self) -> None:
        """End it."""
        if self._client is not None:
            self._client.close()
        self._client = None


class Postgres:
    """A connection to the PostgreSQL wire."""

    def __init__(self, place: Place, who: tuple[str, str]) -> None:
        self._place, self._who = place, who
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def sql(self, text: str) -> object:
        """The answer to a statement, its first 1,000 rows."""
        try:
            if self._connection is None:
                host, port = self._place.postgres
                user, password = self._who
                self._connection = psycopg.connect(
                    host=host, port=port, dbname="outport", user=user, password=password, autocommit=True
                )
            self._connection.execute("BEGIN")
            self._connection.execute(f"DECLARE c CURSOR FOR {text}".encode())
            rows = self._connection.execute("FETCH 1000 FROM c").fetchall()
            self._connection.execute("COMMIT")
            return rows
        except psycopg.Error as error:
            if self._connection is not None and not self._connection.broken:
                with suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK")
            if error.sqlstate is not None and error.sqlstate not in {"57P01", "57P02", "57P03", "XX000"}:
                raise Refused(f"{error.sqlstate} {error}") from error
            self.close()
            raise Broken(f"{error.sqlstate} {error}") from error

    def close(self) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


Client = Rest | Flight | Postgres
CLIENTS: Mapping[str, type[Client]] = {"rest": Rest, "flight": Flight, "postgres": Postgres}


def honest(place: Place, stop: threading.Event) -> list[Sample]:
    """Ask at every door, again and again, until `stop`."""
    samples: list[Sample] = []
    threads = [threading.Thread(target=_worked, args=(place, door, stop, samples)) for door in DOORS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return samples


def _worked(place: Place, door: str, stop: threading.Event, samples: list[Sample]) -> None:
    client = CLIENTS[door](place, place.honest)
    asked: Callable[[], object]
    if isinstance(client, Rest):
        asked = lambda: client.get(place.path)  # noqa: E731
    else:
        text = place.pull if door == "flight" else place.text
        asked = lambda: client.sql(text)  # type: ignore[union-attr]  # noqa: E731
    right = asked()
    while not stop.wait(THINK_S):
        at = time.monotonic()
        outcome, words = "right", ""
        try:
            outcome = "right" if asked() == right else "wrong"
        except Broken as error:
            outcome, words = "broken", str(error)[:200]
        except Refused as error:
            outcome, words = "lost", str(error)[:200]
        samples.append(Sample(door, at, time.monotonic() - at, outcome, words))
    client.close()


class Attack:
    """Hostile queries, each class in turn, over so many connections at each door at once."""

    def __init__(self, place: Place, count: int) -> None:
        most = max(map(len, BOMBS.values()))
        texts = [(kind, several[i]) for i in range(most) for kind, several in BOMBS.items() if i < len(several)]
        self._todo = [(door, *texts[number // len(DOORS) % len(texts)]) for number, door in _doors(count)]
        self._place, self._lock, self.found = place, threading.Lock(), Attacked()
        self.half = threading.Event()

    def run(self) -> None:
        """Ask them all."""
        left = {door: [one for one in self._todo if one[0] == door] for door in DOORS}
        threads = [
            threading.Thread(target=self._asked, args=(door, left[door])) for door in DOORS for _ in range(ATTACKERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.half.set()

    def _asked(self, door: str, left: list[tuple[str, str, str]]) -> None:
        client = CLIENTS[door](self._place, self._place.hostile)
        while True:
            with self._lock:
                if not left:
                    break
                _, kind, text = left.pop()
                if 2 * self.found.tried.total() > len(self._todo):
                    self.half.set()
            words = ""
            try:
                client.sql(text.format(**self._place.names))
                ended = "answered"
            except Refused:
                ended = "refused"
            except Broken as error:
                ended, words = "broken", str(error)[:200]
            with self._lock:
                self.found.tried[door] += 1
                self.found.ended[ended] += 1
                if words:
                    self.found.broken.append((time.monotonic(), f"{door}, {kind}: {words}"))
        client.close()


def _doors(count: int) -> Iterator[tuple[int, str]]:
    return ((number, DOORS[number % len(DOORS)]) for number in range(count))


@contextmanager
def working(place: Place) -> Iterator[Callable[[], list[Sample]]]:
    """Honest clients in a process of their own; what is yielded ends them and gives their samples."""
    order = json.dumps(asdict(place))
    command = [sys.executable, "-m", "benchmarks.hostile", "honest"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order + "\n")
        process.stdin.flush()
        process.stdout.readline()

        def ended() -> list[Sample]:
            told, _ = process.communicate("stop\n", timeout=2 * PATIENCE_S)
            return [Sample(**one) for one in json.loads(told)]

        try:
            yield ended
        finally:
            process.kill()


def workers(supervisor: int) -> list[int]:
    """The processes of the workers."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [int(one) for one in children if "spawn_main" in Path(f"/proc/{one}/cmdline").read_text()]


class Memory:
    """The most that the workers hold together, looked at ten times a second."""

    def __init__(self, supervisor: int) -> None:
        self.peak = 0
        self._supervisor, self._stop = supervisor, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def now(self) -> int:
        """Bytes now."""
        total = 0
        for one in workers(self._supervisor):
            with suppress(OSError):
                total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return total

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(OSError):
                self.peak = max(self.peak, self.now())


@dataclass(frozen=True)
class Show:
    """What was seen: samples before and under attack, the attack, the memory of the workers, when one was killed."""

    idle: Sequence[Sample]
    under: Sequence[Sample]
    attacked: Attacked
    idle_bytes: int
    peak_bytes: int
    killed_at: float
    seconds: float

    def percentile(self, samples: Sequence[Sample], door: str, share: float) -> float:
        """Milliseconds within which that share of right answers came."""
        times = sorted(one.took_s for one in samples if one.door == door and one.outcome == "right")
        return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")

    def killed(self, at: float) -> bool:
        """Whether a connection that ended at that moment was the killed worker's."""
        return 0 <= at - self.killed_at < KILLED_S

    @property
    def broken(self) -> list[str]:
        """The attacks that broke a connection, but those that the killed worker took with it."""
        return [words for at, words in self.attacked.broken if not self.killed(at)]

    def ended(self, outcome: str) -> list[Sample]:
        """The honest requests that ended so, but those that the killed worker took with it."""
        return [
            one
            for one in (*self.idle, *self.under)
            if one.outcome == outcome and not (outcome == "broken" and self.killed(one.at + one.took_s))
        ]


def show(place: Place, supervisor: int, count: int, idle_s: float) -> Show:
    """Honest clients alone for `idle_s`, then under `count` hostile queries, half of them with a worker killed."""
    memory = Memory(supervisor)
    try:
        with working(place) as ended:
            time.sleep(idle_s)
            idle_bytes, begun = memory.now(), time.monotonic()
            attack = Attack(place, count)
            thread = threading.Thread(target=attack.run)
            thread.start()
            attack.half.wait()
            killed_at = time.monotonic()
            os.kill(workers(supervisor)[0], signal.SIGKILL)
            thread.join()
            seconds = time.monotonic() - begun
            samples = ended()
    finally:
        memory.close()
    idle = [one for one in samples if one.at + one.took_s < begun]
    under = [one for one in samples if begun <= one.at <= begun + seconds]
    return Show(idle, under, attack.found, idle_bytes, memory.peak, killed_at, seconds)


def told(found: Show) -> str:
    """The figures, as tables."""
    lines = ["| honest clients | requests | p50 / p99 idle, ms | p50 / p99 under attack, ms | p99, times idle |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for door in DOORS:
        quiet, busy = (
            [found.percentile(part, door, share) for share in (0.5, 0.99)] for part in (found.idle, found.under)
        )
        number = sum(one.door == door for one in found.under)
        lines.append(
            f"| {door} | {number} | {quiet[0]:.1f} / {quiet[1]:.1f} | {busy[0]:.1f} / {busy[1]:.1f} | "
            f"{busy[1] / quiet[1]:.1f} |"
        )
    attacked, broken = found.attacked, len(found.ended("broken"))
    lines += [
        "",
        f"attacks tried: {attacked.tried.total()} in {found.seconds:.0f} s ({dict(attacked.tried)}); "
        f"ended: {dict(attacked.ended)}",
        f"honest answers wrong: {len(found.ended('wrong'))}, refused: {len(found.ended('lost'))}, "
        f"lost with a connection that no kill explains: {broken}",
        f"memory of the workers: {found.idle_bytes >> 20} MB idle, {found.peak_bytes >> 20} MB at most",
        f"attacks whose connection broke, without a kill: {len(found.broken)}",
        *(f"BROKEN {one}" for one in found.broken[:20]),
        *(f"LOST {one.door}: {one.words}" for one in [*found.ended("lost"), *found.ended("broken")][:10]),
    ]
    return "\n".join(lines)


def _honest() -> None:
    order = json.loads(sys.stdin.readline())
    place = Place(**{name: tuple(value) if isinstance(value, list) else value for name, value in order.items()})
    stop, found = threading.Event(), list[Sample]()
    thread = threading.Thread(target=lambda: found.extend(honest(place, stop)))
    thread.start()
    print("working", flush=True)
    sys.stdin.readline()
    stop.set()
    thread.join()
    print(json.dumps([asdict(one) for one in found]))


@contextmanager
def served() -> Iterator[tuple[Place, int]]:
    """Two workers over the demo's products: where their doors are, and the supervisor."""
    settings = deployed("customer_360", "retail", "promotions")
    fixed = {
        "workers": 2,
        "compute_s": COMPUTE_S,
        "memory_limit": "2GB",
        "temp_limit": "8GB",
        "demo": True,
        "rate_limit": 0,
    }
    given = {name: getattr(settings, name) for name in ("products", "policies", "state")} | fixed
    given |= {f"{door}_port": 0 for door in ("http", "flight", "postgres")}
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}
    variables |= {
        f"OUTPORT_{name.upper()}": str(value).lower() if value is True else str(value) for name, value in given.items()
    }
    command = [Path(sys.executable).parent / "outport", "serve"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        lines = "".join(process.stdout.readline() for _ in range(4))
        try:
            yield placed(lines, 2), process.pid
        finally:
            process.terminate()
            process.wait(60)


def placed(lines: str, count: int) -> Place:
    """Where a server of the demo says that its doors are."""
    web = re.findall(r"http://([^:/]+):(\d+)", lines)[0]
    host, first = re.findall(r"grpc://([^:]+):(\d+)", lines)[0]
    wire = re.findall(r"host=(\S+) port=(\d+)", lines)[0]
    return Place(
        (web[0], int(web[1])),
        tuple(f"grpc://{host}:{int(first) + number}" for number in range(count)),
        (wire[0], int(wire[1])),
        ("analyst", "analyst-demo"),
        ("steward", "steward-demo"),
        "/products/customer_360/customers?segment=eq.Premium&select=household_id,email&order=household_id&limit=20",
        "SELECT segment, count(*), sum(lifetime_value) FROM customer_360.customers GROUP BY segment ORDER BY segment",
        "SELECT * FROM customer_360.customers ORDER BY household_id",
        {"big": "retail.transactions", "small": "customer_360.customers", "id": "household_id"},
    )


def main() -> None:
    """The show over the demo's products."""
    count = int(sys.argv[1]) if sys.argv[1:] else 120 if QUICK else 1000
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with served() as (place, supervisor):
        print(told(show(place, supervisor, count, 5 if QUICK else 15)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["honest"]:
        _honest()
    else:
        main()
