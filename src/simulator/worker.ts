// Entry of the simulator's worker thread: the fleet with real time, real connections and keys on disk.
import { parentPort, workerData } from 'node:worker_threads'
import { errorData, errorOf } from '../errors.ts'
import type { Certificates, Enrol, KeyCredential } from './credentials.ts'
import type { FaultSpec } from './fault-spec.ts'
import { Fleet, type FleetPorts } from './fleet.ts'
import { openKeyFolder } from './key-folder.ts'
import { type Endpoint, mqttLink } from './link.ts'
import type { FleetChange } from './options.ts'
import { realClock, sideBySide } from './pacer.ts'
import { loadRecording } from './recording-file.ts'
import { createWallet } from './wallet.ts'
import type { FromWorker, ToWorker, WorkerMethod, WorkerStart } from './worker-messages.ts'

const port = parentPort!
const post = (message: FromWorker): void => port.postMessage(message)
const { options, endpoint, keyFolder } = workerData as WorkerStart

const enrolments = new Map<number, PromiseWithResolvers<Certificates | KeyCredential>>()
let enrolmentId = 0
const enrol: Enrol = ({ id: device, csrPem }) => {
  const pending = Promise.withResolvers<Certificates | KeyCredential>()
  const id = ++enrolmentId
  enrolments.set(id, pending)
  post({ kind: 'enrol', id, device, csrPem })
  return pending.promise
}

const slot = sideBySide(8)
let fleet: Fleet
const methods: Record<WorkerMethod, (argument: never) => unknown> = {
  set: (change: FleetChange) => fleet.set(change),
  setEndpoint: (next: Endpoint) => fleet.setEndpoint(next),
  inject: (o: { device: string; fault: FaultSpec }) => fleet.inject(o),
  renew: (o: Parameters<Fleet['renew']>[0]) => fleet.renew(o),
  adopt: (o: Parameters<Fleet['adopt']>[0]) => fleet.adopt(o),
  leave: (o: { devices: string[] }) => fleet.leave(o),
  come: (o: { devices: string[] }) => fleet.come(o),
  stats: () => fleet.stats(),
  log: () => fleet.log(),
  stop: ({ withinMs }: { withinMs: number }) => fleet.stop(withinMs),
}

async function serve(message: ToWorker): Promise<void> {
  if (message.kind === 'enrolled') {
    const pending = enrolments.get(message.id)
    enrolments.delete(message.id)
    if (message.answer) pending?.resolve(message.answer)
    else pending?.reject(errorOf(message.error!))
    return
  }
  const { id, method, argument } = message
  try {
    post({ kind: 'reply', id, value: await methods[method](argument as never) })
  } catch (thrown) {
    post({ kind: 'reply', id, error: errorData(thrown) })
  }
}

async function start(): Promise<void> {
  const wallet = createWallet({ keys: await openKeyFolder(keyFolder), enrol, now: Date.now })
  const recording = options.recording && (await loadRecording(options.recording.path, options.recording.timeColumn))
  const ports: FleetPorts = {
    clock: realClock,
    random: Math.random,
    open: mqttLink,
    credential: ({ id, endpoint, renew }) => slot(() => wallet.credential({ id, caPem: endpoint.caPem, renew })),
    outcome: wallet.outcome,
    renew: wallet.renew,
    adopt: wallet.adopt,
    stats: stats => post({ kind: 'stats', stats }),
    faults: (items, suppressed) => post({ kind: 'faults', items, suppressed }),
    told: what => post({ kind: 'told', what }),
  }
  fleet = new Fleet({ options, endpoint, recording, ports })
  port.on('message', (message: ToWorker) => void serve(message))
  fleet.start()
  post({ kind: 'ready' })
}

start().catch(thrown => post({ kind: 'failed', error: errorData(thrown) }))
