import type { Inbox } from '../commands/inbox.ts'
import { inboxLimits } from '../commands/message.ts'
import type { MethodCalls, MethodDelivery } from '../commands/method-calls.ts'
import { LoomError } from '../errors.ts'
import type { LeafEvent } from './hub-gateways.ts'
import type { Leaves } from './leaves.ts'
import type { Listening } from './listening.ts'

/** Carries what is for a device that has no connection of its own which takes it. */
export interface LeafCarrier {
  /** False: nobody carries it now. */
  deliver(call: MethodDelivery): boolean
  /** Something waits for the device, or it may have what waits. */
  wake(deviceId: string): void
}

export interface LeafCommandsParts {
  leaves: Pick<Leaves, 'book' | 'check' | 'settled'>
  calls: Pick<MethodCalls, 'answer' | 'listening'>
  inbox: Pick<Inbox, 'take' | 'settle' | 'abandon' | 'putBack'>
  listening: Pick<Listening, 'of' | 'on'>
  /** The generation of a device that may have its messages now. */
  generationOf(deviceId: string): Promise<string | undefined>
  emit(event: LeafEvent): void
  /** Nobody takes what is for the devices of that gateway any more. */
  left(gateway: string): void
  now: () => number
  failed(error: unknown): void
}

/** Calls and messages for the devices of gateways that are flows. */
export function createLeafCommands(parts: LeafCommandsParts) {
  const { leaves, calls, inbox, now } = parts
  /** by gateway: who listens, the newest last */
  const attending = new Map<string, Map<string, string>>()
  /** One message of a device is out at a time, until it is settled or its lock has ended. */
  const out = new Map<string, { lock: string; until: number; gateway: string }>()
  const taking = new Set<string>()

  const listenerFor = (deviceId: string): { gateway: string; listener: string } | undefined => {
    const gateway = leaves.book.gatewayOf(deviceId)
    if (gateway === undefined || leaves.book.faultOf(gateway, deviceId)) return undefined
    const listener = [...(attending.get(gateway)?.keys() ?? [])].at(-1)
    return listener === undefined ? undefined : { gateway, listener }
  }

  const take = async (deviceId: string): Promise<void> => {
    // A connection that listens for messages has them.
    if (!listenerFor(deviceId) || parts.listening.of(deviceId, 'inbox').length) return
    if ((out.get(deviceId)?.until ?? 0) > now()) return
    const generation = await parts.generationOf(deviceId)
    if (generation === undefined) return
    const [taken] = await inbox.take({ deviceId, generation, max: 1 })
    if (!taken) return
    const to = listenerFor(deviceId)
    if (!to) return inbox.putBack(taken.lock)
    const { lock, body, id, seq, properties, contentType, enqueuedAt, expiresAt, deliveries } = taken
    out.set(deviceId, { lock, until: now() + inboxLimits.lockMs, gateway: to.gateway })
    parts.emit({
      ...{ type: 'leaf', kind: 'message', at: now(), ...to, device: deviceId },
      ...{ lock, id, seq, body: Buffer.from(body).toString('base64'), properties, enqueuedAt, expiresAt, deliveries },
      ...(contentType !== undefined && { contentType }),
    })
  }
  const wake = (deviceId: string): void => {
    if (taking.has(deviceId) || !listenerFor(deviceId)) return
    taking.add(deviceId)
    take(deviceId)
      .catch(parts.failed)
      .finally(() => taking.delete(deviceId))
  }

  const giveBack = (leaf: string): void => {
    const held = out.get(leaf)
    if (!held) return
    out.delete(leaf)
    inbox.putBack(held.lock)
  }
  // What a connection is given must not overtake what a flow has.
  parts.listening.on('inbox', ({ deviceId }) => giveBack(deviceId))

  return {
    deliver({ deviceId, name, rid, payload }: MethodDelivery): boolean {
      const to = listenerFor(deviceId)
      if (!to) return false
      parts.emit({ type: 'leaf', kind: 'call', at: now(), ...to, device: deviceId, name, rid, payload: JSON.parse(payload) })
      return true
    },
    wake,

    async attend(o: { gateway: string; listener: string; instance: string; on: boolean }): Promise<{ known: boolean }> {
      const { gateway, listener, instance, on } = o
      await leaves.settled()
      const listeners = attending.get(gateway) ?? new Map<string, string>()
      const known = listeners.get(listener) === instance
      if (known === on) return { known }
      if (!on) {
        listeners.delete(listener)
        if (listeners.size) return { known }
        attending.delete(gateway)
        for (const leaf of leaves.book.leavesOf(gateway)) giveBack(leaf)
        parts.left(gateway)
        return { known }
      }
      listeners.delete(listener)
      listeners.set(listener, instance)
      attending.set(gateway, listeners)
      for (const leaf of leaves.book.leavesOf(gateway)) {
        calls.listening(leaf)
        wake(leaf)
      }
      return { known }
    },

    /** The device is behind a gateway now, or behind another one. */
    moved(leaf: string): void {
      const held = out.get(leaf)
      if (held && leaves.book.faultOf(held.gateway, leaf)) giveBack(leaf)
      if (!listenerFor(leaf)) return
      calls.listening(leaf)
      wake(leaf)
    },

    async answer(o: { gateway: string; device: string; rid: string; status: number; payload: unknown }): Promise<void> {
      const { gateway, device, rid, status, payload } = o
      await leaves.check(gateway, device)
      if (!Number.isInteger(status) || status === 0 || Math.abs(status) > 2 ** 31)
        throw new LoomError('COMMAND_INVALID', `status ${String(status).slice(0, 40)}`, { hint: 'a whole number that is not 0' })
      if (!calls.answer({ deviceId: device, rid, status, payload: payload ?? null }))
        throw new LoomError('COMMAND_TIMEOUT', `nobody waits for an answer "${String(rid).slice(0, 40)}" of "${device}"`)
    },

    async settle(o: {
      gateway: string
      device: string
      lock: string
      as: 'completed' | 'rejected' | 'abandoned'
    }): Promise<void> {
      const { gateway, device, lock, as } = o
      await leaves.check(gateway, device)
      if (as === 'abandoned') await inbox.abandon({ deviceId: device, lock })
      else await inbox.settle({ deviceId: device, lock, as })
      if (out.get(device)?.lock === lock) out.delete(device)
      wake(device)
    },
  }
}

export type LeafCommands = ReturnType<typeof createLeafCommands>
