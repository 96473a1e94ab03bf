"""The codec by golden bytes, and against bytes that no honest client sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import BadQuery
from ports.flight import messages as m
from ports.flight import wire

# Message -> its fields' bytes, as protoc's own encoder writes them (protobuf.dev, "Encoding").
GOLDEN: list[tuple[Any, str]] = [
    (m.CommandGetSqlInfo((8, 300)), "0a0308ac02"),
    (m.CommandGetSqlInfo(), ""),
    (m.CommandGetXdbcTypeInfo(-5), "08fbffffffffffffffff01"),
    (m.CommandGetXdbcTypeInfo(0), "0800"),
    (m.CommandGetXdbcTypeInfo(), ""),
    (m.CommandGetCatalogs(), ""),
    (m.CommandGetDbSchemas("", "r%"), "0a0012027225"),
    (
        m.CommandGetTables("outport", None, "c_", ("TABLE", "VIEW"), True),
        "0a076f7574706f72741a02635f22055441424c45220456494557" + "2801",
    ),
    (m.CommandGetTableTypes(), ""),
    (m.CommandGetPrimaryKeys(None, "shop", "orders"), "120473686f701a066f7264657273"),
    (m.CommandGetImportedKeys("outport", None, "t"), "0a076f7574706f72741a0174"),
    (m.CommandGetExportedKeys(None, None, "t"), "1a0174"),
    (m.CommandGetCrossReference(None, "a", "b", None, "c", "d"), "1201611a01622a0163320164"),
    (m.CommandStatementQuery("SELECT 1"), "0a0853454c4543542031"),
    (m.CommandStatementQuery("é", b"\x00"), "0a02c3a9120100"),
    (m.CommandPreparedStatementQuery(b"\xff"), "0a01ff"),
    (m.TicketStatementQuery(b"t"), "0a0174"),
    (m.CommandStatementUpdate("x"), "0a0178"),
    (m.CommandPreparedStatementUpdate(b"h"), "0a0168"),
    (m.ActionCreatePreparedStatementRequest("q", b"t"), "0a0171120174"),
    (m.ActionCreatePreparedStatementResult(b"h", b"d", b"p"), "0a01681201641a0170"),
    (m.ActionClosePreparedStatementRequest(b"h"), "0a0168"),
    (m.DoPutPreparedStatementResult(b""), "0a00"),
    (m.DoPutPreparedStatementResult(), ""),
]


@pytest.mark.parametrize(("message", "golden"), GOLDEN, ids=lambda one: type(one).__name__)
def test_a_message_has_the_bytes_of_the_protocol(message: Any, golden: str) -> None:
    assert wire.encode(message).hex() == golden
    assert wire.decode(type(message), bytes.fromhex(golden)) == message


def test_an_any_names_its_message() -> None:
    packed = m.pack(m.TicketStatementQuery(b"t"))
    url = b"type.googleapis.com/arrow.flight.protocol.sql.TicketStatementQuery"
    assert packed == b"\x0a" + bytes([len(url)]) + url + b"\x12\x03\x0a\x01t"
    assert m.unpack(packed) == m.TicketStatementQuery(b"t")


def test_numbers_may_come_packed_or_one_by_one() -> None:
    assert wire.decode(m.CommandGetSqlInfo, bytes.fromhex("080808ac02")).info == (8, 300)
    assert wire.decode(m.CommandGetSqlInfo, bytes.fromhex("08080a02ac02")).info == (8, 300)


def test_unknown_fields_are_skipped_whatever_their_wire_type() -> None:
    unknown = "f8010a" + "f1010102030405060708" + "fa0103616263" + "fd0101020304"
    assert wire.decode(m.TicketStatementQuery, bytes.fromhex(unknown + "0a0174")) == m.TicketStatementQuery(b"t")


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    assert wire.decode(m.CommandStatementQuery, bytes.fromhex("0a01610a0162")).query == "b"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (m.CommandStatementQuery, "0a"),  # no length
        (m.CommandStatementQuery, "0a05616263"),  # cut
        (m.CommandStatementQuery, "0affffffffffffffffff01"),  # a length of 2^64 - 1
        (m.CommandStatementQuery, "0801"),  # a number where a text belongs
        (m.CommandStatementQuery, "0a02c328"),  # not UTF-8
        (m.CommandStatementQuery, "0b0c"),  # a group
        (m.CommandStatementQuery, "0e"),  # wire type 6
        (m.CommandStatementQuery, "0200"),  # field 0
        (m.CommandGetTables, "2a0101"),  # bytes where a flag belongs
        (m.CommandGetSqlInfo, "08ffffffffffffffffff7f"),  # more than 64 bits
        (m.CommandGetSqlInfo, "08ffffffffffffffffffff01"),  # eleven bytes of varint
        (m.CommandGetSqlInfo, "0a0180"),  # a packed number, cut
        (m.CommandGetSqlInfo, "0d01020304"),  # fixed32 where a varint belongs
    ],
)
def test_malformed_bytes_are_refused(kind: type, data: str) -> None:
    with pytest.raises(BadQuery) as caught:
        wire.decode(kind, bytes.fromhex(data))
    assert caught.value.reason == "value"


def test_lists_and_messages_are_bounded() -> None:
    for data in (b"\x08\x01" * (wire.ITEM_LIMIT + 1), b"\x0a\xff\xff\x7f" + b"\x01" * 0x1FFFFF):
        with pytest.raises(BadQuery, match="at most"):
            wire.decode(m.CommandGetSqlInfo, data)
    with pytest.raises(BadQuery, match="at most"):
        wire.decode(m.CommandStatementQuery, bytes(wire.MESSAGE_LIMIT_BYTES + 1))


def test_a_message_of_no_known_type_is_told_so() -> None:
    with pytest.raises(BadQuery) as caught:
        m.unpack(wire.encode(m._Any("type.googleapis.com/google.protobuf.Empty", b"")))
    assert caught.value.reason == "protocol"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for kind in (m.CommandGetSqlInfo, m.CommandGetTables, m.CommandGetCrossReference, m._Any):
        try:
            message = wire.decode(kind, data)
        except BadQuery:
            continue
        assert wire.decode(kind, wire.encode(message)) == message


_TEXTS = st.none() | st.text(max_size=20)


@given(_TEXTS, _TEXTS, _TEXTS, st.lists(st.text(max_size=5), max_size=4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_encoded_decodes_to_itself(
    catalog: str | None, schema: str | None, table: str | None, types: list[str], flag: bool
) -> None:
    message = m.CommandGetTables(catalog, schema, table, tuple(types), flag)
    assert m.unpack(m.pack(message)) == message
