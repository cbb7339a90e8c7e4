import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import { crc32 } from '../../src/window/bytes.ts'
import type { WindowConfig, WindowEngine } from '../../src/window/types.ts'
import { createWindow } from '../../src/window/window.ts'
import { random } from '../telemetry/random.ts'

const config: WindowConfig = {
  type: 'tumbling',
  sizeMs: 1000,
  lateMs: 1000,
  dedupe: 'id',
  emitEmpty: 'last',
  latePolicy: 'output',
  keyTtlMs: 60_000,
  aggregates: [
    { name: 'last', fn: 'last', field: '*' },
    { name: 'sum', fn: 'sum', field: 'v' },
  ],
}
const filled = (): WindowEngine => {
  const w = createWindow(config)
  w.tick(5)
  for (let i = 0; i < 20; i++) w.push({ key: `k${i % 3}\ud800`, time: i * 300, values: { v: i, o: { s: 'é' } }, id: i })
  w.push({ key: 'k0', time: 0, values: { v: 1 } })
  return w
}
const code = (w: WindowEngine, bytes: Uint8Array): string | undefined => {
  try {
    w.restore(bytes)
    return undefined
  } catch (error) {
    return (error as LoomError).code
  }
}

describe('a window snapshot', () => {
  it('has the CRC-32 that everyone has', () => assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926))

  it('is refused when any byte of it is wrong, cut off or too much, and leaves the engine alone', () => {
    const snapshot = filled().snapshot()
    const next = random(5)
    const w = createWindow(config)
    w.push({ key: 'own', time: 1, values: { v: 7 } })
    for (let i = 0; i < 300; i++) {
      const bytes = snapshot.slice()
      const at = i < 60 ? i : Math.floor(next() * bytes.length)
      bytes[at]! ^= 1 << Math.floor(next() * 8)
      assert.match(code(w, bytes) ?? 'accepted', /^WINDOW_SNAPSHOT_/, `byte ${at}`)
    }
    for (let length = 0; length < snapshot.length; length += 7)
      assert.equal(code(w, snapshot.slice(0, length)), 'WINDOW_SNAPSHOT_CORRUPT')
    assert.equal(code(w, Buffer.concat([snapshot, Buffer.of(0)])), 'WINDOW_SNAPSHOT_CORRUPT')
    assert.deepEqual(
      w.flush().map(r => [r.key, r.values.sum]),
      [['own', 7]],
    )
  })

  it('of another configuration is refused, but names, limits and conditions may change', () => {
    const snapshot = filled().snapshot()
    const others: Partial<WindowConfig>[] = [
      { sizeMs: 2000 },
      { boundary: 'end' },
      { lateMs: 0 },
      { aggregates: [{ name: 'sum', fn: 'sum', field: 'w' }] },
      { watermark: 'key' },
    ]
    for (const more of others)
      assert.equal(code(createWindow({ ...config, ...more }), snapshot), 'WINDOW_SNAPSHOT_MISMATCH', JSON.stringify(more))
    const renamed = config.aggregates.map(a => ({ ...a, name: `new ${a.name}` }))
    const free: Partial<WindowConfig>[] = [
      { maxKeys: 5 },
      { having: () => true },
      { aggregates: renamed },
      { startMs: 0 },
      { maxStateMb: 5 },
    ]
    for (const more of free) assert.equal(code(createWindow({ ...config, ...more }), snapshot), undefined, JSON.stringify(more))
  })

  it('can be read from the middle of a larger buffer', () => {
    const snapshot = filled().snapshot()
    const w = createWindow(config)
    w.restore(Buffer.concat([Buffer.alloc(3), snapshot]).subarray(3))
    assert.deepEqual(w.snapshot(), snapshot)
    assert.deepEqual(w.flush(), filled().flush())
  })

  it('of an engine that saw nothing is fine', () => {
    const w = createWindow(config)
    w.restore(createWindow(config).snapshot())
    assert.deepEqual(w.flush(), [])
  })
})
