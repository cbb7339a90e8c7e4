import type { ServerResponse } from 'node:http'
import type { Hub, HubEvent } from '../../hub/hub.ts'

const heartbeatMs = 15_000
/** A reader that falls so far behind loses its stream and asks again. */
const maxPendingBytes = 1_048_576

/** Writes the hub's live events as server-sent events until the returned function is called. */
export function streamEvents(hub: Hub, response: ServerResponse): () => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  response.write(': thingloom\n\n')
  const write = (text: string): void => {
    if (response.writableLength > maxPendingBytes) response.destroy()
    else response.write(text)
  }
  const leave = hub.subscribe(event => {
    // What is for a device is for its gateway alone.
    if (event.type === 'leaf') return
    write(`event: ${event.type}\ndata: ${JSON.stringify(shown(event))}\n\n`)
    // The next hub of that id is another one: the reader asks again.
    if (event.type === 'health' && event.status === 'stopped') response.end()
  })
  const heartbeat = setInterval(() => write(': alive\n\n'), heartbeatMs).unref()
  return () => {
    clearInterval(heartbeat)
    leave()
  }
}

/**
 * What a device says of itself when it asks for an identity may be confidential: those who only read see that it asks. A token that wakes a device is for who
 * wakes it.
 */
function shown(event: HubEvent): object {
  if (event.type === 'wake') {
    const { token: _, ...rest } = event
    return rest
  }
  if (event.type !== 'provisioning-question') return event
  const { id, kind, registrationId, deviceId, ip } = event.request
  return { ...event, request: { id, kind, registrationId, deviceId, ip } }
}
