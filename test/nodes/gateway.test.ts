import assert from 'node:assert/strict'
import gatewayNode from '../../nodes/gateway/gateway.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const config = { type: 'loom-gateway', gateway: 'gw', action: 'telemetry', register: false }

describe('loom-gateway', function () {
  this.timeout(60_000)
  let hub: Hub
  const load = (more: object = {}) => flow(gatewayNode, { ...config, ...more }, { hub: hub as FakeHub })
  const injected = async () => (await hub.journal.read({ from: 1, limit: 1000 })).filter(({ kind }) => kind === kinds.injected)
  const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'g',
      dataDir: tempFolder('gateway-node'),
      store: 'memory',
      broker: 'none',
      listeners: [],
      threaded: false,
    })
    await hub.devices.register({ id: 'gw' })
    for (const id of ['a', 'b']) await hub.devices.register({ id, attributes: { gateway: 'gw' } })
    await hub.devices.register({ id: 'alone' })
  })
  afterEach(async () => {
    await unload()
    await hub.close()
  })

  it('sends readings of its devices, one or a batch, as values or bytes', async () => {
    const { send, outputs } = await load()
    const one = outputs(1)
    send({ device: 'a', payload: { t: 1 }, time: 1_700_000_000_000, stream: 'env', properties: { n: 5 } })
    const [answer] = await one
    assert.deepEqual([answer!.payload, typeof answer!.jseq], [{ t: 1 }, 'number'])
    const batch = outputs(1)
    send({
      payload: [
        { device: 'a', time: 1_700_000_000_001, values: { t: 2 } },
        { device: 'alone', values: { t: 3 } },
        { device: 'b', payload: Buffer.from([1, 2]), contentType: 'application/octet-stream' },
      ],
    })
    const [{ results }] = (await batch) as [{ results: { id: string; ok: boolean; error?: { code: string } }[] }]
    assert.deepEqual(
      results.map(({ id, ok, error }) => [id, ok, error?.code]),
      [
        ['a', true, undefined],
        ['alone', false, 'POLICY_DENIED'],
        ['b', true, undefined],
      ],
    )
    const found = await injected()
    assert.deepEqual(
      found
        .slice(0, 2)
        .map(({ device, payload, props }) => [device, textOf(payload), props.e.stream ?? '', props.e.time, props.p]),
      [
        ['a', '{"t":1}', 'env', 1_700_000_000_000, { n: '5', gateway: 'gw' }],
        ['a', '{"t":2}', '', 1_700_000_000_001, { gateway: 'gw' }],
      ],
    )
    assert.deepEqual([...found[2]!.payload], [1, 2])
  })

  it('fails with codes for what it cannot send', async () => {
    const { send, error } = await load()
    const codeOf = async (msg: object) => {
      const failure = error()
      send(msg)
      return (await failure).code
    }
    assert.equal(await codeOf({ payload: { t: 1 } }), 'READING_DEVICE')
    assert.equal(await codeOf({ device: 'a' }), 'READING_VALUES')
    assert.equal(await codeOf({ device: 'a', payload: [1] }), 'READING_VALUES')
    assert.equal(await codeOf({ device: 'a', payload: {}, time: 'soon' }), 'READING_TIME')
    assert.equal(await codeOf({ device: 'a', payload: {}, stream: 5 }), 'REQUEST_INVALID')
    assert.equal(await codeOf({ device: 'alone', payload: {} }), 'POLICY_DENIED')
    assert.equal(await codeOf({ device: 'nobody', payload: {} }), 'IDENTITY_NOT_FOUND')
    assert.equal(await codeOf({ action: 'explode', device: 'a' }), 'NODE_CONFIG')
    assert.equal(await codeOf({ action: 'complete', device: 'a' }), 'REQUEST_INVALID')
    assert.equal(await codeOf({ action: 'answer', device: 'a', method: { rid: 'x' } }), 'COMMAND_TIMEOUT')
    assert.equal(await codeOf({ action: 'constructor', device: 'a' }), 'NODE_CONFIG')
    await hub.devices.quarantine({ id: 'gw' })
    assert.equal(await codeOf({ device: 'a', payload: {} }), 'DEVICE_QUARANTINED')
  })

  it('reports, says who is there, and takes that back when it is removed', async () => {
    const { send, outputs, node } = await load()
    let next = outputs(1)
    send({ action: 'report', device: 'a', payload: { mode: 'auto' } })
    assert.deepEqual((await next)[0]!.payload.reported, { mode: 'auto' })
    next = outputs(1)
    send({ action: 'online', device: ['a', 'b', 'alone'] })
    const [said] = await next
    assert.deepEqual(said!.payload, [
      { device: 'a', changed: true },
      { device: 'b', changed: true },
    ])
    assert.equal(said!.results[2].error.code, 'POLICY_DENIED')
    next = outputs(1)
    send({ action: 'offline', device: 'b', reason: 'no answer' })
    assert.deepEqual((await next)[0]!.payload, { device: 'b', changed: true })
    assert.equal((await hub.devices.get({ id: 'b' })).connection.disconnectReason, 'no answer')
    assert.equal((await hub.devices.get({ id: 'a' })).connection.via, 'gw')
    await node.close(true)
    await until(async () => !(await hub.devices.get({ id: 'a' })).connection.connected, 30_000)
  })

  it('passes methods and messages on, and takes the answers back', async () => {
    const { send, outputs, seen } = await load()
    const [called, told] = [outputs(1, 1), outputs(1, 2)]
    const call = hub.commands.call({ id: 'a', method: 'reset', payload: { hard: true } })
    await hub.commands.send({
      id: 'b',
      message: { body: Buffer.from('{"text":"hi"}'), contentType: 'application/json', properties: { k: 'v' } },
    })
    await hub.commands.send({ id: 'b', message: { body: Buffer.from([255]) } })
    const [request] = await called
    assert.deepEqual(
      [request!.payload, request!.device, request!.topic, request!.method.name],
      [{ hard: true }, 'a', 'reset', 'reset'],
    )
    send({ ...request, action: 'answer', method: { ...request!.method, status: 202 }, payload: { done: 1 } })
    assert.deepEqual(await call, { status: 202, payload: { done: 1 } })
    const [message] = await told
    assert.deepEqual([message!.payload, message!.device, message!.properties], [{ text: 'hi' }, 'b', { k: 'v' }])
    send({ ...message, action: 'complete' })
    await until(() => seen(2).length === 2, 30_000)
    assert.deepEqual([...seen(2)[1]!.payload], [255])
    send({ ...seen(2)[1], action: 'reject' })
    await until(async () => (await hub.commands.inbox({ id: 'b' })).items.length === 0, 30_000)
  })

  it('registers what the hub does not know behind it, if told to, and takes no device from elsewhere', async () => {
    const { send, outputs, error } = await load({ register: true, gateway: 'new-gw' })
    const next = outputs(1)
    send({ device: 'new-leaf', payload: { t: 1 } })
    await next
    assert.deepEqual((await hub.devices.get({ id: 'new-leaf' })).attributes, { gateway: 'new-gw' })
    const failure = error()
    send({ device: 'a', payload: { t: 1 } })
    assert.equal((await failure).code, 'POLICY_DENIED')
  })

  it('needs a gateway', async () => {
    const { send, error } = await load({ gateway: ' ' })
    const failure = error()
    send({ device: 'a', payload: {} })
    assert.equal((await failure).code, 'NODE_CONFIG')
  })
})
