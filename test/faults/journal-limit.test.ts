import assert from 'node:assert/strict'
import type { Delivered, Gap } from '../../src/journal/journal-port.ts'
import { packetTypes, publishPacket, type Talk } from '../mqtt-wire.ts'
import { until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { azureTopic, endAll, liveHub } from './live-hub.ts'

const journalBytes = 4 * 1024 ** 2
const segmentBytes = 512 * 1024
const body = (n: number) => JSON.stringify({ n, pad: 'x'.repeat(8000) })
const numberOf = ({ payload }: { payload: Uint8Array }) => JSON.parse(Buffer.from(payload).toString()).n as number

/** Publishes one after the other until `count` are acknowledged or one stays without; returns how many were. */
async function publishUntilSilent(peer: Talk, device: string, from: number, count: number): Promise<number> {
  for (let n = from; n < from + count; n++) {
    peer.send(publishPacket({ topic: azureTopic(device), payload: body(n), qos: 1, id: (n % 60_000) + 1 }))
    if (!(await peer.next(packetTypes.puback, 5000).catch(() => undefined))) return n - from
  }
  return count
}

describe('the journal at its size limit, seen by a real client', function () {
  this.timeout(60_000)
  afterEach(endAll)

  it('block: withholds the PUBACK, closes the connection, loses nothing, and goes on once a consumer has caught up', async () => {
    const limits = {
      journalBytes,
      segmentBytes,
      journalFull: 'block' as const,
      journalKeepMs: 1,
      maxHoldMs: 1000,
      storeTelemetry: false,
    }
    const live = await liveHub({ limits })
    const held: Delivered[] = []
    const consumer = await live.hub.consume(
      { name: 'slow', ack: 'flow', start: 'earliest', window: 100_000, windowBytes: 1e9 },
      { deliver: records => void held.push(...records) },
    )
    const { primaryKey } = await live.register('d1')
    const dial = () => live.dial(sasLogin('d1', primaryKey!))
    const { peer } = await dial()
    const acked = await publishUntilSilent(peer, 'd1', 0, 2000)
    assert(acked > 100 && acked < 2000, `${acked} were acknowledged below the limit`)
    await peer.closed()
    const health = await live.hub.health.get({})
    assert.equal(health.journal.state, 'full')
    assert(health.journal.diskBytes <= journalBytes + segmentBytes, `${health.journal.diskBytes} bytes`)
    assert.deepEqual(
      (await live.records('d1')).map(numberOf).slice(0, acked),
      Array.from({ length: acked }, (_, n) => n),
    )

    consumer.ack(held.map(({ seq }) => seq))
    const more = await until('messages are acknowledged again', async () => {
      const { peer: again, code } = await dial()
      return code === 0 && (await publishUntilSilent(again, 'd1', acked, 3)) === 3 && again
    })
    more.end()
    assert((await live.hub.journal.metrics({})).oldestSeq > 1, 'nothing was trimmed')
    await consumer.close()
  })

  it('drop: goes on acknowledging, gives up the oldest file and tells the laggard what it missed', async () => {
    const limits = { journalBytes, segmentBytes, journalFull: 'drop' as const, storeTelemetry: false }
    const live = await liveHub({ limits })
    const got: Delivered[] = []
    const gaps: Gap[] = []
    const consumer = await live.hub.consume(
      { name: 'laggard', ack: 'flow', start: 'earliest', window: 10 },
      { deliver: records => void got.push(...records), gap: gap => void gaps.push(gap) },
    )
    const peer = await live.device('d1')
    assert.equal(await publishUntilSilent(peer, 'd1', 0, 1500), 1500)
    const { oldestSeq, headSeq, diskBytes, dropped } = await live.hub.journal.metrics({})
    assert(oldestSeq > 1 && dropped > 0, `oldest ${oldestSeq}, dropped ${dropped}`)
    assert(diskBytes <= journalBytes + segmentBytes, `${diskBytes} bytes`)
    const kept = (await live.records('d1')).map(numberOf)
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, i) => 1500 - kept.length + i),
    )

    await until('the laggard reached the head', () => {
      consumer.ack(got.map(({ seq }) => seq))
      return got.at(-1)?.seq === headSeq || consumer.state().lag === 0
    })
    assert(gaps.length > 0, 'the laggard was told nothing')
    const seen = new Set(got.map(({ seq }) => seq))
    const missed = (seq: number) => gaps.some(({ from, to }) => seq >= from && seq <= to)
    for (let seq = got[0]!.seq; seq <= headSeq; seq++) {
      const [record] = seen.has(seq) || missed(seq) ? [] : await live.hub.journal.read({ from: seq, limit: 1 })
      assert(record?.kind !== 1, `record ${seq} was neither delivered nor named in a gap`)
    }
    assert(gaps.every(({ reason }) => reason === 'dropped' || reason === 'trimmed'))
    await consumer.close()
  })
})
