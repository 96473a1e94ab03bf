"""How many rows there are, and which of them an answer holds: PostgREST's Content-Range and status. Pure.

Source: PostgREST documentation, "Pagination and Count". A count is a governed query like any other: it speaks of the
rows that the principal sees, and an estimate is made of nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException

from ports.rest.prefer import Count

# What a planned or an estimated count may cost before it is estimated. 20 M rows were counted in 0.02 s by a number, in
# 0.4 s by LIKE, in 2.6 s by a regular expression; its sample took 0.4 s.
ESTIMATE_S = 0.5
# One key in so many is a sample: with 10,000 rows the estimate is off by 8 %, with a million by less than 1 %.
SHARE = 64


@dataclass(frozen=True)
class Counted:
    """The answer to a preferred count: `total` is None where it is unknown, `estimated` where it is scaled up."""

    kind: Count
    total: int | None
    estimated: bool = False


def estimate(sampled: int) -> int:
    """The total of which `sampled` rows are a sample, in two digits: more of them would mean nothing."""
    total = sampled * SHARE
    digits = max(0, len(str(total)) - 2)
    return int(round(total, -digits))


def known(counted: Counted | None, first: int, rows: int, *, last: bool) -> Counted | None:
    """The count, once the answer is known: where nothing follows its `last` row, that is no estimate any more."""
    if counted is None or not counted.estimated or not last or not (rows or first == 0):
        return counted
    return Counted(counted.kind, first + rows)


def satisfiable(counted: Counted | None, first: int) -> None:
    """Raises HTTPException 416 if the answer would begin behind the last row."""
    if counted is not None and counted.total is not None and not counted.estimated and first > counted.total:
        raise HTTPException(
            416,
            f"there are {counted.total} rows: offset {first} is behind them",
            {"Content-Range": f"*/{counted.total}"},
        )


def sent(counted: Counted | None, first: int, limit: int | None) -> int | None:
    """How many rows a stream from `first` on will hold, where a count tells it before."""
    if counted is None or counted.total is None or counted.estimated:
        return None
    left = max(0, counted.total - first)
    return left if limit is None else min(left, limit)


def headers(counted: Counted | None, first: int, rows: int | None) -> dict[str, str]:
    """The headers of an answer of `rows` rows, the first of which is number `first` of all."""
    found: dict[str, str] = {}
    total = _total(counted, first, rows)
    if rows is not None or (counted is not None and counted.estimated):
        span = f"{first}-{first + rows - 1}" if rows and total != 0 else "*"
        found = {"Range-Unit": "items", "Content-Range": f"{span}/{'*' if total is None else total}"}
    if counted is not None and counted.total is not None:
        found["Preference-Applied"] = f"count={counted.kind}"
    return found


def status(counted: Counted | None, first: int, rows: int | None) -> int:
    """206 where it is known that there are more rows than these, else 200."""
    total = _total(counted, first, rows)
    return 206 if total is not None and rows is not None and rows < total else 200


def _total(counted: Counted | None, first: int, rows: int | None) -> int | None:
    """The total; an estimate is never less than the rows that are sent or were passed over."""
    if counted is None or counted.total is None:
        return None
    return max(counted.total, first + rows if rows else 0) if counted.estimated else counted.total
