import type { ErrorData } from '../errors.ts'
import type { Hub, HubEvent, HubHealth } from '../hub/hub.ts'

export interface HubLog {
  warn(text: string): void
  log(text: string): void
}

/** Writes what is wrong with a hub to the log of the runtime, each problem once as long as it lasts, and when the hub is well again. */
export async function logHub(hub: Hub, log: HubLog): Promise<() => void> {
  let told = new Set<string>()
  let last: HubHealth['status'] = 'ok'

  const look = async (): Promise<void> => {
    const { status, problems, store } = await hub.health.get({})
    const texts = problems.map(({ code, message }: ErrorData) => `${code}: ${message}`)
    if (store.message) texts.push(store.message)
    if (!problems.length && status !== 'ok' && status !== last) texts.push(`the hub is ${status}`)
    for (const text of texts) if (!told.has(text)) log.warn(text)
    if (status === 'ok' && last !== 'ok') log.log('the hub is well again')
    told = new Set(texts)
    last = status
  }
  let queue = look()
  const leave = hub.subscribe((event: HubEvent) => {
    if (event.type === 'health') queue = queue.then(look).catch(() => undefined) // a hub that ends tells so by itself
  })
  await queue
  return leave
}
