import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parse } from 'acorn'
import { htmlOf } from '../../scripts/build-node.ts'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const nodes = Object.keys(manifest['node-red'].nodes)

/** What the Node-RED scorecard reads of a registration: only literals written in place count. */
function inlineDefinition(html: string): {
  type: unknown
  fields: Map<string, { type: string; value?: unknown; properties?: unknown[] }>
} {
  const script = /<script type="text\/javascript">([\s\S]*?)<\/script>/.exec(html)![1]!
  const found: any[] = []
  const walk = (node: any): void => {
    if (!node || typeof node !== 'object') return
    if (node.type === 'CallExpression' && node.callee.property?.name === 'registerType') found.push(node)
    for (const child of Object.values(node)) Array.isArray(child) ? child.forEach(walk) : walk(child)
  }
  walk(parse(script, { ecmaVersion: 'latest' }))
  assert.equal(found.length, 1)
  const [name, definition] = found[0].arguments
  assert.equal(definition.type, 'ObjectExpression')
  assert.ok(definition.properties.every((property: any) => property.type === 'Property'))
  return { type: name.value, fields: new Map(definition.properties.map((property: any) => [property.key.name, property.value])) }
}

describe('scorecard', () => {
  it('P01, P03, P05: licence, repository and keyword', () => {
    assert.equal(manifest.license, 'Apache-2.0')
    assert.match(readFileSync('LICENSE', 'utf8'), /Apache License\s+Version 2\.0, January 2004/)
    assert.match(manifest.repository.url, /^git\+https:\/\//)
    assert.ok(manifest.bugs.url)
    assert.ok(manifest.keywords.includes('node-red'))
  })

  it('P04: a scoped name', () => assert.match(manifest.name, /^@[^/]+\/node-red-/))

  it('P06: the supported Node-RED versions', () => assert.equal(manifest['node-red'].version, '>=4.1.0'))

  it('P07 is the one exception: Node.js 22.13, because node:sqlite needs a flag before', () => {
    assert.equal(manifest.engines.node, '>=22.13')
  })

  it('D01: at most six dependencies, the ones chosen', () => {
    assert.deepEqual(Object.keys(manifest.dependencies).sort(), ['aedes', 'avsc', 'lowdb', 'mqtt', 'node-forge', 'ws'])
    for (const range of Object.values<string>(manifest.dependencies)) assert.match(range, /^\^/)
  })

  for (const name of nodes) {
    it(`N01: ${name} is registered with literals in place`, async () => {
      const { type, fields } = inlineDefinition(await htmlOf(name))
      assert.equal(type, `loom-${name}`)
      for (const field of ['category', 'color', 'icon']) assert.equal(fields.get(field)?.type, 'Literal', field)
      for (const field of ['inputs', 'outputs']) {
        if (fields.get('category')!.value !== 'config') assert.equal(fields.get(field)?.type, 'Literal', field)
      }
      assert.equal(fields.get('defaults')?.type, 'ObjectExpression')
      const { credentials } = Object.fromEntries(fields)
      if (credentials) assert.equal(credentials.type, 'ObjectExpression')
    })
  }
})
