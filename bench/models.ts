import { loadAjvValidator } from '../src/hub/ajv-validator.ts'
import { createIngest } from '../src/hub/ingest.ts'
import type { Binding, ModelBindings } from '../src/hub/model-bindings.ts'
import { createModelChecks } from '../src/hub/model-checks.ts'
import type { JournalPort } from '../src/journal/journal-port.ts'
import type { Envelope } from '../src/telemetry/envelope.ts'
import { ConnectionRecords } from '../src/telemetry/record.ts'
import { CheckedModel } from '../src/twin/model/checked-model.ts'
import { readModel } from '../src/twin/model/import-model.ts'

/*
 * What a model costs a message on its way into a journal that does nothing: without the check, with it but no model attached, with a model, and with short
 * keys that are written out. CPU time, median of five; the limit is the same message without the check.
 */
const rounds = 5
const messages = Number(process.env.BENCH_MESSAGES ?? 100_000)

const validator = await loadAjvValidator()
const document = {
  telemetry: Object.fromEntries(
    ['temperature', 'humidity', 'battery', 'rssi'].map(name => [
      name,
      { schema: { type: 'number', minimum: -200, maximum: 200 } },
    ]),
  ),
}
const bindingOf = (short: Record<string, string>): Binding => ({
  name: 'room;1',
  mode: 'strict',
  closed: true,
  checked: new CheckedModel({ ...readModel({ id: 'room', source: 'none', document, short }), validator }),
})
const modelOf = (binding: Binding | undefined) => {
  const bindings = { none: !binding, of: () => binding, bound: async () => binding } as unknown as ModelBindings
  return createModelChecks({ bindings, emit: () => {}, now: () => 1 }).telemetry
}
const journal = {
  append: (_record, committed) => committed(undefined, 1),
  addDeadLetter: async () => 1,
} as Partial<JournalPort> as JournalPort

function microseconds(text: string, look?: ReturnType<typeof modelOf>): number {
  const ingest = createIngest({ journal, now: () => 1, lost: () => {}, ...(look && { modelOf: look }) })
  const context = new ConnectionRecords({ clientId: 'a', connectionId: 'c' })
  const envelope: Envelope = {
    ...{ deviceId: 'room-1', stream: '', body: Buffer.from(text), properties: {}, system: {}, topic: 'devices/room-1/telemetry' },
    ...{ qos: 1, will: false, dialect: 'plain' },
  }
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) ingest({ envelope, context }, () => {})
  }
  run(messages / 4)
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage()
    run(messages)
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / messages)
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)]!
}

const bodies: [name: string, text: string, short: string][] = [
  ['one value', '{"temperature":21.5}', '{"t":21.5}'],
  ['four values', '{"temperature":21.5,"humidity":40,"battery":3.1,"rssi":-70}', '{"t":21.5,"h":40,"b":3.1,"r":-70}'],
]
const short = { t: 'temperature', h: 'humidity', b: 'battery', r: 'rssi' }
console.log('| message | case | us of CPU | of the limit |\n| --- | --- | --- | --- |')
for (const [name, text, keys] of bodies) {
  const limit = microseconds(text)
  const cases: [string, number][] = [
    ['no check', limit],
    ['no model attached', microseconds(text, modelOf(undefined))],
    ['a model', microseconds(text, modelOf(bindingOf({})))],
    ['a model, short keys', microseconds(keys, modelOf(bindingOf(short)))],
  ]
  for (const [what, us] of cases) console.log(`| ${name} | ${what} | ${us.toFixed(2)} | ${(us / limit).toFixed(2)} |`)
}
