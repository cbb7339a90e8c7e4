import assert from 'node:assert/strict'
import type { Hub, HubEvent, LeafEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { lifecycleOf } from '../../src/telemetry/lifecycle.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
const denied = { code: 'POLICY_DENIED' }

describe('devices behind a gateway', function () {
  this.timeout(60_000)
  let hub: Hub
  let heard: LeafEvent[]
  const records = async (kind: number) =>
    (await hub.journal.read({ from: 1, limit: 1000 })).filter(record => record.kind === kind)
  /** So many of them, once they are on disk. */
  const lived = async (device: string, count: number) => {
    const told = async () =>
      (await records(kinds.lifecycle)).flatMap(record => {
        const event = lifecycleOf(record)
        return event?.device === device && event.event !== 'created' ? [event] : []
      })
    await until(async () => (await told()).length >= count)
    return told()
  }
  const telemetry = async (gateway: string, device: string) => {
    const { results } = await hub.gateways.telemetry({ gateway, messages: [{ device, payload: bytes({ t: 1 }) }] })
    const [result] = results
    return 'error' in result! ? result.error.code : 'taken'
  }
  const attend = (gateway: string, on = true, listener = `node-${gateway}`) =>
    hub.gateways.attend({ gateway, listener, instance: '1', on })

  beforeEach(async () => {
    heard = []
    hub = await startHub({
      hubId: 'gateways',
      dataDir: tempFolder('gateways'),
      store: 'memory',
      broker: 'none',
      threaded: false,
      listeners: [],
    })
    hub.subscribe((event: HubEvent) => {
      if (event.type === 'leaf') heard.push(event)
    })
    for (const id of ['gw', 'gw2', 'alone']) await hub.devices.register({ id })
    for (const id of ['a', 'b']) await hub.devices.register({ id, attributes: { gateway: 'gw' } })
  })
  afterEach(() => hub.close())

  it('their telemetry is journaled as theirs, with the gateway as a property', async () => {
    const { results } = await hub.gateways.telemetry({
      gateway: 'gw',
      messages: [
        {
          device: 'a',
          payload: bytes({ t: 21 }),
          stream: 'env',
          time: 1_700_000_000_000,
          properties: { unit: 'C', gateway: 'x' },
        },
        { device: 'alone', payload: bytes({ t: 1 }) },
        { device: 'nobody', payload: bytes({ t: 1 }) },
        { device: 'b', payload: bytes({ t: 22 }), stream: 'a b' },
        { device: 'b', payload: bytes({ t: 23 }) },
      ],
    })
    assert.deepEqual(
      results.map(result => ('error' in result ? [result.device, result.error.code] : result.device)),
      ['a', ['alone', 'POLICY_DENIED'], ['nobody', 'IDENTITY_NOT_FOUND'], ['b', 'REQUEST_INVALID'], 'b'],
    )
    const found = await records(kinds.injected)
    assert.deepEqual(
      found.map(({ device, props }) => [device, props.p, props.e.stream ?? '', props.e.principal]),
      [
        ['a', { unit: 'C', gateway: 'gw' }, 'env', 'gateway gw'],
        ['b', { gateway: 'gw' }, '', 'gateway gw'],
      ],
    )
    await assert.rejects(
      hub.gateways.telemetry({ gateway: 'gw', messages: Array(1001).fill({ device: 'a', payload: bytes({}) }) }),
      {
        code: 'REQUEST_INVALID',
      },
    )
  })

  it('no other gateway acts for them in any way', async () => {
    for (const gateway of ['gw2', 'alone', 'nobody', '', 'a']) {
      const at = { gateway, device: 'a' }
      assert.equal(await telemetry(gateway, 'a'), 'POLICY_DENIED')
      await assert.rejects(hub.gateways.report({ ...at, reported: { x: 1 } }), denied)
      await assert.rejects(hub.gateways.presence({ ...at, online: true }), denied)
      await assert.rejects(hub.gateways.answer({ ...at, rid: 'r', status: 200, payload: 1 }), denied)
      await assert.rejects(hub.gateways.settle({ ...at, lock: 'l', as: 'completed' }), denied)
    }
    assert.deepEqual((await hub.twins.get({ id: 'a' })).reported, {})
    assert.deepEqual(await records(kinds.injected), [])
  })

  it('the relation counts at once, as it is given, moved and taken away; the states of both too', async () => {
    assert.equal(await telemetry('gw', 'alone'), 'POLICY_DENIED')
    await hub.devices.update({ id: 'alone', attributes: { gateway: 'gw' } })
    assert.equal(await telemetry('gw', 'alone'), 'taken')
    await hub.devices.update({ id: 'alone', attributes: { gateway: 'gw2' } })
    assert.deepEqual([await telemetry('gw', 'alone'), await telemetry('gw2', 'alone')], ['POLICY_DENIED', 'taken'])
    await hub.devices.update({ id: 'alone', attributes: { gateway: null } })
    assert.equal(await telemetry('gw2', 'alone'), 'POLICY_DENIED')
    await hub.devices.quarantine({ id: 'gw' })
    assert.equal(await telemetry('gw', 'a'), 'DEVICE_QUARANTINED')
    await hub.devices.release({ id: 'gw' })
    await hub.devices.update({ id: 'gw', enabled: false })
    assert.equal(await telemetry('gw', 'a'), 'POLICY_DENIED')
    await hub.devices.update({ id: 'gw', enabled: true })
    await hub.devices.update({ id: 'a', enabled: false })
    assert.equal(await telemetry('gw', 'a'), 'IDENTITY_DISABLED')
    await hub.devices.update({ id: 'a', enabled: true })
    await hub.devices.quarantine({ id: 'a' })
    assert.equal(await telemetry('gw', 'a'), 'taken')
    assert.equal((await records(kinds.quarantined)).at(-1)!.device, 'a', 'kept apart')
    await hub.devices.delete({ id: 'b' })
    assert.equal(await telemetry('gw', 'b'), 'IDENTITY_NOT_FOUND')
    await hub.devices.delete({ id: 'gw' })
    assert.equal(await telemetry('gw', 'a'), 'POLICY_DENIED')
    await hub.devices.register({ id: 'gw' })
    await hub.devices.release({ id: 'a' })
    assert.equal(await telemetry('gw', 'a'), 'taken')
    assert.deepEqual((await hub.gateways.leaves({ gateway: 'gw' })).items, ['a'])
  })

  it('their twins are reported in their name', async () => {
    const twin = await hub.gateways.report({ gateway: 'gw', device: 'a', reported: { mode: 'auto' } })
    assert.deepEqual([twin.device, twin.reported], ['a', { mode: 'auto' }])
    await assert.rejects(hub.gateways.report({ gateway: 'gw', device: 'a', reported: { mode: 'x' }, version: 99 }), {
      code: 'TWIN_VERSION_CONFLICT',
    })
  })

  it('are there and away as the gateway says, once each, and away when it may not have them any more', async () => {
    const say = (online: boolean, reason?: string) =>
      hub.gateways.presence({ gateway: 'gw', device: 'a', online, ...(reason !== undefined && { reason }) })
    assert.deepEqual([await say(true), await say(true)], [{ changed: true }, { changed: false }])
    const { connection } = await hub.devices.get({ id: 'a' })
    assert.deepEqual([connection.connected, connection.via, connection.dialect], [true, 'gw', 'gateway'])
    assert.equal((await hub.health.get({})).connections, 0)
    assert.deepEqual([await say(false, 'no answer'), await say(false)], [{ changed: true }, { changed: false }])
    await say(true)
    await hub.devices.update({ id: 'a', attributes: { gateway: 'gw2' } })
    await hub.gateways.leaves({ gateway: 'gw' })
    assert.deepEqual(
      (await lived('a', 5)).map(({ event, reason, gateway }) => [event, reason, gateway]),
      [
        ['connected', undefined, 'gw'],
        ['online', undefined, 'gw'],
        ['disconnected', 'no answer', 'gw'],
        ['connected', undefined, 'gw'],
        ['disconnected', 'FORBIDDEN_ACCESS', 'gw'],
      ],
    )
    const history = (await hub.devices.connections({ id: 'a' })).items
    assert.deepEqual(
      history.map(({ gateway, disconnectReason }) => [gateway, disconnectReason]),
      [
        ['gw', 'FORBIDDEN_ACCESS'],
        ['gw', 'no answer'],
      ],
    )
    await hub.gateways.presence({ gateway: 'gw', device: 'b', online: true })
    await hub.devices.quarantine({ id: 'gw' })
    await hub.gateways.leaves({ gateway: 'gw' })
    assert.equal((await hub.devices.get({ id: 'b' })).connection.connected, false)
  })

  it('their methods go to the flow of their gateway, and only its answer counts', async () => {
    await assert.rejects(hub.commands.call({ id: 'a', method: 'reset' }), { code: 'COMMAND_DEVICE_OFFLINE' })
    const early = hub.commands.call({ id: 'a', method: 'early', connectTimeoutMs: 60_000 })
    await attend('gw')
    await attend('gw2')
    await until(() => heard.length === 1)
    const call = hub.commands.call({ id: 'a', method: 'reset', payload: { hard: true } })
    await until(() => heard.length === 2)
    const [first, second] = heard as (LeafEvent & { kind: 'call' })[]
    const { rid, at: _, ...asked } = second!
    assert.deepEqual(asked, {
      type: 'leaf',
      kind: 'call',
      gateway: 'gw',
      listener: 'node-gw',
      device: 'a',
      name: 'reset',
      payload: { hard: true },
    })
    const answer = { gateway: 'gw', device: 'a', rid, status: 200, payload: { done: 1 } }
    await assert.rejects(hub.gateways.answer({ ...answer, gateway: 'gw2' }), denied)
    await assert.rejects(hub.gateways.answer({ ...answer, device: 'b' }), { code: 'COMMAND_TIMEOUT' })
    for (const status of [0, 1.5, '200' as never])
      await assert.rejects(hub.gateways.answer({ ...answer, status }), { code: 'COMMAND_INVALID' })
    await hub.gateways.answer(answer)
    assert.deepEqual(await call, { status: 200, payload: { done: 1 } })
    await assert.rejects(hub.gateways.answer(answer), { code: 'COMMAND_TIMEOUT' }, 'once')
    await hub.gateways.answer({ ...answer, rid: first!.rid, status: 404 })
    assert.equal((await early).status, 404)
    await attend('gw', false)
    await assert.rejects(hub.commands.call({ id: 'a', method: 'reset' }), { code: 'COMMAND_DEVICE_OFFLINE' })
    await assert.rejects(hub.commands.call({ id: 'alone', method: 'reset' }), { code: 'COMMAND_DEVICE_OFFLINE' })
  })

  it('their messages go there one by one, in order, until the flow says what became of each', async () => {
    const message = (text: string) => ({ body: Buffer.from(text), properties: { k: text }, ack: 'full' as const })
    for (const text of ['one', 'two', 'three']) await hub.commands.send({ id: 'a', message: message(text) })
    await attend('gw')
    await until(() => heard.length === 1)
    const of = (at: number) => heard[at] as LeafEvent & { kind: 'message' }
    const text = (at: number) => Buffer.from(of(at).body, 'base64').toString()
    assert.deepEqual([text(0), of(0).properties, of(0).deliveries], ['one', { k: 'one' }, 0])
    await hub.commands.send({ id: 'a', message: message('four') })
    await hub.gateways.leaves({ gateway: 'gw' })
    assert.equal(heard.length, 1, 'one at a time')
    const settle = (at: number, as: 'completed' | 'rejected' | 'abandoned', gateway = 'gw') =>
      hub.gateways.settle({ gateway, device: 'a', lock: of(at).lock, as })
    await assert.rejects(settle(0, 'completed', 'gw2'), denied)
    await settle(0, 'completed')
    await assert.rejects(settle(0, 'completed'), { code: 'COMMAND_LOCK_LOST' })
    await until(() => heard.length === 2)
    await settle(1, 'abandoned')
    await until(() => heard.length === 3)
    assert.deepEqual([text(1), text(2), of(2).deliveries], ['two', 'two', 1])
    await settle(2, 'rejected')
    await until(() => heard.length === 4)
    assert.equal(text(3), 'three')
    await attend('gw', false)
    await attend('gw')
    await until(() => heard.length === 5)
    assert.equal(text(4), 'three', 'who ended gives back what it had')
    await settle(4, 'completed')
    await until(() => heard.length === 6)
    assert.equal(text(5), 'four')
    await until(async () => (await records(kinds.feedback)).length === 3)
    const told = (await records(kinds.feedback)).map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)).statusCode)
    assert.deepEqual(told, ['Success', 'Rejected', 'Success'])
  })

  it('a message that a flow has waits for the flow of another gateway once the device is behind that one', async () => {
    await attend('gw')
    await attend('gw2')
    await hub.commands.send({ id: 'a', message: { body: Buffer.from('x') } })
    await until(() => heard.length === 1)
    await hub.devices.update({ id: 'a', attributes: { gateway: 'gw2', site: 'north' } })
    await until(() => heard.length === 2)
    assert.deepEqual(
      heard.map(({ gateway, device }) => [gateway, device]),
      [
        ['gw', 'a'],
        ['gw2', 'a'],
      ],
    )
    const [first, second] = heard as (LeafEvent & { kind: 'message' })[]
    const settle = (gateway: string, lock: string) => hub.gateways.settle({ gateway, device: 'a', lock, as: 'completed' })
    await assert.rejects(settle('gw', first!.lock), denied)
    await assert.rejects(settle('gw2', first!.lock), { code: 'COMMAND_LOCK_LOST' })
    await settle('gw2', second!.lock)
    assert.deepEqual((await hub.commands.inbox({ id: 'a' })).items, [])
  })

  it('when its flow ends all behind are away; a successor of the same name takes its place without a word', async () => {
    await hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '1', on: true })
    for (const device of ['a', 'b']) await hub.gateways.presence({ gateway: 'gw', device, online: true })
    await hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '2', on: true })
    await hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '1', on: false })
    assert.equal((await hub.devices.get({ id: 'a' })).connection.connected, true)
    await hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '2', on: false })
    assert.deepEqual(
      (await lived('b', 3)).map(({ event, reason }) => [event, reason]),
      [
        ['connected', undefined],
        ['online', undefined],
        ['disconnected', 'GATEWAY_GONE'],
      ],
    )
  })
})
