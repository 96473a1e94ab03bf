"""Pages go on behind a row whatever the type that they are ordered by, its extremes, its NULLs and its ties."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

TYPES = {
    "DOUBLE": ("NaN", "Infinity", "-Infinity", "0.1", "1e300", "-5e-324"),
    "FLOAT": ("NaN", "0.1", "16777216", "-Infinity"),
    "DECIMAL(38,10)": ("9999999999999999999999999999.0000000001", "-0.0000000001", "0"),
    "HUGEINT": ("-170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    "UBIGINT": ("18446744073709551615", "0"),
    "BOOLEAN": ("true", "false"),
    "VARCHAR": ("", 'a"$":', '{"$":1}', "Ä\n", "b"),
    "DATE": ("0044-03-15 (BC)", "2018-01-31", "12018-01-31", "infinity"),
    "TIMESTAMP": ("2018-01-31 12:00:00.000001", "12018-01-31 12:00:00", "-infinity"),
    "TIMESTAMP WITH TIME ZONE": ("2018-01-31 12:00:00+02", "2018-01-31 12:00:00Z", "0001-01-01 00:00:00Z"),
    "TIME": ("23:59:59.999999", "00:00:00"),
    "UUID": ("6f1c2f7e-0000-4000-8000-000000000000", "ffffffff-0000-4000-8000-000000000000"),
    "BLOB": ("\\x00\\xff", "", "a"),
}
NAMES = {kind: f"c{i}" for i, kind in enumerate(TYPES)}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    made = Workshop(tmp_path_factory.mktemp("places"))
    columns = {"id": {**KEY}} | {NAMES[kind]: column(kind) for kind in TYPES}
    made.declare("odd", {"t": columns}, models={"t": model()})
    made.settings.state.mkdir()
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    made.publish("odd")
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "secret")) as opened:
        yield opened
    port.stop()
    gateway.close()


def model() -> str:
    """Every value of every type three times, and NULLs between them."""
    lists = ", ".join(
        "[" + "".join(f"CAST('{value}' AS {kind}), " for value in values) + f"NULL] AS {NAMES[kind]}"
        for kind, values in TYPES.items()
    )
    items = ", ".join(f"{name}[1 + i % len({name})] AS {name}" for name in NAMES.values())
    return f"SELECT i AS id, {items} FROM range(21) AS numbers(i), (SELECT {lists}) AS lists"


@pytest.mark.parametrize("direction", ["asc", "desc", "asc.nullsfirst", "desc.nullslast"])
@pytest.mark.parametrize("kind", list(TYPES))
def test_every_row_comes_once_in_order(client: httpx.Client, kind: str, direction: str) -> None:
    address = f"/products/odd/t?select=id&order={NAMES[kind]}.{direction}"
    whole = [row["id"] for row in client.get(f"{address}&limit=100").json()["data"]]
    assert sorted(whole) == list(range(21))
    found: list[int] = []
    following: str | None = f"{address}&limit=2"
    while following is not None:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        found += [row["id"] for row in answer.json()["data"]]
        following = answer.links["next"]["url"] if "next" in answer.links else None
    assert found == whole
