import { LoomError } from '../errors.ts'

/** A direct method: a question to a device that is there, with its answer. */
export interface MethodRequest {
  deviceId: string
  name: string
  /** JSON; undefined counts as null */
  payload?: unknown
  /** How long to wait for the device to come, 0 to 300,000, default 0. */
  connectTimeoutMs?: number
  /** How long for its answer, 1,000 to 300,000, default 30,000. */
  responseTimeoutMs?: number
}

export interface MethodResult {
  /** the device's own; any integer but 0 */
  status: number
  payload: unknown
}

export interface MethodDelivery {
  deviceId: string
  name: string
  /** names this call; of letters and digits */
  rid: string
  /** JSON text */
  payload: string
}

export interface MethodPorts {
  /** Gives a call to the device. `away`: no connection; `untaken`: one that does not listen for methods. */
  deliver(call: MethodDelivery): Promise<'sent' | 'away' | 'untaken'>
  /** A call waits for a device that is away: who can may wake it. At most once a minute for a device. */
  wake?(call: { deviceId: string; name: string; until: number }): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  random: (size: number) => Buffer
}

export interface MethodCalls {
  /** COMMAND_INVALID, COMMAND_TOO_LARGE, COMMAND_QUEUE_FULL, COMMAND_DEVICE_OFFLINE, COMMAND_UNSUPPORTED, COMMAND_TIMEOUT, HUB_DOWN. */
  call(request: MethodRequest): Promise<MethodResult>
  /** What a device answered. False: nobody waits for it (any more). */
  answer(o: { deviceId: string; rid: string; status: number; payload: unknown }): boolean
  /** An answer that cannot be passed on. False: nobody waits for it (any more). */
  fail(o: { deviceId: string; rid: string; error: Error }): boolean
  /** A device listens for methods now: calls that wait for it are given to it. */
  listening(deviceId: string): void
  /** Calls under way. */
  readonly open: number
  close(): void
}

export const methodLimits = {
  payloadBytes: 131_072,
  connectTimeoutMs: { least: 0, default: 0, most: 300_000 },
  responseTimeoutMs: { least: 1000, default: 30_000, most: 300_000 },
  /** calls under way, of one device and of all */
  perDevice: 64,
  all: 10_000,
  wakeEveryMs: 60_000,
} as const

interface Open extends MethodDelivery {
  /** it was given to the device */
  sent: boolean
  delivering: boolean
  /** why it was not, the last time */
  missed: 'away' | 'untaken'
  responseTimeoutMs: number
  cancel(): void
  resolve(result: MethodResult): void
  reject(error: Error): void
}

/** Calls of methods, from the question to the answer or the end of its time. */
export function createMethodCalls(ports: MethodPorts): MethodCalls {
  const { now } = ports
  const calls = new Map<string, Open>()
  const byDevice = new Map<string, Set<Open>>()
  const woken = new Map<string, number>()

  const end = (open: Open): boolean => {
    if (!calls.delete(open.rid)) return false
    open.cancel()
    const others = byDevice.get(open.deviceId)!
    others.delete(open)
    if (!others.size) byDevice.delete(open.deviceId)
    return true
  }
  const fail = (open: Open, error: Error): void => {
    if (end(open)) open.reject(error)
  }
  const missing = ({ deviceId, name, missed }: Open): LoomError =>
    missed === 'away'
      ? new LoomError('COMMAND_DEVICE_OFFLINE', `"${deviceId}"`, {
          hint: 'give connectTimeoutMs to wait for it, or send a message',
        })
      : new LoomError('COMMAND_UNSUPPORTED', `"${deviceId}" does not listen for methods such as "${name}"`)

  const deliver = async (open: Open): Promise<void> => {
    if (open.sent || open.delivering) return
    open.delivering = true
    try {
      const outcome = await ports.deliver(open)
      if (!calls.has(open.rid)) return
      if (outcome !== 'sent') {
        open.missed = outcome
        return
      }
      open.sent = true
      open.cancel()
      const { deviceId, name, responseTimeoutMs } = open
      open.cancel = ports.schedule(responseTimeoutMs, () =>
        fail(
          open,
          new LoomError('COMMAND_TIMEOUT', `"${deviceId}" did not answer "${name}" within ${responseTimeoutMs} ms`, {
            hint: 'a device without a handler of that name stays silent',
          }),
        ),
      )
    } finally {
      open.delivering = false
    }
  }

  const wake = ({ deviceId, name }: Open, until: number): void => {
    const at = now()
    if (!ports.wake || (woken.get(deviceId) ?? Number.NEGATIVE_INFINITY) > at - methodLimits.wakeEveryMs) return
    if (woken.size >= methodLimits.all) woken.clear()
    woken.set(deviceId, at)
    ports.wake({ deviceId, name, until })
  }

  return {
    async call(request) {
      const { deviceId, name } = request
      const connectTimeoutMs = within('connectTimeoutMs', request.connectTimeoutMs)
      const responseTimeoutMs = within('responseTimeoutMs', request.responseTimeoutMs)
      checkName(name)
      const payload = jsonOf(request.payload)
      const others = byDevice.get(deviceId) ?? new Set()
      if (others.size >= methodLimits.perDevice || calls.size >= methodLimits.all)
        throw new LoomError('COMMAND_QUEUE_FULL', `${others.size} calls of "${deviceId}", ${calls.size} in all`)
      const { promise, resolve, reject } = Promise.withResolvers<MethodResult>()
      const open: Open = {
        deviceId,
        name,
        rid: ports.random(12).toString('hex'),
        payload,
        sent: false,
        delivering: false,
        missed: 'away',
        responseTimeoutMs,
        cancel: () => {},
        resolve,
        reject,
      }
      calls.set(open.rid, open)
      byDevice.set(deviceId, others.add(open))
      try {
        await deliver(open)
        if (!open.sent && calls.has(open.rid)) {
          if (connectTimeoutMs === 0) fail(open, missing(open))
          else {
            if (open.missed === 'away') wake(open, now() + connectTimeoutMs)
            open.cancel = ports.schedule(connectTimeoutMs, () => fail(open, missing(open)))
          }
        }
      } catch (error) {
        fail(open, error as Error)
      }
      return promise
    },

    answer({ deviceId, rid, status, payload }) {
      const open = calls.get(rid)
      if (open?.deviceId !== deviceId) return false
      end(open)
      open.resolve({ status, payload })
      return true
    },

    fail({ deviceId, rid, error }) {
      const open = calls.get(rid)
      if (open?.deviceId !== deviceId) return false
      fail(open, error)
      return true
    },

    listening(deviceId) {
      for (const open of byDevice.get(deviceId) ?? []) deliver(open).catch(error => fail(open, error))
    },

    get open() {
      return calls.size
    },

    close() {
      for (const open of [...calls.values()]) fail(open, new LoomError('HUB_DOWN', 'the hub stops'))
    },
  }
}

/** Throws COMMAND_INVALID or COMMAND_TOO_LARGE for what cannot be called. */
export function checkMethod({ name, payload, connectTimeoutMs, responseTimeoutMs }: Omit<MethodRequest, 'deviceId'>): void {
  checkName(name)
  jsonOf(payload)
  within('connectTimeoutMs', connectTimeoutMs)
  within('responseTimeoutMs', responseTimeoutMs)
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && /^[\w!%&'*.^`|~-]{1,64}$/.test(name)) return
  throw new LoomError('COMMAND_INVALID', `method name ${JSON.stringify(String(name).slice(0, 60))}`, {
    hint: "it has 1 to 64 letters, digits and _ ! % & ' * . ^ ` | ~ -",
  })
}

function jsonOf(payload: unknown): string {
  let text: string
  try {
    text = JSON.stringify(payload ?? null)
  } catch (cause) {
    throw new LoomError('COMMAND_INVALID', 'the payload is no JSON', { cause })
  }
  const bytes = Buffer.byteLength(text)
  if (bytes <= methodLimits.payloadBytes) return text
  throw new LoomError('COMMAND_TOO_LARGE', `a payload of ${bytes} bytes`, { hint: `at most ${methodLimits.payloadBytes}` })
}

function within(name: 'connectTimeoutMs' | 'responseTimeoutMs', value: number | undefined): number {
  const { least, default: otherwise, most } = methodLimits[name]
  if (value === undefined) return otherwise
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new LoomError('COMMAND_INVALID', `${name} ${String(value).slice(0, 20)}`, { hint: `${least} to ${most}` })
}
