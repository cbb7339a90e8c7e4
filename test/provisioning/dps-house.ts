import type { Attested } from '../../src/provisioning/attest.ts'
import { openAllowLists } from '../../src/provisioning/allow-list.ts'
import { createDps } from '../../src/provisioning/dps.ts'
import type { Dps, DpsPorts, ProvisioningEvent } from '../../src/provisioning/dps-port.ts'
import type { EnrolmentRequest } from '../../src/provisioning/enrolment.ts'
import { openEnrolments } from '../../src/provisioning/enrolments.ts'
import { createHookDesk } from '../../src/provisioning/hook-desk.ts'
import type { DevicePlan, DeviceWriter } from '../../src/provisioning/provisioning-port.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { LoomError } from '../../src/errors.ts'
import { random, sealerOf, start } from '../pki/make.ts'

export const minutes = (n: number): number => n * 60_000
export const hours = (n: number): number => n * 3_600_000

/** A clock that the test turns, with the timers that come due on the way. */
export function createClock() {
  let timers: { at: number; run: () => void }[] = []
  const clock = {
    now: start,
    schedule(ms: number, run: () => void) {
      const timer = { at: clock.now + ms, run }
      timers.push(timer)
      return () => void (timers = timers.filter(one => one !== timer))
    },
    turn(ms: number) {
      clock.now += ms
      const due = timers.filter(({ at }) => at <= clock.now)
      timers = timers.filter(timer => !due.includes(timer))
      for (const { run } of due) run()
    },
    get timers() {
      return timers.length
    },
  }
  return clock
}

export interface FakeDevices extends DeviceWriter {
  plans: DevicePlan[]
  known: Map<string, { deviceId: string; enabled: boolean; state: 'active'; enrolmentId?: string }>
  keys: Map<string, string>
  /** thrown by the next applies, one each */
  failures: Error[]
}

/** `store`: where a plan's further documents go, as one transaction with the device. */
export function createFakeDevices(store?: StateStore): FakeDevices {
  const fake: FakeDevices = {
    plans: [],
    known: new Map(),
    keys: new Map(),
    failures: [],
    find: async id => fake.known.get(id),
    ownerOfKey: async hash => fake.keys.get(hash),
    async apply(plan) {
      const failure = fake.failures.shift()
      if (failure) throw failure
      const { deviceId, enrolmentId, existing } = plan
      const created = !fake.known.has(deviceId)
      if (!created && existing === 'refuse') throw new LoomError('PROV_DENIED', `"${deviceId}" exists`)
      const { also = [], ...rest } = plan
      await store?.tx(also, { by: plan.by })
      fake.plans.push(rest)
      fake.known.set(deviceId, { deviceId, enabled: true, state: 'active', ...(enrolmentId !== undefined && { enrolmentId }) })
      return { deviceId, generation: 'g', created }
    },
  }
  return fake
}

/** Enrolments, lists, hook desk and the service over a memory store. */
export async function dpsHouse(o: Partial<DpsPorts> & { store?: StateStore; clock?: ReturnType<typeof createClock> } = {}) {
  const clock = o.clock ?? createClock()
  const now = () => clock.now
  const store = o.store ?? (await openMemoryStateStore({ now }))
  const enrolments = await openEnrolments({ store, sealer: sealerOf(), now, random })
  const allowLists = await openAllowLists({ store, now })
  const desk = createHookDesk({ now, schedule: clock.schedule })
  const devices = createFakeDevices(store)
  const events: ProvisioningEvent[] = []
  const ports: DpsPorts = {
    store,
    enrolments,
    allowLists,
    devices,
    hook: desk,
    thisHub: ({ sniHost }) => sniHost ?? 'hub.test',
    events: event => void events.push(event),
    now,
    random,
    schedule: clock.schedule,
    ...o,
  }
  const dps = await createDps(ports)
  const house = { clock, store, enrolments, allowLists, desk, devices, events, ports, dps }
  return { ...house, ...helpersOf(house) }
}

function helpersOf({ dps, enrolments }: { dps: Dps; enrolments: DpsPorts['enrolments'] }) {
  return {
    /** A group with keys; its settings as given. */
    group: (settings: Partial<EnrolmentRequest> = {}) =>
      enrolments.create({ id: 'fleet', kind: 'group', attestation: { kind: 'sas' }, ...settings }),
    register: (who: Attested, payload?: unknown) =>
      dps.register(who, {
        body: { registrationId: who.registrationId, ...(payload !== undefined && { payload }) },
        ip: '192.0.2.7',
      }),
    /** Registers and works until the operation ends or somebody must decide. */
    async outcome(who: Attested, payload?: unknown) {
      const { operationId } = await dps.register(who, { body: { payload }, ip: '192.0.2.7' })
      await dps.idle()
      return dps.status(who, { operationId })
    },
  }
}

export const sasDevice = (registrationId: string, enrolmentId = 'fleet'): Attested => ({
  enrolmentId,
  enrolmentKind: 'group',
  kind: 'sas',
  registrationId,
})

export const certifiedDevice = (registrationId: string, key: string, enrolmentId = 'fleet'): Attested => ({
  enrolmentId,
  enrolmentKind: 'group',
  kind: 'x509',
  registrationId,
  fingerprint: `f-${key}`,
  spkiHash: key,
  subject: `CN=${registrationId}`,
  certificatePem: `pem of ${key}`,
})

/** Answers of a hook come some turns later. */
export async function settled({ dps }: { dps: Pick<Dps, 'idle'> }): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    await dps.idle()
  }
}
