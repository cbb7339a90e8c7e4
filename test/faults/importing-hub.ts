import { readFileSync, writeSync } from 'node:fs'
import { bulkHouse, contentOf, sqliteStores } from '../hub/bulk-house.ts'

// Imports a file over SQLite stores, or goes on with the import that was cut off; tells how far it is, synchronously, so that nothing is lost with the process.
const [folder, file] = process.argv.slice(2) as [string, string]
const say = (line: string): void => void writeSync(1, `${line}\n`)
const text = readFileSync(file, 'utf8')
const { stores } = await sqliteStores(folder)
const house = await bulkHouse(stores, { batchRows: 100 })
const { operations, imports } = house
if (!(await house.groups.get('north'))) await house.groups.create({ id: 'north' })
const last = (await imports.list()).items[0]?.operation
const { operation } = last
  ? await imports.resume({ id: last.id, text, by: 'user anna' })
  : await imports.start({ format: 'csv', text, op: 'create', by: 'user anna' })
say(`from ${operation.done}`)
let told = -1
const watch = setInterval(async () => {
  const done = (await operations.get(operation.id))?.done ?? 0
  if (done !== told) say(`done ${(told = done)}`)
}, 1)
await imports.ended(operation)
clearInterval(watch)
const { state, done, failed, total } = (await operations.get(operation.id))!
const { devices, entities, twins } = await contentOf(house)
const whole = Object.values(devices).filter(device => {
  const { credentials, entity, groups } = device as { credentials: string[]; entity?: object; groups: string[] }
  return credentials.length === 1 && entity && groups.join() === 'north'
}).length
await house.trail.drain()
const intact = (await house.trail.log.verify()).ok
say(`END ${JSON.stringify({ state, done, failed, total, devices: Object.keys(devices).length, whole, entities, twins, intact })}`)
for (const store of Object.values(stores)) await store.close()
