"""Large scans in shares: as many endpoints as are asked for, every row once, whatever a principal may not see."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import adbc_driver_flightsql
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from ports.flight import messages as m
from ports.flight import options, wire
from tests.ports.flight.conftest import Raw
from tests.ports.flight.shelf import MANY, Shelf, opened

SCAN = "SELECT id, who FROM one.t"
HEADER = adbc_driver_flightsql.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with opened(tmp_path_factory.mktemp("shelf"), MANY) as made:
        yield made


def split(shelf: Shelf, subject: str, count: int) -> Raw:
    return shelf.flight.raw(subject, (b"x-outport-endpoints", str(count).encode()))


@pytest.mark.parametrize("subject", ["steward", "analyst"])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_endpoints_together_are_the_rows(shelf: Shelf, subject: str, count: int) -> None:
    raw = split(shelf, subject, count)
    info = raw.info(m.CommandStatementQuery(SCAN))
    assert len(info.endpoints) == count
    assert not info.ordered
    # Out of order and at the same time.
    with ThreadPoolExecutor(3) as pool:
        shares = list(pool.map(lambda one: raw.get(one.ticket).read_all(), reversed(info.endpoints)))
    assert all(share.schema.equals(info.schema, check_metadata=True) for share in shares)
    whole = shelf.flight.raw(subject).query(SCAN)
    assert pa.concat_tables(shares).sort_by("id").equals(whole.sort_by("id"))
    assert pa.concat_tables(reversed(shares)).equals(whole)


def test_the_number_of_endpoints_tells_nothing(shelf: Shelf) -> None:
    for text in (SCAN, f"{SCAN} WHERE id < 0", f"{SCAN} WHERE id % 2 = 0", "SELECT * FROM two.t"):
        for subject in ("steward", "analyst") if "two" not in text else ("steward",):
            info = split(shelf, subject, 5).info(m.CommandStatementQuery(text))
            assert (len(info.endpoints), info.total_records, info.total_bytes) == (5, -1, -1)


@pytest.mark.parametrize(
    "text",
    [
        f"{SCAN} ORDER BY id",
        f"{SCAN} LIMIT 5",
        "SELECT count(*) FROM one.t",
        "SELECT DISTINCT who FROM one.t",
        "SELECT a.id FROM one.t a JOIN one.t b USING (id)",
        "SELECT id, row_number() OVER () FROM one.t",
        "SELECT 1",
    ],
)
def test_what_cannot_be_split_has_one_endpoint(shelf: Shelf, text: str) -> None:
    info = split(shelf, "steward", 4).info(m.CommandStatementQuery(text))
    assert len(info.endpoints) == 1
    assert info.ordered


def test_metadata_has_one_endpoint(shelf: Shelf) -> None:
    assert len(split(shelf, "steward", 4).info(m.CommandGetTables()).endpoints) == 1


def test_several_rows_of_parameters_have_one_endpoint_and_one_row_may_have_more(shelf: Shelf) -> None:
    raw = split(shelf, "steward", 3)
    made = raw.prepare(f"{SCAN} WHERE id < $1")
    for values, endpoints, rows in (([250_000], 3, 250_000), ([3, 4], 1, 7)):
        bound = raw.put(m.CommandPreparedStatementQuery(made.prepared_statement_handle), pa.table({"a": values}))
        handle = wire.decode(m.DoPutPreparedStatementResult, bound).prepared_statement_handle or b""
        info = raw.info(m.CommandPreparedStatementQuery(handle))
        assert len(info.endpoints) == endpoints
        assert sum(raw.get(one.ticket).read_all().num_rows for one in info.endpoints) == rows


def test_adbc_reads_every_endpoint(shelf: Shelf) -> None:
    with shelf.flight.adbc("steward", **{f"{HEADER}x-outport-endpoints": "4"}).cursor() as cursor:
        cursor.execute("SELECT * FROM one.t")
        answer = cursor.fetch_arrow_table()
        partitions, schema = cursor.adbc_execute_partitions(SCAN)
    assert answer.num_rows == MANY
    assert len(set(answer["id"].to_pylist())) == MANY
    assert len(partitions) == 4
    assert schema.names == ["id", "who"]


def test_the_number_is_an_option_of_the_session(shelf: Shelf) -> None:
    raw = shelf.flight.raw("steward")
    one = options._Option("endpoints", options._Value(int64_value=6))
    raw.act("SetSessionOptions", wire.encode(options._Options((one,))))
    assert len(raw.info(m.CommandStatementQuery(SCAN)).endpoints) == 6
    assert options._Options((options._Option("catalog", options._Value("outport")), one)) == wire.decode(
        options._Options, *raw.act("GetSessionOptions", b"")
    )


def test_the_shares_are_of_the_snapshot_that_the_flight_info_told(shelf: Shelf) -> None:
    raw = split(shelf, "steward", 3)
    info = raw.info(m.CommandStatementQuery("SELECT * FROM one.t"))
    stamp = shelf.stamps["one"]
    first = raw.get(info.endpoints[0].ticket).read_all()
    shelf.serve("one", MANY)
    rest = [raw.get(one.ticket).read_all() for one in info.endpoints[1:]]
    answer = pa.concat_tables([first, *rest])
    assert (answer.num_rows, set(answer["stamp"].to_pylist())) == (MANY, {stamp})


@pytest.mark.parametrize("count", [b"0", b"65", b"x", b"", b"1000000"])
def test_only_a_small_number_is_taken(shelf: Shelf, count: bytes) -> None:
    raw = shelf.flight.raw("steward", (b"x-outport-endpoints", count))
    if count:
        with pytest.raises(pa.ArrowInvalid, match="1 to 64"):
            raw.info(m.CommandStatementQuery(SCAN))
    else:
        assert len(raw.info(m.CommandStatementQuery(SCAN)).endpoints) == 1


def test_tickets_say_until_when_they_are_good(shelf: Shelf) -> None:
    info: fl.FlightInfo = split(shelf, "steward", 2).info(m.CommandStatementQuery(SCAN))
    assert all(one.expiration_time is not None for one in info.endpoints)
