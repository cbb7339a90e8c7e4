import type { LibraryClient } from './library.ts'

/** PUBACKs of one connection: those of one turn leave as one write, in their order. */
export class Pubacks {
  readonly #client: LibraryClient
  #ids: number[] = []

  constructor(client: LibraryClient) {
    this.#client = client
  }

  add(id: number): void {
    if (this.#ids.push(id) === 1) process.nextTick(flush, this)
  }

  /** Writes what waits, ahead of a PUBACK that the library writes itself, or of the end. */
  flush(): void {
    const ids = this.#ids
    if (!ids.length) return
    this.#ids = []
    const client = this.#client
    const { conn } = client
    if (!client.connected || conn.destroyed || conn.writableEnded) return
    const free = conn.write(pubacks(ids))
    if (!free) client.waitForDrain(error => void (error && client.emit('error', error)))
  }
}

const flush = (waiting: Pubacks): void => waiting.flush()

/** [MQTT-3.4] */
function pubacks(ids: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * ids.length)
  let at = 0
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    bytes[at++] = 0x40
    bytes[at++] = 2
    bytes[at++] = id >> 8
    bytes[at++] = id & 0xff
  }
  return bytes
}
