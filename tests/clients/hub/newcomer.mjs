// A person who has read nothing opens the hub of a running demo, follows what its pages say, and nothing else: finds a
// product, understands it, sees it as two personas, takes what connects to it, leaves words and finds them answered for.
// Takes the browser's program and the hub's address; prints as JSON what was seen, and what was there to paste.
import { chromium } from 'playwright-core'

const PATIENCE_MS = 60000
const [executablePath, url] = process.argv.slice(2)
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic']
const browser = await chromium.launch({ executablePath, args, timeout: PATIENCE_MS })
const end = setTimeout(() => browser.close(), 2 * PATIENCE_MS)
const seen = { paste: {} }

const treatments = (page) => page.$$eval('section[aria-labelledby^="t-"] table', ([table]) =>
  Object.fromEntries([...table.tBodies[0].rows].map((row) => [row.cells[0].querySelector('code').textContent, row.cells[3].innerText.trim()])))
const pasted = (page) => page.$$eval('pre[data-client]', (all) =>
  Object.fromEntries(all.map((one) => [one.dataset.client, one.querySelector('code').textContent])))

try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  await page.goto(url)
  seen.steps = await page.locator('.start > ol > li > strong').allTextContents()
  seen.personas = Object.fromEntries(await page.$$eval('.personas li', (all) =>
    all.map((one) => [one.querySelector('a').textContent, one.querySelector('.muted').textContent])))
  await page.getByRole('link', { name: 'late deliveries' }).click()
  seen.found = await page.locator('.results h2').first().textContent()
  await page.getByRole('link', { name: 'Supply-chain reliability' }).click()
  seen.purpose = await page.locator('.lead').first().textContent()
  seen.origin = await page.locator('.badge.mock').first().textContent()
  await page.getByRole('link', { name: 'planner', exact: true }).click()
  await page.waitForURL('**as=planner**')
  seen.planner = await treatments(page)
  seen.promises = await page.$$eval('#trust ~ .scroll table', ([table]) => [...table.tBodies[0].rows].map((row) => [row.cells[0].firstChild.textContent.trim(), row.cells[1].innerText.trim()]))
  seen.paste.planner = await pasted(page)
  await page.getByRole('link', { name: 'analyst', exact: true }).click()
  await page.waitForURL('**as=analyst**')
  seen.analyst = await treatments(page)
  seen.paste.analyst = await pasted(page)
  await page.getByLabel('Your words').fill('Why does Harbour come late?')
  await page.getByRole('button', { name: 'Send to the owner' }).click()
  seen.kept = await page.locator('.done').textContent()
  await page.getByLabel('Seen as').selectOption('steward')
  await page.waitForURL('**as=steward**')
  seen.asked = await page.locator('.thread .said').first().textContent()

  await page.getByRole('link', { name: 'Products', exact: true }).click()
  await page.locator('.personas').getByRole('link', { name: 'carrier-app' }).click()
  await page.getByRole('link', { name: 'Shipments' }).click()
  seen.paste.carrier = await pasted(page)
  await page.getByRole('button', { name: 'Send it' }).click()
  seen.sent = await page.locator('.done').textContent()
  console.log(JSON.stringify(seen))
} finally {
  clearTimeout(end)
  await browser.close()
}
