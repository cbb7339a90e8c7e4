import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { openJournalOutbox } from '../../src/hub/journal-outbox.ts'
import { kinds, type JournalPort, type NewRecord } from '../../src/journal/journal-port.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

describe('the outbox of the state store', () => {
  let state: StateStore
  let records: NewRecord[]
  let keys: Set<string>
  let refuse: boolean
  const now = () => 1000

  beforeEach(async () => {
    state = await openMemoryStateStore({ now })
    records = []
    keys = new Set()
    refuse = false
  })
  const journal: Pick<JournalPort, 'append'> = {
    append(record, committed) {
      if (refuse) return committed(new Error('full') as never, 0)
      if (!keys.has(record.idempotencyKey!)) {
        keys.add(record.idempotencyKey!)
        records.push(record)
      }
      committed(undefined, records.length)
    },
  }
  const open = (over: StateStore = state) => openJournalOutbox({ state: over, journal, now, random: randomBytes })
  const eventOf = (n: number) => ({ kind: kinds.twin, device: `d${n}`, payload: { n }, props: { section: 'desired' } })
  const told = () => records.map(({ device, payload }) => `${device} ${Buffer.from(payload)}`)
  const left = async () => (await state.query('journal_outbox', { limit: 10 })).items.length

  it('moves what was committed, in order, once', async () => {
    const outbox = await open()
    await state.tx([1, 2, 3].map(n => outbox.write(eventOf(n))))
    await Promise.all([outbox.drain(), outbox.drain(), outbox.drain()])
    await outbox.drain()
    assert.deepEqual(told(), ['d1 {"n":1}', 'd2 {"n":2}', 'd3 {"n":3}'])
    assert.deepEqual(records[0]!.props.p, { section: 'desired' })
    assert.equal(await left(), 0)
  })

  it('tells nothing of a change that did not happen', async () => {
    const outbox = await open()
    const refused: Write = { op: 'put', coll: 'journal_outbox', id: 'x', doc: {}, version: 7 }
    await assert.rejects(state.tx([outbox.write(eventOf(1)), refused]))
    await outbox.drain()
    assert.deepEqual(told(), [])
  })

  it('keeps everything while the journal refuses', async () => {
    const outbox = await open()
    await state.tx([outbox.write(eventOf(1))])
    refuse = true
    await assert.rejects(outbox.drain())
    refuse = false
    await outbox.drain()
    assert.deepEqual(told(), ['d1 {"n":1}'])
  })

  it('after a crash between the two files goes on without a second record', async () => {
    const crashing = Object.create(state) as StateStore
    let dead = false
    crashing.tx = (writes, o) => {
      if (writes[0]?.op !== 'delete' || dead) return state.tx(writes, o)
      dead = true
      return Promise.reject(new Error('killed'))
    }
    for (const name of ['declare', 'query'] as const) crashing[name] = state[name].bind(state) as never
    const outbox = await open(crashing)
    await state.tx([outbox.write(eventOf(1)), outbox.write(eventOf(2))])
    await assert.rejects(outbox.drain(), /killed/)
    const next = await open()
    await state.tx([next.write(eventOf(3))])
    await next.drain()
    assert.deepEqual(
      records.map(({ device }) => device),
      ['d1', 'd2', 'd3'],
    )
  })

  it('takes what comes while it moves', async () => {
    const outbox = await open()
    await state.tx([outbox.write(eventOf(1))])
    const moving = outbox.drain()
    await state.tx([outbox.write(eventOf(2))])
    await Promise.all([moving, outbox.drain()])
    assert.deepEqual(told(), ['d1 {"n":1}', 'd2 {"n":2}'])
  })
})
