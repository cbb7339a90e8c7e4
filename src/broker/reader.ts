import type { LibraryClient } from './library.ts'

const nothing = Buffer.alloc(0)

/**
 * Reads a connection into the parser, in place of the library's loop. That one takes another chunk at each readable event however much is
 * unanswered; hands a packet on before the CONNECT was decided if it comes in a chunk of its own; and, once paused, forgets the
 * packets that end meanwhile, so that a resumed connection hangs. Here reading stops exactly where `stopped` says, between two packets.
 * A peer's end of input counts once all it sent was handled, a DISCONNECT behind held packets included.
 */
export class Reader {
  readonly #client: LibraryClient
  readonly #stopped: () => boolean
  readonly #failed: (error: unknown) => void
  #reading = false
  #ended = false

  /** `ownEnd`: the listeners to `end` that the connection had before the library got it. */
  constructor(o: {
    client: LibraryClient
    ownEnd: readonly unknown[]
    stopped: () => boolean
    failed: (error: unknown) => void
  }) {
    this.#client = o.client
    this.#stopped = o.stopped
    this.#failed = o.failed
    const { client } = o
    client.conn.removeListener('readable', client._nextBatch)
    client._parsingBatch = 0
    client._nextBatch = error => void (error && client.emit('error', error))
    client.conn.on('readable', () => this.read())
    for (const listener of client.conn.listeners('end'))
      if (!o.ownEnd.includes(listener)) client.conn.removeListener('end', listener as () => void)
    client.conn.once('end', () => {
      this.#ended = true
      this.read()
    })
  }

  /** Goes on where it stopped. */
  read(): void {
    if (this.#reading) return
    this.#reading = true
    const { conn, _parser: parser } = this.#client
    try {
      // Whole packets may be waiting behind the one that was stopped.
      if (parser._list.length && !this.#stopped()) parser.parse(nothing)
      while (!this.#stopped()) {
        const chunk: Buffer | null = conn.read()
        if (!chunk) break
        parser.parse(chunk)
      }
      if (this.#ended && !this.#stopped()) conn.destroy()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#reading = false
    }
  }
}
