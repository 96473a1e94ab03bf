"""Agreements on access: who may use a product, for which purposes, from when to when. Pure: values in, an end out.

A product whose descriptor asks for one (`agreementRequired`) exists only for whom an agreement in force covers. An
agreement opens nothing by itself: rules do. The shape follows Bitol's draft of OAAS (Open Agreement Access Standard).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from gateway.access.claims import ClaimType
from gateway.document import Path, Report
from gateway.policies.policy_rules import ALL, Target
from gateway.policies.policy_who import Asker, HoldsRole
from gateway.principal import PORTS, Environment, Principal
from gateway.product import Product

FOLDER = "agreements"
State = Literal["not yet", "in force", "ended"]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,2}", re.ASCII)
_NEEDED = ("id", "product", "start", "end", "approver")
_KEYS = {*_NEEDED, "consumer", "roles", "version", "port", "purposes", "reassessment", "description"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement. `consumers`, `roles`, `ports` and `purposes` are those that it names, () where it names none.

    It holds from the epoch second `start` on, before `end`; on `reassessment` (a day) somebody looks at it again.
    """

    id: str
    target: Target
    consumers: tuple[str, ...]
    roles: tuple[str, ...]
    ports: tuple[str, ...]
    purposes: tuple[str, ...]
    start: float
    end: float
    reassessment: date | None
    approver: str
    description: str
    file: str
    path: Path

    def covers(self, asker: Asker, product: Product, holds_role: HoldsRole) -> bool:
        """Whether it speaks of what is asked, at whatever time: every one of its words that is said must fit."""
        return (
            self.target.covers(product)
            and (not self.consumers or asker.principal.subject in self.consumers)
            and (not self.roles or any(holds_role(asker.roles, one) for one in self.roles))
            and (not self.ports or asker.environment.port in self.ports)
            and (not self.purposes or any(one in self.purposes for one in asker.values("purpose")))
        )

    def state(self, now: float) -> State:
        """Whether it holds at the epoch second `now`."""
        return "not yet" if now < self.start else "in force" if now < self.end else "ended"

    def overdue(self, now: float) -> bool:
        """Whether somebody should have looked at it again by now."""
        today = datetime.fromtimestamp(now, UTC).date()
        return self.reassessment is not None and self.reassessment < today and self.state(now) == "in force"


@dataclass(frozen=True, slots=True)
class Covered:
    """Which agreements cover a question, and the epoch second at which that ends."""

    ids: tuple[str, ...]
    until: float


def covered(
    every: Iterable[Agreement],
    principal: Principal,
    product: Product,
    environment: Environment,
    claims: Mapping[str, ClaimType],
    holds_role: HoldsRole,
) -> Covered | None:
    """The agreements by which `principal` may ask of `product` now; None where one is missing for any who asks."""
    agreements = tuple(every)
    found: list[Agreement] = []
    for one in principal.both:
        asker = Asker(one, environment, claims)
        fitting = [
            agreement
            for agreement in agreements
            if agreement.state(environment.now) == "in force" and agreement.covers(asker, product, holds_role)
        ]
        if not fitting:
            return None
        found.append(max(fitting, key=lambda agreement: agreement.end))
    ids = dict.fromkeys(agreement.id for agreement in found)
    return Covered(tuple(ids), min(agreement.end for agreement in found))


def read(documents: Mapping[str, Any], report: Report) -> tuple[Agreement, ...]:
    """The agreements of `documents` (file -> one, or a list of them); what is wrong with any goes to `report`."""
    found: dict[str, Agreement] = {}
    for file, document in documents.items():
        listed = isinstance(document, list)
        for index, body in enumerate(document if listed else [document]):
            path: Path = (index,) if listed else ()
            made = _agreement(body, file, path, report)
            if made is not None and made.id in found:
                also = f"also in {found[made.id].file}"
                report.error(file, (*path, "id"), f"the agreement {made.id} stands twice", also)
            if made is not None:
                found.setdefault(made.id, made)
    return tuple(found.values())


def check(every: Iterable[Agreement], products: Iterable[Product], report: Report) -> None:
    """Note agreements that change nothing: of products that are not served, or that ask for none."""
    known = {product.name: product for product in products}
    for one in every:
        for name in one.target.products:
            if name not in known:
                problem, remedy = f"agreement {one.id}: no product {name} is served", "publish it"
            elif not known[name].agreement_required:
                problem = f"agreement {one.id}: {name} asks for no agreement"
                remedy = "the custom property agreementRequired: true of its descriptor"
            else:
                continue
            report.warning(one.file, (*one.path, "product"), problem, remedy)


def _agreement(body: Any, file: str, path: Path, report: Report) -> Agreement | None:
    before = len(report.errors)
    if not isinstance(body, dict):
        report.error(file, path, "an agreement is a mapping", "{id: ..., consumer: ..., product: ..., ...}")
        return None
    reader = _Reader(body, file, path, report)
    for key in sorted(set(body) - _KEYS):
        reader.refuse(key, f"unknown key {key}", ", ".join(sorted(_KEYS)))
    for key in _NEEDED:
        if key not in body:
            reader.refuse(key, f"an agreement says its {key}", ", ".join(_NEEDED))
    if not ({"consumer", "roles"} & set(body)):
        reader.refuse("consumer", "an agreement names a consumer, roles, or both", "consumer: shop-app")
    start, end, again = (reader.day(key) for key in ("start", "end", "reassessment"))
    if start is not None and end is not None and end < start:
        reader.refuse("end", "it ends before it starts", "end is its last day")
    made = Agreement(
        id=reader.text("id", _ID, "letters, digits, . _ : and -"),
        target=Target(reader.names("product"), reader.names("version", _VERSION) or (ALL,), (ALL,)),
        consumers=reader.names("consumer"),
        roles=reader.names("roles"),
        ports=reader.names("port"),
        purposes=reader.names("purposes"),
        start=_second(start or date.min),
        end=_second((end or date.min) + timedelta(days=1)),
        reassessment=again,
        approver=reader.text("approver", None, "who has approved it"),
        description=reader.text("description", None, "a text"),
        file=file,
        path=path,
    )
    for port in sorted(set(made.ports) - set(PORTS)):
        reader.refuse("port", f"there is no port {port}", ", ".join(PORTS))
    return made if len(report.errors) == before else None


class _Reader:
    """The values of one agreement; a value that is none is reported, and something empty stands in its place."""

    def __init__(self, body: Mapping[str, Any], file: str, path: Path, report: Report) -> None:
        self._body, self._file, self._path, self._report = body, file, path, report

    def refuse(self, key: str, problem: str, remedy: str) -> None:
        """Note what is wrong about `key`."""
        self._report.error(self._file, (*self._path, key), problem, remedy)

    def text(self, key: str, form: re.Pattern[str] | None, remedy: str) -> str:
        """One text of that form."""
        value = self._body.get(key, "")
        given = isinstance(value, str) and value.strip() != "" and (form is None or form.fullmatch(value) is not None)
        if key in self._body and not given:
            self.refuse(key, f"{key} is not understood", remedy)
        return value if given and isinstance(value, str) else ""

    def names(self, key: str, form: re.Pattern[str] | None = None) -> tuple[str, ...]:
        """One text or a list of them; () where the key is not there, never where it is."""
        if key not in self._body:
            return ()
        value = self._body[key]
        items = value if isinstance(value, list) else [value]
        texts = [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]
        fits = [isinstance(one, str) and one != "" and (form is None or form.fullmatch(one)) for one in texts]
        if not texts or not all(fits):
            self.refuse(key, f"{key} takes a text or a list of texts", "leave the key out to mean every one")
        if ALL in texts:
            self.refuse(key, f"{key} is no place for *", "name each, or leave the key out where it may be")
        return tuple(str(one) for one in texts)

    def day(self, key: str) -> date | None:
        """One day, None where the key is not there or holds none."""
        if key not in self._body:
            return None
        value = self._body[key]
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        self.refuse(key, f"{key} is no day", "such as 2027-01-31, in UTC")
        return None


def _second(day: date) -> float:
    """The epoch second at which `day` begins, UTC."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
