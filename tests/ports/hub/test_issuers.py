"""Signing in to the hub at an issuer: the authorization-code flow with PKCE, and what is tried against it."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import yaml

from gateway import Gateway
from ports.http.server import HttpPort
from tests.idp import Idp, jwt
from tests.ports.hub import reading

BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Site": "none"}
AWAY, BACK = "/hub/-/sign-in/corp", "/hub/-/signed-in/corp"
CROSS = {"Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Corp:
    """A hub at which people sign in at `idp`; `other` is an issuer of which it has another client."""

    idp: Idp
    other: Idp
    gateway: Gateway
    url: str

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=BROWSER, timeout=60)

    def issuer(self, browser: httpx.Client, to: str = "/") -> str:
        """Where the browser is sent back to after it has signed in at the issuer."""
        away = browser.get(AWAY, params={"next": to})
        assert away.status_code == 303, away.text
        return httpx.get(away.headers["location"]).headers["location"]


@pytest.fixture(scope="module")
def corp(hub: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corp]:
    folder = tmp_path_factory.mktemp("corp")
    idp, other = Idp(), Idp()
    (folder / "hub.secret").write_text(idp.secret)
    roles = {"claim": "groups", "values": {"analysts": "analyst"}}
    client = {"client_id": "hub", "client_secret_file": "hub.secret", "title": "Corp <b>Inc</b>"}
    listed = [
        {"name": "corp", "issuer": idp.url, "audience": "outport", "roles": roles, "sign_in": client},
        {"name": "other", "issuer": other.url, "audience": "outport", "sign_in": {"client_id": "hub"}},
    ]
    (folder / "issuers.yaml").write_text(yaml.safe_dump({"issuers": listed}))
    bound = HttpPort.bind(hub.settings)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    gateway = Gateway(hub.settings.model_copy(update={"issuers": folder / "issuers.yaml", "hub_url": url}))
    port = HttpPort(gateway)
    port.start(bound)
    yield Corp(idp, other, gateway, url)
    port.stop()
    gateway.close()
    idp.close()
    other.close()


@pytest.fixture
def honest(corp: Corp) -> Iterator[None]:
    yield
    corp.idp.change, corp.idp.told = {}, {}


def refused(told: httpx.Response) -> str:
    """The words of a refusal that signs nobody in."""
    assert told.status_code == 401
    assert not [one for one in told.headers.get_list("set-cookie") if one.startswith("outport=")]
    return told.text


def test_a_person_signs_in_at_the_issuer_and_goes_on_to_the_page(corp: Corp) -> None:
    with corp.browser() as browser:
        page = browser.get("/hub/report")
        assert page.status_code == 401
        assert 'href="/hub/-/sign-in/corp?next=%2Fhub%2Freport"' in page.text
        assert "Continue with Corp &lt;b&gt;Inc" in page.text
        back = browser.get(corp.issuer(browser, "/hub/report"), headers=CROSS)
        assert back.status_code == 200, back.text
        assert 'content="0; url=/hub/report"' in back.text
        seen = reading.read(browser.get("/hub/report").text).text
        assert "Signed in as corp:ann" in seen
        assert "CANARY" not in seen


def test_the_request_to_the_issuer_says_what_it_must_and_nothing_more(corp: Corp) -> None:
    with corp.browser() as browser:
        away = browser.get(AWAY)
        asked = dict(parse_qsl(urlsplit(away.headers["location"]).query))
        assert asked.keys() == {
            "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
            "code_challenge_method",
        }  # fmt: skip
        assert (asked["code_challenge_method"], asked["response_type"], asked["scope"]) == ("S256", "code", "openid")
        assert asked["redirect_uri"] == corp.url + BACK
        assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
        again = dict(parse_qsl(urlsplit(browser.get(AWAY).headers["location"]).query))
        assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())
        cookie = away.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Lax", "Max-Age=600"} <= set(cookie.split("; "))
        assert asked["state"] not in cookie


def test_the_cookies_are_for_pages_alone_and_end_with_the_token(corp: Corp, honest: None) -> None:
    corp.idp.change = {"exp": int(time.time()) + 90}
    with corp.browser() as browser:
        told = browser.get(corp.issuer(browser), headers=CROSS)
        kept, away = told.headers.get_list("set-cookie")
        assert kept.startswith("outport=")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(kept.split("; "))
        assert 60 < int(kept.partition("Max-Age=")[2].partition(";")[0]) <= 90
        assert "corp" not in kept
        assert away.startswith("outport-away=;")
        assert "Max-Age=0" in away
        assert told.headers["cache-control"] == "no-store"
        assert told.headers["referrer-policy"] == "no-referrer"
        assert browser.get("/products").status_code == 401


def test_a_token_that_no_cookie_could_hold_signs_in(corp: Corp, honest: None) -> None:
    groups = [f"{number}-{secrets.token_hex(16)}" for number in range(150)]
    corp.idp.change = {"groups": [*groups, "analysts"], "picture": secrets.token_hex(2000)}
    with corp.browser() as browser:
        told = browser.get(corp.issuer(browser), headers=CROSS)
        assert told.status_code == 200, told.text
        kept = next(one for one in told.headers.get_list("set-cookie") if one.startswith("outport="))
        assert len(kept.partition(";")[0]) < 1000, "of 150 groups that mean nothing here none is kept"
        seen = reading.read(browser.get("/hub/report").text).text
        assert "Signed in as corp:ann" in seen
        assert "partial" in seen, "as an analyst"


def test_the_id_token_is_no_login_at_any_door(corp: Corp) -> None:
    token = corp.idp.token(aud="hub", nonce="n")
    for path in ("/", "/products"):
        assert httpx.get(corp.url + path, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_barred_subject_is_out_at_once(corp: Corp) -> None:
    people = corp.gateway._directory
    with corp.browser() as browser:
        browser.get(corp.issuer(browser), headers=CROSS)
        assert browser.get("/").status_code == 200
        people.bar("corp:ann")
        assert browser.get("/").status_code == 401
        people.unbar("corp:ann")
        assert browser.get("/").status_code == 200


def test_signing_out_ends_it_here_and_leads_to_the_issuer_without_a_token(corp: Corp) -> None:
    with corp.browser() as browser:
        browser.get(corp.issuer(browser), headers=CROSS)
        token = browser.get("/").text.partition('name="token" value="')[2].partition('"')[0]
        copied = browser.cookies["outport"]
        told = browser.post("/hub/-/sign-out", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
        assert told.headers["location"] == "/hub/-/sign-in?out=corp"
        assert httpx.get(corp.url, headers={**BROWSER, "Cookie": f"outport={copied}"}).status_code == 401
        page = browser.get(told.headers["location"])
        assert f'href="{corp.idp.url}/bye?client_id=hub"' in page.text
        assert browser.get("/").status_code == 401


# What is tried against it; the person above is the grant that each of these goes beside.


def test_a_forged_state_is_refused(corp: Corp) -> None:
    with corp.browser() as browser:
        back = corp.issuer(browser)
        forged = back.replace("state=", "state=x")
        assert "not begun in this browser" in refused(browser.get(forged, headers=CROSS))
        assert "not begun in this browser" in refused(browser.get(BACK, headers=CROSS))


def test_nobody_is_signed_in_as_another_by_a_link(corp: Corp) -> None:
    """Login CSRF: the attacker's own answer, followed by a victim's browser that was, or was not, sent away itself."""
    with corp.browser() as attacker, corp.browser() as victim:
        link = corp.issuer(attacker)
        assert "not begun in this browser" in refused(victim.get(link, headers=CROSS))
        victim.get(AWAY)
        assert "not begun in this browser" in refused(victim.get(link, headers=CROSS))


def test_another_site_begins_no_sign_in(corp: Corp) -> None:
    with corp.browser() as browser:
        told = browser.get(AWAY, headers=CROSS)
        assert told.status_code == 401
        assert "set-cookie" not in told.headers


def test_an_answer_is_taken_once(corp: Corp) -> None:
    with corp.browser() as browser:
        back = corp.issuer(browser)
        kept = dict(browser.cookies)
        assert browser.get(back, headers=CROSS).status_code == 200
        browser.cookies.delete("outport")
        assert "not begun in this browser" in refused(browser.get(back, headers=CROSS))
        browser.cookies.set("outport-away", kept["outport-away"])
        assert "takes this answer no more" in refused(browser.get(back, headers=CROSS))


def test_a_code_is_worth_nothing_in_another_sign_in(corp: Corp) -> None:
    """Code injection: the verifier is not the code's."""
    with corp.browser() as thief, corp.browser() as person:
        stolen = dict(parse_qsl(urlsplit(corp.issuer(person)).query))["code"]
        own = dict(parse_qsl(urlsplit(corp.issuer(thief)).query))
        told = thief.get(BACK, params={**own, "code": stolen}, headers=CROSS)
        assert "takes this answer no more" in refused(told)
        assert "markup" not in told.text


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": "outport"},
        {"aud": ["hub", "another"], "azp": "hub"},
        {"azp": "another"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"iat": 32503680000},
    ],
    ids=str,
)
def test_a_token_that_was_not_made_for_this_sign_in_proves_nobody(
    corp: Corp, honest: None, change: dict[str, object]
) -> None:
    corp.idp.change = change
    with corp.browser() as browser:
        assert "does not prove who you are" in refused(browser.get(corp.issuer(browser), headers=CROSS))


def test_issuers_are_not_mixed_up(corp: Corp) -> None:
    """RFC 9700, 4.4: the answer of one at the address of another, by its name or as it says itself."""
    with corp.browser() as browser:
        asked = dict(parse_qsl(urlsplit(browser.get(AWAY).headers["location"]).query))
        own = corp.idp.authorized(asked)
        elsewhere = own.replace(BACK, "/hub/-/signed-in/other")
        assert "not begun in this browser" in refused(browser.get(elsewhere, headers=CROSS))
        browser.get(AWAY)
        asked = dict(parse_qsl(urlsplit(browser.get(AWAY).headers["location"]).query))
        mixed = corp.idp.authorized(asked, iss=corp.other.url)
        assert "not one of Corp" in refused(browser.get(mixed, headers=CROSS))
    assert not [form for form, _ in corp.other.sent]


def test_a_token_of_another_issuer_proves_nobody_here(
    corp: Corp, honest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crossed(**change: object) -> str:
        return jwt(corp.other.claims(**change))

    monkeypatch.setattr(corp.idp, "token", crossed)
    with corp.browser() as browser:
        assert "does not prove who you are" in refused(browser.get(corp.issuer(browser), headers=CROSS))


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_it_leads_on_to_no_other_host(corp: Corp, to: str) -> None:
    with corp.browser() as browser:
        assert 'content="0; url=/"' in browser.get(corp.issuer(browser, to), headers=CROSS).text


def test_an_error_of_the_issuer_is_told_in_our_words(corp: Corp) -> None:
    with corp.browser() as browser:
        asked = dict(parse_qsl(urlsplit(browser.get(AWAY).headers["location"]).query))
        told = {"state": asked["state"], "iss": corp.idp.url, "error_description": "<i>look here</i>"}
        words = refused(browser.get(BACK, params={**told, "error": "access_denied"}, headers=CROSS))
        assert "was broken off" in words
        assert "look here" not in words
        asked = dict(parse_qsl(urlsplit(browser.get(AWAY).headers["location"]).query))
        told |= {"state": asked["state"], "error": "<script>"}
        assert "(another)" in refused(browser.get(BACK, params=told, headers=CROSS))


def test_an_issuer_that_is_down_is_said_to_be(corp: Corp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corp.idp, "exchanged", lambda *_: (503, {}))
    with corp.browser() as browser:
        told = browser.get(corp.issuer(browser), headers=CROSS)
        assert "could not sign you in" in refused(told)
        assert browser.get("/hub/-/sign-in/nobody").status_code == 401


def test_neither_logs_nor_the_audit_hold_a_code_or_a_token(corp: Corp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with corp.browser() as browser:
        back = corp.issuer(browser)
        browser.get(back, headers=CROSS)
        browser.get(back, headers=CROSS)
        browser.get("/hub/report")
    secret = dict(parse_qsl(urlsplit(back).query))
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("outport"))
    kept = "".join(path.read_text() for path in Path(corp.gateway.settings.audit).rglob("*") if path.is_file())
    for text in (ours, kept):
        assert secret["code"] not in text
        assert secret["state"] not in text
        assert "eyJ" not in text
    assert '"sign_in_failed"' in kept
