import { gunzipSync, gzipSync } from 'node:zlib'
import { csvCodec } from '../src/codec/csv.ts'
import { type CodecName, openCodec } from '../src/codec/codecs.ts'
import { compressed, inflated } from '../src/codec/compression.ts'
import { loadPeer } from '../src/codec/peers.ts'

/*
 * What a payload costs to decode, over JSON.parse of the same record of 11 fields in the same run, and its bytes over those of the JSON; beside each codec the package that it
 * leans on, alone and without its guards. CPU time, median of five.
 */
const rounds = 5
const decodes = Number(process.env.BENCH_DECODES ?? 100_000)

const record = {
  ...{ id: 'pump-0042', time: 1_790_000_000_123, seq: 48_151, temperature: 21.53, humidity: 40.25, pressure: 1013.2 },
  ...{ vibration: 0.0123, rpm: 2950, state: 'running', alarm: false, rssi: -71 },
}
const json = Buffer.from(JSON.stringify(record))
const text = json.toString()
const { id, time, seq, ...values } = record
const senml = Object.entries({ seq, ...values }).map(([name, value]) => ({ name: `${id}:${name}`, value, time }))

function microseconds(decode: () => unknown): number {
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) decode()
  }
  run(decodes / 4)
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = process.cpuUsage()
    run(decodes)
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / decodes)
  }
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)]!
}

async function ours(name: CodecName, value: unknown = record): Promise<[decode: () => unknown, bytes: number]> {
  const codec = await openCodec(name as 'json')
  const bytes = codec.encode!(value, {})
  return [() => codec.decode(bytes, {}), bytes.length]
}

const { Encoder } = await loadPeer('cbor-x')
const cborX = new Encoder({ useRecords: false })
const cborBytes = cborX.encode(record)
const { Packr } = await loadPeer('msgpackr')
const msgpackr = new Packr({ useRecords: false })
const packed = msgpackr.pack(record)
const csv = csvCodec({ columns: Object.keys(record) })
const line = csv.encode!(record, {})
const zipped = gzipSync(json)

const cases: Record<string, [decode: () => unknown, bytes: number]> = {
  'JSON.parse of a text (the limit)': [() => JSON.parse(text), json.length],
  'JSON.parse of bytes': [() => JSON.parse(json.toString()), json.length],
  json: await ours('json'),
  cbor: await ours('cbor'),
  'cbor-x alone': [() => cborX.decode(cborBytes), cborBytes.length],
  msgpack: await ours('msgpack'),
  'msgpackr alone': [() => msgpackr.unpack(packed), packed.length],
  'csv, a row': [() => csv.decode(line, {}), line.length],
  'senml, 9 records': await ours('senml', senml),
  'senml-cbor, 9 records': await ours('senml-cbor', senml),
  'cayenne, 9 values': await ours('cayenne', {
    ...{ temperature_1: 21.5, humidity_2: 40, barometer_3: 1013.2, analog_in_4: 0.01, illuminance_5: 2950, digital_in_6: 1 },
    ...{ presence_7: 0, analog_in_8: -71, analog_in_9: 4.8 },
  }),
  'gzip, inflated only': [() => inflated(zipped, 'gzip'), zipped.length],
  'gunzipSync alone': [() => gunzipSync(zipped), zipped.length],
  'deflate, inflated only': (bytes => [() => inflated(bytes, 'deflate'), bytes.length])(compressed(json, 'deflate')),
}

const limit = microseconds(cases['JSON.parse of a text (the limit)']![0])
console.log('| decoded | us of CPU | over JSON.parse | bytes | over JSON |\n| --- | --- | --- | --- | --- |')
for (const [name, [decode, bytes]] of Object.entries(cases)) {
  const us = microseconds(decode)
  console.log(
    `| ${name} | ${us.toFixed(2)} | ${(us / limit).toFixed(2)} | ${bytes} | ${((100 * bytes) / json.length).toFixed(0)} % |`,
  )
}
