import { bootstrapNews, bootstrapPush } from '../dialects/plain/bootstrap.ts'
import type { BootstrapDocument } from '../provisioning/bootstrap.ts'
import type { Listener, Listening } from './listening.ts'

/** Sends the bootstrap document to devices that subscribe to it, at once and again with a session that comes back; the returned function sends it to all. */
export function createBootstrapNews({
  read,
  listening,
}: {
  read(): Promise<BootstrapDocument>
  listening: Listening
}): () => void {
  const push = async (listeners: readonly Listener[]): Promise<void> => {
    if (listeners.length === 0) return
    const document = await read()
    const once = new Map(listeners.map(listener => [listener.connection, listener])).values()
    for (const listener of once) listening.tellOne(listener, bootstrapPush(listener.connection.principal.deviceId, document))
  }
  // A document that cannot be read now is read at the next change, or when the device asks.
  const tell = (listeners: readonly Listener[]): void => void push(listeners).catch(() => undefined)
  listening.on(bootstrapNews, listener => tell([listener]))
  return () => tell(listening.all(bootstrapNews))
}
