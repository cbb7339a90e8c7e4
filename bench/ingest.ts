import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { DeviceSecrets } from '../src/hub/hub.ts'
import type { FlowNode } from '../test/node-red-process.ts'
import { start, tempFolder } from '../test/processes.ts'
import {
  flowAlone,
  flows,
  hubId,
  type HubProcess,
  loopDelay,
  startBare,
  startHubProcess,
  startMosquitto,
} from './ingest/contenders.ts'
import { anonymousClients, type Offered, startGenerator } from './ingest/offer.ts'
import { residentBytes, stopwatch } from './ingest/processor-time.ts'

// BENCH_QUICK for a look at whether it runs; its figures mean little.
const quick = Boolean(process.env.BENCH_QUICK)
const connections = 1000
const seconds = quick ? 2 : 5
const turns = quick ? 1 : 3
const rate = Number(process.env.BENCH_RATE ?? (quick ? 2000 : 4000))
const stormDevices = quick ? 200 : 1000
const idleSteps = quick ? [1000] : [1000, 10_000]
const payload = '{"t":21.5,"rpm":900,"state":"on","v":[1,2,3]}'
const topic = 'devices/{id}/telemetry'

const folder = tempFolder('bench')
const us = (value: number) => `${value.toFixed(1)} us`
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const bound = (o: Offered) => (o.generatorShare > 0.8 ? ' (generator-bound)' : '')
const messages = (o: Offered) => o.sent
const verdict = (ok: boolean) => (ok ? 'met' : 'missed')

function table(head: string[], rows: (string | number)[][]) {
  for (const cells of [head, head.map(() => '---'), ...rows]) console.log(`| ${cells.join(' | ')} |`)
  console.log()
}

async function versusMosquitto(hub: HubProcess, stored: HubProcess) {
  const mosquitto = await startMosquitto(folder)
  const bare = await startBare(folder)
  const contenders = [
    { name: 'Mosquitto, not durable', pid: mosquitto.child.pid, port: mosquitto.port },
    { name: 'hub, journal synced', pid: hub.nodeRed.child.pid, port: hub.ports.mqtt },
    { name: 'hub, journal synced, readings stored', pid: stored.nodeRed.child.pid, port: stored.ports.mqtt },
    { name: 'bare Node with SQLite, no broker', pid: bare.child.pid, port: bare.port },
  ]
  const generators = []
  for (const { port } of contenders)
    generators.push(
      await startGenerator(folder, { host: '127.0.0.1', port, clients: anonymousClients(connections, 'd'), topic, payload }),
    )
  console.log(`## Ingest from ${connections} connections, ${rate} messages/s offered, ${payload.length} bytes each\n`)
  for (const qos of [1, 0] as const) {
    // Without a PUBACK there is nothing that bare Node would do.
    if (!qos) contenders.pop()
    const rounds: Offered[][] = contenders.map(() => [])
    for (const [i, { pid }] of contenders.entries()) await generators[i]!.offer({ rate, seconds: 1, qos }, pid)
    for (let turn = 0; turn < turns; turn++)
      for (const [i, { pid }] of contenders.entries()) rounds[i]!.push(await generators[i]!.offer({ rate, seconds, qos }, pid))
    const cost = rounds.map(list => median(list.map(o => o.spent.totalUs / messages(o))))
    table(
      [`QoS ${qos}`, 'messages/s', 'CPU a message', 'ratio', 'main thread', 'hub thread', 'generator CPU', 'lost connections'],
      contenders.map(({ name }, i) => {
        const list = rounds[i]!
        const worst = list.toSorted((a, b) => b.generatorShare - a.generatorShare)[0]!
        return [
          name,
          Math.round(median(list.map(o => o.achieved))),
          us(cost[i]!),
          (cost[i]! / cost[0]!).toFixed(2),
          i ? us(median(list.map(o => o.spent.mainUs / messages(o)))) : '',
          i ? us(median(list.map(o => o.spent.workerUs / messages(o)))) : '',
          `${Math.round(worst.generatorShare * 100)} %${bound(worst)}`,
          list.reduce((sum, o) => sum + o.lost, 0),
        ]
      }),
    )
    if (qos) console.log(`Goal: hub <= 2 x Mosquitto a durable message: ${verdict(cost[1]! / cost[0]! <= 2)}\n`)
  }
  for (const generator of generators) await generator.stop()
  await mosquitto.child.stop()
  await bare.child.stop()
}

async function mainThread(hub: HubProcess) {
  console.log(`## Main thread of Node-RED a message, ${rate} messages/s at QoS 1\n`)
  const rows: (string | number)[][] = []
  const generator = await startGenerator(folder, {
    host: '127.0.0.1',
    port: hub.ports.mqtt,
    clients: anonymousClients(connections, 'd'),
    topic,
    payload,
  })
  const pid = hub.nodeRed.child.pid
  const span = quick ? 2 : 4
  const offered = async (nodes: readonly FlowNode[]): Promise<Offered[]> => {
    await hub.flow([...nodes])
    await generator.offer({ rate, seconds: 1, qos: 1 }, pid)
    const list: Offered[] = []
    for (let turn = 0; turn < turns; turn++) list.push(await generator.offer({ rate, seconds: span, qos: 1 }, pid))
    return list
  }
  const alone = async (batch: number): Promise<number> => {
    await hub.flow(flowAlone({ rate, batch }))
    await pause(1000)
    const list: number[] = []
    for (let turn = 0; turn < turns; turn++) {
      const spent = stopwatch(pid)
      await pause(span * 1000)
      list.push(spent().mainUs / (rate * span))
    }
    return median(list)
  }
  for (const { name, nodes, batch } of [{ name: 'no flow', nodes: [], batch: 0 }, ...flows]) {
    const list = await offered(nodes)
    const main = median(list.map(o => o.spent.mainUs / messages(o)))
    const own = batch ? await alone(batch) : 0
    rows.push([
      name,
      Math.round(median(list.map(o => o.achieved))),
      us(main),
      batch ? us(own) : '',
      us(main - own),
      us(median(list.map(o => o.spent.workerUs / messages(o)))),
      `${Math.round(Math.max(...list.map(o => o.generatorShare)) * 100)} %`,
      batch > 1 ? verdict(main <= 10) : '',
    ])
  }
  await hub.flow([])
  await generator.stop()
  table(
    [
      'flow',
      'messages/s',
      'main thread',
      'the flow alone',
      'the rest',
      'hub thread',
      'generator CPU',
      'goal in batches <= 10 us',
    ],
    rows,
  )
}

async function storm(hub: HubProcess) {
  const devices: { id: string; cert: string; key: string }[] = []
  let ca = ''
  const ids = Array.from({ length: stormDevices }, (_, i) => `s${i}`)
  for (let i = 0; i < ids.length; i += 20)
    for (const { id, secrets } of await Promise.all(
      ids.slice(i, i + 20).map(async id => ({
        id,
        ...(await hub.nodeRed.call<{ secrets: DeviceSecrets }>('POST', `/thingloom/${hubId}/devices`, {
          id,
          credentials: { kind: 'x509' },
        })),
      })),
    )) {
      ca = secrets.caPem
      devices.push({ id, cert: `${secrets.certificatePem}${secrets.chainPem ?? ''}`, key: secrets.privateKeyPem! })
    }
  const path = join(folder, 'storm.json')
  writeFileSync(path, JSON.stringify({ host: '127.0.0.1', port: hub.ports.mqtts, ca, devices }), { mode: 0o600 })
  const child = start(process.execPath, [join(import.meta.dirname, 'ingest', 'storm.ts'), path])
  await child.says(/READY/)
  const before = residentBytes(hub.nodeRed.child.pid)
  await loopDelay(hub.nodeRed)
  const spent = stopwatch(hub.nodeRed.child.pid)
  child.write('go\n')
  const result = JSON.parse((await child.says(/RESULT (\{.*\})/, 120_000))[1]!) as {
    seconds: number
    retries: number
    cpuUs: number
  }
  const { totalUs } = spent()
  const delay = await loopDelay(hub.nodeRed)
  const growth = residentBytes(hub.nodeRed.child.pid) - before
  await child.stop('SIGKILL')
  console.log(`## Connect storm: ${stormDevices} devices at once, mutual TLS, a certificate each\n`)
  table(
    [
      'until all are in',
      'turned away',
      'CPU a connect',
      'editor loop delay p50 / p99 / max',
      'memory a connection',
      'generator CPU',
      'goal < 50 ms',
    ],
    [
      [
        `${result.seconds.toFixed(1)} s`,
        result.retries,
        `${(totalUs / stormDevices / 1000).toFixed(2)} ms`,
        `${delay.p50} / ${delay.p99} / ${delay.max} ms`,
        `${Math.round(growth / stormDevices / 1024)} KiB`,
        `${Math.round(result.cpuUs / 1e4 / result.seconds)} %`,
        verdict(delay.max < 50),
      ],
    ],
  )
}

async function memory() {
  console.log('## Memory of plain connections\n')
  const rows: (string | number)[][] = []
  const hub = await startHubProcess(join(folder, 'memory'), { storeTelemetry: false })
  const pid = hub.nodeRed.child.pid
  // One device under many client ids: what is measured is connections, not registrations.
  const { secrets } = await hub.nodeRed.call<{ secrets: DeviceSecrets }>('POST', `/thingloom/${hubId}/devices`, {
    id: 'many',
    credentials: { kind: 'password' },
  })
  const login = { username: secrets.username!, password: secrets.password! }
  const generators = []
  let [opened, growth] = [0, 0]
  for (const step of idleSteps) {
    const clients = anonymousClients(step - opened, `many-${opened}-`).map(client => ({ ...client, ...login }))
    const before = residentBytes(pid)
    generators.push(await startGenerator(folder, { host: '127.0.0.1', port: hub.ports.mqtt, clients, topic, payload }))
    growth += residentBytes(pid) - before
    opened = step
    rows.push([
      step,
      `${(growth / 2 ** 20).toFixed(0)} MiB`,
      `${(growth / 2 ** 20 / (step / 1000)).toFixed(1)} MiB`,
      step === 10_000 ? verdict(growth < 400e6) : '',
    ])
  }
  for (const generator of generators) await generator.stop()
  await hub.stop()
  table(['connections', 'growth', 'a 1,000', 'goal < 400 MB'], rows)
}

const begun = performance.now()
const hub = await startHubProcess(join(folder, 'plain'), { storeTelemetry: false })
const stored = await startHubProcess(join(folder, 'stored'), { storeTelemetry: true })
const ids = anonymousClients(connections, 'd').map(({ id }) => id)
await Promise.all([hub, stored].map(one => one.register(ids)))
await versusMosquitto(hub, stored)
await stored.stop()
await mainThread(hub)
await storm(hub)
await hub.stop()
await memory()
console.log(`Node ${process.version}, ${((performance.now() - begun) / 1000).toFixed(0)} s${quick ? ', BENCH_QUICK' : ''}`)
process.exit(0)
