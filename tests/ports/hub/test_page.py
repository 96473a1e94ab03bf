"""The page: what each persona sees of a product, and why; no script but the server's own runs in the browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from gateway import Gateway, Session, Unavailable
from ports.http.server import HttpPort
from tests.conftest import World
from tests.ports.hub import reading

Client = Callable[..., httpx.Client]
PERSONAS = ("analyst", "ml", "steward", "stranger")


class Demo:
    """The world's gateway as the demo has it: everybody may look as each persona."""

    def __init__(self, gateway: Gateway, host: str = "127.0.0.1") -> None:
        self._gateway = gateway
        self.settings = gateway.settings.model_copy(update={"demo": True, "host": host})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def personas(self) -> tuple[str, ...]:
        return PERSONAS

    def impersonate(self, subject: str, port: str) -> Session:
        return self._gateway.impersonate(subject, port)


@pytest.fixture(scope="module")
def demo(world: World) -> Iterator[httpx.Client]:
    port = HttpPort(Demo(world.gateway))  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", timeout=60) as client:
        yield client
    port.stop()


def shown(page: str) -> str:
    """The words of a page, without its markup."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def test_the_page_lists_products_as_the_steward_unless_asked_otherwise(demo: httpx.Client) -> None:
    page = demo.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    words = shown(page.text)
    assert "Shop" in words
    assert "shop@example.com" in words
    assert "hr" in words
    assert '<option value="steward" selected>' in page.text


def test_switching_the_persona_masks_the_e_mail_and_says_by_which_rule(demo: httpx.Client) -> None:
    steward = demo.get("/hub/shop", params={"as": "steward"}).text
    analyst = demo.get("/hub/shop", params={"as": "analyst"}).text
    assert "CANARY-mail-0@example.com" in steward
    assert "CANARY" not in analyst
    assert "salary" in steward
    assert "salary" not in analyst
    assert "unsorted" not in analyst
    treatments = re.findall(r'<span class="treatment (\w+)" title="([^"]*)">([^<]*)', analyst)
    assert ("partial", "partly shown by rule mail", "email") in treatments
    assert ("null", "withheld by rule phone", "null") in treatments
    assert ("bucket", "coarsened by rule born", "year") in treatments
    assert "partly shown by rule mail" in shown(analyst)


def test_who_has_signed_in_sees_the_demo_s_pages_with_their_own_eyes(demo: httpx.Client) -> None:
    for path in ("/", "/hub/shop", "/docs"):
        page = demo.get(path, auth=("stranger", "stranger-secret"))
        assert "shop@example.com" not in page.text
        assert "salary" not in page.text
    assert '<option value="analyst" selected>' in demo.get("/", auth=("analyst", "analyst-secret")).text
    assert demo.get("/", auth=("analyst", "wrong")).status_code == 401
    assert '<option value="steward" selected>' in demo.get("/?as=steward", auth=("analyst", "analyst-secret")).text


def test_nothing_is_there_for_a_stranger(demo: httpx.Client) -> None:
    assert "Nothing is granted to stranger" in shown(demo.get("/", params={"as": "stranger"}).text)
    told = []
    for name in ("shop", "nope"):
        answer = demo.get(f"/hub/{name}", params={"as": "stranger"})
        assert answer.status_code == 404
        told.append(answer.text.replace(name, "NAME"))
    assert told[0] == told[1]


def test_the_demo_s_pages_say_who_else_looks_and_no_others_do(demo: httpx.Client, web: Client) -> None:
    assert "First time here?" in demo.get("/").text
    assert '<a href="/hub/shop?as=analyst">analyst</a>' in demo.get("/hub/shop", params={"as": "steward"}).text
    assert "choose one under" in demo.get("/hub/shop", params={"as": "stranger"}).text
    for path in ("/", "/hub/shop", "/hub/nope"):
        page = web("analyst").get(path).text
        assert not any(words in page for words in ("First time here?", "The same product as", "persona"))


def test_what_other_personas_see_is_told_without_a_record_of_a_look_of_theirs(world: World, demo: httpx.Client) -> None:
    def lines() -> set[str]:
        return {line for file in world.settings.audit.glob("*.jsonl") for line in file.read_text().splitlines()}

    before = lines()
    pages = demo.get("/").text + demo.get("/hub/shop").text
    assert "First time here?" in pages
    assert "The same product as" in pages
    assert {json.loads(one).get("subject", "steward") for one in lines() - before} == {"steward"}


def test_there_is_no_persona_but_the_demo_s(demo: httpx.Client) -> None:
    assert demo.get("/", params={"as": "clerk"}).status_code == 404
    assert demo.get("/", params={"as": "<b>"}).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/hub/shop?as=analyst", "/hub/<script>", "/hub/shop?as=ml", "/hub/-/search?q=mail", "/hub/-/sign-in"]
)
def test_a_page_is_sound_runs_only_our_script_and_asks_no_other_host(demo: httpx.Client, path: str) -> None:
    page = demo.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    links = reading.read(page.text).links
    assert links
    for link in dict.fromkeys(links):
        assert link.startswith("#") or demo.get(link).status_code in {200, 401, 405}, link


def test_a_forged_host_is_not_printed(demo: httpx.Client, web: Client) -> None:
    forged = {"Host": 'x"><script>', "Accept": "text/html"}
    assert demo.get("/hub/shop", headers=forged).status_code == 421
    page = web("analyst").get("/hub/shop", headers=forged).text
    assert '"><script>' not in page
    reading.read(page)


def test_outside_the_demo_the_page_takes_a_login_and_shows_one_s_own_view(web: Client) -> None:
    assert web().get("/").status_code == 401
    assert "Basic" in web().get("/").headers["www-authenticate"]
    page = web("analyst").get("/hub/shop?as=steward")
    assert "Signed in as analyst" in shown(page.text)
    assert "CANARY" not in page.text
    assert "Seen as" not in page.text
    assert "-secret" not in page.text


def test_the_demo_does_not_listen_beyond_loopback(world: World) -> None:
    port = HttpPort(Demo(world.gateway, host="0.0.0.0"))  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="loopback only"):
        port.start()
