// A browser in which a person opens a page of Superset. Prints what the page received of its chart, and of the canvas
// that it drew: how many colours it has, and of the commonest that is opaque, how many pixels each column has.
// Takes the browser's program, Superset's address, the page's path, and a file for a picture of what is seen.
import { chromium } from 'playwright-core'

const PATIENCE_MS = 100000
const [executablePath, url, path, picture] = process.argv.slice(2)

// Bars grow for a second: the canvas is read when nothing has moved for half of one.
const drawn = async () => {
  const colours = () => {
    const [canvas] = [...document.querySelectorAll('canvas')].sort((a, b) => b.width * b.height - a.width * a.height)
    if (!canvas) return null
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const columns = new Map()
    for (let at = 0; at < data.length; at += 4) {
      const colour = data.slice(at, at + 4).join()
      if (!columns.has(colour)) columns.set(colour, new Array(canvas.width).fill(0))
      columns.get(colour)[(at / 4) % canvas.width]++
    }
    const sum = (found) => found.reduce((one, other) => one + other, 0)
    const opaque = [...columns].filter(([colour]) => colour.endsWith(',255'))
    const [colour, bars] = opaque.sort((a, b) => sum(b[1]) - sum(a[1]))[0] ?? ['', []]
    return { colours: columns.size, colour, columns: bars }
  }
  let before = ''
  for (;;) {
    const seen = colours()
    const now = JSON.stringify(seen)
    if (seen && seen.columns.some((pixels) => pixels > 0) && now === before) return seen
    before = now
    await new Promise((done) => setTimeout(done, 500))
  }
}

const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic']
const browser = await chromium.launch({ executablePath, args, timeout: PATIENCE_MS })
const end = setTimeout(() => browser.close(), PATIENCE_MS)
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } })
  page.setDefaultTimeout(PATIENCE_MS)
  await page.route((asked) => asked.origin !== url, (route) => route.abort())
  await page.request.post(`${url}/login/`, { form: { username: 'admin', password: 'admin' } })
  const asked = page.waitForResponse((answer) => answer.url().includes('/api/v1/chart/data'))
  await page.goto(url + path)
  const { result } = await (await asked).json()
  const canvas = await page.evaluate(drawn)
  await page.screenshot({ path: picture })
  console.log(JSON.stringify({ received: result[0].data, ...canvas }))
} finally {
  clearTimeout(end)
  await browser.close()
}
