import { writeSync } from 'node:fs'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'

// Retires the device `pump` of a hub with its telemetry, or goes on with that; tells what it came to, synchronously, so that nothing is lost with the process.
const say = (line: string): void => void writeSync(1, `${line}\n`)
const hub = await startHub(JSON.parse(process.argv[2]!) as HubOptions)
if (!(await hub.devices.count({})).devices) {
  await hub.groups.create({ id: 'plant' })
  for (const id of ['pump', 'stay'])
    await hub.devices.register({ id, credentials: { kind: 'x509' }, tags: { site: 'b' }, desired: { on: true } })
  await hub.groups.add({ group: 'plant', devices: ['pump', 'stay'] })
  const rows = (device: string) => Array.from({ length: 3000 }, (_, i) => ({ device, time: i, values: { a: i } }))
  for (const device of ['pump', 'stay']) await hub.telemetry.store({ rows: rows(device) })
}
const { state } = await hub.devices.get({ id: 'pump' })
say(`STATE ${state}`)
const { decommission } = await hub.devices.retire({ id: 'pump', telemetry: 'erase', reason: 'scrapped', by: 'user anna' })
const rowsOf = async (device: string) =>
  (await hub.query.range({ devices: [device], from: 0, to: 4e12, limit: 10_000 })).items.length
const refused = await hub.devices.register({ id: 'pump' }).then(
  () => 'registered',
  error => error.code,
)
say(
  `END ${JSON.stringify({
    decommission,
    same:
      JSON.stringify((await hub.devices.retire({ id: 'pump', telemetry: 'erase' })).decommission) ===
      JSON.stringify(decommission),
    rows: [await rowsOf('pump'), await rowsOf('stay')],
    members: (await hub.groups.members({ group: 'plant' })).items,
    credentials: (await hub.devices.get({ id: 'pump' })).credentials.map(({ status }) => status),
    refused,
    audited: (await hub.audit.query({ target: 'pump' })).items.map(({ action, actor }) => `${action} ${actor}`),
    whole: (await hub.audit.verify({})).ok,
  })}`,
)
await hub.close()
process.exit(0)
