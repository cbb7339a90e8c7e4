import assert from 'node:assert/strict'
import schema from '../../nodes/schema/schema.ts'
import { type SchemaSource, schemaSourceOf } from '../../src/nodered/schema-source.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { until } from '../until.ts'

describe('loom-schema', () => {
  let hub: FakeHub
  let set: object[]
  beforeEach(() => {
    hub = fakeHub()
    set = []
    hub.schemas.compatibility = async () => ({ mode: 'BACKWARD', own: false })
    hub.schemas.setCompatibility = async o => void set.push(o)
  })
  afterEach(unload)

  const open = async (fields: object) => {
    const running = await flow(schema, { type: 'loom-schema', ...fields }, { hub })
    return { ...running, source: (running.node as unknown as { source?: SchemaSource }).source }
  }

  it('gives nodes their source, and the subjects that it names their mode, once each', async () => {
    const rule = { kind: 'topic', match: 'devices/+/a', subject: 'pumps', version: '', message: '' }
    const { source } = await open({ rules: [rule, { ...rule, match: 'b' }], subject: 'other', compatibility: 'FULL' })
    assert.ok(source)
    await until(() => set.length === 2)
    assert.deepEqual(set, [
      { subject: 'pumps', mode: 'FULL', by: 'node n' },
      { subject: 'other', mode: 'FULL', by: 'node n' },
    ])
  })

  it('leaves modes as the registry has them, unless it says otherwise', async () => {
    await open({ rules: [], subject: 'pumps', compatibility: 'hub' })
    hub.schemas.compatibility = async () => ({ mode: 'NONE', own: true })
    await unload()
    await open({ rules: [], subject: 'pumps', compatibility: 'NONE' })
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(set, [])
  })

  for (const [what, fields, text] of [
    ['a rule without subject', { rules: [{ kind: 'topic', match: 'a', subject: '' }] }, /rule 1/],
    ['a rule of no kind', { rules: [{ kind: 'colour', match: 'a', subject: 's' }] }, /rule 1: colour/],
    ['firmware that is no range', { rules: [{ kind: 'firmware', match: 'new', subject: 's' }] }, /rule 1: new/],
    ['a version that is none', { rules: [], subject: 's', version: '1.5' }, /version 1\.5/],
    ['a reader that is pinned to nothing', { rules: [], reader: 'pinned' }, /reader/],
  ] as const)
    it(`refuses ${what} and says which`, async () => {
      const { error, source } = await open({ compatibility: 'hub', ...fields })
      const thrown = await error()
      assert.equal(thrown.code, 'NODE_CONFIG')
      assert.match(thrown.message, text)
      assert.equal(source, undefined)
    })

  it('says what a mode that does not exist is', async () => {
    const { error } = await open({ rules: [], subject: 's', compatibility: 'SIDEWAYS' })
    const thrown = await error()
    assert.deepEqual([thrown.code, /SIDEWAYS/.test(thrown.message)], ['NODE_CONFIG', true])
  })

  it('that is not there is a fault of who asks for it', () => {
    const RED = { nodes: { getNode: () => null } }
    assert.throws(() => schemaSourceOf(RED as never, 'gone'), { code: 'NODE_CONFIG' })
  })
})
