"""A login by a form: kept in a cookie that only pages read, proved anew by every request, ended by its owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from tests.conftest import World
from tests.ports.hub import reading

Client = Callable[..., httpx.Client]
BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "same-origin"}
SIGN_IN = "/hub/-/sign-in"


@pytest.fixture
def browser(web: Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web().base_url, headers=BROWSER, timeout=60) as client:
        yield client


def form(page: httpx.Response, **given: str) -> dict[str, str]:
    """The hidden fields of a page's last form, and what a person writes into it."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
    return {**dict(hidden), **given}


def signed_in(browser: httpx.Client, name: str, secret: str, path: str = "/") -> httpx.Response:
    asked = browser.get(path)
    assert asked.status_code == 401
    return browser.post(SIGN_IN, data=form(asked, name=name, secret=secret))


def test_who_is_nobody_gets_the_form_and_comes_back_to_the_page_as_themselves(browser: httpx.Client) -> None:
    page = browser.get("/hub/shop")
    assert page.status_code == 401
    assert page.headers["www-authenticate"] == 'Bearer realm="outport"'
    assert "Shop" not in reading.read(page.text).text
    told = signed_in(browser, "analyst", "analyst-secret", "/hub/shop")
    assert (told.status_code, told.headers["location"]) == (303, "/hub/shop")
    page = browser.get("/hub/shop")
    assert "Signed in as analyst" in reading.read(page.text).text
    assert "CANARY" not in page.text


def test_the_cookie_is_for_pages_alone_and_shows_nothing(browser: httpx.Client) -> None:
    told = signed_in(browser, "analyst", "analyst-secret")
    cookie = told.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=3600"} <= set(cookie.split("; "))
    assert "analyst" not in cookie
    assert "no-store" in told.headers["cache-control"]
    for path in ("/products", "/products/shop/customers"):
        assert browser.get(path).status_code == 401
    assert browser.post("/sql", json={"sql": "SELECT 1"}).status_code == 401
    asked = {"query": "{ visibleProducts { name } }"}
    assert browser.post("/graphql", json=asked, headers={"Accept": "*/*"}).status_code == 401


def test_a_token_signs_in_without_a_name(world: World, browser: httpx.Client) -> None:
    token = Directory(world.settings.principals, load(world.settings)).issue_token("clerk", 600)
    assert signed_in(browser, "", token).status_code == 303
    assert "Signed in as clerk" in reading.read(browser.get("/").text).text


def test_a_wrong_secret_is_told_and_keeps_nothing(browser: httpx.Client) -> None:
    told = signed_in(browser, "analyst", "wrong")
    assert told.status_code == 401
    assert "set-cookie" not in told.headers
    assert "the credentials are wrong" in reading.read(told.text).text


def test_a_barred_subject_is_out_at_once(world: World, browser: httpx.Client) -> None:
    people = Directory(world.settings.principals, load(world.settings))
    people.add("passing", "person", {"role": ["analyst"]}, "passing-secret")
    signed_in(browser, "passing", "passing-secret")
    assert browser.get("/").status_code == 200
    people.remove("passing")
    assert browser.get("/").status_code == 401


def test_signing_out_ends_it_and_takes_a_form_of_ours(browser: httpx.Client) -> None:
    signed_in(browser, "analyst", "analyst-secret")
    page, copied = browser.get("/"), browser.cookies["outport"]
    assert browser.post("/hub/-/sign-out", data={"token": "x"}).status_code == 403
    assert browser.post("/hub/-/sign-out", data=form(page), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get("/").status_code == 200
    told = browser.post("/hub/-/sign-out", data=form(page))
    assert "Max-Age=0" in told.headers["set-cookie"]
    browser.cookies.clear()
    assert browser.get("/").status_code == 401
    browser.cookies.set("outport", copied)
    assert browser.get("/").status_code == 401, "a copy of the cookie has ended with it"
    browser.cookies.clear()
    signed_in(browser, "analyst", "analyst-secret")
    assert browser.get("/").status_code == 200, "another session has not"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_no_other_site_signs_anybody_in(browser: httpx.Client, headers: dict[str, str]) -> None:
    given = form(browser.get("/"), name="analyst", secret="analyst-secret")
    if "Origin" in headers:
        del browser.headers["Sec-Fetch-Site"]
    told = browser.post(SIGN_IN, data=given, headers=headers)
    assert told.status_code == 401
    assert "set-cookie" not in told.headers


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nSet-Cookie: a=b", "/" + "é" * 300]
)
def test_it_leads_on_to_no_other_host(browser: httpx.Client, to: str) -> None:
    given = form(browser.get("/"), name="analyst", secret="analyst-secret", next=to)
    told = browser.post(SIGN_IN, data=given)
    assert re.fullmatch(r"/(x%0D%0ASet-Cookie:%20a=b)?", told.headers["location"])
    assert told.headers.get_list("set-cookie")[0].startswith("outport=")
    assert len(told.headers.get_list("set-cookie")) == 1


def test_a_cookie_of_one_is_no_form_of_another(browser: httpx.Client, web: Client) -> None:
    signed_in(browser, "analyst", "analyst-secret")
    stolen = form(web("clerk").get("/"))
    assert browser.post("/hub/-/sign-out", data=stolen).status_code == 403


def test_what_another_version_has_sealed_is_no_login_and_no_form(world: World, browser: httpx.Client) -> None:
    keys = load(world.settings)
    browser.cookies.set("outport", keys.seal("page login", b'{"subject": null, "secret": "x"}'))
    page = browser.get("/")
    assert page.status_code == 401
    told = browser.post(SIGN_IN, data=form(page, name="analyst", token=keys.seal("page form", b'{"subject": ""}')))
    assert told.status_code == 401
    assert "load the page again" in told.text


def test_a_refusal_is_a_page_for_browsers_and_a_problem_for_programs(web: Client) -> None:
    told = web("analyst").get("/?for=audit", headers=BROWSER)
    assert told.status_code == 403
    assert "is not granted to you" in reading.read(told.text).text
    problem = web("analyst").get("/?for=audit")
    assert problem.headers["content-type"] == "application/problem+json"


def test_a_purpose_is_stated_by_a_choice(web: Client) -> None:
    page = web("steward").get("/?for=audit").text
    assert '<option value="audit" selected>' in page
    assert "for=audit" in page
