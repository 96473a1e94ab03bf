"""Drawings: boxes where edges say, axes with round numbers, words that are never markup."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ports.hub import answers, drawings
from ports.hub.drawings import Node
from tests.ports.hub.shelf import XSS


def test_a_box_stands_right_of_what_leads_to_it() -> None:
    drawn = drawings.graph([Node("c", "c"), Node("a", "a"), Node("b", "b")], [("a", "b"), ("b", "c"), ("x", "a")], "g")
    places = dict(re.findall(r'<title>(\w)</title><rect class="node " x="([\d.]+)"', drawn))
    assert float(places["a"]) < float(places["b"]) < float(places["c"])
    assert drawn.count('class="edge"') == 2


def test_a_circle_is_drawn_all_the_same() -> None:
    drawn = drawings.graph([Node("a", "a"), Node("b", "b")], [("a", "b"), ("b", "a"), ("a", "a")], "g")
    assert drawn.count("<rect") == 2


def test_words_are_never_markup() -> None:
    for drawn in (
        drawings.graph([Node(XSS, XSS, XSS)], [], XSS),
        drawings.bars([(XSS, 1.0)], XSS),
        drawings.series([(XSS, 1.0), (XSS, 2.0)], XSS),
    ):
        assert "<script" not in drawn
        assert "<img" not in drawn
        assert "&lt;script&gt;" in drawn


@settings(max_examples=200)
@example([2.2250738585072014e-308])
@given(st.lists(st.floats(-1e15, 1e15, allow_subnormal=False), max_size=60))
def test_whatever_the_values_every_point_is_inside(values: list[float]) -> None:
    drawn = drawings.series([(str(i), value) for i, value in enumerate(values)], "s")
    numbers = [float(one) for one in re.findall(r'(?:cx|cy|x1|y1|x|y)="(-?[\d.]+)"', drawn)]
    assert all(math.isfinite(one) and -1 <= one <= 730 for one in numbers)
    assert "nan" not in drawings.bars([("a", one) for one in values], "b")


@pytest.mark.parametrize(("values", "ticks"), [([0.0, 421882.0], ["0", "125,000", "500,000"]), ([1.0, 1.0], ["0"])])
def test_axes_have_round_numbers(values: list[float], ticks: list[str]) -> None:
    drawn = drawings.series([(str(i), value) for i, value in enumerate(values)], "s")
    told = re.findall(r">([\d,.]+)</text>", drawn)
    assert set(ticks) <= set(told)


EXTREMES = [
    "1e308",
    "-1e308",
    "5e-324",
    "0",
    "-0.0",
    "1e-310",
    "1e16",
    "10000000000000002",
    "nan",
    "inf",
    "-1e100",
    "1",
]


@pytest.mark.parametrize("first", EXTREMES)
@pytest.mark.parametrize("second", EXTREMES)
def test_no_answer_is_too_extreme_to_be_shown(first: str, second: str) -> None:
    for one, other in (("a", "b"), ("2020-01-01", "2020-01-02")):
        drawn = answers.drawn(["label", "value"], [(one, first), (other, second)])
        assert drawn is None or not re.search("nan|inf", drawn)
