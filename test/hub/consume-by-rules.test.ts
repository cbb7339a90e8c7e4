import assert from 'node:assert/strict'
import { consumeByRules } from '../../src/hub/consume-by-rules.ts'
import { type ConsumerEvents, type JournalRecord, kinds } from '../../src/journal/journal-port.ts'
import { createRulePorts } from '../../src/runtime/rule-ports.ts'

describe('a consumer with rules', () => {
  const open = async (sql: string) => {
    let wants: ConsumerEvents['wants']
    const journal = {
      async consume(_spec: unknown, events: ConsumerEvents) {
        wants = events.wants
        return {}
      },
    }
    const consume = consumeByRules({ journal: journal as never, hubName: 'h', ports: createRulePorts(), twinOf: () => undefined })
    await consume({ name: 'c', rules: { rules: [{ name: 'r', sql }] } } as never, {} as never)
    return (payload: object): boolean =>
      wants!({
        ...{ kind: kinds.message, device: 'd', topic: 't', qos: 1, flags: 0, seq: 1, at: 1 },
        props: { v: 1, p: {}, s: {}, e: {} },
        payload: Buffer.from(JSON.stringify(payload)),
      } satisfies JournalRecord)
  }

  it('passes over what no rule wants', async () => {
    const wants = await open("SELECT * WHERE regexp_matches(t, '^(a+)+$')")
    assert.deepEqual([wants({ t: 'aa' }), wants({ t: 'b' }), wants({ t: 5 }), wants({})], [true, false, false, false])
  })

  it('leaves it to the node where a pattern took too long', async () => {
    const wants = await open("SELECT * WHERE regexp_matches(t, '^(a+)+$')")
    assert.equal(wants({ t: 'b'.repeat(262_145) }), true)
    assert.equal(wants({ t: 'b' }), false)
  })
})
