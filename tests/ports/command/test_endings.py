"""A product's end: deprecated in its descriptor, retired with words for who saw it, deleted once nobody uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway import Gateway, GatewayError, Password, Query
from gateway.contracts.amendment import amended
from gateway.contracts.contract import ContractError
from gateway.operations import retirement
from gateway.publication import amending, publish
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from tests.conftest import build
from tests.ports.command.conftest import environ, invoke


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("endings"))


@pytest.fixture
def world(settled: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    environ(settled, monkeypatch)
    gateway = Gateway(settled)
    yield gateway
    gateway.close()


def told(gateway: Gateway, subject: str, text: str = "SELECT count(*) AS n FROM shop.orders") -> str:
    try:
        with gateway.answer(gateway.open(Password(subject, f"{subject}-secret"), "rest"), Query(text)) as result:
            return str(sum(batch.num_rows for batch in result.batches()))
    except GatewayError as error:
        return f"{error.code}: {error.message}"


def done(settings: Settings, action: str) -> list[dict[str, object]]:
    """What is on record of that act."""
    files = sorted(settings.audit.glob("*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [one for one in lines if one["event"] == "product_managed" and one["action"] == action]


def test_a_draft_becomes_active_once_nothing_is_missing_and_its_owner_accepts(
    world: Gateway, settled: Settings
) -> None:
    file, contract = (settled.products / "shop" / f"shop.{kind}.yaml" for kind in ("odps", "odcs"))
    text = file.read_text()
    assert "is active, no draft" in invoke("promote", "hr", "--as", "hr@example.com").stderr
    assert invoke("promote", "shop", "--as", "nobody@example.com").exit_code == 2
    refused = invoke("promote", "shop", "--as", "shop@example.com")
    assert refused.exit_code == 1
    assert "unsorted" in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert file.read_text() == text
    plain = "{name: unsorted, logicalType: string,"
    said = contract.read_text().replace(plain, f"{plain} classification: internal,")
    table = "description: What they bought.\n"
    said = said.replace(table, f"{table}    quality: [{{metric: rowCount, mustBeGreaterThan: 0}}]\n")
    contract.write_text(f"{said}\nslaProperties: [{{property: availability, value: 99.9, unit: percent}}]\n")
    assert "is not what is served" in invoke("promote", "shop", "--as", "shop@example.com").stderr
    assert invoke("apply", str(settled.products / "shop")).exit_code == 0
    answer = invoke("promote", "shop", "--as", "shop@example.com", "--reason", "reviewed")
    assert answer.exit_code == 0, answer.stderr
    assert "active, accepted by shop@example.com" in answer.stdout
    served = Catalog(settled.state).current().find("shop")
    assert served is not None
    assert served.product.status == "active"
    assert "property: acceptedBy" in file.read_text()
    assert [one["reason"] for one in done(settled, "promote")] == ["", "reviewed"]


def test_a_product_in_use_ends_by_steps_and_on_record(world: Gateway, settled: Settings) -> None:
    assert told(world, "analyst") == "1"
    file = settled.products / "shop" / "shop.odps.yaml"
    before = file.read_text()
    file.write_bytes(before.replace("\n", "\r\n").encode())
    assert "a day to come" in invoke("deprecate", "shop", "--sunset", "2020-01-01").stderr
    answer = invoke("deprecate", "shop", "--sunset", "2999-01-31", "--reason", "another shop comes")
    assert answer.exit_code == 0, answer.stderr
    assert file.read_text() != before
    assert b"id: shop\r\n" in file.read_bytes()
    served = Catalog(settled.state).current().find("shop")
    assert served is not None
    assert (served.product.status, str(served.product.sunset_on)[:10]) == ("deprecated", "2999-01-31")
    (kept,) = done(settled, "deprecate")
    assert (kept["reason"], kept["port"]) == ("another shop comes", "command")

    assert "its sunset is 2999-01-31" in invoke("retire", "shop").stderr
    in_use = invoke("delete", "shop")
    assert in_use.exit_code == 1
    assert "analyst (1 queries)" in in_use.stderr
    assert told(world, "analyst") == "1"

    answer = invoke("retire", "shop", "--force", "it was never real", "--successor", "hr")
    assert answer.exit_code == 0, answer.stderr
    assert world.ready().missing == ()
    # Who saw it is told, and of what follows only who sees that too; for others there never was such a product.
    assert told(world, "analyst").startswith('expired: product "shop" 1.2.0 was retired on 2')
    assert "hr follows it" not in told(world, "analyst")
    assert told(world, "steward").endswith("; hr follows it")
    assert told(world, "stranger") == 'not_found: relation "shop.orders" does not exist'
    assert told(world, "analyst", f"SELECT 1 FROM shop_v{served.product.major}.orders").startswith("expired")
    assert told(world, "analyst", "SELECT 1 FROM shop.nothing").startswith("not_found")
    for subject, code in (("analyst", "expired"), ("stranger", "not_found")):
        with pytest.raises(GatewayError) as refused:
            world.product(world.open(Password(subject, f"{subject}-secret"), "rest"), "shop")
        assert refused.value.code == code

    left_out = invoke("apply", str(settled.products / "shop"))
    assert "retired and left out" in left_out.stderr
    assert Catalog(settled.state).current().find("shop") is None
    assert served.path.exists()
    answer = invoke("delete", "shop", "--force", "the law")
    assert answer.exit_code == 0, answer.stderr
    assert not served.path.exists()
    assert not [one for one in (settled.state / "snapshots").iterdir() if one.name.endswith("_shop")]
    assert told(world, "analyst").startswith("not_found")
    assert (settled.products / "shop" / "shop.odps.yaml").exists()
    assert [one["reason"] for one in done(settled, "delete")] == ["the law"]
    assert "nothing of shop is kept" in invoke("delete", "shop").stderr


class Killed(BaseException):
    """The process ends here."""


def killed(settings: Settings, at: str) -> None:
    """Deprecate hr, and end there: nothing that tidies up runs any more."""

    def end(*_: object, **__: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(amending, "undone", lambda state: False)
        patched.setattr(amending, "end", end)
        if at == "before":
            patched.setattr(publish, "together", end)
        sunset = datetime(2999, 1, 31, tzinfo=UTC).date()
        with pytest.raises(Killed):
            retirement.deprecate(settings, "hr", None, sunset, "", lambda *_: None)


def test_an_edit_that_is_killed_before_it_is_published_is_undone_and_after_it_stands(
    world: Gateway, settled: Settings
) -> None:
    file = settled.products / "hr" / "hr.odps.yaml"
    text = file.read_text()
    killed(settled, "before")
    assert "sunsetOn" in file.read_text()
    assert "hr 1.2.0: unchanged" in invoke("plan", str(file.parent)).stdout
    assert file.read_text() == text
    killed(settled, "before")
    edited = file.read_text() + "# the owner's own\n"
    file.write_text(edited)
    invoke("plan", str(file.parent))
    assert file.read_text() == edited  # what somebody has written since stays
    file.write_text(text)
    killed(settled, "after")
    invoke("plan", str(file.parent))
    assert "sunsetOn" in file.read_text()
    served = Catalog(settled.state).current().find("hr")
    assert served is not None
    assert served.product.status == "deprecated"
    assert not (settled.state / amending.NAME).exists()


LAYOUTS = [
    "id: p\nversion: 1.0.0 # kept\nstatus: draft\n",
    "id: p\nversion: 1.0.0\n# a word\ndomain: d\n",
    "id: p\nversion: 1.0.0\nstatus: 'draft'\ncustomProperties:\n  # why\n  - property: sunsetOn\n    vendor: outport\n"
    "    value: '2020-01-01'\n  - {property: port, vendor: other, value: 1}\ndomain: d\n",
    "id: p\nversion: 1.0.0\ncustomProperties: [{property: barrier, vendor: outport, value: secure}]\n",
    "id: p\nversion: 1.0.0\ncustomProperties: []\n",
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_an_edit_of_a_descriptor_changes_nothing_else(text: str) -> None:
    made = amended("p.odps.yaml", text, "deprecated", {"sunsetOn": "2999-01-01", "deprecatedOn": "2026-01-01"})
    assert "2999-01-01" in made
    assert made.count("sunsetOn") == made.count("deprecatedOn") == 1
    comments = [line for line in text.splitlines() if "#" in line]
    assert all(any(comment in line for line in made.splitlines()) for comment in comments)
    assert amended("p.odps.yaml", made, "deprecated", {"sunsetOn": "2999-01-01"}) == made


def test_a_descriptor_that_cannot_be_edited_surely_is_left_alone() -> None:
    shared = "id: p\nversion: &v 1.0.0\nstatus: *v\n"
    with pytest.raises(ContractError, match="write it yourself"):
        amended("p.odps.yaml", shared, "active", {})
