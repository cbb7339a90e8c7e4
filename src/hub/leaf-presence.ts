import type { LeafBook } from '../topology/leaf-book.ts'
import type { Presence } from './presence.ts'

interface Parts {
  presence: Pick<Presence, 'gatewayOf' | 'leafLeft'>
  book: Pick<LeafBook, 'faultOf' | 'leavesOf'>
}

/** Of these devices, those whose gateway may not have them any more are away. */
export function leavesOut(leaves: readonly string[], { presence, book }: Parts): void {
  for (const leaf of leaves) {
    const gateway = presence.gatewayOf(leaf)
    if (gateway !== undefined && book.faultOf(gateway, leaf)) presence.leafLeft(leaf, 'FORBIDDEN_ACCESS')
  }
}

/** The flow of that gateway has ended: all behind it are away. */
export function leavesGone(gateway: string, { presence, book }: Parts): void {
  for (const leaf of book.leavesOf(gateway)) if (presence.gatewayOf(leaf) === gateway) presence.leafLeft(leaf, 'GATEWAY_GONE')
}
