"""A refusal of a class of its own is answered at every door as the class that it is one of."""

from __future__ import annotations

from gateway import BadQuery
from ports.flight import errors as flight
from ports.graphql import errors as graphql
from ports.http import errors as http
from ports.mcp import errors as mcp
from ports.postgres import errors as postgres


class Unfit(BadQuery):
    """One of its own."""


def test_a_subclass_has_the_line_of_its_base_at_every_door() -> None:
    assert http.status(Unfit("no")) == http.status(BadQuery("no"))
    assert http.status(Unfit("no", reason="rows"))[0] == 422
    assert http.problem(Unfit("no")).status_code == 400
    assert graphql.formatted(Unfit("no", reason="limit"))["extensions"]["code"] == graphql.LIMIT
    assert graphql.refused(Unfit("no")).status == 400
    assert postgres.fields(Unfit("no", reason="column"))["C"] == "42703"
    assert postgres.fields(Unfit("no"))["C"] == "42601"
    assert isinstance(flight.status(Unfit("no")), flight.InvalidArgument)
    assert isinstance(flight.status(Unfit("no", reason="protocol")), flight.Unimplemented)
    assert "next: only SELECT" in mcp.told(Unfit("no", reason="read_only"))


def test_the_nearest_class_comes_before_its_base() -> None:
    table = {(BadQuery, "value"): "base", (Unfit, ""): "own"}
    assert Unfit("no", reason="value").line(table) == "own"
    assert BadQuery("no", reason="value").line(table) == "base"
    assert BadQuery("no").line(table) is None
