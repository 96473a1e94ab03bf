"""PostgreSQL's spellings are written over in place: as many bytes, every one looked at once."""

from __future__ import annotations

import time

import pytest

from gateway.dialects.dialect_text import spelled
from gateway.errors import BadQuery

KEPT = [
    "SELECT 1",
    "SELECT 'x LIKE ANY (y)', \"a # b\", $$ a -> 'b' $$, $t$ U&'\\0061' $t$ -- a # b\n FROM t /* j ? 'a' */",
    "SELECT list_transform(l, x -> x + 1) FROM t",
    "SELECT 'a' LIKE ANY (SELECT 'a')",
    "SELECT x FROM t WHERE y = ?",
    "SELECT 'unfinished # text",
    "SELECT $a$ unfinished # text",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_needs_no_other_spelling_stays_as_it_is(text: str) -> None:
    assert spelled(text).text == text


SPELLED = [
    ("SELECT x LIKE ANY (ARRAY['a'])", "SELECT x =    ANY (ARRAY['a'])"),
    ("SELECT x NOT ILIKE ALL ($1)", "SELECT x =         ANY ($1)"),
    ("SELECT x ~* SOME ('{a}')", "SELECT x =  ANY  ('{a}')"),
    ("SELECT j -> 'a' -> 0, j #>> '{b}'", "SELECT j ^^ 'a' ^^ 0, j @-@ '{b}'"),
    ("SELECT 5 # 3, j ? 'k'", "SELECT 5 &|3, j =@'k'"),
    ("SELECT x::timestamp(3) without time zone", "SELECT x::timestamp    without time zone"),
    ("SELECT E'\\u00e9\\n', U&'d\\0061t\\+000061'", "SELECT 'é\n'      , 'data'             "),
    ("SELECT 1 FETCH FIRST 2 ROWS WITH TIES", "SELECT 1 FETCH FIRST 2 ROWS ONLY     "),
]


@pytest.mark.parametrize(("text", "expected"), SPELLED)
def test_a_spelling_is_written_over_in_as_many_bytes(text: str, expected: str) -> None:
    found = spelled(text).text
    assert found == expected
    assert len(found.encode()) == len(text.encode())


@pytest.mark.parametrize("text", ["SELECT a ^^ b", "SELECT a @-@ b", "SELECT (a, b) @= (c, d)"])
def test_no_client_writes_the_operators_that_stand_for_others(text: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        spelled(text)
    assert refusal.value.reason == "function"


@pytest.mark.parametrize(
    "part",
    ["E'\\u0061", "'", '"', "$a$", "/*", "U&'", "x LIKE ANY ((", "->", "# ", "(", "time(", "E'\\u0061' ", "- -", "--"],
)
def test_no_text_costs_more_than_one_look_at_each_character(part: str) -> None:
    text = "SELECT # " + part * (100_000 // len(part))
    start = time.perf_counter()
    spelled(text)
    assert time.perf_counter() - start < 60, "0.2 s where nothing else runs; what was quadratic took minutes"
