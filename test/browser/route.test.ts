import assert from 'node:assert/strict'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { defaults } from '../../nodes/route/config.ts'
import { type FlowNode, type NodeRedProcess, root, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, maySkip, start, tempFolder, until } from '../processes.ts'
import { contrasts, untranslated } from './page-checks.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync'
const nodeRedFolder = process.env.NODE_RED_FOLDER
const panel = '#node-input-rules-container'
const matched = /^\s*Matched\s*$/

const rule = (id: string, text: string, language = 'sql') => ({ id, name: id, enabled: true, language, text, topicTemplate: '' })
const route = (id: string, more: object = {}): FlowNode => ({
  ...defaults,
  id,
  type: 'loom-route',
  z: 'tab',
  name: id,
  x: 300,
  y: 100,
  wires: [],
  ...more,
})
const sink = (id: string): FlowNode => ({ id, type: 'junction', z: 'tab', x: 500, y: 100, wires: [[]] })
const abc = ['a', 'b', 'c'].map(id => rule(id, `SELECT ${id}`))
const flows: FlowNode[] = [
  { id: 'tab', type: 'tab', label: 'one' },
  {
    id: 'in',
    type: 'inject',
    z: 'tab',
    name: '',
    props: [{ p: 'payload' }, { p: 'topic', vt: 'str' }],
    repeat: '',
    crontab: '',
    once: false,
    topic: 'dt/pump-7/telemetry',
    payload: '{"temperature": 99, "name": "<img src=x onerror=\\"window.taken=true\\">"}',
    payloadType: 'json',
    x: 100,
    y: 100,
    wires: [['fresh']],
  },
  route('fresh'),
  route('wired', {
    y: 200,
    rules: abc,
    outputRules: ['a', 'b', 'c'],
    outputs: 4,
    unmatched: true,
    wires: [['to-a'], ['to-b'], ['to-c'], ['to-unmatched']],
  }),
  ...['to-a', 'to-b', 'to-c', 'to-unmatched'].map(sink),
  { id: 'set', type: 'loom-rules', name: 'shared', rules: [rule('s1', 'SELECT *'), rule('s2', 'level > 1', 'condition')] },
  route('sharing', { y: 300, ruleSet: 'set', outputRules: ['s1'], outputs: 1, wires: [['to-a']] }),
]
const topicRule = {
  ruleName: 'cold_store',
  topicRulePayload: {
    sql: "SELECT * FROM 'dt/+/telemetry' WHERE temperature < 4",
    ruleDisabled: false,
    actions: [{ s3: { bucketName: 'b' } }, { quantum: {} }],
    errorAction: { sns: { targetArn: 'arn' } },
  },
}

describe('rules in the dialog of loom-route', function () {
  this.timeout(180_000)
  const folder = tempFolder('route')
  const problems: string[] = []
  let browser: Browser
  let nodeRed: NodeRedProcess
  let context: BrowserContext
  let page: Page

  async function openEditor(url: string, o: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
    context = await browser.newContext({ viewport: { width: 1500, height: 1250 }, ...o })
    page = await context.newPage()
    page.setDefaultTimeout(60_000)
    page.on('pageerror', error => problems.push(error.stack ?? String(error)))
    await page.goto(url)
    await page.waitForSelector('#red-ui-loading-progress', { state: 'hidden' })
    await page.waitForFunction(() => (window as any).RED.nodes.node('sharing'))
  }
  async function openDialog(id: string): Promise<void> {
    await page.evaluate(of => (window as any).RED.editor.edit((window as any).RED.nodes.node(of)), id)
    await page.locator(panel).waitFor({ state: 'visible' })
    // It slides in first; what is pressed before is lost.
    await page.waitForFunction(() => document.querySelector('.red-ui-tray')?.getAnimations().length === 0)
  }
  async function closeDialog(button = 'ok'): Promise<void> {
    await page.click(`#node-dialog-${button}`)
    await page.locator('.red-ui-tray').waitFor({ state: 'detached' })
  }
  const detail = () => page.locator(`${panel} .loom-rule-detail`)
  const rows = () => page.locator(`${panel} .loom-rule-open`)
  const names = () => rows().locator('strong').allInnerTexts()
  const verdict = (text: string | RegExp) => page.locator(`${panel} .loom-verdict`, { hasText: text }).waitFor()
  const textOf = () =>
    page.evaluate(
      () =>
        (window as any).monaco.editor
          .getModels()
          .find((model: any) => model.getLanguageId().startsWith('loom-'))
          .getValue() as string,
    )
  const markers = () => page.evaluate(() => (window as any).monaco.editor.getModelMarkers({ owner: 'thingloom-rules' }))
  const into = (selector: string) => page.locator(`${panel} ${selector} .monaco-editor`).click({ position: { x: 200, y: 60 } })
  async function write(text: string, selector = '.loom-rule-code'): Promise<void> {
    await into(selector)
    await page.keyboard.press('Control+A')
    // Pasted: what is typed gets the editor's own brackets.
    await page.evaluate(pasted => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', pasted)
      document.activeElement!.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, text)
  }
  /** Where the wires of a node begin: `port target`. */
  const wires = (id: string): Promise<string[]> =>
    page.evaluate(of => {
      const { RED } = window as any
      const links = RED.nodes.filterLinks({ source: RED.nodes.node(of) }) as { sourcePort: number; target: { id: string } }[]
      return links.map(({ sourcePort, target }) => `${sourcePort} ${target.id}`).sort()
    }, id)
  const field = (id: string, name: string) =>
    page.evaluate(([of, key]) => (window as any).RED.nodes.node(of)[key!], [id, name] as const)

  before(async function () {
    if (!existsSync(executablePath)) return void (maySkip(`Chromium at ${executablePath}`) && this.skip())
    const [port] = (await freePorts(1)) as [number]
    const user = userFolder(join(folder, 'user'), flows)
    nodeRed = await startNodeRed({ folder: user, port, ...(nodeRedFolder && { nodeRed: join(nodeRedFolder, 'red.js') }) })
    browser = await chromium.launch({ executablePath, args: flags.split(' ') })
    console.log(`      screenshots (with KEEP_TEMP): ${folder}`)
  })
  after(async () => {
    await browser?.close()
    await nodeRed?.child.stop()
  })
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await page?.screenshot({ path: join(folder, 'failed.png') })
    await context.close()
    assert.deepEqual(problems.splice(0), [])
  })

  it('a rule is written with completion, warned, mended, tried and deployed, and its counter moves', async () => {
    await openEditor(nodeRed.url)
    await openDialog('fresh')
    await page.locator(`${panel} .loom-empty`).waitFor()
    await page.getByRole('button', { name: 'rule', exact: true }).press('Enter')
    await page.keyboard.type('hot')
    await rows().filter({ hasText: 'hot' }).waitFor()

    await into('.loom-rule-code')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('SELECT temp')
    await page.locator('.suggest-widget .monaco-list-row', { hasText: 'temperature' }).waitFor()
    await page.keyboard.press('Enter')
    assert.equal(await textOf(), 'SELECT temperature')
    await page.keyboard.type(', power(')
    await page.locator('.parameter-hints-widget', { hasText: 'power(N, N)' }).waitFor()

    await write("SELECT temperature FROM 'dt/+/telemetry'\nWHERE colour <> 'red' AND temperatur(1) > 2")
    await detail().locator('.loom-problems [data-kind=error]', { hasText: 'temperatur' }).waitFor()
    const [marker] = await markers()
    assert.deepEqual([marker.startLineNumber, marker.startColumn, marker.endColumn], [2, 27, 37])
    await page.locator(`${panel} .squiggly-error`).first().waitFor()
    await detail().getByRole('button', { name: 'Go to line 2 column 27' }).click()
    await page.keyboard.type('x')
    assert.match(await textOf(), /AND xtemperatur/)

    await write("SELECT temperature FROM 'dt/+/telemetry'\nWHERE colour <> 'red' AND temperature > 70")
    await verdict('a part has no value')
    const parts = page.locator(`${panel} .loom-conjuncts li`)
    assert.match(await parts.nth(0).innerText(), /colour <> 'red'[\s\S]*Undefined[\s\S]*colour missing/)
    assert.match(await parts.nth(1).innerText(), /temperature > 70[\s\S]*true[\s\S]*temperature = 71\.5/)
    await detail().getByRole('button', { name: 'Fix' }).click()
    await verdict(matched)
    assert.match(await textOf(), /isundefined\(colour\)/i)
    assert.equal(await detail().getByRole('button', { name: 'Fix' }).count(), 0)
    assert.match(await page.locator(`${panel} pre`).innerText(), /"temperature": 71\.5/)
    await detail()
      .getByLabel('Topic')
      .fill('alarms/$' + '{topic(2)}')
    await page.locator(`${panel} .loom-try-result code`, { hasText: 'alarms/pump-1' }).waitFor()
    await write('{"temperature": 1', '.loom-payload')
    await verdict(/^ ?Payload: /)
    await page.screenshot({ path: join(folder, 'written.png') })
    await closeDialog()

    const [written] = await field('fresh', 'rules')
    assert.deepEqual(await field('fresh', 'outputRules'), [written.id])
    assert.equal(await field('fresh', 'outputs'), 1)
    assert.ok(await field('fresh', 'valid'))
    await page.click('#red-ui-header-button-deploy')
    // The node with shared rules that were changed since asks for a look.
    await page.getByRole('button', { name: 'Confirm deploy' }).click()
    await until(
      'the rule runs',
      async () => {
        const found = await nodeRed.call<{ items: { name: string }[] }>('GET', '/thingloom/rules/fresh').catch(() => undefined)
        return found?.items[0]?.name === 'hot'
      },
      60_000,
    )
    await openDialog('fresh')
    await nodeRed.call('POST', '/inject/in')
    await rows().locator('.loom-rule-counts', { hasText: '1 matched' }).waitFor()
    await page.getByRole('button', { name: 'Look for messages again' }).click()
    const seen = page.locator(`${panel} .loom-try-form`).getByLabel('Seen')
    await seen.locator('option', { hasText: 'dt/pump-7/telemetry → hot' }).waitFor({ state: 'attached' })
    await seen.selectOption({ index: 1 })
    await verdict(matched)
    await page.locator(`${panel} .loom-try-result code`, { hasText: 'alarms/pump-7' }).waitFor()
    await page.screenshot({ path: join(folder, 'seen.png') })
    assert.equal(await page.evaluate(() => (window as any).taken), undefined)
    await closeDialog('cancel')
  })

  it('wires follow their rules when rows are moved by the keyboard, dragged, and removed', async () => {
    await openEditor(nodeRed.url)
    await openDialog('wired')
    assert.deepEqual(await names(), ['a', 'b', 'c'])
    await rows().nth(2).focus()
    await page.keyboard.press('Alt+ArrowUp')
    assert.deepEqual(await names(), ['a', 'c', 'b'])
    await closeDialog()
    assert.deepEqual(await wires('wired'), ['0 to-a', '1 to-c', '2 to-b', '3 to-unmatched'])
    assert.equal(
      await page.evaluate(() =>
        (window as any).RED.nodes.node('wired')._def.outputLabels.call((window as any).RED.nodes.node('wired'), 1),
      ),
      'c',
    )

    await openDialog('wired')
    const grips = page.locator(`${panel} .loom-grip`)
    const [from, to] = [(await grips.nth(0).boundingBox())!, (await grips.nth(2).boundingBox())!]
    await page.mouse.move(from.x + 4, from.y + 8)
    await page.mouse.down()
    await page.mouse.move(to.x + 4, to.y + 4, { steps: 8 })
    await page.mouse.move(to.x + 4, to.y + 20, { steps: 8 })
    await page.mouse.up()
    await until('the row has moved', async () => (await names()).join('') === 'cba', 60_000)
    await page.getByRole('button', { name: 'Remove b' }).click()
    assert.deepEqual(await names(), ['c', 'a'])
    await page.getByRole('button', { name: 'rule', exact: true }).click()
    assert.deepEqual(await names(), ['c', 'a', 'rule'])
    await closeDialog()
    assert.deepEqual(await wires('wired'), ['0 to-c', '1 to-a', '3 to-unmatched'])
    assert.equal(await field('wired', 'outputs'), 4)
    await page.evaluate(() => (window as any).RED.history.pop())
    await until('it can be undone', async () => (await field('wired', 'outputRules')).length === 3, 60_000)
    assert.deepEqual(await wires('wired'), ['0 to-a', '1 to-c', '2 to-b', '3 to-unmatched'])
  })

  it('a topic rule of AWS comes from a file or the clipboard, with what its actions are here', async () => {
    await openEditor(nodeRed.url)
    await openDialog('wired')
    await page.getByRole('button', { name: 'import from AWS' }).press('Enter')
    const buffer = Buffer.from(JSON.stringify(topicRule))
    await page.getByLabel('Files with topic rules').setInputFiles({ name: 'rule.json', mimeType: 'application/json', buffer })
    const report = page.locator(`${panel} .loom-report`)
    await report.getByText('Imported as "cold_store"').waitFor()
    const told = await report.innerText()
    assert.match(told, /s3 wire its output to file or loom-store/)
    assert.match(told, /quantum no node does this/)
    assert.match(told, /sns wire the output for errors to e-mail/)
    assert.match(told, /Means nothing here: actions\[1\]\.quantum/)
    assert.ok((await names()).includes('cold_store'))
    await page.screenshot({ path: join(folder, 'imported.png') })
    await page.getByLabel('or paste one').fill('{"sql": 1}')
    await page.getByRole('button', { name: 'Add the rule' }).click()
    await report.getByText('the topic rule has no sql').waitFor()
    await page.getByLabel('or paste one').fill(JSON.stringify(topicRule.topicRulePayload))
    await page.getByRole('button', { name: 'Add the rule' }).click()
    await rows().filter({ hasText: 'temperature < 4' }).nth(1).waitFor()
    assert.match(await page.locator('#node-input-outputRules-container').innerText(), /cold_store[\s\S]*errors$/)
    await closeDialog('cancel')
  })

  it('a pattern that never ends is stopped, and the next one is tried', async () => {
    await openEditor(nodeRed.url)
    await openDialog('wired')
    await write(JSON.stringify({ name: `${'a'.repeat(40)}!` }), '.loom-payload')
    await write("SELECT * WHERE regexp_matches(name, '^(a+)+$')")
    await verdict('stopped after a second')
    await write("SELECT * WHERE regexp_matches(name, '^a+!$')")
    await verdict(matched)
    await closeDialog('cancel')
  })

  it('what others would answer is typed in', async () => {
    await openEditor(nodeRed.url)
    await openDialog('wired')
    await write("SELECT lookup('sites', state) AS site WHERE lookup('sites', state).open = true")
    await verdict('a part has no value')
    await page.getByLabel('lookup("sites", "running")').fill('{"open": true}')
    await verdict(matched)
    assert.match(await page.locator(`${panel} pre`).innerText(), /"open": true/)
    await closeDialog('cancel')
  })

  it('shared rules are seen, tried and written in their own node; who uses them is told to look', async () => {
    await openEditor(nodeRed.url)
    assert.equal(await field('sharing', 'valid'), false)
    await openDialog('sharing')
    assert.deepEqual(await names(), ['s1', 's2'])
    assert.equal(await page.locator(`${panel} .loom-grip`).count(), 0)
    await verdict(matched)
    await closeDialog()
    assert.deepEqual([await field('sharing', 'outputRules'), await field('sharing', 'outputs')], [['s1', 's2'], 2])
    assert.deepEqual(await wires('sharing'), ['0 to-a'])
    assert.ok(await field('sharing', 'valid'))
    await page.evaluate(() => (window as any).RED.editor.editConfig('', 'loom-rules', 'set'))
    const shared = page.locator('#node-config-input-rules-container')
    await shared.getByRole('button', { name: 'rule', exact: true }).click()
    await shared.locator('.loom-verdict', { hasText: matched }).waitFor()
    await page.screenshot({ path: join(folder, 'shared.png') })
    await page.click('#node-config-dialog-ok')
    await page.locator('.red-ui-tray').waitFor({ state: 'detached' })
    assert.equal((await field('set', 'rules')).length, 3)
  })

  for (const [theme, locale] of [
    ['light', 'en-US'],
    ['dark', 'de'],
  ] as const)
    it(`is readable in the ${theme} theme and complete in ${locale}, also when narrow`, async () => {
      await openEditor(nodeRed.url, { colorScheme: theme, locale })
      await page.evaluate(dark => document.documentElement.classList.toggle('nr-theme-dark', dark), theme === 'dark')
      await openDialog('wired')
      await write("SELECT lookup('a', 1) AS x WHERE humidity <> 5 AND temperature > 70")
      await page.locator(`${panel} .loom-problems li`).first().waitFor()
      await page.locator(`${panel} [aria-expanded]`).click()
      await page.locator(`${panel} summary`).click()
      await page.locator(`${panel} .loom-conjuncts li`).nth(1).waitFor()
      await page.screenshot({ path: join(folder, `${theme}.png`) })
      assert.deepEqual(await page.evaluate(untranslated, { root: '.red-ui-tray', sets: ['route', 'editor'] }), [])
      const faint = (await page.evaluate(contrasts, '.red-ui-tray-body')).filter(({ ratio }) => ratio < 4.5)
      assert.deepEqual(faint, [])
      const wide = await page.evaluate(of => {
        const root = document.querySelector<HTMLElement>(of)!
        root.style.width = '240px'
        return [...root.querySelectorAll<HTMLElement>('*')]
          .filter(one => !one.closest('.loom-rule-code, .loom-payload'))
          .filter(one => one.checkVisibility() && one.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
          .map(one => `${one.tagName} ${one.className} ${one.textContent?.slice(0, 30)}`)
      }, panel)
      assert.deepEqual(wide, [])
      await page.screenshot({ path: join(folder, `${theme}-narrow.png`) })
      await closeDialog('cancel')
    })

  it('finds its engine below another admin root, and marks and mends in the plainer code editor', async () => {
    const [port] = (await freePorts(1)) as [number]
    const mended = route('mended', {
      y: 400,
      rules: [rule('m', "SELECT * WHERE colour <> 'red'")],
      outputRules: ['m'],
      outputs: 1,
    })
    const user = userFolder(join(folder, 'rooted'), [...flows, mended])
    const settings = "module.exports.httpAdminRoot = '/deep/admin'\nmodule.exports.editorTheme.codeEditor = { lib: 'ace' }\n"
    appendFileSync(join(user, 'settings.cjs'), settings)
    const red = join(nodeRedFolder ?? join(root, 'node_modules', 'node-red'), 'red.js')
    const args = [red, '--userDir', user, '--settings', join(user, 'settings.cjs'), '--port', String(port)]
    const child = start(process.execPath, args, { cwd: user, env: { NODE_OPTIONS: '' } })
    try {
      await child.says(/Started flows/, 60_000)
      await openEditor(`http://127.0.0.1:${port}/deep/admin`)
      await openDialog('mended')
      await verdict('a part has no value')
      await page.locator(`${panel} .loom-problems [data-kind=warning]`).first().waitFor()
      await page.screenshot({ path: join(folder, 'plainer.png') })
      await detail().getByRole('button', { name: 'Fix' }).click()
      await verdict(matched)
      await closeDialog()
      assert.match((await field('mended', 'rules'))[0].text, /isundefined\(colour\)/i)
    } finally {
      await child.stop()
    }
  })
})
