import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createHmac } from 'node:crypto'
import type { HubEvent } from '../../src/hub/hub.ts'
import { allocatedHub } from '../../src/provisioning/allocation.ts'
import type { Enrolment, EnrolmentRequest } from '../../src/provisioning/enrolment.ts'
import { stopAll, until } from '../processes.ts'
import { azureClient, type SdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

type Allocation = Enrolment['allocation']

const derived = (groupKey: string, registrationId: string): string =>
  createHmac('sha256', Buffer.from(groupKey, 'base64')).update(registrationId).digest('base64')

describe('azure-iot-provisioning-device-mqtt with three hubs', function () {
  this.timeout(180_000)
  let house: ProvisioningHouse
  let houses: ProvisioningHouse[]
  let caFile: string
  /** of the group by which the devices are enrolled */
  const groupKeys = new Map<string, string>()
  const moved = new Map<string, Promise<unknown>>()
  let sent = 0

  before(async () => {
    houses = await Promise.all(['sdk-hub-a', 'sdk-hub-b', 'sdk-hub-c'].map(name => provisioningHouse(name)))
    house = houses[0]!
    caFile = house.file('cas.pem', houses.map(one => readFileSync(one.caFile, 'utf8')).join(''))
    house.hub.subscribe(event => {
      if (event.type === 'provisioning' && event.state === 'ACTIVE' && event.hub !== 'self') tellOther(event)
    })
  })
  after(async () => {
    await stopAll()
    await Promise.all((houses ?? []).map(({ hub }) => hub.close()))
  })

  const addressOf = ({ host, port }: ProvisioningHouse): string => `${host}:${port}`
  const houseAt = (address: string): ProvisioningHouse => {
    const found = houses.find(one => addressOf(one) === address)
    assert(found, `no hub at ${address}`)
    return found
  }
  /** What a flow of the first hub does for a device that belongs to another: the other one hears of it. */
  const tellOther = ({ hub, deviceId, registrationId, enrolmentId }: HubEvent & { type: 'provisioning' }): void => {
    const primaryKey = derived(groupKeys.get(enrolmentId!)!, registrationId!)
    const other = houseAt(hub!).hub.devices
    const registered = other.register({ id: deviceId!, credentials: { kind: 'sas', primaryKey } })
    moved.set(deviceId!, registered)
    registered.catch(() => {})
  }
  const enrol = async (enrolment: Omit<EnrolmentRequest, 'kind' | 'attestation'> & { id: string }): Promise<void> => {
    const request = { ...enrolment, kind: 'group', attestation: { kind: 'sas' } } as EnrolmentRequest
    const { secrets } = await house.hub.provisioning.createEnrolment({ enrolment: request })
    groupKeys.set(enrolment.id, secrets!.primaryKey)
  }
  const client = (enrolmentId: string, registrationId: string): Promise<SdkClient> =>
    azureClient(house, registrationId, { groupKey: groupKeys.get(enrolmentId) }, { NODE_EXTRA_CA_CERTS: caFile })

  /** A device registers and is assigned as foretold, connects there, and what it sends is there and nowhere else. */
  const lives = async (enrolmentId: string, registrationId: string, hub: string, payload?: object): Promise<SdkClient> => {
    const device = await client(enrolmentId, registrationId)
    const { status, substatus, assignedHub, deviceId } = await device.ask('register', payload)
    assert.deepEqual([status, substatus, assignedHub], ['assigned', 'initialAssignment', hub], registrationId)
    await speaks(device, hub, deviceId)
    return device
  }
  const speaks = async (device: SdkClient, hub: string, deviceId: string): Promise<void> => {
    if (hub !== addressOf(house)) await until(`${deviceId} told to ${hub}`, () => moved.get(deviceId))
    await device.ask('connect', hub, deviceId)
    const text = `{"from":"${deviceId}","at":"${hub}","n":${++sent}}`
    await device.ask('send', text)
    await houseAt(hub).landed(deviceId, `devices/${deviceId}/messages/events`, text)
    await device.ask('close')
    for (const other of houses) {
      const heard = (await other.telemetry()).filter(({ payload }) => Buffer.from(payload).toString() === text)
      assert.equal(heard.length, other === houseAt(hub) ? 1 : 0, `${text} at ${addressOf(other)}`)
    }
  }
  const allHubs = (): Allocation['hubs'] => [
    { host: 'self', weight: 1 },
    { host: addressOf(houses[1]!), weight: 2 },
    { host: addressOf(houses[2]!), weight: 5 },
  ]
  const foretold = (allocation: Allocation, registrationId: string, payload?: object): string => {
    const thisHub = addressOf(house)
    const hub = allocatedHub({ allocation, registrationKey: registrationId.toLowerCase(), payload, thisHub })
    return hub === 'self' ? thisHub : hub
  }
  /** Ids of devices that hashing gives to each of the hubs. */
  const idsFor = (allocation: Allocation, name: string): string[] =>
    allocation.hubs.map(({ host }) => {
      const hub = host === 'self' ? addressOf(house) : host
      for (let i = 0; i < 10_000; i++) if (foretold(allocation, `${name}-${i}`) === hub) return `${name}-${i}`
      throw new Error(`hashing gives nothing to ${hub}`)
    })

  it('hashed: each of three hubs of different weights gets the devices that the function says', async () => {
    const allocation: Allocation = { policy: 'hashed', hubs: allHubs() }
    await enrol({ id: 'hashed', allocation })
    const ids = idsFor(allocation, 'Hashed')
    await Promise.all(ids.map(id => lives('hashed', id, foretold(allocation, id))))
    const { items } = await house.hub.provisioning.registrations({ enrolmentId: 'hashed' })
    assert.equal(new Set(items.map(({ assignedHub }) => assignedHub)).size, 3)
    const here = items.filter(({ hub }) => hub === 'self').map(({ deviceId }) => deviceId)
    assert.deepEqual(here, [ids[0]])
    for (const id of ids.slice(1)) await assert.rejects(house.hub.devices.get({ id }), { code: 'IDENTITY_NOT_FOUND' })
  })

  it('static: the first of the list; lowest latency: the fastest that the device measured, else hashed', async () => {
    const [, b, c] = houses.map(addressOf) as [string, string, string]
    await enrol({ id: 'static', allocation: { policy: 'static', hubs: [...allHubs()].reverse() } })
    const allocation: Allocation = { policy: 'lowest-latency', hubs: allHubs() }
    await enrol({ id: 'near', allocation })
    const probes = (...measured: [hub: string, ms: number][]) => ({ probes: measured.map(([hub, ms]) => ({ hub, ms })) })
    const [hashedHere, hashedThere] = idsFor(allocation, 'near') as [string, string]
    await Promise.all([
      lives('static', 'static-1', c),
      lives('near', 'nearest-b', b, probes([c, 30], [b, 12.5], [addressOf(house), 40], ['elsewhere.test:8883', 1])),
      lives('near', 'nearest-self', addressOf(house), probes([c, 30], [addressOf(house), 2])),
      lives('near', hashedHere, addressOf(house)),
      lives('near', hashedThere, b, probes(['elsewhere.test:8883', 1])),
    ])
  })

  it('custom: the hub that the verdict of the flow names; without one it fails', async () => {
    const verdicts: Record<string, object> = {
      'custom-c': { allow: true, hub: addressOf(houses[2]!) },
      'custom-self': { allow: true, hub: addressOf(house) },
      'custom-none': { allow: true },
    }
    await enrol({
      id: 'custom',
      allocation: { policy: 'custom', hubs: [] },
      hook: { enabled: true, timeoutMs: 60_000, default: 'deny' },
    })
    const stop = house.hub.subscribe(event => {
      if (event.type !== 'provisioning-question') return
      const { id, registrationId } = event.request
      void house.hub.provisioning.answer({ id, verdict: verdicts[registrationId] as { allow: boolean } })
    })
    await house.hub.provisioning.listen({ listener: 'flow', on: true })
    const unnamed = async () => {
      const { name, body } = await (await client('custom', 'custom-none')).refused('register')
      assert.deepEqual(
        [name, body.registrationState.errorCode],
        ['ProvisioningRegistrationFailedError', 400207],
        JSON.stringify(body),
      )
    }
    await Promise.all([
      lives('custom', 'custom-c', addressOf(houses[2]!)),
      lives('custom', 'custom-self', addressOf(house)),
      unnamed(),
    ])
    await house.hub.provisioning.listen({ listener: 'flow', on: false })
    stop()
  })

  describe('registering again', () => {
    const here = () => addressOf(house)
    const there = () => addressOf(houses[1]!)
    const staticAt = (host: string): Allocation => ({ policy: 'static', hubs: [{ host, weight: 1 }] })
    const tagsOf = async (id: string) => (await house.hub.devices.get({ id })).tags

    const cases = [
      {
        reprovision: 'migrate',
        again: 'reprovisionedToInitialAssignment',
        tags: { site: 'moved' },
        after: 'deviceDataMigrated',
        hub: there,
      },
      { reprovision: 'reset', again: 'deviceDataReset', tags: { site: 'first' }, after: 'deviceDataReset', hub: there },
      {
        reprovision: 'never',
        again: 'reprovisionedToInitialAssignment',
        tags: { site: 'moved' },
        after: 'reprovisionedToInitialAssignment',
        hub: here,
      },
    ] as const

    const comesThrice = async ({ reprovision, again, tags, after, hub }: (typeof cases)[number]): Promise<void> => {
      const deviceId = `again-${reprovision}`
      const { provisioning, devices } = house.hub
      await enrol({ id: reprovision, reprovision, initialTwin: { tags: { site: 'first' } }, allocation: staticAt('self') })
      const device = await lives(reprovision, deviceId, here())
      assert.deepEqual(await tagsOf(deviceId), { site: 'first' })
      await devices.update({ id: deviceId, tags: { site: 'moved' } })

      const second = await device.ask('register')
      assert.deepEqual([second.status, second.substatus, second.assignedHub], ['assigned', again, here()])
      assert.deepEqual(await tagsOf(deviceId), tags)

      await provisioning.updateEnrolment({ id: reprovision, change: { allocation: staticAt(there()) } })
      const third = await device.ask('register')
      assert.deepEqual([third.status, third.substatus, third.assignedHub], ['assigned', after, hub()])
      assert.equal(third.createdDateTimeUtc, second.createdDateTimeUtc)
      await speaks(device, hub(), deviceId)
    }
    // SDKs mostly wait; they do it at the same time
    let runs: Promise<PromiseSettledResult<void>>[]
    before(() => {
      runs = cases.map(async one => (await Promise.allSettled([comesThrice(one)]))[0])
    })
    for (const [i, { reprovision }] of cases.entries())
      it(`${reprovision}: what becomes of the twin, and of the hub when the enrolment names another`, async () => {
        const run = await runs[i]!
        if (run.status === 'rejected') throw run.reason
      })
  })
})
