import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { startBench, stopBenches, until } from '../broker/bench.ts'

const scene = fileURLToPath(new URL('../broker/leaving-subscriber.ts', import.meta.url))
const play = (concurrency: number) =>
  new Promise<{ ok: boolean; text: string }>(resolve => {
    execFile(process.execPath, [scene, String(concurrency)], { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ ok: !error, text: stdout + stderr }),
    )
  })

describe('stack overflow under a leaving subscriber', () => {
  afterEach(stopBenches)

  it('the library overflows with its own concurrency, and does not with ours', async function () {
    this.timeout(45_000)
    const theirs = await play(100)
    assert.equal(theirs.ok, false)
    assert.match(theirs.text, /RangeError: Maximum call stack size exceeded/)
    const ours = await play(0)
    assert.ok(ours.ok, ours.text)
  })

  it('the broker outlives a subscriber that leaves with thousands of messages for it', async () => {
    const { client, broker, gate } = await startBench()
    const busy = await client({ clientId: 'busy' }, { subscribe: ['t'], qos: 0 })
    busy.socket.pause()
    const other = await client({ clientId: 'other' }, { subscribe: ['last'] })
    const payload = Buffer.alloc(1024)
    const all = Array.from({ length: 10_000 }, () => broker.publish({ topic: 't', payload, qos: 0 }))
    busy.socket.destroy()
    await Promise.all(all)
    await until(() => gate.log.disconnected.length === 1)
    const writer = await client({ clientId: 'w' })
    writer.send(publishPacket({ topic: 'last', payload: 'x', qos: 1 }))
    await writer.next(packetTypes.puback)
    await other.next(packetTypes.publish)
  })
})
