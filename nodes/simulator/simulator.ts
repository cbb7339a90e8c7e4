import { homedir } from 'node:os'
import { join } from 'node:path'
import type { NodeDef } from 'node-red'
import { errorData, LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type NewMsg } from '../../src/nodered/define.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import type { Status } from '../../src/nodered/status.ts'
import { checkedClaim, enrolByClaim } from '../../src/simulator/claim-enrolment.ts'
import type { Enrol } from '../../src/simulator/credentials.ts'
import { checkedFault } from '../../src/simulator/fault-spec.ts'
import type { FleetStats } from '../../src/simulator/fleet.ts'
import { checkedChange } from '../../src/simulator/options.ts'
import { enrolByDps, checkedEnrolment } from '../../src/simulator/dps-enrolment.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'
import { type SimulatorConfig, type } from './config.ts'
import { endpointOf, enrolAt, templateOfDevice } from './enrol.ts'
import { optionsOf } from './options.ts'
import { createRenewals, credentialsIn, hasKey, renewalOf } from './renewals.ts'
import { Run } from './run.ts'
import { devicesOf, toldMessage } from './told.ts'

export default defineNode<SimulatorConfig & NodeDef>(type, async (config, { node, RED, status, emit }) => {
  const userDir = RED.settings.userDir ?? join(homedir(), '.node-red')
  let options = optionsOf(config, userDir)
  status('waiting', `0/${options.count}`)
  const { hub, dataDir } = await hubOf(config)
  const keyFolder = join(dataDir, 'simulator', node.id)
  let waitsFor = ''
  let enrol: Enrol = enrolAt(hub, `simulator ${node.id}`)

  const run = new Run({
    endpoint: () => endpointOf(hub),
    begin: endpoint => {
      waitsFor = ''
      return startSimulator(
        { options, endpoint, keyFolder },
        {
          enrol: o => enrol(o),
          stats: stats => {
            show(status, stats)
            emit({ notice: 'statistics', payload: stats })
          },
          faults: (payload, suppressed) => emit([undefined, { payload, suppressed }]),
          told: what => emit(toldMessage(what)),
          failed: error => {
            if (run.ended()) failed(error)
          },
        },
      )
    },
    waiting: ({ message }) => {
      status('warn', message)
      if (message !== waitsFor) node.warn(message)
      waitsFor = message
    },
    failed: error => failed(error),
    astray: error => node.warn(error.message),
  })
  const failed = (error: Error): void => {
    status('error', error.message)
    node.error(error)
    emit({ notice: 'failed', payload: errorData(error) })
  }
  const renewals = createRenewals(emit)
  const stop = async (): Promise<void> => {
    renewals.stop()
    await run.stop()
    status('waiting', `0/${options.count}`)
  }
  const set = async ({ device, payload }: Msg): Promise<void> => {
    const change = checkedChange({ ...objectOf(payload), ...(device !== undefined && { device }) })
    await run.simulator?.set(change)
    const { device: only, parameters, ...lasting } = change
    options = { ...options, ...lasting, parameters: { ...options.parameters, ...(only === undefined && parameters) } }
  }
  const inject = async ({ device, payload }: Msg): Promise<void> => {
    const fault = checkedFault(objectOf(payload))
    await running().inject({ device: String(device ?? ''), fault })
  }
  const running = (): Simulator => {
    if (run.simulator) return run.simulator
    throw new LoomError('SIMULATOR_CONFIG_INVALID', 'no device runs', { hint: 'start the simulator first' })
  }
  const renew = (msg: Msg): NewMsg => {
    running()
    const { ids, atOnce } = renewalOf(msg, options)
    const items = ids.map(id => ({
      id,
      run: async () => running().renew({ device: id, template: await templateOfDevice(hub, id) }),
    }))
    return { ...msg, notice: 'renewing', payload: renewals.add(items, atOnce) }
  }
  const adopt = (msg: Msg): NewMsg => {
    const { device, payload } = msg
    delete msg.payload // as below
    running()
    const items = credentialsIn({ device, payload }).map(given => ({ id: given.device, run: () => running().adopt(given) }))
    return { ...msg, notice: 'renewing', payload: renewals.add(items) }
  }
  /** The message loses its secrets: it goes on, in case of an error to a Catch node. */
  const enrolBy = (msg: Msg): void => {
    const { claim, enrolment } = msg
    delete msg.claim
    delete msg.enrolment
    const endpoint = () => endpointOf(hub)
    if (claim !== undefined) enrol = enrolByClaim({ endpoint, claim: checkedClaim(claim), now: Date.now })
    else if (enrolment !== undefined) enrol = enrolByDps({ endpoint, enrolment: checkedEnrolment(enrolment), now: Date.now })
  }

  const leave = hub.subscribe(event => run.hear(event))
  try {
    if (config.autostart !== false) await run.start()
  } catch (thrown) {
    leave()
    throw thrown
  }
  return {
    async input(msg) {
      const action = actionOf(msg)
      if (action === 'renew') return renew(msg)
      if (action === 'credential') return adopt(msg)
      if (action === 'start') {
        enrolBy(msg)
        const reason = await run.start()
        if (reason) return { ...msg, notice: 'waiting', payload: errorData(reason) }
      } else if (action === 'stop') await stop()
      else if (action === 'set') await set(msg)
      else if (action === 'inject') await inject(msg)
      else if (action === 'disconnect') await running().leave({ devices: devicesOf(msg.device) })
      else if (action === 'connect') await running().come({ devices: devicesOf(msg.device) })
      else {
        const hint = 'start, stop, set, inject, disconnect, connect, renew or credential'
        throw new LoomError('SIMULATOR_CONFIG_INVALID', `action ${JSON.stringify(action)?.slice(0, 40)}`, { hint })
      }
      return { ...msg, notice: notices[action], payload: (await run.simulator?.stats()) ?? { devices: 0, connected: 0 } }
    },
    stop: leave,
    close: () => {
      renewals.stop()
      return run.stop()
    },
  }
})

const notices = {
  start: 'started',
  stop: 'stopped',
  set: 'changed',
  inject: 'injected',
  disconnect: 'disconnected',
  connect: 'connected',
} as const

/** A credential may come straight from the node that made it. */
function actionOf({ action, payload }: Msg): unknown {
  return action ?? (typeof payload === 'string' ? payload : hasKey(payload) ? 'credential' : undefined)
}

function objectOf(payload: unknown): Record<string, unknown> {
  if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return payload as Record<string, unknown>
  throw new LoomError('SIMULATOR_CONFIG_INVALID', 'payload is no object')
}

function show(status: Status, { connected, devices, sent, acked, lastError }: FleetStats): void {
  const figures = `${connected}/${devices} · ${acked}/${sent}`
  if (connected === devices) status('ok', figures)
  else if (lastError && connected === 0) status('warn', `${figures} · ${lastError.slice(0, 60)}`)
  else status('busy', figures)
}
