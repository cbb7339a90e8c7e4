import { createHmac } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { checkDeviceId } from '../identity/device-id.ts'
import { isConflict } from '../identity/identity-store.ts'
import { createPasswords } from '../identity/password.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import { attributeMap, invalidValue } from './enrolment-values.ts'
import { newPairingCode, readPairingCode, shownPairingCode } from './pairing-code.ts'
import { isTemplateName } from './template-store.ts'

/** The one device that a code is for: by its id, by what a template makes of the parameters, or both, which must then agree. */
export interface PairingTarget {
  deviceId?: string
  template?: string
  /** they win over those that the device says */
  parameters?: Record<string, string>
}

export interface PairingView extends PairingTarget {
  id: string
  /** of the code: first 8 hex digits of a keyed hash */
  hint: string
  /** `waiting`: a person must decide about the device; `failed`: tried too often */
  state: 'open' | 'waiting' | 'used' | 'failed' | 'revoked' | 'expired'
  /** refused redemptions of the right code */
  tries: number
  createdBy: string
  /** epoch ms, as all times here */
  createdAt: number
  expiresAt: number
  /** the device that came with it */
  usedBy?: string
  usedAt?: number
}

export interface MadePairing {
  pairing: PairingView
  /** in this answer and nowhere after */
  code: string
}

interface PairingDoc extends Omit<PairingView, 'id' | 'state'> {
  state: Exclude<PairingView['state'], 'expired'>
  selector: string
  hash: string
  /** hash of the public key that it waits for, or that came with it */
  key?: string
  /** when the record is dropped */
  dropAt: number
}

/** A right code in use: nobody else can redeem it until it is released. */
export interface HeldPairing {
  id: string
  target: PairingTarget
  /** epoch ms */
  expiresAt: number
  /** It was redeemed with this key before: the answer was lost. */
  usedBy?: string
  /** For the transaction that writes the device. */
  spend(deviceId: string): Write
  /** After a refusal: it costs a try, but for those that are not the device's fault, and for waiting on a person. */
  refused(code: string): Promise<void>
  release(): void
}

export interface Pairings {
  /** `also`: writes of the same transaction, for the id that it gets. PROV_INVALID, PROV_LIMIT, IDENTITY_INVALID. */
  create(target: PairingTarget, o?: { by?: string; also?: (id: string) => readonly Write[] }): Promise<MadePairing>
  /** Those of the last hour. */
  list(o?: { limit?: number; cursor?: string }): Promise<{ items: PairingView[]; next?: string }>
  /** NOT_FOUND. */
  revoke(id: string, o?: { by?: string; also?: readonly Write[] }): Promise<void>
  /**
   * `key`: hash of the public key that the device shows, if it shows one. PROV_CODE_INVALID, whatever is wrong with it; PROV_THROTTLED for who guesses too much, while too many
   * guess, and while it is in use.
   */
  hold(code: unknown, o: { ip: string; key?: string }): Promise<HeldPairing>
  sweep(now: number): Promise<number>
}

const coll = 'pairings'
const lifeMs = 10 * 60_000
/** With a key, a person has a day. */
export const waitMs = 24 * 3_600_000
const keptMs = 3_600_000
const mostTries = 5
/** Not the device's fault, or not yet a refusal. */
const forgiven = /^(PROV_THROTTLED|PROV_HOOK_TIMEOUT|STORE_|HUB_|NODE_FAULT|BROKER_THROTTLED)/

/** It must be the only writer of its collection. */
export async function openPairings(o: {
  store: StateStore
  now: () => number
  random: (size: number) => Buffer
  /** a key of the hub that is not in the store */
  key: Uint8Array
  hint: (secret: string) => string
  /** open ones, default 1000 */
  mostOpen?: number
}): Promise<Pairings> {
  const { store, now, random, mostOpen = 1000 } = o
  await store.declare(coll, { indexes: ['selector', 'dropAt'] })
  const hashes = createPasswords({ now, random, maxWaiting: 100 })
  const guesses = createAttemptLimit({ now, windowMs: lifeMs, perSender: 20, inAll: 6000 })
  const held = new Set<string>()

  /** 20 bits of a keyed hash: whose hash a code is to be compared with. A guess meets none and costs no scrypt. */
  const selectorOf = (code: string) => createHmac('sha256', o.key).update(`pairing|${code}`).digest('hex').slice(0, 5)
  const find = async (code: string): Promise<Stored<PairingDoc> | undefined> => {
    const { items } = await store.query<PairingDoc>(coll, { where: [['selector', '=', selectorOf(code)]], limit: 20 })
    for (const stored of items) if (await hashes.verify({ cid: stored.id, password: code, hash: stored.doc.hash })) return stored
    return undefined
  }
  const usable = ({ doc }: Stored<PairingDoc>, key: string | undefined): boolean => {
    if (now() >= doc.expiresAt) return false
    return doc.state === 'open' || ((doc.state === 'waiting' || doc.state === 'used') && key !== undefined && doc.key === key)
  }
  const change = async (id: string, edit: (doc: PairingDoc) => PairingDoc): Promise<void> => {
    const stored = await store.get<PairingDoc>(coll, id)
    if (!stored || stored.doc.state === 'revoked') return
    try {
      await store.put(coll, id, edit(stored.doc), { version: stored.version, by: `pairing ${id}` })
    } catch (error) {
      // an operator revoked it meanwhile
      if (!isConflict(error)) throw error
    }
  }
  const refused = async (id: string, key: string | undefined, code: string): Promise<void> => {
    if (forgiven.test(code)) return
    await change(id, doc => {
      if (code === 'PROV_PENDING' && key !== undefined) {
        const expiresAt = doc.state === 'waiting' ? doc.expiresAt : now() + waitMs
        return { ...doc, state: 'waiting', key, expiresAt, dropAt: expiresAt + keptMs }
      }
      if (doc.state === 'used') return doc
      const tries = doc.tries + 1
      return { ...doc, tries, ...(tries >= mostTries && { state: 'failed' as const }) }
    })
  }
  const holding = (stored: Stored<PairingDoc>, key: string | undefined): HeldPairing => {
    const { id, doc, version } = stored
    const { deviceId, template, parameters, expiresAt, state, usedBy } = doc
    return {
      id,
      target: {
        ...(deviceId !== undefined && { deviceId }),
        ...(template !== undefined && { template }),
        ...(parameters && { parameters }),
      },
      expiresAt,
      ...(state === 'used' && usedBy !== undefined && { usedBy }),
      spend: device => ({
        op: 'put',
        coll,
        id,
        doc: { ...doc, state: 'used', usedBy: device, usedAt: now(), ...(key !== undefined && { key }) } satisfies PairingDoc,
        version,
      }),
      refused: code => refused(id, key, code),
      release: () => void held.delete(id),
    }
  }

  return {
    async create(given, { by = 'hub', also } = {}) {
      const target = checkedTarget(given)
      const open = await store.query<PairingDoc>(coll, { where: [['dropAt', '>', now()]], limit: 1000 })
      if (open.items.filter(({ doc }) => doc.state === 'open' && doc.expiresAt > now()).length >= mostOpen)
        throw new LoomError('PROV_LIMIT', `${mostOpen} pairing codes are open`)
      const code = newPairingCode(random)
      const id = `pair-${random(6).toString('hex')}`
      const doc: PairingDoc = {
        ...target,
        state: 'open',
        tries: 0,
        hint: o.hint(code),
        selector: selectorOf(code),
        hash: await hashes.hash(code),
        createdBy: by,
        createdAt: now(),
        expiresAt: now() + lifeMs,
        dropAt: now() + lifeMs + keptMs,
      }
      await store.tx([{ op: 'put', coll, id, doc, version: 'new' }, ...(also?.(id) ?? [])], { by })
      return { pairing: viewOf({ id, doc }, now()), code: shownPairingCode(code) }
    },
    async list({ limit = 100, cursor } = {}) {
      const page = await store.query<PairingDoc>(coll, {
        limit: Math.min(limit, 1000),
        ...(cursor !== undefined && { cursor }),
      })
      return { items: page.items.map(one => viewOf(one, now())), ...(page.next !== undefined && { next: page.next }) }
    },
    async revoke(id, { by, also = [] } = {}) {
      const stored = /^pair-[0-9a-f]{12}$/.test(id) ? await store.get<PairingDoc>(coll, id) : null
      // what stands in the place of an id may be a code: it is not repeated
      if (!stored) throw new LoomError('NOT_FOUND', 'no pairing code of that id', { hint: 'name its id, not the code' })
      const doc: PairingDoc = { ...stored.doc, state: stored.doc.state === 'used' ? 'used' : 'revoked' }
      await store.tx([{ op: 'put', coll, id, doc }, ...also], by === undefined ? {} : { by })
    },
    async hold(text, { ip, key }) {
      const back = guesses.take(ip)
      if (!back) throw new LoomError('PROV_THROTTLED', 'too many wrong pairing codes', { hint: 'wait ten minutes' })
      const code = readPairingCode(text)
      const stored = code === undefined ? undefined : await find(code)
      if (!stored || !usable(stored, key))
        throw new LoomError('PROV_CODE_INVALID', '', { hint: 'ask the operator for a new one' })
      back()
      if (held.has(stored.id)) throw new LoomError('PROV_THROTTLED', 'the code is in use')
      held.add(stored.id)
      // it was read before it was held
      const current = await store.get<PairingDoc>(coll, stored.id).catch(() => null)
      if (current && usable(current, key)) return holding(current, key)
      held.delete(stored.id)
      throw new LoomError('PROV_CODE_INVALID', '', { hint: 'ask the operator for a new one' })
    },
    async sweep(at) {
      let removed = 0
      for (;;) {
        const { items } = await store.query<PairingDoc>(coll, { where: [['dropAt', '<=', at]], limit: 500 })
        if (items.length === 0) return removed
        try {
          await store.tx(
            items.map(({ id, version }): Write => ({ op: 'delete', coll, id, version })),
            { by: 'sweep' },
          )
        } catch (error) {
          if (isConflict(error)) return removed
          throw error
        }
        removed += items.length
      }
    },
  }
}

function viewOf({ id, doc }: Pick<Stored<PairingDoc>, 'id' | 'doc'>, now: number): PairingView {
  const { selector: _s, hash: _h, key: _k, dropAt: _d, ...shown } = doc
  const ended = (doc.state === 'open' || doc.state === 'waiting') && now >= doc.expiresAt
  return { id, ...shown, ...(ended && { state: 'expired' }) }
}

function checkedTarget({ deviceId, template, parameters }: PairingTarget): PairingTarget {
  if (deviceId !== undefined) checkDeviceId(deviceId)
  if (template !== undefined && !isTemplateName(template)) throw invalidValue('template', 'it is the name of a template')
  if (deviceId === undefined && template === undefined)
    throw invalidValue('deviceId', 'a code is for one device: give its id, or a template with parameters that name it')
  if (parameters === undefined)
    return { ...(deviceId !== undefined && { deviceId }), ...(template !== undefined && { template }) }
  if (template === undefined) throw invalidValue('parameters', 'they are those of a template')
  const own = attributeMap(parameters, 'parameters')
  if (Object.keys(own).some(name => name.startsWith('AWS::'))) throw invalidValue('parameters', 'the hub gives those of AWS::')
  return { ...(deviceId !== undefined && { deviceId }), template, parameters: own }
}
