"""`GET /products/{product}/-/snapshots`: which states may be named, by whom, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway import Gateway
from gateway.publication.publish import publish
from gateway.settings import Settings
from ports.http.server import HttpPort
from tests.conftest import build


@pytest.fixture(scope="module")
def replaced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], Any]]:
    """A shop whose first snapshot was replaced: both ids, the newest first, and a way to ask for a path."""
    settings: Settings = build(tmp_path_factory.mktemp("replaced"))
    first, second = (publish(settings, settings.products / "shop", force=force).id for force in (False, True))
    gateway = Gateway(settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", timeout=60) as client:

        def ask(subject: str, path: str, **more: Any) -> httpx.Response:
            return client.get(path, auth=(subject, f"{subject}-secret"), **more)

        yield [second, first], ask
    port.stop()
    gateway.close()


@pytest.mark.parametrize("product", ["shop", "shop@1", "SHOP"])
def test_the_served_and_the_kept_ones_are_listed(replaced: tuple[list[str], Any], product: str) -> None:
    ids, ask = replaced
    answer = ask("steward", f"/products/{product}/-/snapshots").json()
    assert answer["next"] is None
    served, kept = answer["data"]
    assert [served["id"], kept["id"]] == ids
    assert (served["served"], served["kept_until"]) == (True, None)
    assert kept["served"] is False
    left = datetime.fromisoformat(kept["kept_until"]) - datetime.fromisoformat(served["published_at"])
    assert timedelta(seconds=570) < left < timedelta(seconds=630)
    assert served["version"] == "1.2.0"
    assert served["quality"] == 1
    assert served["rows"] == {"customers": 600, "orders": 1800}


def test_counts_are_of_tables_of_which_every_row_is_visible(replaced: tuple[list[str], Any]) -> None:
    _, ask = replaced
    for subject, rows in (("ml", {"customers": 600, "orders": 1800}), ("analyst", {}), ("clerk", {})):
        listed = ask(subject, "/products/shop/-/snapshots").json()["data"]
        assert [one["rows"] for one in listed] == [rows, rows]


def test_what_is_not_granted_is_not_there(replaced: tuple[list[str], Any]) -> None:
    _, ask = replaced
    unseen, unknown = (ask("analyst", f"/products/{name}/-/snapshots") for name in ("hr", "no"))
    assert unseen.status_code == unknown.status_code == 404
    assert unseen.json()["detail"].replace("hr", "no") == unknown.json()["detail"]
    assert ask("steward", "/products/shop@2/-/snapshots").status_code == 404
    assert ask("steward", "/products/shop@x/-/snapshots").status_code == 404
    assert ask("analyst", "/products/shop/-/snapshots", params={"limit": "1"}).status_code == 400
    assert ask("analyst", "/products/shop/-/snapshots", headers={"Accept": "text/csv"}).status_code == 406
    assert ask("nobody", "/products/shop/-/snapshots").status_code == 401
