import assert from 'node:assert/strict'
import { checkedOptions } from '../../src/hub/checked-options.ts'
import type { HubOptions } from '../../src/hub/options.ts'

const good: HubOptions = { hubId: 'demo', dataDir: '/data', store: 'sqlite', broker: 'embedded', listeners: [] }

describe('hub options', () => {
  it('pass when they are right', () => assert.equal(checkedOptions(good), good))

  it('are refused with every fault named at once', () => {
    const bad = {
      ...good,
      hubId: 'De mo',
      dataDir: 'data',
      store: 'oracle',
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 70_000 }],
      limits: { payloadBytes: -1, nonsense: 1, sasClockSkewS: 301 },
      commandTopic: 'cmd/{id}',
      mainShadow: 'module:a',
    } as unknown as HubOptions
    assert.throws(
      () => checkedOptions(bad),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'HUB_CONFIG_INVALID')
        for (const part of [
          "'De mo'",
          "'data'",
          'oracle',
          '70000',
          'payloadBytes is -1',
          "'nonsense'",
          'sasClockSkewS',
          'commandTopic: {name}',
          'mainShadow: ',
        ]) {
          assert.ok(error.message.includes(part), `${part} in ${error.message}`)
        }
        return true
      },
    )
  })

  it('are no names of the admin API', () => {
    assert.throws(() => checkedOptions({ ...good, hubId: 'rules' }), /'rules' is a path/)
  })

  it('need a Node.js with a built-in SQLite', () => {
    assert.throws(() => checkedOptions(good, '22.12.0'), { code: 'HUB_NODE_VERSION' })
    assert.throws(() => checkedOptions(good, '20.19.0'), { code: 'HUB_NODE_VERSION' })
    checkedOptions(good, '22.13.0')
    checkedOptions(good, '24.0.0')
  })
})
