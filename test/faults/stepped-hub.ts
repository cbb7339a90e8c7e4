import { createInterface } from 'node:readline'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type Child, start, until } from '../processes.ts'
import { steppedClock } from './stepped-clock.ts'

/** A hub in a process of its own, whose clock a test puts forward and which it may kill at any moment. */
export interface SteppedHub {
  call(api: keyof Hub, method: string, arg: unknown): Promise<never>
  /** The command leaves; nobody waits for what comes of it. */
  send(api: keyof Hub, method: string, arg: unknown): void
  /** What happens at intervals has begun when it resolves. */
  advance(ms: number): Promise<void>
  kill(): Promise<void>
  running(): boolean
  /** names of events since the start, `{device} {event}` for those of credentials */
  output(): string
}

interface Request {
  id: number
  api: keyof Hub
  method: string
  arg: unknown
  advance?: number
}

export async function startSteppedHub(
  options: HubOptions,
  { aheadMs = 0, env = {} }: { aheadMs?: number; env?: Record<string, string> } = {},
): Promise<SteppedHub> {
  const child: Child = start(process.execPath, [import.meta.filename, JSON.stringify(options), String(aheadMs)], { env })
  await child.says(/^READY$/m, 60_000)
  let asked = 0
  const ask = async (request: object): Promise<never> => {
    const id = ++asked
    child.write(`${JSON.stringify({ id, ...request })}\n`)
    const [, text] = await child.says(new RegExp(`^RET ${id} (.*)$`, 'm'), 60_000)
    const { value, error } = JSON.parse(text!) as { value: never; error?: { code: string; message: string } }
    if (error) throw Object.assign(new Error(error.message), { code: error.code })
    return value
  }
  return {
    call: (api, method, arg) => ask({ api, method, arg }),
    send: (api, method, arg) => child.write(`${JSON.stringify({ id: 0, api, method, arg })}\n`),
    advance: async ms => void (await ask({ advance: ms })),
    async kill() {
      await child.stop('SIGKILL')
      await until('the end of the hub', () => !child.running())
    },
    running: child.running,
    output: child.output,
  }
}

if (process.argv[1] === import.meta.filename) {
  const clock = steppedClock(Number(process.argv[3]))
  const hub = await startHub({ ...(JSON.parse(process.argv[2]!) as HubOptions), threaded: false })
  hub.subscribe(event => {
    if (event.type === 'credential') console.log(`EVENT ${event.id} ${event.event} ${event.cid}`)
    if (event.type === 'security') console.log(`SECURITY ${event.code} ${event.message}`)
  })
  const answer = async ({ api, method, arg, advance }: Omit<Request, 'id'>) => {
    if (advance !== undefined) return clock.advance(advance)
    return (hub[api] as unknown as Record<string, (arg: unknown) => Promise<unknown>>)[method]!(arg)
  }
  createInterface({ input: process.stdin }).on('line', async line => {
    const { id, ...request } = JSON.parse(line) as Request
    const said = await answer(request).then(
      value => ({ value: value ?? null }),
      error => ({ error: { code: error.code, message: error.message } }),
    )
    console.log(`RET ${id} ${JSON.stringify(said)}`)
  })
  console.log('READY')
}
