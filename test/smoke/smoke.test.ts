import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type FlowNode, type NodeRedProcess, root, startNodeRed } from '../node-red-process.ts'
import { freePorts, until } from '../processes.ts'
import { debugMessages } from './debug-messages.ts'
import { apart, packagesOf } from './examples.ts'
import {
  filesBelow,
  installBeside,
  installedPackage,
  installedUserFolder,
  nodeBinary,
  nodeRedScript,
  readJson,
} from './installs.ts'

const moduleName = '@thingloom/node-red-iot'
const manifest = readJson<{ 'node-red': { nodes: Record<string, string> } }>(root, 'package.json')
const sets = Object.keys(manifest['node-red'].nodes)
const examples = filesBelow(join(root, 'examples'), '.json')

interface NodeSet {
  id: string
  module: string
  name: string
  types: string[]
  enabled: boolean
  err?: string
}

/** Examples with node types that the package itself does not bring: a dashboard. */
const dashboardExamples = examples.filter(example =>
  readJson<FlowNode[]>(root, 'examples', example).some(({ type }) => type.startsWith('ui-')),
)
const needs = (example: string): string[] => packagesOf(readJson<FlowNode[]>(root, 'examples', example))
const plainExamples = examples.filter(example => !dashboardExamples.includes(example) && !needs(example).length)
const examplesWithPackages = examples.filter(example => needs(example).length)

for (const nodeRedVersion of ['~4.1.0', '^5.0.0'])
  for (const nodeVersion of ['22.13', '24'])
    describe(`the packed package in Node-RED ${nodeRedVersion} on Node.js ${nodeVersion}`, function () {
      this.timeout(180_000)
      let nodeRed: NodeRedProcess
      let folder: string

      before(async function () {
        this.timeout(600_000)
        const [node, script] = [await nodeBinary(nodeVersion), await nodeRedScript(nodeRedVersion)]
        folder = await installedUserFolder(`user-${nodeRedVersion}-${nodeVersion}`)
        const [port] = (await freePorts(1)) as [number]
        nodeRed = await startNodeRed({ folder, port, node, nodeRed: script })
      })
      after(async () => nodeRed?.child.stop())

      it('loads every node', async () => {
        const nodes = (await nodeRed.call<NodeSet[]>('GET', '/nodes')).filter(({ module }) => module === moduleName)
        assert.deepEqual(
          nodes.filter(({ enabled, err }) => !enabled || err),
          [],
        )
        assert.deepEqual(nodes.map(({ name }) => name).toSorted(), sets.toSorted())
        assert.doesNotMatch(nodeRed.child.output(), /\[warn\] \[@thingloom/)
      })

      it('serves the editor half, the texts and the icon of every node', async () => {
        const html = await fetch(`${nodeRed.url}/nodes`, { headers: { accept: 'text/html' } }).then(answer => answer.text())
        const icons = (await nodeRed.call<Record<string, string[]>>('GET', '/icons'))[moduleName] ?? []
        for (const set of sets) {
          assert(
            html.includes(`registerType("loom-${set}"`) || html.includes(`registerType('loom-${set}'`),
            `${set} is not registered`,
          )
          const texts = await nodeRed.call<Record<string, unknown>>('GET', `/nodes/${moduleName}/${set}/messages?lng=en-US`)
          assert(JSON.stringify(texts).length > 10, `${set} has no texts`)
        }
        assert(icons.length > 0, 'no icons')
        for (const icon of icons) {
          const answer = await fetch(`${nodeRed.url}/icons/${moduleName}/${icon}`)
          assert.equal(answer.status, 200)
          assert.match(await answer.text(), /<svg/)
        }
      })

      it('answers broken requests to the admin API with its own errors, and leaves those of the editor', async () => {
        const broken = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{broken' }
        for (const [path, request, code] of [
          ['/thingloom/demo/devices', broken, 'REQUEST_INVALID'],
          ['/thingloom/demo/nowhere', {}, 'NOT_FOUND'],
          ['/thingloom', { method: 'PUT' }, 'METHOD_NOT_ALLOWED'],
        ] as const) {
          const answer = await fetch(nodeRed.url + path, request)
          assert.match(answer.headers.get('content-type')!, /^application\/json/, path)
          assert.equal(((await answer.json()) as { error: { code: string } }).error.code, code)
        }
        assert.doesNotMatch(await fetch(`${nodeRed.url}/flows`, broken).then(answer => answer.text()), /REQUEST_INVALID/)
      })

      it('offers the examples of the package', async () => {
        for (const example of examples) {
          const path = `/library/examples/flows/${moduleName}/${example.replace(/\.json$/, '')}`
          assert.deepEqual(await nodeRed.call('GET', path), readJson(root, 'examples', example))
        }
        assert.deepEqual(filesBelow(join(installedPackage(folder), 'examples'), '.json'), examples)
      })

      const runs = (example: string): void => {
        it(`runs the example ${example}: data flows`, async () => {
          const flow = readJson<FlowNode[]>(installedPackage(folder), 'examples', example)
          const debug = await debugMessages(nodeRed.url)
          const from = nodeRed.child.output().length
          const said = () => nodeRed.child.output().slice(from)
          // What devices send, where the example shows it.
          const wanted = flow.find(({ type, name }) => type === 'debug' && name === 'telemetry')?.id
          const shown = () => {
            assert.doesNotMatch(said(), /unknown:|missing types|Waiting for missing/i)
            return debug.messages.some(({ id }) => wanted === undefined || id === wanted)
          }
          try {
            await nodeRed.deploy(await apart(flow, nodeRed.url))
            // What does not run by itself waits for a button.
            await until('a message without a click', shown, 20_000).catch(async () => {
              for (const { id, type } of flow) if (type === 'inject') await nodeRed.call('POST', `/inject/${id}`)
            })
            await until('a message in the debug sidebar', shown, 40_000)
            assert.doesNotMatch(said(), /\[error\]/)
          } finally {
            debug.close()
          }
        })
      }
      for (const example of plainExamples) runs(example)

      it('stops, has what other examples need, and starts again', async function () {
        this.timeout(600_000)
        await nodeRed.deploy([])
        await nodeRed.child.stop('SIGINT')
        await installBeside(folder, [...new Set(examplesWithPackages.flatMap(needs))])
        const [port] = (await freePorts(1)) as [number]
        nodeRed = await startNodeRed({
          folder,
          port,
          node: await nodeBinary(nodeVersion),
          nodeRed: await nodeRedScript(nodeRedVersion),
        })
      })

      for (const example of examplesWithPackages) runs(example)
    })

describe('the packed package beside a dashboard', function () {
  this.timeout(120_000)
  let nodeRed: NodeRedProcess

  before(async function () {
    this.timeout(600_000)
    const folder = await installedUserFolder('user-dashboard', ['@flowfuse/node-red-dashboard'])
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
  })
  after(async () => nodeRed?.child.stop())

  for (const example of dashboardExamples)
    it(`runs the example ${example}: the page is served and data flows`, async () => {
      const flow = await apart(readJson<FlowNode[]>(root, 'examples', example))
      await nodeRed.deploy(flow)
      const hubId = flow.find(({ type }) => type === 'loom-hub')?.hubId
      await until(
        'telemetry in the journal',
        () =>
          nodeRed.call<{ journal: { headSeq: number } }>('GET', `/thingloom/${hubId}/health`).then(h => h.journal.headSeq > 100),
        60_000,
      )
      assert.equal((await fetch(`${nodeRed.url}/dashboard`)).status, 200)
      assert.doesNotMatch(nodeRed.child.output(), /missing types|Waiting for missing|\[error\]/)
    })
})
