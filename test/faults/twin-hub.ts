import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'

/** A process with a hub that does what its parent asks over its channel: `{id, api, method, arg}`, answered with `{id, value | error}`. */
export interface Asked {
  id: number
  api: 'twins' | 'devices' | 'health'
  method: string
  arg: object
}

const hub = await startHub(JSON.parse(process.argv[2]!) as HubOptions)
process.on('message', ({ id, api, method, arg }: Asked) => {
  const call = (hub as unknown as Record<string, Record<string, (o: object) => Promise<unknown>>>)[api]![method]!
  call(arg).then(
    value => process.send!({ id, value }),
    (error: Error) => process.send!({ id, error: error.message }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ ready: true } satisfies { ready: true })
