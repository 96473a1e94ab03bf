"""What a statement looks like in the audit: its shape, and none of its literals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounting.observe import STATEMENT_LIMIT, stripped


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 'a''b', 1, 1.5e-3, .5, 0xff FROM t1 WHERE c2 = $1", "SELECT ?, ?, ?, ?, ? FROM t1 WHERE c2 = $1"),
        ("SELECT E'x', $$a 'b' c$$, $tag$ secret $tag$ -- secret", "SELECT ?, ?, ?"),
        ('SELECT "plain", "Jane Doe", "a""b" /* secret */ FROM x', 'SELECT "plain", "?", "?"  FROM x'),
        ("SELECT 'never ends", "SELECT ?"),
        ("SELECT Jané, ?", "SELECT ?, ?"),
        (r"SELECT E'a\'canary', 'b\', 1", "SELECT ?, ?, ?"),
        ("SELECT /* a /* b */ canary */ 1", "SELECT"),
        ("SELECT $name, [1, 2]", "SELECT $name, [?, ?]"),
    ],
)
def test_a_statement_keeps_its_shape_and_loses_its_literals(statement: str, expected: str) -> None:
    assert " ".join(stripped(statement).split()) == " ".join(expected.split())


@given(st.text(alphabet="ab1 '\"$-/*;é.\n?"))
def test_stripping_never_keeps_what_stands_in_quotes(noise: str) -> None:
    inside = noise.replace("'", "''")
    assert "canary" not in stripped(f"SELECT '{inside}canary'")
    assert len(stripped(noise * 100)) <= STATEMENT_LIMIT
