"""Content codings: which one is chosen, what a reader gets of it, and that half of one is never whole."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ports.http import compression
from ports.http.compression import Coding

CODINGS: tuple[Coding, ...] = ("gzip", "zstd")
LONG = "SELECT i, 'text ' || i AS s FROM range(300000) r(i)"


def decoded(data: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.decompress(data)
    return bytes(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read())


def ask(client: httpx.Client, text: str, kind: str, accepted: str) -> tuple[httpx.Response, bytes]:
    """The answer and its body as it was sent."""
    headers = {"Accept-Encoding": accepted}
    with client.stream("POST", f"/sql?format={kind}", json={"sql": text}, headers=headers) as answer:
        assert answer.status_code == 200
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0, zstd;q=0", None),
        ("gzip;q=0.5, identity;q=0.8", None),
        ("gzip;q=0.5, identity;q=0", "gzip"),
        ("*;q=0, zstd", "zstd"),
    ],
)
def test_the_coding_is_chosen_by_weight_among_those_named(accepted: str | None, coding: str | None) -> None:
    assert compression.choose(accepted, "application/json") == coding


@pytest.mark.parametrize(
    ("media_type", "compressed"),
    [
        ("text/csv; charset=utf-8", True),
        ("application/json; int64=string", True),
        ("application/openapi+json", True),
        ("application/vnd.apache.arrow.stream", True),
        ("application/vnd.apache.parquet", False),
        ("image/png", False),
    ],
)
def test_what_is_compressed_already_stays_as_it_is(media_type: str, compressed: bool) -> None:
    assert (compression.choose("gzip", media_type) == "gzip") is compressed


@pytest.mark.parametrize("coding", CODINGS)
def test_each_piece_can_be_read_when_it_comes(coding: Coding) -> None:
    pulled: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(3):
            pulled.append(number)
            yield b"line %d\n" % number

    pieces = compression.stream(chunks(), coding)
    first = next(pieces)
    assert pulled == [0]
    reader = zlib.decompressobj(31).decompress if coding == "gzip" else _zstd_so_far
    assert reader(first) == b"line 0\n"
    rest = list(pieces)
    assert decoded(first + b"".join(rest), coding) == b"line 0\nline 1\nline 2\n"


def _zstd_so_far(data: bytes) -> bytes:
    return bytes(pa.CompressedInputStream(pa.BufferReader(data), "zstd").read(7))


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_that_is_cut_is_not_whole(coding: Coding) -> None:
    pieces = list(compression.stream([b"a" * 5000, b"b" * 5000], coding))
    for kept in range(1, len(pieces)):
        with pytest.raises((EOFError, OSError)):
            decoded(b"".join(pieces[:kept]), coding)


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv", "arrow"])
@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_is_the_same_in_every_coding(web: Callable[..., httpx.Client], coding: Coding, kind: str) -> None:
    for text in (LONG, "SELECT i, 'text ' || i AS s FROM range(1000) r(i) ORDER BY i"):
        plain, body = ask(web("steward"), text, kind, "identity")
        answer, sent = ask(web("steward"), text, kind, coding)
        assert "content-encoding" not in plain.headers
        assert answer.headers["content-encoding"] == coding
        assert "Accept-Encoding" in answer.headers["vary"]
        assert len(sent) < len(body) / 2
        assert answer.headers.get("content-length") in (None, str(len(sent)))
        assert decoded(sent, coding) == body


def test_small_answers_and_parquet_are_not_compressed(web: Callable[..., httpx.Client]) -> None:
    small, body = ask(web("steward"), "SELECT 1 AS i", "json", "gzip, zstd")
    assert "content-encoding" not in small.headers
    assert body == b'{"data":[{"i":1}],"next":null}'
    parquet, body = ask(web("steward"), LONG, "parquet", "gzip, zstd")
    assert "content-encoding" not in parquet.headers
    assert pq.read_table(io.BytesIO(body)).num_rows == 300_000


@pytest.mark.parametrize("coding", CODINGS)
def test_an_error_in_a_compressed_stream_breaks_the_connection(
    web: Callable[..., httpx.Client], coding: Coding
) -> None:
    number = "CAST(CASE WHEN i = 50000 THEN 'x' ELSE '1' END AS INTEGER) AS n"
    digests = " || ".join(f"md5((i + {n})::VARCHAR)" for n in range(40))
    late = f"SELECT {number}, {digests} AS s FROM range(60000) r(i)"
    received: list[bytes] = []
    body: dict[str, Any] = {"json": {"sql": late}, "headers": {"Accept-Encoding": coding}}
    with web("steward").stream("POST", "/sql?format=csv", **body) as answer:
        assert answer.headers["content-encoding"] == coding
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(answer.iter_raw())
    assert received
    with pytest.raises((EOFError, OSError)):
        decoded(b"".join(received), coding)
