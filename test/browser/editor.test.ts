import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { DeviceSecrets } from '../../src/hub/hub.ts'
import { connectPacket, packetTypes, publishPacket, talk } from '../mqtt-wire.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, maySkip, tempFolder, until } from '../processes.ts'
import { contrasts, untranslated } from './page-checks.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const tray = '.red-ui-tray'

describe('the editor in Chromium', function () {
  this.timeout(240_000)
  const folder = tempFolder('browser')
  const problems: string[] = []
  let browser: Browser
  let page: Page
  let nodeRed: NodeRedProcess
  let sets: string[]

  const shot = (name: string) => page.screenshot({ path: join(folder, `${name}.png`) })

  async function open() {
    await page.goto(nodeRed.url)
    await page.waitForSelector('.red-ui-palette-node[data-palette-type="loom-telemetry-in"]')
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' })
  }

  async function dragFromPalette(type: string, x: number, y: number) {
    const entry = page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`)
    await entry.scrollIntoViewIfNeeded()
    const from = (await entry.boundingBox())!
    const chart = (await page.locator('#red-ui-workspace-chart').boundingBox())!
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2)
    await page.mouse.down()
    await page.mouse.move(chart.x + x / 2, chart.y + y / 2, { steps: 5 })
    await page.mouse.move(chart.x + x, chart.y + y, { steps: 10 })
    await page.mouse.up()
    return page.evaluate(type => {
      const editor = (window as any).RED
      let found = ''
      editor.nodes.eachNode((node: { id: string; type: string }) => {
        if (node.type === type) found = node.id
      })
      return found
    }, type)
  }

  const centre = async (selector: string) => {
    const box = (await page.locator(selector).first().boundingBox())!
    return [box.x + box.width / 2, box.y + box.height / 2] as const
  }

  before(async function () {
    if (!existsSync(executablePath)) return void (maySkip(`Chromium at ${executablePath}`) && this.skip())
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder: userFolder(join(folder, 'user'), []), port })
    const loaded = await nodeRed.call<{ module: string; name: string }[]>('GET', '/nodes')
    sets = loaded.filter(({ module }) => module === '@thingloom/node-red-iot').map(({ name }) => name)
    browser = await chromium.launch({ executablePath, args: flags.split(' ') })
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
    page.setDefaultTimeout(15_000)
    page.on('pageerror', error => problems.push(String(error)))
    page.on('console', message => {
      if (message.type() === 'error') problems.push(`${message.text()} ${message.location().url}`)
    })
    console.log(`      screenshots (with KEEP_TEMP): ${folder}`)
  })
  after(async () => {
    await browser?.close()
    await nodeRed?.child.stop()
  })
  afterEach(() => {
    assert.deepEqual(problems.splice(0), [], 'errors on the console')
  })

  it('takes telemetry-in and debug from the palette, a hub from the dialog, and shows a message after deploy', async () => {
    await open()
    const source = await dragFromPalette('loom-telemetry-in', 250, 150)
    const debug = await dragFromPalette('debug', 550, 150)
    assert(source && debug, 'a node was not dropped')
    await page.mouse.move(...(await centre(`[id="${source}"] .red-ui-flow-port-output`)))
    await page.mouse.down()
    await page.mouse.move(...(await centre(`[id="${debug}"] .red-ui-flow-port-input`)), { steps: 10 })
    await page.mouse.up()

    await page.mouse.dblclick(...(await centre(`[id="${source}"] .red-ui-flow-node`)))
    await page.waitForSelector('#node-input-hub')
    await shot('telemetry-in')
    await page.click('#node-input-btn-hub-add')
    const [mqtt, mqtts] = (await freePorts(2)) as [number, number]
    await page.fill('#node-config-input-name', 'Workshop')
    await page.fill('#node-config-input-hubId', 'workshop')
    const ports = page.locator('.loom-port')
    await ports.nth(0).fill(String(mqtt))
    await ports.nth(1).fill(String(mqtts))
    await shot('hub')
    await page.click('#node-config-dialog-ok')
    await page.waitForSelector('#node-config-dialog-ok', { state: 'detached' })
    await page.click('#node-dialog-ok')
    await page.waitForSelector('#node-dialog-ok', { state: 'detached' })
    const invalid = await page.evaluate(() => {
      const found: unknown[] = []
      const look = ({ id, type, valid, validationErrors }: any) => void (valid || found.push({ id, type, validationErrors }))
      ;(window as any).RED.nodes.eachConfig(look)
      ;(window as any).RED.nodes.eachNode(look)
      return found
    })
    assert.deepEqual(invalid, [], 'nodes that were just filled in are not valid')
    await page.click('#red-ui-header-button-deploy')
    await page.waitForFunction(() => !(window as any).RED.nodes.dirty()).finally(() => shot('deployed'))
    await until('the hub serves', () =>
      nodeRed.call<{ status: string }>('GET', '/thingloom/workshop/health').then(h => h.status === 'ok'),
    )

    const { secrets } = await nodeRed.call<{ secrets: DeviceSecrets }>('POST', '/thingloom/workshop/devices', {
      id: 'lamp-7',
      credentials: { kind: 'password' },
    })
    const device = talk(connect(mqtt, '127.0.0.1'))
    device.send(connectPacket({ clientId: 'lamp-7', username: secrets.username ?? 'lamp-7', password: secrets.password! }))
    assert.equal((await device.next(packetTypes.connack)).body[1], 0)
    await page.evaluate(() => (window as any).RED.actions.invoke('core:show-debug-tab'))
    device.send(publishPacket({ topic: 'devices/lamp-7/telemetry', payload: '{"lumen":806}', qos: 1 }))
    await device.next(packetTypes.puback)
    await page.waitForSelector('.red-ui-debug-msg')
    assert.match(await page.locator('.red-ui-debug-msg').first().innerText(), /806/)
    await shot('message')
    device.end()
  })

  /** One node of each type with its editor defaults; config nodes too. */
  async function everyNode(): Promise<FlowNode[]> {
    await open()
    const types = await page.evaluate(() => {
      const editor = (window as any).RED
      return (editor.nodes.registry.getNodeTypes() as string[])
        .filter(type => type.startsWith('loom-'))
        .map(type => {
          const { category, defaults, inputs, outputs } = editor.nodes.getType(type)
          const values = Object.fromEntries(
            Object.entries(defaults as Record<string, { value: unknown }>).map(([name, { value }]) => [name, value]),
          )
          return { type, config: category === 'config', values, inputs, outputs }
        })
    })
    return types.map(({ type, config, values }, i) => ({
      ...values,
      id: `each-${type}`,
      type,
      ...(!config && { z: 'each', x: 150 + (i % 4) * 220, y: 80 + Math.floor(i / 4) * 80, wires: [] }),
      ...(type === 'loom-hub' && { hubId: 'each', listeners: [] }),
      ...('hub' in values && { hub: 'each-loom-hub' }),
    }))
  }

  for (const dark of [false, true])
    it(`opens the dialog of every node without error or missing text, readable in the ${dark ? 'dark' : 'light'} theme`, async () => {
      const nodes = await everyNode()
      assert(nodes.length >= sets.length, 'a node set has no type')
      await nodeRed.deploy([{ id: 'each', type: 'tab', label: 'each' }, ...nodes])
      await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
      await open()
      await page.evaluate(dark => document.documentElement.classList.toggle('nr-theme-dark', dark), dark)
      const faint: string[] = []
      for (const { id, type, z } of nodes) {
        await page.evaluate(
          ({ id, type, flow }) => {
            const { editor, nodes } = (window as any).RED
            if (flow) editor.edit(nodes.node(id))
            else editor.editConfig('', type, id)
          },
          { id, type, flow: Boolean(z) },
        )
        const ok = z ? '#node-dialog-ok' : '#node-config-dialog-ok'
        const cancel = z ? '#node-dialog-cancel' : '#node-config-dialog-cancel'
        await page.waitForSelector(ok)
        await page.waitForFunction(
          // The tray is shown before its slide begins and its rows are: neither alone means that it can be looked at.
          selector =>
            document.querySelector(selector)?.getAnimations({ subtree: true }).length === 0 &&
            [...document.querySelectorAll(`${selector} form.form-horizontal label`)].some(label =>
              label.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
            ),
          tray,
        )
        assert.deepEqual(await page.evaluate(untranslated, { root: tray, sets }), [], type)
        const texts = await page.evaluate(contrasts, `${tray} form.form-horizontal`)
        assert(texts.length > 1, `${type} shows no text to look at`)
        for (const { text, ratio } of texts) if (ratio < 4.5) faint.push(`${type}: "${text.slice(0, 40)}" ${ratio}`)
        await shot(`${type}-${dark ? 'dark' : 'light'}`)
        await page.click(cancel)
        await page.waitForSelector(ok, { state: 'detached' })
      }
      assert.deepEqual(faint, [], 'contrast below 4.5')
    })

  it('shows each node in the palette with its label, colour and icon', async () => {
    const wanted = (await everyNode()).filter(({ z }) => z).map(({ type }) => type)
    await open()
    const shown = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('.red-ui-palette-node[data-palette-type^="loom-"]')].map(element => ({
        type: element.dataset.paletteType!,
        label: element.querySelector('.red-ui-palette-label')?.textContent ?? '',
        icon: getComputedStyle(element.querySelector('.red-ui-palette-icon')!).backgroundImage,
      })),
    )
    assert.deepEqual(shown.map(({ type }) => type).toSorted(), wanted.toSorted())
    for (const { type, label, icon } of shown) {
      assert(label && !label.startsWith('loom-'), `${type} has the label "${label}"`)
      assert.match(icon, /\.svg/, type)
    }
    await shot('palette')
  })
})
