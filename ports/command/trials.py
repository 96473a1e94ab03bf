"""Policy tests: `policies/tests/*.yaml` say what somebody gets, and are tried on the policies. Reads those files only.

An entry is {as: attributes and kind, on: {product, table}, expect: nothing} or expects {columns: raw or names with
treatments, rows: all or some}. A treatment is a kind, a mask or a use; columns that are not named are not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.access import principals
from gateway.decision import Decision
from gateway.document import DocumentError, read
from gateway.policies.policy import PolicySet
from gateway.principal import NEVER, Environment, Principal
from gateway.product import Product

FOLDER = "tests"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _On(_Strict):
    product: str
    table: str


class _Something(_Strict):
    columns: Literal["raw"] | dict[str, str | None] = Field(default_factory=dict)
    rows: Literal["all", "some"] | None = None


class _Trial(_Strict):
    """One entry of a file."""

    who: Annotated[dict[str, object], Field(alias="as")]
    on: _On
    expect: Literal["nothing"] | _Something


_TRIALS = TypeAdapter(tuple[_Trial, ...])


@dataclass(frozen=True)
class Outcome:
    """One trial: where it stands, and in what it failed ("" where it holds)."""

    where: str
    failure: str


def tried(folder: Path, policies: PolicySet, products: Sequence[Product]) -> Iterator[Outcome]:
    """Every trial in `folder`/tests, in order; a file that is none is one failure."""
    known = {product.name: product for product in products}
    for path in sorted((folder / FOLDER).glob("*.yaml")):
        where = f"{FOLDER}/{path.name}"
        try:
            document, _ = read(path.name, path.read_text(encoding="utf-8"))
            trials = _TRIALS.validate_python(document)
        except (OSError, UnicodeError, DocumentError) as error:
            yield Outcome(where, f"cannot be read as YAML ({type(error).__name__})")
            continue
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            yield Outcome(where, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
            continue
        for number, trial in enumerate(trials):
            yield Outcome(f"{where}[{number}]", _failure(trial, policies, known))


def _failure(trial: _Trial, policies: PolicySet, products: Mapping[str, Product]) -> str:
    product = products.get(trial.on.product)
    if product is None:
        return f"the product {trial.on.product} is not known"
    try:
        table = product.table(trial.on.table)
        attributes = {name: value for name, value in trial.who.items() if name != "kind"}
        kind = principals.checked_kind(trial.who.get("kind", "person"))
        somebody = Principal("policy-test", kind, principals.claims(attributes), NEVER)
    except KeyError:
        return f"{product.name} has no table {trial.on.table}"
    except principals.PrincipalsError as error:
        return str(error)
    published = frozenset(policies.pseudonyms(product))
    environment = Environment("rest", None, "query", time.time())
    verdict = policies.verdict(somebody, product, table, environment, published)
    if trial.expect == "nothing":
        return "" if verdict.decision is None else f"something is granted by {', '.join(verdict.decision.rules)}"
    if verdict.decision is None:
        return f"nothing is granted: {verdict.refusal}"
    return _difference(trial.expect, verdict.decision)


def _difference(expected: _Something, decision: Decision) -> str:
    wanted: dict[str, str | None] = (
        dict.fromkeys(decision.treatments, "raw") if expected.columns == "raw" else dict(expected.columns)
    )
    for name, treatment in wanted.items():
        found = decision.treatments.get(name)
        if found is None:
            return f"{decision.table} has no column {name}"
        use = decision.uses.get(name)
        known, by = ((found.kind, found.mask), found.rules) if use is None else ((use.kind,), use.rules)
        if (treatment or "null") not in known:
            return f"{name} is {known[-1] or known[0]} by {', '.join(by)}, not {treatment or 'null'}"
    rows = "all" if decision.rows is None else "some"
    return "" if expected.rows in (None, rows) else f"{rows} rows are granted, not {expected.rows}"
