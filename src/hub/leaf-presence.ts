import type { Connection, DisconnectReason, Principal } from '../broker/broker-port.ts'
import { readPresence } from '../dialects/plain/leaf.ts'
import type { LeafBook } from '../topology/leaf-book.ts'
import type { DeviceRequest } from './gate.ts'
import type { Presence } from './presence.ts'

interface Parts {
  presence: Pick<Presence, 'gatewayOf' | 'leafCame' | 'leafLeft'>
  book: Pick<LeafBook, 'faultOf' | 'leavesOf'>
  actsFor(principal: Principal, leaf: string): boolean
}

/** Ends of a gateway's connection that are the hub's own doing: they are the reason for its devices too. */
const ownReasons: ReadonlySet<string> = new Set(['FORBIDDEN_ACCESS', 'SERVER_INITIATED_DISCONNECT'])

/** Devices behind gateways are there for as long as their gateway says so, and goes on being there itself: a flow, or the connection that said it. */
export function createLeafPresence({ presence, book, actsFor }: Parts) {
  /** the connection that said last of a device that it is there; none: a flow did */
  const sayers = new Map<string, string>()
  const saidBy = new Map<string, Set<string>>()

  const saidAnew = (device: string, connectionId: string | undefined): void => {
    const before = sayers.get(device)
    if (before !== undefined) {
      const others = saidBy.get(before)!
      others.delete(device)
      if (!others.size) saidBy.delete(before)
    }
    if (connectionId === undefined) {
      sayers.delete(device)
      return
    }
    sayers.set(device, connectionId)
    saidBy.set(connectionId, (saidBy.get(connectionId) ?? new Set()).add(device))
  }
  const left = (device: string, reason: string): boolean => {
    saidAnew(device, undefined)
    return presence.leafLeft(device, reason)
  }
  const said = (
    gateway: string,
    device: string,
    { online, reason = 'GATEWAY_SAYS_OFFLINE' }: { online: boolean; reason?: string },
    connectionId?: string,
  ): boolean => {
    if (!online) return left(device, reason)
    saidAnew(device, connectionId)
    return presence.leafCame(device, gateway)
  }

  return {
    /** The gateway has the device, or not any more; the caller knows that it may say so. False: that was so before. */
    said,

    /** Undefined: nothing about presence. It has no answer. */
    request({ id, principal }: Connection, request: DeviceRequest): Promise<undefined> | undefined {
      const news = request.leaf === undefined ? undefined : readPresence(request)
      if (!news) return undefined
      said(principal.deviceId, request.leaf!, news, id)
      return Promise.resolve(undefined)
    },

    /** Of these devices, those whose gateway may not have them any more are away. */
    moved(leaves: readonly string[]): void {
      for (const leaf of leaves) {
        const gateway = presence.gatewayOf(leaf)
        if (gateway === undefined || book.faultOf(gateway, leaf)) left(leaf, 'FORBIDDEN_ACCESS')
      }
    },

    /** The connection may act for others now. */
    recheck({ id, principal }: Connection): void {
      for (const leaf of [...(saidBy.get(id) ?? [])]) if (!actsFor(principal, leaf)) left(leaf, 'FORBIDDEN_ACCESS')
    },

    /** The flow of that gateway has ended: all are away that no connection of it has. */
    flowGone(gateway: string): void {
      for (const leaf of book.leavesOf(gateway))
        if (presence.gatewayOf(leaf) === gateway && !sayers.has(leaf)) left(leaf, 'GATEWAY_GONE')
    },

    /** The connection has ended, and with it all that it said, its will included. */
    gone({ id }: Connection, reason: DisconnectReason): void {
      for (const leaf of [...(saidBy.get(id) ?? [])]) left(leaf, ownReasons.has(reason) ? reason : 'GATEWAY_GONE')
    },
  }
}

export type LeafPresence = ReturnType<typeof createLeafPresence>
