import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { filesUnder } from '../files.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, maySkip, tempFolder } from '../processes.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** One node of each of our types, as the examples hold them. Listeners are taken away: nothing needs to connect. */
async function oneOfEach(): Promise<FlowNode[]> {
  const found = new Map<string, FlowNode>()
  for (const file of await filesUnder(['examples'], '.json')) {
    for (const node of JSON.parse(readFileSync(file, 'utf8')) as FlowNode[]) {
      if (node.type.startsWith('loom-') && !found.has(node.type)) found.set(node.type, node)
    }
  }
  return [...found.values()].map(node => ({
    ...node,
    ...(node.type === 'loom-hub' && { id: 'hub', store: 'memory' }),
    ...(node.hub !== undefined && { hub: 'hub' }),
    ...(node.type === 'loom-simulator' && { autostart: false }),
    ...(node.z !== undefined && { z: 'tab', wires: [] }),
  }))
}

describe('dialogs', function () {
  this.timeout(90_000)
  const problems: string[] = []
  let nodes: FlowNode[]
  let browser: Browser
  let page: Page
  let nodeRed: NodeRedProcess

  before(async function () {
    if (!existsSync(executablePath)) return void (maySkip(`Chromium at ${executablePath}`) && this.skip())
    nodes = await oneOfEach()
    const hub = nodes.find(({ type }) => type === 'loom-hub')!
    const [port, ...ports] = (await freePorts(1 + (hub.listeners as object[]).length)) as [number, ...number[]]
    hub.listeners = (hub.listeners as object[]).map((listener, i) => ({ ...listener, port: ports[i]! }))
    const folder = userFolder(join(tempFolder('dialogs'), 'user'), [{ id: 'tab', type: 'tab', label: 'all' }, ...nodes])
    nodeRed = await startNodeRed({ folder, port })
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
    page.setDefaultTimeout(15_000)
    page.on('pageerror', error => problems.push(error.stack ?? String(error)))
    await page.goto(nodeRed.url)
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' })
    await page.waitForFunction(id => (window as any).RED.nodes.node(id), nodes.at(-1)!.id)
  })
  after(async () => {
    await browser?.close()
    await nodeRed?.child.stop()
  })

  const saved = (id: string): Promise<{ fields: Record<string, unknown>; valid: boolean }> =>
    page.evaluate(of => {
      const { RED } = window as any
      const node = RED.nodes.node(of)
      const { credentials: _, ...fields } = RED.nodes.convertNode(node)
      return { fields, valid: node.valid }
    }, id)

  it('opened and closed with their main button leave every node as it was, and valid', async () => {
    assert.ok(nodes.length >= 9)
    for (const { id, type } of nodes) {
      const before = await saved(id)
      await page.evaluate(of => {
        const { RED } = window as any
        const node = RED.nodes.node(of)
        if (node._def.category === 'config') RED.editor.editConfig('', node.type, node.id)
        else RED.editor.edit(node)
      }, id)
      const ok = page.locator('#node-dialog-ok, #node-config-dialog-ok')
      await ok.waitFor({ state: 'visible' })
      const unnamed = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLInputElement>('.red-ui-tray-body :is(input:not([type=hidden]), select)')]
          .filter(
            input =>
              input.offsetParent &&
              !/^red-ui-trap|^node-input-node-/.test(input.id) &&
              !input.closest('.red-ui-searchBox-container'),
          )
          .filter(input => !input.getAttribute('aria-label') && !input.labels?.length)
          .map(input => input.id || input.className),
      )
      assert.deepEqual(unnamed, [], `${type}: inputs without a name`)
      await ok.click()
      await page.locator('.red-ui-tray').waitFor({ state: 'detached' })
      const { fields, valid } = await saved(id)
      assert.deepEqual(fields, before.fields, type)
      assert.notEqual(valid, false, type)
    }
    assert.deepEqual(problems, [])
  })
})
