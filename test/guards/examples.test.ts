import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { filesUnder } from '../files.ts'

interface FlowNode {
  id: string
  type: string
  z?: string
  x?: number
  y?: number
  info?: string
  wires?: string[][]
  hub?: string
  links?: string[]
  [key: string]: unknown
}

const folders = ['01-things', '02-insights', '03-actions', '04-pipelines']
const files = await filesUnder(['examples'], '.json')
const flows = files.map(file => [file, JSON.parse(readFileSync(file, 'utf8')) as FlowNode[]] as const)
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { 'node-red': { nodes: Record<string, string> } }
const own = Object.keys(manifest['node-red'].nodes).map(name => `loom-${name}`)
const core = coreTypes()

/** Types of the core palette, as its own package lists its files. */
function coreTypes(): Set<string> {
  const require = createRequire(import.meta.url)
  const { 'node-red': listed } = require('@node-red/nodes/package.json') as { 'node-red'?: { nodes?: Record<string, string> } }
  const more = [
    'tab',
    'group',
    'comment',
    'inject',
    'debug',
    'function',
    'change',
    'switch',
    'link in',
    'link out',
    'link call',
    'http in',
    'http response',
    'http request',
    'catch',
    'status',
  ]
  return new Set([
    ...more,
    ...Object.keys(listed?.nodes ?? {}),
    'complete',
    'delay',
    'trigger',
    'join',
    'split',
    'batch',
    'rbe',
    'template',
    'csv',
    'json',
    'sort',
    'range',
  ])
}

const dashboard = (type: string): boolean => type.startsWith('ui-')

describe('example flows', () => {
  it('exist', () => assert.ok(files.length > 0))

  it('show every node of the palette', () => {
    const shown = new Set(flows.flatMap(([, nodes]) => nodes.map(({ type }) => type)))
    assert.deepEqual(
      own.filter(type => !shown.has(type)),
      [],
    )
  })

  for (const [file, nodes] of flows) {
    describe(file, () => {
      const byId = new Map(nodes.map(node => [node.id, node]))
      const isConfig = (node: FlowNode): boolean => node.x === undefined && node.type !== 'tab'

      it('lies in a numbered folder', () => assert.ok(folders.includes(file.split('/')[1]!), file))

      it('is an array of nodes with unique ids', () => {
        assert.ok(Array.isArray(nodes))
        assert.equal(byId.size, nodes.length)
      })

      it('uses only our and core nodes, dashboard variants aside', () => {
        const allowed = file.includes('dashboard') ? dashboard : () => false
        assert.deepEqual(
          nodes.filter(({ type }) => !own.includes(type) && !core.has(type) && !allowed(type)).map(({ type }) => type),
          [],
        )
      })

      it('wires, links and config references lead to nodes', () => {
        for (const { id, wires = [], links = [], hub } of nodes) {
          for (const target of [...wires.flat(), ...links, ...(hub ? [hub] : [])])
            assert.ok(byId.has(target), `${id} -> ${target}`)
        }
      })

      it('every flow node has a place on a tab, and no two the same', () => {
        const places = new Set<string>()
        for (const node of nodes) {
          if (node.type === 'tab' || isConfig(node) || node.type === 'group') continue
          assert.ok(Number.isFinite(node.x) && Number.isFinite(node.y), node.id)
          assert.equal(byId.get(node.z!)?.type, 'tab', node.id)
          places.add(`${node.z}/${node.x}/${node.y}`)
        }
        assert.equal(places.size, nodes.filter(node => node.type !== 'tab' && !isConfig(node) && node.type !== 'group').length)
      })

      it('each tab says what to see', () => {
        const tabs = nodes.filter(({ type }) => type === 'tab')
        assert.ok(tabs.length > 0)
        for (const tab of tabs) assert.ok((tab.info?.length ?? 0) > 60, tab.id)
      })

      it('holds no credential, no absolute path and no settings the node does not have', async () => {
        const text = JSON.stringify(nodes)
        assert.doesNotMatch(text, /"credentials":/)
        assert.doesNotMatch(text, /"(\/(home|Users|tmp|var|work|etc)\/|[A-Z]:\\\\)/)
        for (const { type, ...node } of nodes) {
          if (!own.includes(type)) continue
          const fields = await fieldsOf(type)
          const known = new Set(['id', 'z', 'x', 'y', 'wires', 'g', 'info', 'd', ...fields])
          assert.deepEqual(
            Object.keys(node).filter(key => !known.has(key)),
            [],
            `${type} ${node.id}`,
          )
        }
      })

      it('gives every node all of its settings', async () => {
        for (const { type, ...node } of nodes) {
          if (!own.includes(type)) continue
          assert.deepEqual(
            (await fieldsOf(type)).filter(field => !(field in node)),
            [],
            `${type} ${node.id}`,
          )
        }
      })
    })
  }
})

async function fieldsOf(type: string): Promise<string[]> {
  const { editorScript } = await import('../../scripts/build-node.ts')
  const known = cache.get(type)
  if (known) return known
  const RED = {
    nodes: { registerType: (_: string, { defaults }: { defaults: object }) => cache.set(type, Object.keys(defaults)) },
  }
  new Function('RED', await editorScript(type.replace('loom-', '')))(RED)
  return cache.get(type)!
}
const cache = new Map<string, string[]>()
