import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DeviceSecrets } from '../../src/hub/hub.ts'
import { ackNode, hubNode, linesOf, type Recorded, recorded, recorder, tab, telemetryIn } from '../hub-flows.ts'
import { journalOf } from '../journal-of.ts'
import { type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { type Child, freePorts, start, stopAll, tempFolder, until } from '../processes.ts'
import { messageOf } from './messages.mjs'

const hubId = 'conformance'
const count = Number(process.env.CONFORMANCE_MESSAGES ?? 1000)
const killAfter = Math.floor(count * 0.4)

// The Azure SDK dials `mqtts://{HostName}`, so a port written into HostName is used as it stands (without one: 8883); it then signs and names itself
// with `host:port`. The AWS SDKs take the port apart from the host.
const clients = [
  { name: 'azure-sas', script: 'azure-client.mjs', family: 'azure', kind: 'sas', what: 'azure-iot-device-mqtt with a SAS key' },
  {
    name: 'azure-x509',
    script: 'azure-client.mjs',
    family: 'azure',
    kind: 'x509',
    what: 'azure-iot-device-mqtt with a certificate',
  },
  {
    name: 'aws-v2',
    script: 'aws-v2-client.mjs',
    family: 'aws',
    kind: 'x509',
    what: 'aws-iot-device-sdk-v2 over MQTT 3.1.1 with a certificate',
  },
  { name: 'aws-v1', script: 'aws-v1-client.mjs', family: 'aws', kind: 'x509', what: 'aws-iot-device-sdk with a certificate' },
] as const

const sorted = (properties: Record<string, string>) =>
  Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)))
/** Equal element by element; names the first difference alone, not a thousand lines. */
function sameList(actual: string[], expected: string[]) {
  const at = expected.findIndex((form, i) => form !== actual[i])
  assert.equal(actual[at], expected[at], `the first difference is at ${at}`)
  assert.equal(actual.length, expected.length)
}

const distinct = (forms: object[]) => [...new Set(forms.map(form => JSON.stringify(form)))]

/** What of a message the flow sees: its body, properties and, where it was not decoded as JSON on the way, content type. */
const flowForm = ({
  body,
  properties,
  contentType,
}: {
  body: Buffer
  properties: Record<string, string>
  contentType?: string
}) => ({
  body: body.toString('base64'),
  properties: sorted(properties),
  ...(contentType !== undefined && { contentType }),
})

const recordedForm = (line: Recorded) =>
  flowForm({
    body: line.base64 === undefined ? Buffer.from(JSON.stringify(line.payload)) : Buffer.from(line.base64, 'base64'),
    properties: line.properties ?? {},
    ...(line.contentType !== undefined && { contentType: line.contentType }),
  })

describe('unmodified device SDKs over a hub that is killed and started again', function () {
  this.timeout(180_000)
  const folder = tempFolder('conformance')
  const dataDir = join(folder, 'hub')
  const seen = join(folder, 'seen.jsonl')
  const log = (name: string) => join(folder, `${name}.log`)
  const children = new Map<string, Child>()
  let nodeRed: NodeRedProcess
  let journal: Awaited<ReturnType<typeof journalOf>>

  after(stopAll)
  before(async () => {
    const [port, mqtts] = (await freePorts(2)) as [number, number]
    const user = userFolder(join(folder, 'user'), [
      tab('flow'),
      hubNode(hubId, dataDir, { mqtts }),
      telemetryIn('all', 'flow', hubId, [['record'], ['undecodable']], { ack: 'flow' }),
      recorder('record', 'flow', seen, [['ack']]),
      recorder('undecodable', 'flow', join(folder, 'undecodable.jsonl')),
      ackNode('ack', 'flow'),
    ])
    nodeRed = await startNodeRed({ folder: user, port })
    await until('the hub serves', () =>
      nodeRed.call<{ status: string }>('GET', `/thingloom/${hubId}/health`).then(h => h.status === 'ok'),
    )
    for (const { name, script, kind } of clients) {
      const { secrets } = await nodeRed.call<{ secrets: DeviceSecrets }>('POST', `/thingloom/${hubId}/devices`, {
        id: name,
        credentials: { kind },
      })
      const file = (part: string, text: string | undefined) => {
        writeFileSync(join(folder, `${name}.${part}`), text ?? '', { mode: 0o600 })
        return join(folder, `${name}.${part}`)
      }
      const host = `127.0.0.1:${mqtts}`
      const settings = {
        deviceId: name,
        host: '127.0.0.1',
        port: mqtts,
        count,
        everyMs: 4,
        log: log(name),
        caFile: file('ca.pem', secrets.caPem),
        connectionString: `HostName=${host};DeviceId=${name};${kind === 'sas' ? `SharedAccessKey=${secrets.primaryKey}` : 'x509=true'}`,
        ...(kind === 'x509' && {
          certFile: file('cert.pem', `${secrets.certificatePem}${secrets.chainPem ?? ''}`),
          keyFile: file('key.pem', secrets.privateKeyPem),
        }),
      }
      const path = file('json', JSON.stringify(settings))
      children.set(name, start(process.execPath, [join(import.meta.dirname, script), path]))
    }
    const acked = (name: string) => linesOf(log(name)).filter(line => line.startsWith('acked')).length
    const alive = () => {
      for (const [name, child] of children)
        if (!child.running()) throw new Error(`${name} ended: ${child.output()} ${linesOf(log(name)).at(-1)}`)
    }
    await until('all clients are connected', () => {
      alive()
      return clients.every(({ name }) => linesOf(log(name)).includes('connected'))
    })
    for (const child of children.values()) child.write('go\n')
    await until(`a client has ${killAfter} acknowledgements`, () => clients.some(({ name }) => acked(name) >= killAfter), 60_000)
    alive()
    for (const { name } of clients)
      assert(acked(name) > 20 && acked(name) < count, `the kill must come midway, ${name} is at ${acked(name)}`)
    await nodeRed.child.stop('SIGKILL')
    nodeRed = await startNodeRed({ folder: user, port })
    await Promise.all([...children].map(([name, child]) => until(`${name} is done`, () => !child.running(), 90_000)))
    await until(
      'the flow has seen all',
      () =>
        distinct(recorded(seen).map(line => ({ device: line.device, ...recordedForm(line) }))).length >= clients.length * count,
      30_000,
    ).catch(() => {})
    await nodeRed.child.stop()
    journal = await journalOf({ hubId, dataDir })
  })

  for (const { name, family, what } of clients)
    describe(what, () => {
      it('has all its messages acknowledged, over a lost connection', () => {
        const lines = linesOf(log(name))
        assert.equal(
          lines.at(-1) === 'done' || lines.includes('done'),
          true,
          `${lines.slice(-5).join('\n')}\n${children.get(name)?.output()}`,
        )
        for (let i = 0; i < count; i++) assert(lines.includes(`acked ${i}`), `message ${i} was never acknowledged`)
      })

      it('finds bodies, properties and their order in the journal as it sent them', () => {
        const expected = Array.from({ length: count }, (_, i) => {
          const { body, properties, contentType, contentEncoding, messageId, correlationId, topic } = messageOf(family, i)
          const plain = topic?.replace('{id}', name).replace(/\/\?.*$/, '') ?? `devices/${name}/messages/events`
          return { topic: plain, ...flowForm({ body, properties }), contentType, contentEncoding, messageId, correlationId }
        })
        const actual = journal
          .filter(record => record.device === name && record.kind === 1)
          .map(({ topic, payload, props: { p, e } }) => ({
            topic: topic.replace(/\/$/, ''),
            ...flowForm({ body: Buffer.from(payload), properties: p }),
            contentType: e.contentType,
            contentEncoding: e.contentEncoding,
            messageId: e.messageId,
            correlationId: e.correlationId,
          }))
        sameList(distinct(actual), distinct(expected))
        assert.equal(distinct(expected).length, count)
      })

      it('finds bodies, properties and their order at a flow as it sent them', () => {
        const expected = Array.from({ length: count }, (_, i) => {
          const { body, properties, contentType } = messageOf(family, i)
          return flowForm({ body, properties, ...(contentType && contentType !== 'application/json' && { contentType }) })
        })
        const actual = recorded(seen)
          .filter(line => line.device === name)
          .map(recordedForm)
        sameList(distinct(actual), distinct(expected))
      })
    })
})
