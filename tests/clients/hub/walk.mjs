// A person walks through the hub of a running demo, in a browser: finds a product, reads it, looks at it as two
// personas, asks for a measure, connects, leaves feedback. Prints what was seen as JSON, and on the way what a browser
// or a reader with other senses would object to.
// Takes the browser's program, the hub's address, and a folder for pictures ("" for none).
import { chromium } from 'playwright-core'
import { createRequire } from 'node:module'

const PATIENCE_MS = 60000
const [executablePath, url, pictures] = process.argv.slice(2)
const axe = createRequire(`${process.cwd()}/`).resolve('axe-core')
const seen = { console: [], outside: [], failed: [], violations: [], wide: [], steps: {} }

const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic']
const browser = await chromium.launch({ executablePath, args, timeout: PATIENCE_MS })
const end = setTimeout(() => browser.close(), 3 * PATIENCE_MS)

async function opened (options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', (message) => seen.console.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => seen.console.push(`error: ${error.message}`))
  page.on('request', (asked) => { if (!asked.url().startsWith(url)) seen.outside.push(asked.url()) })
  page.on('response', (told) => { if (told.status() >= 400) seen.failed.push(`${told.status()} ${told.url()}`) })
  return page
}

// What axe finds wrong; it is put into a page of the same content that lets a script in.
async function audited (page, name) {
  await page.evaluate(() => document.querySelectorAll('details').forEach((one) => { one.open = true }))
  const result = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }))
  for (const one of result.violations) {
    seen.violations.push(`${name}: ${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', ')}`)
  }
}

async function wide (page, name) {
  const [whole, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  if (whole > shown) seen.wide.push(`${name}: ${whole} of ${shown}`)
}

const picture = async (page, name, options) => { if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, ...options }) }
const cells = (page, column) => page.$$eval('#t-customers ~ .scroll table.sample', ([table], column) => {
  const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === column)
  return place < 0 ? null : [...table.tBodies[0].rows].map((row) => row.cells[place].textContent.trim())
}, column)

async function walk () {
  const page = await opened({})
  await page.goto(url)
  await page.keyboard.press('Tab')
  seen.steps.first_focus = await page.evaluate(() => document.activeElement.textContent)
  await page.keyboard.press('/')
  await page.keyboard.type('lifetime value')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/search**')
  seen.steps.found = await page.$$eval('.results h2', (all) => all.map((one) => one.textContent))
  await page.fill('#q', 'email')
  await page.waitForFunction(() => document.querySelector('#results h1').textContent.includes('email'))
  seen.steps.live = await page.$$eval('.hits code', (all) => all.map((one) => one.textContent))
  await page.getByRole('link', { name: 'Customer 360' }).click()
  seen.steps.steward = await cells(page, 'email')
  await page.getByLabel('Seen as').selectOption('analyst')
  await page.waitForURL('**as=analyst**')
  seen.steps.analyst = await cells(page, 'email')
  await picture(page, 'product', { fullPage: true, clip: { x: 0, y: 0, width: 1280, height: 1010 } })
  await page.locator('#t-customers').scrollIntoViewIfNeeded()
  await page.evaluate(() => document.querySelector('#t-customers').scrollIntoView())
  await picture(page, 'columns')
  await page.getByLabel('Seen as').selectOption('ml-pipeline')
  await page.waitForURL('**as=ml-pipeline**')
  seen.steps.ml = await cells(page, 'email')

  await page.goto(`${url}/hub/customer_360?as=analyst`)
  await page.getByLabel('What is it?').selectOption('question')
  await page.getByLabel('Rating').selectOption('5')
  await page.getByLabel('Your words').fill('How fresh is <b>lifetime value</b>?')
  await page.getByRole('button', { name: 'Send to the owner' }).click()
  seen.steps.kept = await page.locator('.done').textContent()
  await page.getByLabel('Seen as').selectOption('steward')
  await page.waitForURL('**as=steward**')
  await page.locator('.thread summary').first().click()
  await page.getByLabel('Your answer').first().fill('It is told at the end of 2017.')
  await page.getByRole('button', { name: 'Answer', exact: true }).first().click()
  await page.waitForURL('**said=1**')
  await page.goto(`${url}/hub/customer_360?as=analyst`)
  seen.steps.thread = await page.locator('.thread .said').allTextContents()

  await page.goto(`${url}/hub/-/playground?kind=measures&product=customer_360&as=analyst`)
  await page.locator('select[name=by]').selectOption('segment')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  seen.steps.drawn = await page.locator('svg[role=img]').getAttribute('aria-label')
  seen.steps.bars = await page.locator('svg .bar-fill').count()
  await page.locator('main').evaluate((main) => main.scrollIntoView())
  await picture(page, 'playground')
  await page.goto(`${url}/hub/-/playground?as=analyst`)
  await page.fill('#text', 'SELECT email FROM customer_360.customers LIMIT 3')
  await page.focus('#text')
  await page.keyboard.press('Control+Enter')
  await page.waitForSelector('#answer')
  seen.steps.sql = await page.locator('section table tbody td').allTextContents()
  await page.context().close()
}

// Each page in each look, with axe; then without scripts.
async function look () {
  const paths = ['/', '/hub/customer_360?as=analyst', '/hub/-/search?q=lifetime', '/hub/-/playground',
    '/hub/-/playground?kind=measures', '/hub/customer_360/-/steward?subject=analyst&audit=1', '/hub/-/sign-in', '/docs']
  for (const colorScheme of ['light', 'dark']) {
    const page = await opened({ colorScheme, bypassCSP: true })
    await page.addInitScript({ path: axe })
    for (const path of paths) {
      await page.goto(url + path)
      if (colorScheme === 'dark' && path.startsWith('/hub/customer_360?')) {
        await page.locator('#lineage').evaluate((lineage) => lineage.scrollIntoView())
        await picture(page, 'dark')
      }
      await audited(page, `${colorScheme} ${path}`)
    }
    await page.context().close()
  }
  const phone = await opened({ viewport: { width: 390, height: 844 } })
  for (const path of paths) {
    await phone.goto(url + path)
    await wide(phone, path)
  }
  await phone.context().close()
  const plain = await opened({ javaScriptEnabled: false })
  await plain.goto(url)
  await plain.getByLabel('Seen as').selectOption('ml-pipeline')
  await plain.getByRole('button', { name: 'Switch' }).click()
  seen.steps.plain = await plain.locator('.lead').first().textContent()
  await plain.context().close()
}

try {
  await walk()
  await look()
  console.log(JSON.stringify(seen))
} finally {
  clearTimeout(end)
  await browser.close()
}
