"""The protocol's messages: golden bytes both ways, frames from any cut of the stream, and no byte that does harm."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.postgres import backend, decode
from ports.postgres.backend import Field
from ports.postgres.decode import Frames
from ports.postgres.frontend import (
    Bind,
    CancelRequest,
    Close,
    Describe,
    Execute,
    Flush,
    FunctionCall,
    GssEncRequest,
    Message,
    Parse,
    Password,
    ProtocolViolation,
    Query,
    SslRequest,
    Startup,
    Sync,
    Terminate,
)

GOLDEN: list[tuple[bytes, Message]] = [
    (b"Q\0\0\0\x0dSELECT 1\0", Query("SELECT 1")),
    (b"P\0\0\0\x13a\0SELECT 2\0\0\x01\0\0\0\x17"[:1] + struct.pack("!i", 21) + b"a\0SELECT 2\0\0\x01\0\0\0\x17",
     Parse("a", "SELECT 2", (23,))),
    (b"B" + struct.pack("!i", 28) + b"p\0a\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02hi\0\x01\0\x01",
     Bind("p", "a", (1,), (None, b"hi"), (1,))),
    (b"D\0\0\0\x06P\0", Describe("P", "")),
    (b"D\0\0\0\x07Sa\0", Describe("S", "a")),
    (b"E\0\0\0\x09\0\0\0\0\x05", Execute("", 5)),
    (b"C\0\0\0\x07Pp\0", Close("P", "p")),
    (b"S\0\0\0\x04", Sync()),
    (b"H\0\0\0\x04", Flush()),
    (b"X\0\0\0\x04", Terminate()),
    (b"p\0\0\0\x09word\0", Password(b"word\0")),
    (b"F\0\0\0\x06\0\x01", FunctionCall()),
]  # fmt: skip


@pytest.mark.parametrize(("data", "meant"), GOLDEN)
def test_a_message_means_what_the_protocol_says(data: bytes, meant: Message) -> None:
    frames = Frames(1000)
    frames.feed(data)
    ((kind, body),) = frames.messages()
    assert decode.message(kind, body) == meant
    assert not frames.pending


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        (b"\0\0\0\x08\x04\xd2\x16\x2f", SslRequest()),
        (b"\0\0\0\x08\x04\xd2\x16\x30", GssEncRequest()),
        (b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07\xff\xff\xff\xff", CancelRequest(7, 0xFFFFFFFF)),
        (b"\0\0\0\x13\0\x03\0\x02user\0\xc3\xa9ve\0\0", Startup(3, 2, {"user": "éve"})),
    ],
)
def test_an_opening_message_means_what_the_protocol_says(data: bytes, meant: object) -> None:
    frames = Frames(1000)
    for byte in data[:-1]:
        frames.feed(bytes([byte]))
        assert frames.first() is None
    frames.feed(data[-1:])
    assert frames.first() == meant


@given(cuts=st.lists(st.integers(0, 200), max_size=20))
def test_messages_come_whole_from_any_cut_of_the_stream(cuts: list[int]) -> None:
    stream = b"".join(data for data, _ in GOLDEN)
    frames = Frames(1000)
    found = []
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for start, end in zip(edges, edges[1:], strict=False):  # noqa: RUF007
        frames.feed(stream[start:end])
        found += [decode.message(kind, body) for kind, body in frames.messages()]
    assert found == [meant for _, meant in GOLDEN]


@given(kind=st.integers(0, 255), body=st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_violation(kind: int, body: bytes) -> None:
    with contextlib.suppress(ProtocolViolation, decode.BadEncoding):
        decode.message(kind, body)
    with contextlib.suppress(ProtocolViolation):
        decode.first(body)


@pytest.mark.parametrize("size", [-1, 0, 3, 1001, 2**31 - 1])
def test_a_length_out_of_bounds_is_refused_before_the_body_is_read(size: int) -> None:
    frames = Frames(1000)
    frames.feed(b"Q" + struct.pack("!i", size))
    with pytest.raises(ProtocolViolation):
        list(frames.messages())


def test_a_text_that_is_not_utf8_is_an_error_of_its_statement() -> None:
    with pytest.raises(decode.BadEncoding):
        decode.message(ord("Q"), b"\xff\0")


@pytest.mark.parametrize(
    ("made", "golden"),
    [
        (backend.AUTHENTICATION_OK, b"R\0\0\0\x08\0\0\0\0"),
        (backend.sasl(["SCRAM-SHA-256"]), b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
        (backend.parameter_status("a", "b"), b"S\0\0\0\x08a\0b\0"),
        (backend.key_data(1, 2), b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02"),
        (backend.ready(b"I"), b"Z\0\0\0\x05I"),
        (backend.command_complete("SELECT 1"), b"C\0\0\0\x0dSELECT 1\0"),
        (backend.row_description([Field("a", 23, 4)]),
         b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0"),
        (backend.parameter_description([23, 25]), b"t\0\0\0\x0e\0\x02\0\0\0\x17\0\0\0\x19"),
        (backend.copy_out(True, 2), b"H\0\0\0\x0b\x01\0\x02\0\x01\0\x01"),
        (backend.error({"S": "ERROR", "M": "no"}), b"E\0\0\0\x10SERROR\0Mno\0\0"),
        (backend.negotiate(["_pq_.x"]), b"v\0\0\0\x13\0\0\0\0\0\0\0\x01_pq_.x\0"),
    ],
)  # fmt: skip
def test_the_server_says_what_the_protocol_says(made: bytes, golden: bytes) -> None:
    assert made == golden
