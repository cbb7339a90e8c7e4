import type { Duplex } from 'node:stream'

const connectPacket = 0x10

/**
 * What a client on a shared port speaks: CONNECT is the only packet that begins an MQTT connection, HTTP begins with a letter. The stream is left as it was.
 * Nothing within `withinMs`, or something else: undefined.
 */
export function firstByteOf(stream: Duplex, withinMs: number): Promise<'mqtt' | 'http' | undefined> {
  return new Promise(resolve => {
    const done = (kind?: 'mqtt' | 'http') => {
      clearTimeout(timer)
      stream.off('readable', look).off('close', gone)
      resolve(kind)
    }
    const gone = () => done()
    const look = () => {
      const chunk = stream.read() as Buffer | null
      if (!chunk?.length) return
      stream.unshift(chunk)
      done(chunk[0] === connectPacket ? 'mqtt' : isLetter(chunk[0]!) ? 'http' : undefined)
    }
    const timer = setTimeout(gone, withinMs).unref()
    stream.on('readable', look).once('close', gone)
  })
}

const isLetter = (byte: number) => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
