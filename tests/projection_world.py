"""A world for consumers' projections: the shop of the tests and the survey, and what consumers have made of them.

`narrow` is the analyst's, over the shop and for everybody; `towns` is the partner's, over the survey.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from gateway.serving.projection import Projection, parse
from gateway.serving.projection_shelf import Defined, ProjectionShelf, Shelved
from gateway.settings import Settings
from tests import conftest, use_world

ANALYST = """
kind: Projection
name: analyst_narrow
owner: analyst
of: shop@1
title: Customers in short
description: What mailings need to know
consumers: [everybody]
tables:
  - name: people
    of: customers
    description: Whom we write to
    columns:
      - {name: customer_id, as: id}
      - {name: full_name, as: label}
      - {name: email, as: mail}
      - {name: birth_date, as: born}
      - region
      - {name: salary, as: wage}
      - {name: phone, as: full_name}
  - name: pay
    of: customers
    columns: [{name: salary, as: wage}, {name: unsorted, as: rest}]
  - name: purchases
    of: orders
    columns: [{name: order_id, as: number}, {name: customer_id, as: buyer}, {name: amount, as: paid}, store]
  - name: anonymous
    of: customers
    columns: [region, lifetime]
"""
PARTNER = """
kind: Projection
name: partner_towns
owner: partner
of: survey
consumers: [steward, "role:analyst"]
tables:
  - name: people
    columns:
      - {name: person_id, as: id}
      - {name: segment, as: part}
      - {name: income, as: pay}
      - {name: household_id, as: home}
  - name: earners
    of: people
    columns: [{name: segment, as: part}, {name: income, as: pay}, {name: city, as: household_id}]
  - name: segments
    of: people
    grain: [segment]
    measures: [{name: mean_income, as: mean}, heads, {name: top_income, as: top}]
  - name: cells
    of: people
    grain: [{name: city, as: segment}, {name: segment, as: city}]
    measures: [{name: heads, as: count}, {name: oldest, as: heads}]
  - name: homes
    of: people
    grain: [{name: household_id, as: home}]
    measures: [mean_income, heads]
  - name: ages
    of: people
    grain: [{name: income, as: pay}, {name: segment, as: part}]
    measures: [heads]
  - name: lines
    of: orders
    grain: [{name: order_id, as: number}]
    measures: [{name: revenue, as: paid}]
  - name: payments
    of: orders
    columns: [{name: order_id, as: number}, {name: person_id, as: payer}, {name: card, as: paid_by}]
"""


def defined(*texts: str) -> tuple[Projection, ...]:
    """What the texts declare."""
    return tuple(parse("projection.yaml", text)[0] for text in texts)


def put(settings: Settings, *texts: str) -> None:
    """Put projections in place of all that there are, without asking who may."""
    every = tuple(Defined(one, one.owner, "2026-01-01T00:00:00+00:00") for one in defined(*texts))
    ProjectionShelf(settings.state).changed(lambda _: Shelved(every))


def build(folder: Path, canary: str = "CANARY", more: int = 0) -> Settings:
    """Publish the shop and the survey in `folder`, with both sets of projections."""
    settings = conftest.build(folder, canary, more)
    use_world.add(folder)
    publish(settings, folder / "products" / "survey")
    Directory(settings.principals, load(settings)).add("partner", "person", {"role": ("partner",)}, "partner-secret")
    put(settings, ANALYST, PARTNER)
    return settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A world of a test module's own: `settings, gateway = projection_world.settings, projection_world.gateway`."""
    return build(tmp_path_factory.mktemp("projections"))


@pytest.fixture(scope="module")
def gateway(settings: Settings) -> Iterator[Gateway]:
    """A gateway over it, until the module's last test."""
    made = Gateway(settings)
    yield made
    made.close()
