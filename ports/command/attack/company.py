"""Other principals as the attacker finds them: for whom it may ask, and for whom it may not. Asks the gateway only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from gateway import Gateway
from gateway.errors import Forbidden
from gateway.sql import duck
from ports.command import access
from ports.command.attack.terrain import Seen, Target, unknown

# Names that are shorter stand in messages by chance; and nobody waits for a thousand decisions.
_NAME_LENGTH, _LIMIT = 4, 50


def company(
    gateway: Gateway, subject: str, subjects: Sequence[str], port: str, shown: Sequence[Seen]
) -> Iterator[Target]:
    """Whoever else there is: `foreign` may not be asked for; on behalf of `behalf`, the table `beyond` is not there."""
    session = gateway.impersonate(subject, port)
    known = (one for one in subjects if one != subject and len(one) >= _NAME_LENGTH and '"' not in one)
    for other in islice(known, _LIMIT):
        try:
            asking = gateway.on_behalf_of(session, other)
        except Forbidden:
            yield Target("foreign", {"foreign": other, "subject": subject}, {"foreign": unknown(other)})
            continue
        named = {"behalf": other, "subject": subject}
        for one in shown:
            left = {found.table for found in access.accesses(gateway, asking, one.snapshot) if not found.refusal}
            if one.table.name not in left:
                product, table = one.path
                named["beyond"] = f"{duck.quote(product)}.{duck.quote(table)}"
                named |= {"beyond_product": product, "beyond_table": table}
                break
        yield Target("behalf", named)
