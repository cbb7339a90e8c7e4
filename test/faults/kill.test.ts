import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DeviceSecrets } from '../../src/hub/hub.ts'
import { ackNode, hubNode, linesOf, recorded, recorder, tab, telemetryIn } from '../hub-flows.ts'
import { journalOf } from '../journal-of.ts'
import { type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, start, stopAll, tempFolder, until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import type { FleetCounts, FleetSettings } from './device-fleet.ts'

const rounds = Number(process.env.KILL_ROUNDS ?? (process.env.CI ? 3 : 20))
const hubId = 'kill'
const deviceCount = 50
const rate = 2000
/** A round is not over before so many new messages were offered in it. */
const leastOffered = 500

interface Outcome {
  kills: number
  /** new messages offered between two kills, the smallest count; messages a second while connected, of the `rate` that was asked for */
  offered: { least: number; perSecond: number }
  acked: number
  /** acknowledged and not in the journal */
  missing: number
  /** first occurrences that came after a later one of the same device */
  reordered: number
  /** acknowledged and not seen, per consumer */
  unseen: { delivery: number; flow: number }
  /** records beyond the first of a message: repeats are allowed */
  repeats: number
}

const seeded = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

/** Kills Node-RED `kills` times while the fleet publishes, lets everything come to rest and compares what was acknowledged with what is left. */
async function killRun(
  kills: number,
  { seed, nodeArgs = [], catchUpMs = 30_000 }: { seed: number; nodeArgs?: string[]; catchUpMs?: number },
): Promise<Outcome> {
  const folder = tempFolder('kill')
  const dataDir = join(folder, 'hub')
  const seen = { delivery: join(folder, 'delivery.jsonl'), flow: join(folder, 'flow.jsonl') }
  const [port, mqtt] = (await freePorts(2)) as [number, number]
  const user = userFolder(join(folder, 'user'), [
    tab('tab'),
    hubNode(hubId, dataDir, { mqtt }, { limits: { connectsPerSecondPerAddress: 0 } }),
    telemetryIn('delivery', 'tab', hubId, [['record-delivery'], []]),
    recorder('record-delivery', 'tab', seen.delivery),
    telemetryIn('flow', 'tab', hubId, [['record-flow'], []], { ack: 'flow' }),
    recorder('record-flow', 'tab', seen.flow, [['ack']]),
    ackNode('ack', 'tab'),
  ])
  const launch = async (): Promise<NodeRedProcess> => {
    const nodeRed = await startNodeRed({ folder: user, port, nodeArgs })
    await until('the hub serves', () =>
      nodeRed.call<{ status: string }>('GET', `/thingloom/${hubId}/health`).then(h => h.status === 'ok'),
    )
    return nodeRed
  }
  let nodeRed = await launch()
  const devices: FleetSettings['devices'] = []
  for (let i = 0; i < deviceCount; i++) {
    const id = `d${i}`
    const { secrets } = await nodeRed.call<{ secrets: DeviceSecrets }>('POST', `/thingloom/${hubId}/devices`, {
      id,
      credentials: { kind: 'sas' },
    })
    const { username, password } = sasLogin(id, secrets.primaryKey!)
    devices.push({ id, username, password, topic: `devices/${id}/messages/events/` })
  }
  const ackLog = join(folder, 'acked.log')
  writeFileSync(ackLog, '')
  const settings: FleetSettings = { host: '127.0.0.1', port: mqtt, devices, rate, ackLog, window: 100 }
  writeFileSync(join(folder, 'fleet.json'), JSON.stringify(settings))
  const fleet = start(process.execPath, [join(import.meta.dirname, 'device-fleet.ts'), join(folder, 'fleet.json')])

  const random = seeded(seed)
  const ackedBytes = () => statSync(ackLog).size
  const counts = () => JSON.parse(fleet.output().trimEnd().split('\n').at(-1)!.replace('DONE ', '')) as FleetCounts
  const offered: number[] = []
  let before = 0
  for (let kill = 0; kill < kills; kill++) {
    // By acknowledged messages, not by time: about 500 to 5,000 of them after this start.
    const goal = ackedBytes() + Math.round((500 + random() * 4500) * 9)
    await until('messages are offered and acknowledged', () => {
      if (!fleet.running()) throw new Error(`the fleet ended: ${fleet.output()}`)
      return ackedBytes() >= goal && counts().sent - before >= leastOffered
    })
    offered.push(counts().sent - before)
    before += offered.at(-1)!
    await nodeRed.child.stop('SIGKILL')
    nodeRed = await launch()
  }
  fleet.write('stop\n')
  await fleet.says(/DONE/, 60_000)
  await fleet.stop()
  const { sent, upMs } = counts()

  const acked = linesOf(ackLog)
  const unseenIn = (file: string) => {
    const known = new Set(recorded(file).map(line => `${line.device} ${line.payload?.n}`))
    return new Set(acked.filter(key => !known.has(key))).size
  }
  for (const file of Object.values(seen))
    await until('the consumers have caught up', () => unseenIn(file) === 0, catchUpMs).catch(() => {})
  const unseen = { delivery: unseenIn(seen.delivery), flow: unseenIn(seen.flow) }
  await nodeRed.child.stop()

  const firsts = new Map<string, Set<number>>()
  let [reordered, repeats] = [0, 0]
  const highest = new Map<string, number>()
  for (const record of await journalOf({ hubId, dataDir })) {
    if (record.kind !== 1) continue
    const { n } = JSON.parse(Buffer.from(record.payload).toString()) as { n: number }
    const known = firsts.get(record.device) ?? new Set()
    firsts.set(record.device, known)
    if (known.has(n)) {
      repeats++
      continue
    }
    known.add(n)
    if (n < (highest.get(record.device) ?? -1)) reordered++
    else highest.set(record.device, n)
  }
  const missing = new Set(
    acked.filter(key => {
      const [device, n] = key.split(' ') as [string, string]
      return !firsts.get(device)?.has(Number(n))
    }),
  ).size
  return {
    kills,
    offered: { least: Math.min(...offered), perSecond: Math.round((sent / upMs) * 1000) },
    acked: new Set(acked).size,
    missing,
    reordered,
    unseen,
    repeats,
  }
}

describe('kill -9 of the whole Node-RED process under load', function () {
  this.timeout(120_000 + rounds * 40_000)
  afterEach(stopAll)

  it(`loses and reorders nothing acknowledged over ${rounds} kills, and each consumer sees all of it`, async () => {
    const outcome = await killRun(rounds, { seed: 1 })
    console.log(`      ${JSON.stringify(outcome)}`)
    console.log(`      offered ${outcome.offered.perSecond} of ${rate} messages a second while connected`)
    assert(outcome.offered.least >= leastOffered, 'a round was hardly offered anything')
    assert(outcome.acked > rounds * 500, 'the fleet was hardly heard')
    assert.deepEqual(
      { missing: outcome.missing, reordered: outcome.reordered, unseen: outcome.unseen },
      { missing: 0, reordered: 0, unseen: { delivery: 0, flow: 0 } },
    )
  })

  it('sees the loss when the acknowledgement does not wait for the commit', async () => {
    const outcome = await killRun(5, {
      seed: 2,
      // What is lost is never seen: there is nothing to wait for.
      catchUpMs: 2000,
      nodeArgs: ['--import', join(import.meta.dirname, 'early-acknowledgement.mjs')],
    })
    console.log(`      ${JSON.stringify(outcome)}`)
    assert(outcome.missing > 0, 'the control lost nothing, so the test above proves nothing')
  })
})
