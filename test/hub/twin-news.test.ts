import assert from 'node:assert/strict'
import { twinsColl } from '../../src/hub/collections.ts'
import type { OutboxEvent } from '../../src/hub/journal-outbox.ts'
import { createTwinNews, liveEventsOf, twinDeletions, twinResets } from '../../src/hub/twin-news.ts'
import type { TwinChange } from '../../src/hub/twins.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { newTwin } from '../../src/twin/document.ts'
import type { TwinEvent } from '../../src/twin/change-event.ts'
import { twinId } from '../../src/twin/names.ts'
import { packTwin } from '../../src/twin/stored-twin.ts'
import { applyUpdate } from '../../src/twin/update.ts'

const now = () => 5000
const twinOf = (name: string, reported = {}) =>
  applyUpdate(newTwin({ deviceId: 'd', name, desired: { a: 1 }, now: 1000 }), { reported }, { now: 2000 }).doc

async function house() {
  const state = await openMemoryStateStore({ now })
  await state.declare(twinsColl, {})
  const events: OutboxEvent[] = []
  const changes: TwinChange[] = []
  const news = createTwinNews({
    outbox: {
      write(event) {
        events.push(event)
        return { op: 'put', coll: 'events', id: String(events.length), doc: event.payload }
      },
    },
    changed: change => void changes.push(change),
    now,
  })
  return { state, events, changes, news }
}

describe('twins that are written as a whole', () => {
  it('tell the journal and who listens what differs, and nothing where nothing does', async () => {
    const { news, events, changes } = await house()
    const twin = newTwin({ deviceId: 'd', desired: { a: 1 }, now: 1000 })
    assert.equal(news.writes(undefined, twin, 'import').length, 1)
    news.changed(undefined, twin, 'import')
    const { section, before, after, by } = events[0]!.payload as TwinEvent
    assert.deepEqual([section, before, after, by], ['desired', {}, { a: 1 }, 'import'])
    assert.deepEqual(
      [...liveEventsOf(changes[0]!)],
      [{ type: 'twin', device: 'd', name: '', section: 'desired', version: 1, by: 'import', at: 5000 }],
    )
    for (const same of [twin, newTwin({ deviceId: 'd', now: 1000 })]) {
      const was = same === twin ? twin : undefined
      assert.deepEqual(news.writes(was, same, 'import'), [])
      news.changed(was, same, 'import')
    }
    assert.equal(changes.length, 1)
  })

  it('of a device that begins anew: the main one gets its desired properties, named ones are emptied as by a deletion', async () => {
    const { state, news, changes } = await house()
    for (const name of ['', 'config', 'empty']) {
      const twin = name === 'empty' ? newTwin({ deviceId: 'd', name, now: 1000 }) : twinOf(name, { fw: '1' })
      await state.put(twinsColl, twinId('d', name), packTwin(twin))
    }
    await state.put(twinsColl, twinId('d2', ''), packTwin(twinOf('')))
    const resets = await twinResets(state, 'd', { desired: { b: 2 }, now: 3000 })
    assert.deepEqual(
      resets.map(({ before, after, write }) => [
        write.id,
        after.desired,
        after.reported,
        after.version - before.version,
        after.exists,
      ]),
      [
        ['d|', { b: 2 }, {}, 1, true],
        ['d|config', {}, {}, 0, false],
      ],
    )
    for (const { before, after } of resets) {
      assert.ok(after.desiredVersion > before.desiredVersion && after.reportedVersion > before.reportedVersion)
      news.changed(before, after, 'dps')
    }
    assert.deepEqual(
      changes.map(change => [change.kind, change.name, [...liveEventsOf(change)].length]),
      [
        ['update', '', 2],
        ['delete', 'config', 2],
      ],
    )
  })

  it('go with their device, all of them and no other’s', async () => {
    const { state } = await house()
    for (const id of [twinId('d', ''), twinId('d', 'config'), twinId('d2', ''), twinId('d-1', 'x')])
      await state.put(twinsColl, id, packTwin(twinOf('')))
    await state.tx(await twinDeletions(state, 'd'))
    const { items } = await state.query(twinsColl, {})
    assert.deepEqual(items.map(({ id }) => id).sort(), ['d-1|x', 'd2|'])
  })
})
