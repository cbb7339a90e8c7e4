// Takes the pictures of the documentation from a running start: `npm start` first, then `npx node scripts/screenshots.ts [base URL] [folder]`.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'

const [base = 'http://127.0.0.1:1880', folder = 'docs/images'] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-sync',
  ],
})

const shot = (page: Page, name: string): Promise<unknown> => page.screenshot({ path: join(folder, `${name}.png`) })

/** The whole flow with its status texts, our nodes in the palette, the sidebar out of the way. */
async function editor(name: string, dark: boolean): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1600, height: 720 }, colorScheme: dark ? 'dark' : 'light' })
  const page = await context.newPage()
  await page.goto(`${base}/`)
  await page.locator('.red-ui-flow-node').first().waitFor({ timeout: 60_000 })
  await page.locator('#red-ui-sidebar-separator').waitFor({ state: 'attached' })
  await page.evaluate(dark => document.documentElement.classList.toggle('nr-theme-dark', dark), dark)
  await page.keyboard.press('Escape')
  await page.evaluate('RED.actions.invoke("core:toggle-sidebar", false)') // the editor remembers it, a toggle would open it the second time
  await page.locator('#red-ui-palette-search input').pressSequentially('loom')
  await page.locator('#red-ui-palette-container-storage').waitFor({ state: 'hidden' })
  await page.locator('.red-ui-flow-node-status-label:not(:empty)').first().waitFor({ timeout: 60_000 })
  await page.locator('#red-ui-main-container').hover({ position: { x: 5, y: 5 } })
  await shot(page, name)
  await context.close()
}

async function dashboard(): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1500, height: 1180 } })
  const page = await context.newPage()
  await page.goto(`${base}/dashboard/pipeline`)
  await page.locator('table tbody tr').first().waitFor({ timeout: 60_000 })
  await page.locator('canvas, svg').first().waitFor({ timeout: 60_000 })
  await shot(page, 'dashboard')
  await context.close()
}

await editor('editor', false)
await editor('editor-dark', true)
await dashboard()
await browser.close()
