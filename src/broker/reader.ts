import type { LibraryClient } from './library.ts'

const nothing = Buffer.alloc(0)

/**
 * Reads a connection into the parser, in place of the library's loop. That one takes another chunk at each readable event however much is
 * unanswered; hands a packet on before the CONNECT was decided if it comes in a chunk of its own; and, once paused, forgets the
 * packets that end meanwhile, so that a resumed connection hangs. Here reading stops exactly where `stopped` says, between two packets; what is left
 * of their chunk waits in the parser.
 * A peer's end of input counts once all it sent was handled, a DISCONNECT behind held packets included.
 */
export class Reader {
  readonly #client: LibraryClient
  readonly #takeSome: (chunk: Buffer) => number
  readonly #stopped: () => boolean
  readonly #failed: (error: unknown) => void
  #reading = false
  #ended = false
  #discarding = false

  /**
   * `ownEnd`: the listeners to `end` that the connection had before the library got it. `takeSome` may take whole packets from the start of a chunk and tells
   * how many bytes they were; the parser gets the rest.
   */
  constructor(o: {
    client: LibraryClient
    ownEnd: readonly unknown[]
    takeSome: (chunk: Buffer) => number
    stopped: () => boolean
    failed: (error: unknown) => void
  }) {
    this.#client = o.client
    this.#takeSome = o.takeSome
    this.#stopped = o.stopped
    this.#failed = o.failed
    const { client } = o
    client.conn.removeListener('readable', client._nextBatch)
    client._parsingBatch = 0
    client._nextBatch = error => void (error && client.emit('error', error))
    client.conn.on('data', (chunk: Buffer) => this.#guarded(() => this.#take(chunk)))
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
    const { conn, _parser: parser } = this.#client
    this.#guarded(() => {
      // Whole packets may be waiting behind the one that was stopped.
      if (parser._list.length && !this.#stopped()) parser.parse(nothing)
    })
    if (this.#stopped()) return
    if (this.#ended) conn.destroy()
    else if (conn.isPaused()) conn.resume()
  }

  /** Throws away what still comes, so that nothing unread is left when the connection closes. */
  discard(): void {
    this.#discarding = true
    this.#client.conn.removeAllListeners('data').resume()
  }

  #guarded(parse: () => void): void {
    this.#reading = true
    try {
      parse()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#reading = false
    }
    if (this.#stopped() && !this.#discarding) this.#client.conn.pause()
  }

  #take(chunk: Buffer): void {
    const { _parser: parser } = this.#client
    const between = parser._stateCounter === 0 && !parser._list.length
    const taken = between ? this.#takeSome(chunk) : 0
    if (taken < chunk.length) parser.parse(taken ? chunk.subarray(taken) : chunk)
  }
}
