"""How many rows there are, and which of them an answer holds: PostgREST's Content-Range and status. Pure.

Source: PostgREST documentation, "Pagination and Count". A count is a governed query like any other; it is capped, so
that nobody pays for counting what nobody will turn over, and a total beyond the cap is `*`: unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException

from ports.rest.prefer import Count

CAPS: dict[Count, int] = {"exact": 1_000_000, "planned": 10_000, "estimated": 10_000}


@dataclass(frozen=True)
class Counted:
    """The answer to a preferred count: `total` is None where there are more rows than the cap."""

    kind: Count
    total: int | None

    @property
    def applied(self) -> str:
        """What Preference-Applied says: the cap where the total is unknown."""
        return f"count={self.kind}" if self.total is not None else f"count=capped-at-{CAPS[self.kind]}"


def satisfiable(counted: Counted | None, first: int) -> None:
    """Raises HTTPException 416 if the answer would begin behind the last row."""
    if counted is not None and counted.total is not None and first > counted.total:
        raise HTTPException(
            416,
            f"there are {counted.total} rows: offset {first} is behind them",
            {"Content-Range": f"*/{counted.total}"},
        )


def sent(counted: Counted | None, first: int, limit: int | None) -> int | None:
    """How many rows a stream from `first` on will hold, where a count tells it before."""
    if counted is None:
        return None
    if counted.total is not None:
        left = max(0, counted.total - first)
        return left if limit is None else min(left, limit)
    return limit if limit is not None and first + limit <= CAPS[counted.kind] else None


def headers(counted: Counted | None, first: int, rows: int | None) -> dict[str, str]:
    """The headers of an answer of `rows` rows, the first of which is number `first` of all."""
    found: dict[str, str] = {}
    if rows is not None:
        total = "*" if counted is None or counted.total is None else str(counted.total)
        span = f"{first}-{first + rows - 1}" if rows and total != "0" else "*"
        found = {"Range-Unit": "items", "Content-Range": f"{span}/{total}"}
    if counted is not None:
        found["Preference-Applied"] = counted.applied
    return found


def status(counted: Counted | None, rows: int | None) -> int:
    """206 where it is known that there are more rows than these, else 200."""
    partial = counted is not None and counted.total is not None and rows is not None and rows < counted.total
    return 206 if partial else 200
