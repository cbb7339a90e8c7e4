import { isUtf8 } from 'node:buffer'
import { Duplex } from 'node:stream'
import { LoomError } from '../errors.ts'
import type { LibraryClient, LibraryParser } from './library.ts'

export interface GuardRules {
  /** Largest remaining length of the next packet. */
  limitBytes(): number
  /** May the next packet be read? Asked before each one; `isPublish` from its first byte. If not, it stays where it is. */
  mayStart(isPublish: boolean): boolean
}

/**
 * The library buffers what a length field claims, up to 256 MB, before it looks at a packet. The guard raises a parser error as soon as the
 * length is read. It also stops the parser between two packets of one chunk, and refuses strings that are not UTF-8 [MQTT-1.5.3-1]
 * or hold U+0000 [MQTT-1.5.3-2], where the library puts replacement characters.
 */
export function guardParser(parser: LibraryParser, { limitBytes, mayStart }: GuardRules): void {
  const { _parseHeader: header, _parseLength: length, _parseString: string } = parser
  parser._parseHeader = () => mayStart(parser._list.readUInt8(0) >> 4 === publishType) && header.call(parser)
  parser._parseLength = () => {
    if (!length.call(parser)) return false
    const limit = limitBytes()
    if (parser.packet.length > limit)
      parser._emitError(
        new LoomError('BROKER_PACKET_TOO_LARGE', `a ${parser.packet.cmd} claims ${parser.packet.length} bytes`, {
          hint: `at most ${limit}`,
        }),
      )
    return true
  }
  parser._parseString = () => {
    const start = parser._pos + 2
    const text = string.call(parser)
    if (text === null || (!text.includes('\ufffd') && !text.includes('\0'))) return text
    return isUtf8(parser._list.slice(start, parser._pos)) && !text.includes('\0') ? text : null
  }
}

const publishType = 3

/** Sends a claim of 256 MB through a connection of the library and tells whether the guard stops it before anything is buffered. */
export async function guardFires(attach: (conn: Duplex) => LibraryClient): Promise<boolean> {
  const conn = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  try {
    const client = attach(conn)
    conn.push(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]))
    for (let turn = 0; turn < 50 && !conn.destroyed; turn++) await new Promise(resolve => setImmediate(resolve))
    const { error } = client._parser
    return conn.destroyed && error instanceof LoomError && error.code === 'BROKER_PACKET_TOO_LARGE'
  } catch {
    return false
  } finally {
    conn.destroy()
  }
}
