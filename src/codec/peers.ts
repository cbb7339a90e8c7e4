import { LoomError } from '../errors.ts'

/**
 * The packages that a format may need. Of cbor-x and msgpackr those builds that make no code at run time, which leave their native parts alone, too.
 */
const loaders = {
  'cbor-x': (): Promise<typeof import('cbor-x')> => import('cbor-x/index-no-eval'),
  // It comes without types of its own.
  msgpackr: (): Promise<typeof import('msgpackr')> => import('msgpackr/index-no-eval' as string),
  protobufjs: () => import('protobufjs'),
} as const

export type PeerName = keyof typeof loaders
export type Peer<N extends PeerName> = Awaited<ReturnType<(typeof loaders)[N]>>

const loaded = new Map<PeerName, Promise<unknown>>()

/** An optional package, loaded once. CODEC_UNAVAILABLE with the command that installs it. */
export function loadPeer<N extends PeerName>(name: N, load: () => Promise<unknown> = loaders[name]): Promise<Peer<N>> {
  let peer = loaded.get(name)
  if (!peer) {
    peer = load().catch((cause: unknown) => {
      // It may be installed by the next time.
      loaded.delete(name)
      throw new LoomError('CODEC_UNAVAILABLE', name, { cause, hint: `npm install ${name}` })
    })
    loaded.set(name, peer)
  }
  return peer as Promise<Peer<N>>
}
