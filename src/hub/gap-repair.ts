import type { DisconnectReason } from '../broker/broker-port.ts'
import { azureTwinName, desiredPush } from '../dialects/azure/twin.ts'
import type { TwinPort } from '../dialects/twin-port.ts'
import type { Twin } from '../twin/document.ts'
import { covering, sectionOfGone } from '../twin/gone.ts'
import type { TwinSection } from '../twin/json.ts'
import { twinId } from '../twin/names.ts'
import { DesiredGaps } from './desired-gaps.ts'
import type { Listener, Listening } from './listening.ts'
import type { InTurn } from './turns.ts'

const feature = 'twin.desired'
/** All that was written had arrived, but for the last moments. */
const sureEnds: readonly DisconnectReason[] = ['CLIENT_INITIATED_DISCONNECT', 'CUSTOMAUTH_TTL_EXPIRATION']

/**
 * What is desired of Azure devices, pushed to them. Their SDK neither subscribes nor asks for its twin after a reconnect, as for each new token: a session that is kept
 * is told once what it missed; where the hub does not know that, all that is desired, and null for what was desired once.
 */
export function createGapRepair({
  twins,
  listening,
  inTurn,
  now,
  failed,
}: {
  twins: Pick<TwinPort, 'get'>
  listening: Pick<Listening, 'of' | 'on' | 'tellOne'>
  inTurn: InTurn
  now: () => number
  failed(error: unknown): void
}) {
  const gaps = new DesiredGaps()
  /** of sessions that were kept: those told what they missed */
  const level = new WeakSet<Listener>()
  const nameOf = ({ connection: { principal } }: Listener): string | undefined =>
    principal.family === 'iothub' ? azureTwinName(principal.module) : undefined
  const listenersTo = (deviceId: string, name: string): Listener[] =>
    listening.of(deviceId, feature).filter(listener => nameOf(listener) === name)

  /** In the turn of the device: no change comes between what is read and what is told. */
  const repair = async (listener: Listener, name: string): Promise<void> => {
    const { deviceId, restored } = listener
    const key = twinId(deviceId, name)
    try {
      const twin = await twins.get(deviceId, name)
      if (!twin) return
      const missed = gaps.back(key, twin.desired, now())
      if (!missed && !restored) return
      const gone = sectionOfGone(twin.gone ?? [])
      const patch = missed ?? covering(gone, twin.desired)
      if (Object.keys(patch).length === 0) return
      listening.tellOne(listener, desiredPush(twin, patch))
      if (!missed) gaps.told(key, gone, now())
    } finally {
      level.add(listener)
    }
  }
  const began = (listener: Listener): void => {
    const name = nameOf(listener)
    if (name !== undefined) inTurn(listener.deviceId, () => repair(listener, name)).catch(failed)
  }
  const ended = (listener: Listener, reason: DisconnectReason): void => {
    const { deviceId } = listener
    const name = nameOf(listener)
    if (name === undefined || listenersTo(deviceId, name).length) return
    const sure = sureEnds.includes(reason) && (level.has(listener) || !listener.restored)
    gaps.left(twinId(deviceId, name), { now: now(), sure })
  }
  listening.on(feature, began, ended)

  return {
    /** A change on disk, to who is there for it. */
    tell(twin: Twin, patch: TwinSection, before: TwinSection): void {
      const key = twinId(twin.deviceId, twin.name)
      const told = listenersTo(twin.deviceId, twin.name).filter(listener => level.has(listener) || !listener.restored)
      for (const listener of told) listening.tellOne(listener, desiredPush(twin, patch))
      if (told.length) gaps.told(key, before, now())
      else gaps.missed(key, before)
    },
  }
}
