import assert from 'node:assert/strict'
import type { LibraryClient } from '../../src/broker/library.ts'
import { Pubacks } from '../../src/broker/pubacks.ts'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { until } from '../until.ts'
import { startBench, stopBenches } from './bench.ts'

describe('PUBACKs', () => {
  afterEach(stopBenches)

  const fake = (free = true) => {
    const written: string[] = []
    const errors: string[] = []
    let drained: ((error?: Error | null) => void) | undefined
    const conn = {
      destroyed: false,
      write(bytes: Buffer) {
        written.push(bytes.toString('hex'))
        return free
      },
    }
    const client = {
      connected: true,
      conn,
      waitForDrain: (done: typeof drained) => {
        drained = done
      },
      emit: (_event: string, { message }: Error) => void errors.push(message),
    }
    return { pubacks: new Pubacks(client as unknown as LibraryClient), conn, client, written, errors, drained: () => drained }
  }
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  it('of one turn leave as one write, in their order', async () => {
    const { pubacks, written } = fake()
    for (const id of [1, 256, 65_535]) pubacks.add(id)
    assert.deepEqual(written, [])
    await turn()
    assert.deepEqual(written, ['4002000140020100' + '4002ffff'])
    pubacks.add(7)
    pubacks.flush()
    await turn()
    assert.deepEqual(written.slice(1), ['40020007'])
  })

  it('are not written to a connection that is gone, and end one that takes nothing', async () => {
    for (const gone of [{ conn: { destroyed: true } }, { client: { connected: false } }]) {
      const { pubacks, conn, client, written } = fake()
      Object.assign(conn, gone.conn)
      Object.assign(client, gone.client)
      pubacks.add(1)
      await turn()
      assert.deepEqual(written, [])
    }
    const slow = fake(false)
    slow.pubacks.add(1)
    slow.pubacks.flush()
    slow.drained()!(null)
    assert.deepEqual(slow.errors, [])
    slow.drained()!(new Error('drain timeout'))
    assert.deepEqual(slow.errors, ['drain timeout'])
  })

  it('keep the order of the publishes, whoever reads or routes them and however their commits end', async () => {
    const { client, gate } = await startBench({ gate: { publish: (_c, { topic }) => (topic === 'kept' ? 'retain' : 'route') } })
    const reader = await client({ clientId: 'reader' }, { subscribe: ['heard'] })
    const talk = await client({ clientId: 'd1' })
    const retained = publishPacket({ topic: 'kept', payload: 'x', qos: 1, id: 3 })
    retained[0]! |= 1
    const one = (topic: string, id: number): Buffer => publishPacket({ topic, payload: String(id), qos: 1, id })
    talk.send(Buffer.concat([one('a', 1), one('heard', 2), retained, one('a', 4), one('heard', 5), one('a', 6)]))
    await until(() => gate.log.published.length === 6)
    for (const { acknowledge } of gate.log.published.toReversed()) acknowledge()
    const ids: number[] = []
    while (ids.length < 6) ids.push((await talk.next(packetTypes.puback)).body.readUInt16BE(0))
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6])
    const heard = [await reader.next(packetTypes.publish), await reader.next(packetTypes.publish)]
    assert.deepEqual(
      heard.map(({ body }) => body.toString().at(-1)),
      ['2', '5'],
    )
  })
})
