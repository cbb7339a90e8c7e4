import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { openInbox, type Settled } from '../../src/commands/inbox.ts'
import { inboxLimits, wants } from '../../src/commands/message.ts'
import { createTurns } from '../../src/hub/turns.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

async function house(store?: StateStore) {
  const clock = { now: 1_000_000 }
  const state = store ?? (await openMemoryStateStore({ now: () => clock.now }))
  await state.declare('told', {})
  const settled: Settled[] = []
  const open = () =>
    openInbox({
      store: state,
      inTurn: createTurns(),
      now: () => clock.now,
      random: randomBytes,
      settled(what): Write[] {
        settled.push(what)
        return [{ op: 'put', coll: 'told', id: what.message.id, doc: { outcome: what.outcome } }]
      },
    })
  const inbox = await open()
  const send = (text: string, more: object = {}) =>
    inbox.enqueue({
      deviceId: 'd',
      generation: 'g',
      message: { body: Buffer.from(text), ...more },
      record: `r-${text}`,
      by: 'flow',
    })
  const take = (max = 50, holder?: string) =>
    inbox.take({ deviceId: 'd', generation: 'g', max, ...(holder !== undefined && { holder }) })
  const texts = (list: { body: Uint8Array }[]) => list.map(({ body }) => Buffer.from(body).toString())
  const outcomes = () => settled.map(({ message, outcome }) => `${message.seq} ${outcome}`)
  return { clock, state, inbox, open, send, take, texts, settled, outcomes }
}

describe('the inbox of a device', () => {
  it('gives out what waits, in order, once at a time', async () => {
    const { inbox, send, take, texts, outcomes, state, settled } = await house()
    for (const text of ['a', 'b', 'c']) await send(text, { properties: { p: text }, correlationId: text })
    const [first, second] = await take(2)
    assert.deepEqual(texts([first!, second!]), ['a', 'b'])
    assert.deepEqual([first!.seq, first!.properties, first!.correlationId, first!.deliveries], [1, { p: 'a' }, 'a', 0])
    assert.deepEqual(texts(await take()), ['c'])
    assert.deepEqual(await take(), [])
    await inbox.settle({ deviceId: 'd', lock: first!.lock, as: 'completed' })
    await inbox.settle({ deviceId: 'd', lock: second!.lock, as: 'rejected' })
    await assert.rejects(inbox.settle({ deviceId: 'd', lock: first!.lock, as: 'completed' }), codeOf('COMMAND_LOCK_LOST'))
    assert.deepEqual(outcomes(), ['1 completed', '2 rejected'])
    assert.deepEqual(
      settled.map(({ record, sentBy, generation }) => [record, sentBy, generation]),
      [
        ['r-a', 'flow', 'g'],
        ['r-b', 'flow', 'g'],
      ],
    )
    assert.deepEqual((await state.get<{ outcome: string }>('told', first!.id))?.doc, { outcome: 'completed' })
    assert.deepEqual(
      (await inbox.list({ deviceId: 'd' })).map(({ seq, held }) => [seq, held]),
      [[3, true]],
    )
    assert.equal((await send('d')).seq, 4, 'numbers go on')
  })

  it("gives back what a connection held, in its old place, and no other's", async () => {
    const { inbox, send, take, texts } = await house()
    for (const text of ['a', 'b', 'c']) await send(text)
    await take(2, 'c1')
    await take(1, 'c2')
    inbox.release('c1')
    assert.deepEqual(texts(await take()), ['a', 'b'])
  })

  it('holds for a minute what no connection holds', async () => {
    const { inbox, send, take, clock, texts } = await house()
    await send('a')
    const [first] = await take()
    clock.now += inboxLimits.lockMs - 1
    assert.deepEqual([await take(), inbox.unlocked()], [[], []])
    clock.now += 1
    await assert.rejects(inbox.settle({ deviceId: 'd', lock: first!.lock, as: 'completed' }), codeOf('COMMAND_LOCK_LOST'))
    assert.deepEqual(inbox.unlocked(), ['d'])
    assert.deepEqual(texts(await take()), ['a'])
  })

  it('gives a message up that was abandoned ten times', async () => {
    const { inbox, send, take, outcomes } = await house()
    await send('a')
    for (let n = 1; n <= inboxLimits.deliveries; n++) {
      const [message] = await take()
      assert.equal(message!.deliveries, n - 1)
      await inbox.abandon({ deviceId: 'd', lock: message!.lock })
    }
    assert.deepEqual([await take(), outcomes()], [[], ['1 deadlettered']])
  })

  it('ends what is past its time, held or not, and gives none of it out', async () => {
    const { inbox, send, take, clock, outcomes } = await house()
    await send('a', { ttlMs: 60_000 })
    await send('b', { ttlMs: 60_000 })
    await send('c')
    const [held] = await take(1, 'c1')
    clock.now += 60_000
    assert.deepEqual(
      (await take()).map(({ seq }) => seq),
      [3],
    )
    assert.deepEqual(await inbox.expire(), ['d'])
    assert.deepEqual(outcomes(), ['1 expired', '2 expired'])
    await assert.rejects(inbox.settle({ deviceId: 'd', lock: held!.lock, as: 'completed' }), codeOf('COMMAND_LOCK_LOST'))
    assert.deepEqual(await inbox.expire(), [])
  })

  it('has room for so many, and takes none of an id that waits', async () => {
    const { inbox, send, take } = await house()
    await send('0', { id: 'same' })
    await assert.rejects(send('x', { id: 'same' }), codeOf('COMMAND_EXISTS'))
    for (let n = 1; n < inboxLimits.depth; n++) await send(String(n))
    await assert.rejects(send('x'), codeOf('COMMAND_QUEUE_FULL'))
    const [first] = await take(1)
    await inbox.settle({ deviceId: 'd', lock: first!.lock, as: 'completed' })
    await send('x', { id: 'same' })
    assert.equal(await inbox.purge('d'), inboxLimits.depth)
    assert.deepEqual(await inbox.list({ deviceId: 'd' }), [])
  })

  it('is not for a device that took the id later', async () => {
    const { inbox, send } = await house()
    await send('old')
    assert.deepEqual(await inbox.take({ deviceId: 'd', generation: 'other', max: 5 }), [])
    assert.deepEqual(await inbox.take({ deviceId: 'd2', generation: 'g', max: 5 }), [])
  })

  it('waits as it was after a restart, what was given out included', async () => {
    const { send, take, open, texts } = await house()
    for (const text of ['a', 'b']) await send(text)
    await take(1)
    const again = await open()
    assert.deepEqual(texts(await again.take({ deviceId: 'd', generation: 'g', max: 5 })), ['a', 'b'])
  })

  it('refuses what is no message', async () => {
    const { send } = await house()
    const refused: [object, string][] = [
      [{ id: 'ü' }, 'COMMAND_INVALID'],
      [{ id: 'x'.repeat(129) }, 'COMMAND_INVALID'],
      [{ body: 'text' }, 'COMMAND_INVALID'],
      [{ body: Buffer.alloc(inboxLimits.bodyBytes + 1) }, 'COMMAND_TOO_LARGE'],
      [{ properties: { a: 'x'.repeat(inboxLimits.propertyBytes) } }, 'COMMAND_TOO_LARGE'],
      [{ properties: { a: 1 } }, 'COMMAND_INVALID'],
      ...['$.ct', '$.mid', '$.new', '$.CT', 'iothub-ack', 'iothub-Ack', 'ct', 'ce', 'cid', 'ack'].map(
        (name): [object, string] => [{ properties: { [name]: 'full' } }, 'COMMAND_INVALID'],
      ),
      [{ ttlMs: 59_999 }, 'COMMAND_INVALID'],
      [{ ttlMs: Number.NaN }, 'COMMAND_INVALID'],
      [{ ack: 'maybe' }, 'COMMAND_INVALID'],
      [{ contentType: 'x'.repeat(257) }, 'COMMAND_INVALID'],
    ]
    for (const [more, code] of refused) await assert.rejects(send('a', more), codeOf(code), JSON.stringify(more).slice(0, 80))
  })

  it('tells of an outcome whoever wanted to know', () => {
    const told = (['none', 'positive', 'negative', 'full'] as const).map(
      ack =>
        (['completed', 'rejected', 'expired', 'deadlettered', 'purged'] as const).filter(outcome => wants(ack, outcome)).length,
    )
    assert.deepEqual(told, [0, 1, 4, 5])
  })

  it('is, whatever happens, a queue of which each message ends once', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const pick = seeded(seed).below
      const { inbox, send, take, clock, outcomes } = await house()
      let next = 0
      let model: { seq: number; expiresAt: number }[] = []
      let ended = 0
      const held = new Map<string, number>()
      for (let step = 0; step < 200; step++) {
        const what = pick(6)
        if (what < 2 && model.length < inboxLimits.depth) {
          const ttlMs = 60_000 + pick(600_000)
          await send('x', { ttlMs })
          model.push({ seq: ++next, expiresAt: clock.now + ttlMs })
        } else if (what === 2) {
          const free = model.filter(({ seq, expiresAt }) => ![...held.values()].includes(seq) && expiresAt > clock.now)
          const taken = await take(3, 'c')
          assert.deepEqual(
            taken.map(({ seq }) => seq),
            free.slice(0, 3).map(({ seq }) => seq),
            `seed ${seed}, step ${step}`,
          )
          for (const { lock, seq } of taken) held.set(lock, seq)
        } else if (what === 3 && held.size) {
          const [lock, seq] = [...held][pick(held.size)]!
          await inbox.settle({ deviceId: 'd', lock, as: 'completed' })
          held.delete(lock)
          model = model.filter(one => one.seq !== seq)
          ended++
        } else if (what === 4) {
          inbox.release('c')
          held.clear()
        } else if (what === 5) {
          clock.now += pick(200_000)
          await inbox.expire()
          const gone = model.filter(({ expiresAt }) => expiresAt <= clock.now)
          model = model.filter(({ expiresAt }) => expiresAt > clock.now)
          ended += gone.length
          for (const [lock, seq] of held) if (gone.some(one => one.seq === seq)) held.delete(lock)
        }
        assert.deepEqual(
          (await inbox.list({ deviceId: 'd' })).map(({ seq }) => seq),
          model.map(({ seq }) => seq),
        )
      }
      assert.equal(outcomes().length, ended)
    }
  })
})
