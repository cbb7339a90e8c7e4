import { errorData, LoomError } from '../../src/errors.ts'
import type { NewMsg } from '../../src/nodered/define.ts'
import { deviceIdOf } from '../../src/simulator/options.ts'

/** How far it has come; while one runs, further devices join it. */
export interface RenewalCount {
  total: number
  renewed: number
  failed: number
}

/** Renewals of a fleet's certificates, a few devices at a time. */
export interface Renewals {
  /** Takes devices up that are not in it yet. */
  add(items: readonly Renewal[], atOnce?: number): RenewalCount
  /** Forgets those that have not begun, and tells no more. */
  stop(): void
}

export interface Renewal {
  id: string
  run: () => Promise<void>
}

const defaultAtOnce = 4

/** `tell`: one message for each device, and one when all are done. */
export function createRenewals(tell: (msg: NewMsg) => void): Renewals {
  let atOnce = defaultAtOnce
  let count: RenewalCount = { total: 0, renewed: 0, failed: 0 }
  let waiting: Renewal[] = []
  let round = 0
  const inWork = new Set<string>()

  const next = (): void => {
    while (inWork.size < atOnce && waiting.length) void begin(waiting.shift()!, round)
    if (inWork.size || !count.total) return
    tell({ notice: 'renewals', payload: count })
    count = { total: 0, renewed: 0, failed: 0 }
    atOnce = defaultAtOnce
  }
  const begin = async ({ id, run }: Renewal, mine: number): Promise<void> => {
    inWork.add(id)
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => errorData(thrown),
    )
    if (mine !== round) return
    inWork.delete(id)
    count = { ...count, [error ? 'failed' : 'renewed']: count[error ? 'failed' : 'renewed'] + 1 }
    tell({ notice: error ? 'not-renewed' : 'renewed', device: id, payload: { ...count, ...error } })
    next()
  }

  return {
    add(items, most) {
      if (most !== undefined) atOnce = most
      const known = new Set([...inWork, ...waiting.map(({ id }) => id)])
      const fresh = items.filter(({ id }) => !known.has(id) && known.add(id))
      waiting.push(...fresh)
      count = { ...count, total: count.total + fresh.length }
      const sum = count
      queueMicrotask(next) // whoever adds answers first
      return sum
    },
    stop() {
      round++
      waiting = []
      inWork.clear()
      count = { total: 0, renewed: 0, failed: 0 }
    },
  }
}

/** Whom a message means: `device`, else `payload` as ids or `{devices, atOnce}`, else all. SIMULATOR_CONFIG_INVALID. */
export function renewalOf(
  { device, payload }: { device?: unknown; payload?: unknown },
  { idPrefix, count }: { idPrefix: string; count: number },
): { ids: string[]; atOnce?: number } {
  const settings = typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? payload : {}
  const { devices = Array.isArray(payload) ? payload : undefined, atOnce } = settings as { devices?: unknown; atOnce?: unknown }
  if (atOnce !== undefined && !(Number.isInteger(atOnce) && Number(atOnce) >= 1 && Number(atOnce) <= 50))
    throw new LoomError('SIMULATOR_CONFIG_INVALID', `atOnce ${String(atOnce).slice(0, 40)}`, { hint: '1 to 50' })
  const all = (): string[] => Array.from({ length: count }, (_, i) => deviceIdOf(idPrefix, i))
  const ids: unknown = device !== undefined && device !== '' ? [device] : (devices ?? all())
  if (!Array.isArray(ids) || !ids.every(id => typeof id === 'string' && id !== ''))
    throw new LoomError('SIMULATOR_CONFIG_INVALID', 'devices', { hint: 'an array of ids' })
  return { ids, ...(atOnce !== undefined && { atOnce: atOnce as number }) }
}

export interface GivenCredential {
  device: string
  keyPem: string
  certPem: string
}

/** Whether it is what the second output of `loom-device` and `loom-certificate` has. */
export const hasKey = (payload: unknown): boolean =>
  [payload].flat().some(entry => typeof entry === 'object' && entry !== null && 'privateKeyPem' in entry)

/** Keys and certificates as that output has them: one, or an array. SIMULATOR_CONFIG_INVALID. */
export function credentialsIn({ device, payload }: { device?: unknown; payload?: unknown }): GivenCredential[] {
  return [payload].flat().map(entry => {
    const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>
    const { device: id = device, privateKeyPem, certificatePem, chainPem = '' } = given
    if ([id, privateKeyPem, certificatePem, chainPem].every(text => typeof text === 'string') && id)
      return { device: id as string, keyPem: privateKeyPem as string, certPem: `${certificatePem}\n${chainPem}` }
    throw new LoomError('SIMULATOR_CONFIG_INVALID', 'credential', {
      hint: 'device, and {certificatePem, privateKeyPem, chainPem}: wire the second output of loom-device',
    })
  })
}
