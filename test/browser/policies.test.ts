import assert from 'node:assert/strict'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, maySkip, tempFolder, until } from '../processes.ts'
import { contrasts, untranslated } from './page-checks.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync'
const nodeRedFolder = process.env.NODE_RED_FOLDER
const panel = '#loom-hub-policies'
const hostile = '<img src=x onerror="window.taken=true">'

const hub: FlowNode = {
  id: 'hub',
  type: 'loom-hub',
  name: '',
  hubId: 'doors',
  store: 'memory',
  broker: 'none',
  host: '127.0.0.1',
  listeners: [],
}
const documentOf = (action: string) => `{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "${action}", "Resource": "topic/plant/\${device.id}/*", "Sid": "Plant"},
    {"Effect": "Deny", "Action": "iot:Publish", "Resource": "topic/plant/*/\${tag.line}"}
  ]
}`

describe('policies in the dialog of the hub', function () {
  this.timeout(120_000)
  const folder = tempFolder('policies')
  const problems: string[] = []
  const running: NodeRedProcess[] = []
  let browser: Browser
  let page: Page

  /** Node-RED with one hub that runs; `settings` are lines for its settings file. */
  async function startWith(name: string, settings = ''): Promise<NodeRedProcess> {
    const user = userFolder(join(folder, name), [{ id: 'tab', type: 'tab', label: 'one' }, hub])
    appendFileSync(join(user, 'settings.cjs'), settings)
    const [port] = (await freePorts(1)) as [number]
    const nodeRed = await startNodeRed({ folder: user, port, ...(nodeRedFolder && { nodeRed: join(nodeRedFolder, 'red.js') }) })
    running.push(nodeRed)
    await until('the hub serves', () =>
      nodeRed.call<{ status: string }>('GET', '/thingloom/doors/health').then(health => health.status === 'ok'),
    )
    return nodeRed
  }
  async function openEditor(nodeRed: NodeRedProcess, o: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 1300 }, ...o })
    page = await context.newPage()
    page.setDefaultTimeout(30_000)
    page.on('pageerror', error => problems.push(error.stack ?? String(error)))
    await page.goto(nodeRed.url)
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' })
    await page.waitForFunction(() => (window as any).RED.nodes.node('hub'))
    return context
  }
  async function openDialog(id = 'hub'): Promise<void> {
    await page.evaluate(of => (window as any).RED.editor.editConfig('', 'loom-hub', of), id)
    await page.locator('#loom-hub-tabs').waitFor({ state: 'visible' })
    // Only the keyboard. The dialog takes the focus itself once it has slid in.
    await until('the tab opens', async () => {
      await page.locator('#loom-hub-tabs a[href="#loom-hub-policies"]').press('Enter')
      return page.locator(panel).isVisible()
    })
  }
  const part = (label: string) => page.locator(`${panel} section[aria-label="${label}"]`)
  const write = async (text: string): Promise<void> => {
    await page.locator(`${panel} .loom-code .monaco-editor`).click({ position: { x: 200, y: 100 } })
    await page.keyboard.press('Control+A')
    // Pasted: what is typed gets the editor's own brackets and indents.
    await page.evaluate(pasted => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', pasted)
      document.activeElement!.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, text)
  }
  const markers = () => page.evaluate(() => (window as any).monaco.editor.getModelMarkers({ owner: 'thingloom' }))
  const says = (where: ReturnType<typeof part>, text: RegExp | string) =>
    where.locator('.loom-message', { hasText: text }).first().waitFor()

  before(async function () {
    if (!existsSync(executablePath)) return void (maySkip(`Chromium at ${executablePath}`) && this.skip())
    browser = await chromium.launch({ executablePath, args: flags.split(' ') })
    console.log(`      screenshots (with KEEP_TEMP): ${folder}`)
  })
  after(async () => {
    await browser?.close()
    await Promise.all(running.map(({ child }) => child.stop()))
  })
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await page.screenshot({ path: join(folder, 'failed.png') })
    assert.deepEqual(problems.splice(0), [])
  })

  it('a document is written, corrected where it is marked, saved, attached, tested and removed', async () => {
    const nodeRed = await startWith('writer')
    await nodeRed.call('POST', '/thingloom/doors/devices', { id: 'pump-1', credentials: { kind: 'sas' }, tags: { line: 'stop' } })
    await nodeRed.call('POST', '/thingloom/doors/devices', {
      id: 'pump-2',
      credentials: { kind: 'sas' },
      tags: { line: hostile },
    })
    const context = await openEditor(nodeRed)
    await openDialog()

    const list = part('Policies of this hub')
    await part('Test').getByLabel('Device', { exact: true }).waitFor()
    assert.equal(await part('Test').getByLabel('by the document above').isVisible(), false, 'none is open')
    await list.locator('.loom-row', { hasText: 'default' }).filter({ hasText: 'the hub' }).waitFor()
    await list.getByRole('button', { name: 'policy', exact: true }).click()
    const written = part('Policy document')
    await written.getByLabel('Policy id').fill('plant')
    await written.getByLabel('Description').fill(hostile)
    await says(written, 'The document is valid. Statements: 1')

    await write(documentOf('iot:Plublish'))
    await says(written, /Statement\[0\]\.Action.*"iot:Plublish"/)
    const [marker, ...others] = await markers()
    const lines = documentOf('iot:Plublish').split('\n')
    assert.deepEqual([marker.startLineNumber, others], [4, []])
    assert.equal(lines[3]!.slice(marker.startColumn - 1, marker.endColumn - 1), '"iot:Plublish"')
    await page.locator(`${panel} .squiggly-error`).first().waitFor()
    await page.screenshot({ path: join(folder, 'marked.png') })
    await written.getByRole('button', { name: 'go to line 4' }).click()
    await page.keyboard.type('x')
    await says(written, 'Not saved yet.')
    await write(documentOf('iot:Publish'))
    await says(written, 'The document is valid. Statements: 2')
    assert.deepEqual(await markers(), [])
    await written.getByRole('button', { name: 'Save' }).click()
    await says(written, 'Saved.')

    const attached = part('Attached to')
    await attached.getByLabel('Attach to', { exact: true }).selectOption('device')
    await attached.getByLabel('Id of what it is attached to').fill('pump')
    await page.waitForFunction(
      of => document.querySelectorAll(`${of} section[aria-label="Attached to"] datalist option`).length === 2,
      panel,
    )
    for (const id of ['pump-1', 'pump-2']) {
      await attached.getByLabel('Id of what it is attached to').fill(id)
      await attached.getByRole('button', { name: 'Attach' }).click()
      await attached.getByRole('button', { name: `Detach from device ${id}` }).waitFor()
    }
    await list.locator('.loom-row', { hasText: 'plant' }).filter({ hasText: 'device pump-1' }).waitFor()

    const tester = part('Test')
    await tester.getByLabel('Device', { exact: true }).fill('pump-1')
    await tester.getByLabel('Topic').fill('plant/pump-1/a')
    await tester.getByRole('button', { name: 'Test', exact: true }).click()
    await says(tester, 'Allowed.')
    assert.match(await tester.locator('.loom-result').innerText(), /plant, statement 1 \(Plant\)[\s\S]*"Sid": "Plant"/)
    assert.match(await tester.locator('dl').innerText(), /device\.id\s+pump-1/)
    await page.screenshot({ path: join(folder, 'tested.png') })
    await tester.getByLabel('Topic').fill('plant/pump-1/stop')
    await page.keyboard.press('Enter')
    await says(tester, 'Denied')
    await tester.locator('h5', { hasText: 'plant, statement 2' }).waitFor()

    await tester.getByLabel('Device', { exact: true }).fill('pump-2')
    await page.keyboard.press('Enter')
    await says(tester, 'Not allowed')
    assert.ok((await tester.locator('dl').innerText()).includes(hostile), 'what a device has is shown as it is')
    assert.equal(await page.evaluate(() => (window as any).taken), undefined)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    await write(documentOf('iot:*').replace('plant/${device.id}', 'plant/pump-1'))
    await tester.getByLabel('by the document above').check()
    await tester.getByRole('button', { name: 'Test', exact: true }).click()
    await says(tester, 'Allowed.')
    await tester.locator('h5', { hasText: 'the document above, statement 1' }).waitFor()

    await tester.getByLabel('Topic').fill('plant/pump-1/a')
    await tester.getByRole('button', { name: 'Who may?' }).click()
    await says(tester, 'Devices that may: 1')
    assert.match(await tester.locator('.loom-found').innerText(), /^pump-1 plant, statement 1 \(Plant\)$/)

    page.once('dialog', dialog => void dialog.accept())
    await list.locator('.loom-row', { hasText: 'default' }).click()
    await list.locator('.loom-row', { hasText: 'plant' }).click()
    for (const id of ['pump-1', 'pump-2']) {
      await attached.getByRole('button', { name: `Detach from device ${id}` }).click()
      await attached.getByRole('button', { name: `Detach from device ${id}` }).waitFor({ state: 'detached' })
    }
    await written.getByRole('button', { name: 'Delete' }).click()
    await written.getByRole('button', { name: 'Delete "plant" for good' }).click()
    await list.locator('.loom-row', { hasText: 'plant' }).waitFor({ state: 'detached' })
    const left = await nodeRed.call<{ items: { id: string }[] }>('GET', '/thingloom/doors/policies')
    assert.deepEqual(
      left.items.map(({ id }) => id),
      ['default'],
    )
    await page.click('#node-config-dialog-cancel')
    await page.locator('#loom-hub-tabs').waitFor({ state: 'detached' })
    await context.close()
  })

  for (const [theme, locale] of [
    ['light', 'en-US'],
    ['dark', 'de'],
  ] as const)
    it(`is readable in the ${theme} theme and complete in ${locale}, from 180 px on`, async () => {
      const context = await openEditor(running[0]!, { colorScheme: theme, locale })
      await page.evaluate(dark => document.documentElement.classList.toggle('nr-theme-dark', dark), theme === 'dark')
      await openDialog()
      const row = page.locator(`${panel} .loom-row`)
      await row.first().click()
      await page.locator(`${panel} .monaco-editor`).waitFor()
      await page.locator(`${panel} .loom-message[data-state=ok]`).first().waitFor()
      const topic = page.locator(`${panel} section`).last().locator('input')
      await topic.nth(0).fill('pump-1')
      await topic.nth(1).fill('dt/pump-1/x')
      await page.keyboard.press('Enter')
      await page.locator(`${panel} dl`).waitFor()
      assert.deepEqual(await page.evaluate(untranslated, { root: panel, sets: ['hub'] }), [])
      const faint = (await page.evaluate(contrasts, panel)).filter(({ ratio }) => ratio < 4.5)
      assert.deepEqual(faint, [])
      await page.screenshot({ path: join(folder, `${theme}.png`) })
      const wide = await page.evaluate(of => {
        const root = document.querySelector<HTMLElement>(of)!
        root.style.width = '180px'
        return [...root.querySelectorAll<HTMLElement>('*')]
          .filter(one => !one.closest('.loom-code') && one.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
          .map(one => `${one.tagName} ${one.className} ${one.textContent?.slice(0, 30)}`)
      }, panel)
      assert.deepEqual(wide, [])
      await page.screenshot({ path: join(folder, `${theme}-narrow.png`) })
      await context.close()
    })

  it('a hub that is not deployed is told so', async () => {
    const context = await openEditor(running[0]!)
    await openDialog('_ADD_')
    await says(page.locator(panel), 'No hub with this id runs here')
    await page.getByRole('button', { name: 'Try again' }).waitFor()
    await context.close()
  })

  it('who may only read sees and tests, and is told what saving needs', async () => {
    const nodeRed = await startWith(
      'reader',
      "module.exports.adminAuth = { type: 'credentials', users: [], default: { permissions: 'read' } }\n",
    )
    const context = await openEditor(nodeRed)
    await openDialog()
    await says(page.locator(panel), 'thingloom.admin.write')
    const list = part('Policies of this hub')
    await part('Test').getByLabel('Device', { exact: true }).waitFor()
    assert.equal(await part('Test').getByLabel('by the document above').isVisible(), false, 'none is open')
    assert.ok(await list.getByRole('button', { name: 'policy', exact: true }).isDisabled())
    await list.locator('.loom-row', { hasText: 'default' }).click()
    const document = part('Policy document')
    await says(document, 'The document is valid')
    for (const name of ['Save', 'Delete']) assert.ok(await document.getByRole('button', { name }).isDisabled(), name)
    assert.ok(await part('Attached to').getByRole('button', { name: 'Detach from the hub' }).isDisabled())
    const tester = part('Test')
    await tester.getByRole('button', { name: 'Who may?' }).click()
    await says(tester, 'Devices that may: 0')
    await page.screenshot({ path: join(folder, 'reader.png') })
    await page.click('#node-config-dialog-cancel')
    await page.locator('#loom-hub-tabs').waitFor({ state: 'detached' })

    await page.evaluate(() => void ((window as any).RED.user.hasPermission = () => true))
    await openDialog()
    await list.locator('.loom-row', { hasText: 'default' }).click()
    await document.getByRole('button', { name: 'Save' }).click()
    await says(document, 'Your user may not do this')
    assert.ok(await document.getByRole('button', { name: 'Save' }).isDisabled())
    await context.close()
  })
})
