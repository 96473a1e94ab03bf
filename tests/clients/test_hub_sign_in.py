"""Signing in to the hub at an issuer in a browser, which keeps cookies, redirects and the page's own rules."""

from __future__ import annotations

import json

import pytest
import yaml

from gateway import Gateway
from ports.http.server import HttpPort
from tests.clients.conftest import Tools
from tests.clients.test_hub import BROWSER
from tests.idp import Idp
from tests.ports.hub import shelf

WALK = """
import { chromium } from 'playwright-core'

const [executablePath, url] = process.argv.slice(2)
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic']
const browser = await chromium.launch({ executablePath, args })
const seen = { console: [] }
try {
  const page = await browser.newPage()
  page.on('console', (told) => { if (!told.text().includes('401')) seen.console.push(told.text()) })
  await page.goto(`${url}/hub/report`)
  await page.getByRole('link', { name: 'Continue with Corp' }).click()
  await page.waitForURL(`${url}/hub/report`)
  seen.who = await page.locator('.who').textContent()
  seen.cookies = (await page.context().cookies()).map((one) => [one.name, one.httpOnly, one.sameSite])
  await page.getByRole('button', { name: 'Sign out' }).click()
  seen.left = await page.locator('.done').textContent()
  await page.goto(`${url}/hub/report`)
  seen.after = await page.locator('h1').textContent()
  console.log(JSON.stringify(seen))
} finally {
  await browser.close()
}
"""


@pytest.mark.timeout(120)
def test_a_person_signs_in_at_another_site_and_comes_back(
    tools: Tools, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = shelf.build(tmp_path_factory.mktemp("shelf"))
    idp = Idp("localhost")
    secret = settings.state / "hub.secret"
    secret.write_text(idp.secret)
    client = {"client_id": "hub", "client_secret_file": str(secret), "title": "Corp"}
    roles = {"claim": "groups", "values": {"analysts": "analyst"}}
    issuer = {"name": "corp", "issuer": idp.url, "audience": "outport", "roles": roles, "sign_in": client}
    listed = settings.state / "issuers.yaml"
    listed.write_text(yaml.safe_dump({"issuers": [issuer]}))
    bound = HttpPort.bind(settings)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    gateway = Gateway(settings.model_copy(update={"issuers": listed, "hub_url": url}))
    port = HttpPort(gateway)
    try:
        port.start(bound)
        seen = json.loads(tools.node(WALK, BROWSER, url))
    finally:
        port.stop()
        gateway.close()
        idp.close()
    assert seen["who"] == "Signed in as corp:ann"
    assert seen["cookies"] == [["outport", True, "Strict"]]
    assert seen["left"].startswith("You are signed out here. Corp may still know you")
    assert seen["after"] == "Sign in"
    assert seen["console"] == []
