"""How long a product lasts, as its descriptor says. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gateway.contracts.odps import DataProduct
from gateway.document import Report

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T|$)", re.ASCII)


def declared(product: DataProduct, file: str, report: Report) -> tuple[datetime | None, datetime | None]:
    """Since when the product is deprecated, and when it ends; None where its descriptor names no date."""
    since = _moment(product, "deprecatedOn", file, report)
    until = _moment(product, "sunsetOn", file, report)
    if since is not None and until is not None and until < since:  # RFC 9745, 4
        remedy = "a day on which it is deprecated already"
        report.error(file, ("customProperties",), "sunsetOn is before deprecatedOn", remedy)
    return since, until


def _moment(product: DataProduct, name: str, file: str, report: Report) -> datetime | None:
    """The moment that a custom property names: a day is its first moment, and a time without a zone is in UTC."""
    value = product.custom(name)
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not _DAY.match(value):
            raise ValueError
        found = datetime.fromisoformat(value)
    except ValueError:
        remedy = "a day such as 2027-01-31, or a time such as 2027-01-31T00:00:00Z"
        report.error(file, ("customProperties",), f"{name} {value} is no date", remedy)
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
