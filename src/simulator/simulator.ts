import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { errorData, errorOf, LoomError } from '../errors.ts'
import type { Enrol } from './credentials.ts'
import type { Told } from './dialogue.ts'
import type { FaultSpec } from './fault-spec.ts'
import type { FaultLog } from './faults.ts'
import type { FleetStats } from './fleet.ts'
import type { Endpoint } from './link.ts'
import type { FleetChange } from './options.ts'
import type { SimulatorLog } from './wire-log.ts'
import type { FromWorker, ToWorker, WorkerMethod, WorkerStart } from './worker-messages.ts'

export interface SimulatorEvents {
  /** Makes a device's credential; runs in the caller's thread. */
  enrol: Enrol
  /** Once a second. */
  stats?: (stats: FleetStats) => void
  /** Ground truth, at most once a second; `suppressed` more were left out. */
  faults?: (items: FaultLog[], suppressed: number) => void
  /** What the hub told a device, and what that made of it. */
  told?: (what: Told) => void
  /** The worker ended by itself: SIMULATOR_FAILED. Not called after `stop`. */
  failed?: (error: Error) => void
}

/** A running fleet. Calls reject with SIMULATOR_CONFIG_INVALID for bad input and SIMULATOR_FAILED once the worker has gone. */
export interface Simulator {
  set(change: FleetChange): Promise<void>
  /** Devices connect there from their next connection on. */
  setEndpoint(endpoint: Endpoint): Promise<void>
  /** The fault begins with the device's next reading. */
  inject(o: { device: string; fault: FaultSpec }): Promise<void>
  /** The device gets its next certificate by the AWS template it came by and comes back with it. PROV_DENIED, PROV_PENDING, CRED_INVALID, HUB_TIMEOUT: it goes on with the old one. */
  renew(o: { device: string; template: string }): Promise<void>
  /** The same with a certificate that somebody made. */
  adopt(o: { device: string; keyPem: string; certPem: string }): Promise<void>
  /** The devices lose their connection and make no other until they are to come. */
  leave(o: { devices: string[] }): Promise<void>
  come(o: { devices: string[] }): Promise<void>
  stats(): Promise<FleetStats>
  /** What went out and what was done to it, as far as `logLimit` reaches. */
  log(): Promise<SimulatorLog>
  /** Sends what is left for at most `withinMs`, disconnects, ends the worker; twice is once. */
  stop(o?: { withinMs?: number }): Promise<SimulatorLog>
}

/** Starts a fleet in a thread of its own; resolves when it runs, its devices then connect. SIMULATOR_RECORDING, SIMULATOR_FAILED. */
export function startSimulator(start: WorkerStart, events: SimulatorEvents): Promise<Simulator> {
  const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { workerData: start })
  const ready = Promise.withResolvers<Simulator>()
  const calls = new Map<number, PromiseWithResolvers<unknown>>()
  let callId = 0
  let over: Error | undefined
  let stopping: Promise<SimulatorLog> | undefined
  const post = (message: ToWorker): void => worker.postMessage(message)

  const call = <T>(method: WorkerMethod, argument: unknown = {}): Promise<T> => {
    if (over) return Promise.reject(over)
    const pending = Promise.withResolvers<unknown>()
    calls.set(++callId, pending)
    post({ kind: 'call', id: callId, method, argument })
    return pending.promise as Promise<T>
  }
  const end = (error: Error): void => {
    if (over) return
    over = error
    ready.reject(error)
    for (const pending of calls.values()) pending.reject(error)
    calls.clear()
    if (!stopping) events.failed?.(error)
  }
  const enrol = async (id: number, device: string, csrPem: string): Promise<void> => {
    try {
      post({ kind: 'enrolled', id, answer: await events.enrol({ id: device, csrPem }) })
    } catch (thrown) {
      post({ kind: 'enrolled', id, error: errorData(thrown) })
    }
  }
  const reply = ({ id, value, error }: Extract<FromWorker, { kind: 'reply' }>): void => {
    const pending = calls.get(id)
    calls.delete(id)
    if (error) pending?.reject(errorOf(error))
    else pending?.resolve(value)
  }

  const simulator: Simulator = {
    set: change => call('set', change),
    setEndpoint: endpoint => call('setEndpoint', endpoint),
    inject: o => call('inject', o),
    renew: o => call('renew', o),
    adopt: o => call('adopt', o),
    leave: o => call('leave', o),
    come: o => call('come', o),
    stats: () => call('stats'),
    log: () => call('log'),
    stop: ({ withinMs = 2000 } = {}) => {
      stopping ??= (async () => {
        const limit = setTimeout(() => void worker.terminate(), withinMs + 2000)
        try {
          await call('stop', { withinMs })
          return await call<SimulatorLog>('log')
        } catch {
          return { wire: [], faults: [], lost: 0 } // it had already ended
        } finally {
          clearTimeout(limit)
          await worker.terminate()
        }
      })()
      return stopping
    },
  }
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'reply') reply(message)
    else if (message.kind === 'enrol') void enrol(message.id, message.device, message.csrPem)
    else if (message.kind === 'stats') events.stats?.(message.stats)
    else if (message.kind === 'faults') events.faults?.(message.items, message.suppressed)
    else if (message.kind === 'told') events.told?.(message.what)
    else if (message.kind === 'ready') ready.resolve(simulator)
    else {
      stopping = Promise.resolve({ wire: [], faults: [], lost: 0 })
      end(errorOf(message.error))
      void worker.terminate()
    }
  })
  worker.on('error', cause =>
    end(new LoomError('SIMULATOR_FAILED', cause instanceof Error ? cause.message : String(cause), { cause })),
  )
  worker.on('exit', code => end(new LoomError('SIMULATOR_FAILED', `its thread ended with code ${code}`)))
  return ready.promise
}
