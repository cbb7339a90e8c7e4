import { createInterface } from 'node:readline'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'

/**
 * A process with a hub that does what it is told: JSON lines `{id, api, method, arg}` on stdin, `reply {id, result | error}` on stdout. `clock.step` puts its clock
 * forward; texts under `body` become bytes.
 */
const realNow = Date.now
let ahead = 0
Date.now = () => realNow() + ahead

const { startHub } = await import('../../src/hub/start-hub.ts')
const hub: Hub = await startHub(JSON.parse(process.argv[2]!) as HubOptions)
console.log('ready')

const run = async (api: string, method: string, arg: any): Promise<unknown> => {
  if (api === 'clock') return void (ahead += arg)
  if (typeof arg.message?.body === 'string') arg.message.body = Buffer.from(arg.message.body)
  const result = await (hub as any)[api][method](arg)
  if (api !== 'journal') return result
  return result.map(({ payload, ...record }: { payload: Uint8Array }) => ({ ...record, text: Buffer.from(payload).toString() }))
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, api, method, arg } = JSON.parse(line)
  run(api, method, arg).then(
    (result = null) => console.log(`reply ${JSON.stringify({ id, result })}`),
    error => console.log(`reply ${JSON.stringify({ id, error: { code: error.code, message: error.message } })}`),
  )
}
