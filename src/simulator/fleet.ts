import { LoomError } from '../errors.ts'
import { type ConnectionPorts, type Counters, DeviceConnection } from './connection.ts'
import type { DeviceCredential } from './credentials.ts'
import { type Planned, SimulatedDevice } from './device.ts'
import type { FaultKind, FaultSpec } from './fault-spec.ts'
import type { FaultLog } from './faults.ts'
import { Dialogue, type Told } from './dialogue.ts'
import { type Endpoint, isAzure, type OpenLink } from './link.ts'
import { machineOf } from './machine.ts'
import { deviceIdOf, type FleetChange, parametersOf, type SimulatorOptions } from './options.ts'
import { type Clock, Pacer, sideBySide } from './pacer.ts'
import type { Recording } from './recording.ts'
import { Schedule } from './schedule.ts'
import type { Wallet } from './wallet.ts'
import { shadowForm } from './shadow-form.ts'
import { azureForm, plainForm, type WireForm } from './wire-form.ts'
import { type SimulatorLog, WireLog } from './wire-log.ts'

export interface FleetPorts extends Pick<Wallet, 'outcome' | 'renew' | 'adopt'> {
  clock: Clock
  /** for back-off only; what devices measure is seeded */
  random: () => number
  open: OpenLink
  /** `renew`: the stored one was refused. */
  credential: (o: { id: string; endpoint: Endpoint; renew: boolean }) => Promise<DeviceCredential>
  stats: (stats: FleetStats) => void
  /** Ground truth of the last second; `suppressed` more were left out. */
  faults: (items: FaultLog[], suppressed: number) => void
  /** What the hub told a device, and what that made of it. */
  told: (what: Told) => void
}

export interface FleetStats extends Counters {
  devices: number
  faults: Partial<Record<FaultKind | 'disconnect', number>>
}

const reportMs = 1000
const faultsPerReport = 1000
const connectingAtOnce = 32

/** Many devices over real connections: a schedule that says what is due, a connection per device, and one timer between them. */
export class Fleet {
  readonly #options: SimulatorOptions
  readonly #ports: FleetPorts
  readonly #recording: Recording | undefined
  readonly #schedule: Schedule
  readonly #connections = new Map<string, DeviceConnection>()
  readonly #dialogues = new Map<string, Dialogue>()
  readonly #pacer: Pacer
  readonly #slot = sideBySide(connectingAtOnce)
  readonly #log: WireLog
  readonly #counters: Counters = { connected: 0, reconnects: 0, sent: 0, acked: 0, resent: 0, dropped: 0, failures: 0 }
  readonly #faultCounts: FleetStats['faults'] = {}
  #endpoint: Endpoint
  #unreported: FaultLog[] = []
  #suppressed = 0
  #wake: { at: number; cancel: () => void } | undefined
  #report: (() => void) | undefined
  #running = false

  constructor(o: { options: SimulatorOptions; endpoint: Endpoint; recording?: Recording | undefined; ports: FleetPorts }) {
    this.#options = structuredClone(o.options)
    this.#endpoint = o.endpoint
    this.#recording = o.recording
    this.#ports = o.ports
    this.#schedule = new Schedule()
    this.#pacer = new Pacer(o.ports.clock, o.options.rampPerSecond)
    this.#log = new WireLog(o.options.logLimit)
  }

  start(): void {
    this.#running = true
    for (let i = 0; i < this.#options.count; i++) this.#connect(i)
    this.#reportLater()
  }

  /** `device` limits `parameters` only; SIMULATOR_CONFIG_INVALID if it is unknown. Devices are added and taken away at the end of the numbers. */
  async set(change: FleetChange): Promise<void> {
    if (change.parameters) this.#setParameters(change.parameters, change.device)
    if (change.speed !== undefined) this.#options.speed = change.speed
    if (change.intervalMs !== undefined) {
      this.#options.intervalMs = change.intervalMs
      this.#schedule.hasten(this.#ports.clock.now(), change.intervalMs)
      this.#sleep()
    }
    if (change.parameters || change.intervalMs !== undefined) for (const dialogue of this.#dialogues.values()) dialogue.changed()
    if (change.count !== undefined) await this.#resize(change.count)
  }

  /** Where devices connect from now on; those connected stay. */
  setEndpoint(endpoint: Endpoint): void {
    this.#endpoint = endpoint
  }

  inject(o: { device: string; fault: FaultSpec }): void {
    this.#device(o.device).inject(o.fault)
  }

  /**
   * A device gets its next certificate over its connection, by the template it came by, and comes back with it. HUB_TIMEOUT, PROV_DENIED, PROV_PENDING,
   * CRED_INVALID, SIMULATOR_CONFIG_INVALID: it goes on with the old one.
   */
  async renew({ device: id, template }: { device: string; template: string }): Promise<void> {
    await this.#connection(id).renew(ask => this.#ports.renew({ id, template, ask }), { connected: true })
  }

  /** The same with a certificate that somebody made. */
  async adopt({ device: id, keyPem, certPem }: { device: string; keyPem: string; certPem: string }): Promise<void> {
    const { caPem } = this.#endpoint
    await this.#connection(id).renew(() => this.#ports.adopt({ id, caPem, keyPem, certPem }), { connected: false })
  }

  /** Devices lose their connection and stay away until they are to come back. SIMULATOR_CONFIG_INVALID: none of them does. */
  leave({ devices }: { devices: readonly string[] }): void {
    for (const connection of devices.map(id => this.#connection(id))) connection.leave()
  }

  come({ devices }: { devices: readonly string[] }): void {
    for (const connection of devices.map(id => this.#connection(id))) connection.come()
  }

  stats(): FleetStats {
    return { devices: this.#connections.size, ...this.#counters, faults: { ...this.#faultCounts } }
  }

  log(): SimulatorLog {
    return this.#log.read()
  }

  /** Ends the readings, sends what is left for at most `withinMs`, disconnects. */
  async stop(withinMs: number): Promise<void> {
    this.#running = false
    this.#wake?.cancel()
    this.#pacer.stop()
    for (const dialogue of this.#dialogues.values()) dialogue.stop()
    const now = this.#ports.clock.now()
    for (const device of this.#schedule.devices()) this.#send(device.flush(now))
    await Promise.all([...this.#connections.values()].map(connection => connection.stop(withinMs)))
    this.#report?.()
    this.#reportNow()
  }

  #connect(index: number): void {
    const id = deviceIdOf(this.#options.idPrefix, index)
    const { clock, random, open } = this.#ports
    const speaksAws = this.#options.dialect === 'aws'
    const ports: ConnectionPorts = {
      clock,
      random,
      open: (o, events) => open({ ...o, keepSession: speaksAws && !isAzure(o.credential) }, events),
      pacer: this.#pacer,
      slot: this.#slot,
      endpoint: () => this.#endpoint,
      credential: renew => this.#ports.credential({ id, endpoint: this.#endpoint, renew }),
      // A successor that could not be put in its place is tried first again.
      outcome: (credential, outcome) => void this.#ports.outcome({ id, credential, outcome }).catch(() => undefined),
      counters: this.#counters,
      sent: (emission, resent) => this.#log.sent(emission, resent, clock.now()),
      firstUp: () => this.#begin(id, index),
      linked: (link, credential) => this.#dialogues.get(id)?.attach(link, this.#formOf(id, credential)),
      unlinked: () => this.#dialogues.get(id)?.detach(),
    }
    const { inFlight, backlog } = this.#options
    const connection = new DeviceConnection({ id, inFlight, backlog, ports })
    this.#connections.set(id, connection)
    connection.start()
  }

  #formOf(id: string, credential: DeviceCredential): WireForm {
    const { dialect, shadow } = this.#options
    if (isAzure(credential)) return azureForm(id)
    return dialect === 'aws' ? shadowForm(id, shadow) : plainForm(id)
  }

  /** A device measures from its first connection on, so that a slow ramp-up piles nothing up. */
  #begin(id: string, index: number): void {
    if (!this.#running || !this.#connections.has(id)) return
    const startAt = this.#ports.clock.now()
    const device = new SimulatedDevice({ options: this.#options, index, startAt, recording: this.#recording })
    this.#schedule.add(device)
    const machine = machineOf(device, this.#options, () => {
      this.#schedule.hasten(this.#ports.clock.now(), device.intervalMs!, device)
      this.#sleep()
    })
    const away = (ms: number): void => this.#connections.get(id)?.interrupt(ms)
    this.#dialogues.set(id, new Dialogue({ id, machine, ports: { clock: this.#ports.clock, told: this.#ports.told, away } }))
    this.#sleep()
  }

  #plan(): void {
    this.#wake = undefined
    if (!this.#running) return
    for (const planned of this.#schedule.plan(this.#ports.clock.now())) this.#send(planned)
    this.#sleep()
  }

  #sleep(): void {
    const at = this.#schedule.nextAt()
    if (at === undefined || (this.#wake && this.#wake.at <= at)) return
    this.#wake?.cancel()
    // A few milliseconds together cost one timer.
    const ms = Math.max(5, at - this.#ports.clock.now())
    this.#wake = { at, cancel: this.#ports.clock.after(Math.min(ms, 60_000), () => this.#plan()) }
  }

  #send({ device, emissions, log, disconnectMs }: Planned): void {
    const connection = this.#connections.get(device)
    if (!connection) return
    for (const entry of log) this.#note(entry)
    for (const emission of emissions) connection.offer(emission)
    if (disconnectMs === undefined) return
    this.#count('disconnect')
    connection.interrupt(disconnectMs)
  }

  #note(entry: FaultLog): void {
    this.#count(entry.kind)
    this.#log.fault(entry)
    if (this.#unreported.length < faultsPerReport) this.#unreported.push(entry)
    else this.#suppressed++
  }

  #count(kind: FaultKind | 'disconnect'): void {
    this.#faultCounts[kind] = (this.#faultCounts[kind] ?? 0) + 1
  }

  #reportLater(): void {
    this.#report = this.#ports.clock.after(reportMs, () => {
      this.#reportNow()
      this.#reportLater()
    })
  }

  #reportNow(): void {
    if (this.#unreported.length) this.#ports.faults(this.#unreported, this.#suppressed)
    this.#unreported = []
    this.#suppressed = 0
    this.#ports.stats(this.stats())
  }

  #device(id: string): SimulatedDevice {
    const device = this.#schedule.get(id)
    if (device) return device
    throw unknown(id, ', or has not connected yet')
  }

  #connection(id: string): DeviceConnection {
    const connection = this.#connections.get(id)
    if (connection) return connection
    throw unknown(id)
  }

  #setParameters(parameters: Record<string, number>, id: string | undefined): void {
    if (id === undefined) Object.assign(this.#options.parameters, parameters)
    for (const device of id === undefined ? this.#schedule.devices() : [this.#device(id)]) {
      const own = parametersOf({ model: this.#options.model, parameters }, device.index)
      for (const name of Object.keys(parameters)) if (name in own) device.parameters[name] = own[name]!
    }
  }

  async #resize(count: number): Promise<void> {
    const before = this.#options.count
    this.#options.count = count
    for (let i = before; i < count; i++) this.#connect(i)
    const ending: Promise<void>[] = []
    for (let i = count; i < before; i++) {
      const id = deviceIdOf(this.#options.idPrefix, i)
      this.#schedule.remove(id)
      this.#dialogues.get(id)?.stop()
      this.#dialogues.delete(id)
      ending.push(this.#connections.get(id)!.stop(1000))
      this.#connections.delete(id)
    }
    await Promise.all(ending)
  }
}

const unknown = (id: string, or = ''): LoomError =>
  new LoomError('SIMULATOR_CONFIG_INVALID', `device: ${JSON.stringify(id.slice(0, 60))} is not simulated here${or}`)
