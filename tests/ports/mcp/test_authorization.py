"""Where tokens of issuers are taken, clients learn of these as the authorization of MCP has it (RFC 9728)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import httpx2
import pytest
import yaml
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
)
from mcp.shared.auth import ProtectedResourceMetadata

from gateway import Gateway
from ports.http.server import HttpPort
from tests.conftest import World
from tests.idp import Idp, jwt
from tests.ports.mcp.test_http import HEADERS, INITIALIZE, call


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    running = Idp()
    yield running
    running.close()


@pytest.fixture(scope="module")
def file(idp: Idp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("issuers") / "issuers.yaml"
    issuer = {
        "name": "corp", "issuer": idp.url, "audience": "outport", "jwks": f"{idp.url}/jwks", "kind": "agent",
        "roles": {"claim": "groups", "values": {"analysts": "analyst"}},
    }  # fmt: skip
    made.write_text(yaml.safe_dump({"issuers": [issuer]}))
    return made


def opened(world: World, **settings: object) -> tuple[Gateway, HttpPort]:
    gateway = Gateway(world.settings.model_copy(update=settings))
    port = HttpPort(gateway)
    port.start()
    return gateway, port


@pytest.fixture(scope="module")
def base(world: World, file: Path) -> Iterator[str]:
    gateway, port = opened(world, issuers=file)
    yield "http://{}:{}".format(*port.address)
    port.stop()
    gateway.close()


def test_a_client_without_a_token_learns_whose_tokens_are_taken(base: str, idp: Idp) -> None:
    with httpx2.Client() as client:
        refused = client.post(f"{base}/mcp", json=INITIALIZE, headers=HEADERS)
        assert refused.status_code == 401
        told = extract_resource_metadata_from_www_auth(refused)
        assert told == f"{base}/.well-known/oauth-protected-resource/mcp"
        assert refused.headers.get_list("www-authenticate")[0].startswith("Bearer ")
        for url in build_protected_resource_metadata_discovery_urls(told, f"{base}/mcp"):
            metadata = ProtectedResourceMetadata.model_validate_json(client.get(url).content)
            assert str(metadata.resource) == f"{base}/mcp"
            assert [str(one).rstrip("/") for one in metadata.authorization_servers] == [idp.url]


def test_a_token_of_an_issuer_asks_as_who_it_is(base: str, idp: Idp) -> None:
    claims = {"iss": idp.url, "aud": "outport", "sub": "robot-7", "exp": time.time() + 600, "groups": ["analysts"]}
    answer = httpx.post(
        f"{base}/mcp",
        json=call("explain_access", product="shop"),
        headers={**HEADERS, "Authorization": f"Bearer {jwt(claims)}"},
        timeout=60,
    )
    assert answer.json()["result"]["structuredContent"]["access"]["subject"] == "corp:robot-7"
    assert answer.json()["result"]["structuredContent"]["access"]["kind"] == "agent"
    wrong = httpx.post(
        f"{base}/mcp",
        json=call("explain_access", product="shop"),
        headers={**HEADERS, "Authorization": f"Bearer {jwt({**claims, 'aud': 'another'})}"},
        timeout=60,
    )
    assert wrong.status_code == 401


def test_behind_a_proxy_the_address_is_what_the_setting_says(world: World, file: Path) -> None:
    gateway, port = opened(world, issuers=file, mcp_url="https://data.example/mcp")
    base = "http://{}:{}".format(*port.address)
    refused = httpx.post(f"{base}/mcp", json=INITIALIZE, headers=HEADERS, timeout=60)
    assert 'resource_metadata="https://data.example/.well-known/oauth-protected-resource/mcp"' in str(refused.headers)
    told = httpx.get(f"{base}/.well-known/oauth-protected-resource/mcp", timeout=60).json()
    assert told["resource"] == "https://data.example/mcp"
    port.stop()
    gateway.close()
