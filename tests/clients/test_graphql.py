"""The GraphQL door as JavaScript's clients see it: graphql-http's audits, Apollo Client, urql, graphql-ws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from ports.graphql import routes
from tests.clients.conftest import ROOT, Tools, basic

AUDITS = """
import { auditServer } from 'graphql-http'

const [url, authorization] = process.argv.slice(2)
const fetchFn = (address, init) => fetch(address, { ...init, headers: { authorization, ...init?.headers } })
const audits = await auditServer({ url, fetchFn })
console.log(JSON.stringify(audits.map(({ id, name, status, reason }) => ({ id, name, status, reason }))))
"""
APOLLO = """
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'

const [uri, authorization, document, variables] = process.argv.slice(2)
let asked = 0
const counting = (...all) => { asked += 1; return fetch(...all) }
const cache = new InMemoryCache({ typePolicies: { Shop_Orders: { keyFields: ['order_id'] } } })
const client = new ApolloClient({ cache, link: new HttpLink({ uri, headers: { authorization }, fetch: counting }) })
const question = { query: gql(document), variables: JSON.parse(variables), errorPolicy: 'all' }
const first = await client.query(question)
const again = await client.query(question)
const codes = first.error?.errors?.map((one) => one.extensions.code) ?? []
console.log(JSON.stringify({ data: first.data ?? null, same: JSON.stringify(first.data) === JSON.stringify(again.data),
  asked, codes, kept: Object.keys(cache.extract()).sort() }))
"""
PERSISTED = """
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { createHash } from 'node:crypto'

const [uri, authorization, document, variables] = process.argv.slice(2)
const bodies = []
const counting = (address, init) => {
  bodies.push(init.body ? Object.keys(JSON.parse(init.body)).includes('query') : address.includes('query='))
  return fetch(address, init)
}
const sha256 = (text) => createHash('sha256').update(text).digest('hex')
const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: true })
  .concat(new HttpLink({ uri, headers: { authorization }, fetch: counting }))
const client = new ApolloClient({ cache: new InMemoryCache(), link })
const ask = () => client.query({ query: gql(document), variables: JSON.parse(variables), fetchPolicy: 'no-cache' })
const data = [(await ask()).data, (await ask()).data].map((one) => one.shop.orders.length)
console.log(JSON.stringify({ data, bodies }))
"""
URQL = """
import { Client, cacheExchange, fetchExchange } from '@urql/core'

const [url, authorization, document, variables] = process.argv.slice(2)
const fetchOptions = { headers: { authorization } }
const client = new Client({ url, exchanges: [cacheExchange, fetchExchange], fetchOptions, preferGetMethod: true })
const { data, error, extensions } = await client.query(document, JSON.parse(variables)).toPromise()
const codes = error?.graphQLErrors.map((one) => one.extensions.code) ?? []
console.log(JSON.stringify({ data: data ?? null, codes, queries: extensions?.queries?.length ?? 0 }))
"""
SOCKET = """
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const [url, authorization, query] = process.argv.slice(2)
const connectionParams = { authorization }
const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams })
const told = await new Promise((resolve, reject) => {
  const results = []
  client.subscribe({ query }, { next: (one) => results.push(one), error: reject, complete: () => resolve(results) })
})
console.log(JSON.stringify(told.map(({ data }) => ({ data }))))
await client.dispose()
"""
BROWSER = """
import { chromium } from 'playwright-core'

const [url, , executablePath, subject, document, wrong] = process.argv.slice(2)
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic']
const browser = await chromium.launch({ executablePath, args, timeout: 60000 })
const end = setTimeout(() => browser.close(), 90000)
try {
  const page = await browser.newPage()
  const asked = [], said = []
  page.on('request', (one) => asked.push(new URL(one.url()).origin))
  page.on('console', (one) => said.push(one.text()))
  page.on('pageerror', (one) => said.push(String(one)))
  await page.goto(url)
  await page.fill('#name', subject)
  await page.fill('#secret', `${subject}-secret`)
  await page.click('#who button')
  await page.waitForSelector('#docs h2')
  const told = await page.textContent('#docs')
  const answers = []
  for (const text of [document, wrong]) {
    await page.fill('#document', text)
    const answer = page.waitForResponse((one) => one.request().method() === 'POST')
    await page.press('#document', 'Control+Enter')
    await (await answer).finished()
    const shown = (before) => document.getElementById("answer").textContent !== before
    await page.waitForFunction(shown, answers.at(-1) ?? "")
    answers.push(await page.textContent('#answer'))
  }
  console.log(JSON.stringify({ hosts: [...new Set(asked)], said, told, answers: answers.map(JSON.parse) }))
} finally {
  clearTimeout(end)
  await browser.close()
}
"""
ORDERS = "query Q($n: Int) { shop { orders(limit: $n) { order_id amount customers { region } } } }"
FIRST = {"order_id": "0", "amount": "0.50", "customers": {"region": "N"}}
Run = Callable[..., Any]


@pytest.fixture
def run(tools: Tools, address: str) -> Run:
    """What a program prints, given the door's address and a principal's credentials."""

    def printed(program: str, subject: str, *arguments: str) -> Any:
        return json.loads(tools.node(program, f"{address}/graphql", basic(subject), *arguments))

    return printed


def test_every_audit_of_graphql_over_http_holds(run: Run) -> None:
    audits = run(AUDITS, "analyst")
    assert [one for one in audits if one["status"] != "ok"] == []
    assert len(audits) == 61


def test_apollo_client_reads_and_keeps_rows(run: Run) -> None:
    told = run(APOLLO, "analyst", ORDERS, '{"n": 2}')
    (first, second) = told["data"]["shop"]["orders"]
    assert first == {**FIRST, "__typename": "Shop_Orders", "customers": {"region": "N", "__typename": "Shop_Customers"}}
    assert second["order_id"] == "1"
    assert (told["same"], told["asked"], told["codes"]) == (True, 1, [])
    assert [one for one in told["kept"] if one.startswith("Shop_Orders")] == [
        'Shop_Orders:{"order_id":"0"}', 'Shop_Orders:{"order_id":"1"}',
    ]  # fmt: skip


def test_apollo_client_is_told_codes(run: Run) -> None:
    told = run(APOLLO, "analyst", "{ shop { customers { salary } } }", "{}")
    assert told["codes"] == ["GRAPHQL_VALIDATION_FAILED"]


def test_apollo_client_that_sends_a_hash_first_sends_the_document_then(run: Run) -> None:
    """And no hash a second time."""
    assert run(PERSISTED, "analyst", ORDERS, '{"n": 2}') == {"data": [2, 2], "bodies": [False, True, True]}


def test_urql_reads_by_get_and_is_told_codes(run: Run) -> None:
    told = run(URQL, "analyst", ORDERS, '{"n": 1}')
    (first,) = told["data"]["shop"]["orders"]
    assert {name: first[name] for name in ("order_id", "amount")} == {"order_id": "0", "amount": "0.50"}
    assert told["queries"] == 1
    refused = run(URQL, "analyst", "{ hr { salaries { pay } } }", "{}")
    assert refused == {"data": None, "codes": ["GRAPHQL_VALIDATION_FAILED"], "queries": 0}


def test_graphql_ws_asks_over_its_socket(run: Run) -> None:
    told = run(SOCKET, "clerk", "{ shop { orders(limit: 1) { store } } }")
    assert told == [{"data": {"shop": {"orders": [{"store": 3}]}}}]


def test_the_page_in_a_browser_asks_its_own_host_only_and_shows_rows(run: Run, address: str) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "apt-get install chromium"
    right, wrong = "{ shop { orders(limit: 1) { order_id amount } } }", "{ shop { customers { salary } } }"
    seen = run(BROWSER, "analyst", chromium, "analyst", right, wrong)
    assert seen["hosts"] == [address]
    # The browser itself says so of each answer that is an error.
    assert [one for one in seen["said"] if "400 (Bad Request)" not in one] == []
    assert "visibleProducts" in seen["told"]
    rows, refused = seen["answers"]
    assert rows["data"] == {"shop": {"orders": [{"order_id": "0", "amount": "0.50"}]}}
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_the_page_s_script_is_one_that_parses(tools: Tools) -> None:
    script = (ROOT / routes.__file__).parent / "page" / "page.js"
    tools.node(f"new (await import('node:vm')).Script({json.dumps(script.read_text())})")
