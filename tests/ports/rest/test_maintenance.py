"""Who manages a product says over the web when it need not be served, and takes that back; nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.accounting.ledger import Ledger
from gateway.service_levels import maintenance, slo_told
from gateway.ticking import MACHINE
from tests.ports.rest.test_lifecycle import PEOPLE, RULES
from tests.test_delegation import Doors, deployed

SOON = (MACHINE.now() + timedelta(days=2)).replace(microsecond=0)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with deployed(tmp_path_factory.mktemp("maintenance"), PEOPLE, RULES) as found:
        yield found


def ask(doors: Doors, login: str, method: str, path: str = "", product: str = "shop", **more: Any) -> httpx.Response:
    address = f"{doors.rest}/products/{product}/-/maintenance{path}"
    return httpx.request(method, address, auth=(login, f"{login}-secret"), timeout=60, **more)


def window(hours: int = 1, reason: str = "new disks", begins: datetime = SOON) -> dict[str, str]:
    ends = begins + timedelta(hours=hours)
    return {"from": begins.isoformat(), "until": ends.isoformat(), "reason": reason}


def present(doors: Doors) -> list[maintenance.Window]:
    now = MACHINE.now()
    return [one for one in maintenance.windows(Ledger(doors.settings.state), now) if one.ends > now]


def test_a_window_is_declared_and_cancelled_by_who_manages_the_product(doors: Doors) -> None:
    made = ask(doors, "keeper", "POST", json=window())
    assert made.status_code == 201, made.text
    (one,) = present(doors)
    assert (one.id, one.products, one.by, one.reason) == (
        made.json()["data"]["window"],
        ("shop",),
        "keeper",
        "new disks",
    )
    assert (one.begins, one.ends) == (SOON, SOON + timedelta(hours=1))
    assert ask(doors, "keeper", "DELETE", f"/{one.id}").status_code == 200
    assert present(doors) == []
    assert ask(doors, "keeper", "DELETE", f"/{one.id}").status_code == 404
    told = [one for one in doors.audited() if one["event"] == "product_managed" and one["action"] == "maintenance"]
    assert [(each["subject"], each["reason"]) for each in told] == [("keeper", "new disks"), ("keeper", "")]
    assert f"{one.id} cancelled" in [each["what"] for each in told]


def test_nobody_else_does_nor_for_what_is_not_his_alone(doors: Doors) -> None:
    now = MACHINE.now()
    wide = [maintenance.declared(SOON, SOON + timedelta(hours=1), names, "operator", "all", now)
            for names in ((), ("hr", "shop"), ("hr",))]  # fmt: skip
    Ledger(doors.settings.state).append(maintenance.KIND, [one.row for one in wide])
    before = present(doors)
    for one in wide:
        refused = ask(doors, "keeper", "DELETE", f"/{one.id}")
        unknown = ask(doors, "keeper", "DELETE", "/nothing")
        assert refused.status_code == unknown.status_code == 404
        assert refused.json()["detail"].replace(one.id, "nothing") == unknown.json()["detail"]
    for login, product, status in (("reader", "shop", 403), ("nobody", "shop", 404), ("keeper", "hr", 404)):
        assert ask(doors, login, "POST", product=product, json=window()).status_code == status
        assert ask(doors, login, "POST", product=product, json={"what": "ever"}).status_code == status
        assert ask(doors, login, "DELETE", f"/{wide[0].id}", product).status_code == status
    foreign = ask(doors, "keeper", "POST", json=window(), headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["type"]) == (403, "urn:outport:error:forbidden:origin")
    assert present(doors) == before


@pytest.mark.parametrize(
    "body",
    [window(24 * 8), window(-1), window(reason=" "), window(reason="a\nb"), window(begins=SOON - timedelta(days=9)),
     {**window(), "from": "soon"}, {**window(), "more": "x"}, {**window(), "reason": 1}, []],
)  # fmt: skip
def test_what_is_no_window_is_refused(doors: Doors, body: Any) -> None:
    before = present(doors)
    assert ask(doors, "keeper", "POST", json=body).status_code == 400
    assert present(doors) == before


def test_who_manages_it_finds_what_is_declared_to_cancel_it(doors: Doors) -> None:
    made = ask(doors, "keeper", "POST", json=window()).json()["data"]
    now = MACHINE.now()
    wide = maintenance.declared(SOON, SOON + timedelta(hours=1), ("hr", "shop"), "operator", "both", now)
    every = [asdict(one) for one in (*present(doors), wide) if one.id in {made["window"], wide.id}]
    slo_told.write(doors.settings.state, {**slo_told.NOTHING, "maintenance": every})
    told = {who: doors.get("/products/shop/-/slo", who).json()["data"]["maintenance"] for who in ("keeper", "reader")}
    assert [(one["reason"], one.get("window")) for one in told["keeper"]] == [
        ("new disks", made["window"]), ("both", None),
    ]  # fmt: skip
    assert [set(one) for one in told["reader"]] == [{"begins", "ends"}] * 2
    assert ask(doors, "deputy", "DELETE", f"/{told['keeper'][0]['window']}").status_code == 200
