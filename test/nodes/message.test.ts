import assert from 'node:assert/strict'
import message from '../../nodes/message/message.ts'
import type { MessageFeedback } from '../../src/hub/hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { messageOf } from '../../src/nodered/message-order.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { realHub, type RealHub } from '../nodered/real-hub.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-message',
  device: 'device',
  deviceType: 'msg',
  ttlMinutes: '',
  wish: 'none',
  contentType: '',
  feedback: true,
  consumer: '',
  ack: 'delivery',
  start: 'latest',
}

const feedback = (more: Partial<MessageFeedback> = {}) => ({
  device: 'd1',
  kind: kinds.feedback,
  payload: Buffer.from(
    JSON.stringify({
      device: 'd1',
      generation: 'g',
      messageId: 'm1',
      seq: 3,
      outcome: 'completed',
      statusCode: 'Success',
      enqueuedAt: 4,
      at: 5,
      ...more,
    }),
  ),
})

describe('loom-message', function () {
  this.timeout(30_000)
  let real: RealHub
  let hub: FakeHub
  beforeEach(async () => {
    real = await realHub()
    hub = Object.assign(fakeHub(), { commands: real.hub.commands }) as FakeHub
    for (const id of ['d1', 'd2']) await real.hub.devices.register({ id })
  })
  afterEach(async () => {
    await unload()
    await real.close()
  })
  const open = (more: object = {}) => flow(message, { ...config, ...more }, { hub })

  it('puts a message into the inbox of the device', async () => {
    const { send, outputs } = await open({ ttlMinutes: 5, wish: 'full' })
    const two = outputs(2)
    send({ device: 'd1', payload: { open: true }, properties: { room: 4, lit: false }, kept: 1 })
    send({ device: 'd1', payload: 'good morning', message: { id: 'm2', ttlMs: 60_000, ack: 'negative', correlationId: 'c' } })
    const [first, second] = await two
    const { items } = await real.hub.commands.inbox({ id: 'd1' })
    const [a, b] = items
    assert.deepEqual(first!.payload, { id: a!.id, seq: 1, expiresAt: a!.expiresAt })
    assert.deepEqual([first!.device, first!.kept, first!.message], ['d1', 1, undefined])
    assert.deepEqual(
      [a!.properties, a!.contentType, a!.ack, a!.expiresAt - a!.enqueuedAt],
      [{ room: '4', lit: 'false' }, 'application/json', 'full', 300_000],
    )
    assert.equal(second!.payload.id, 'm2')
    assert.deepEqual(
      [b!.correlationId, b!.contentType, b!.ack, b!.expiresAt - b!.enqueuedAt, b!.bytes],
      ['c', undefined, 'negative', 60_000, 12],
    )
  })

  it('sends to the devices of an array, and says what became of each', async () => {
    const { send, outputs } = await open()
    const one = outputs(1)
    send({ device: ['d1', 'gone', 'd2'], payload: 1 })
    const [{ payload, results }] = (await one) as [Record<string, any>]
    assert.deepEqual(
      payload.map(({ device, seq }: any) => [device, seq]),
      [
        ['d1', 1],
        ['d2', 1],
      ],
    )
    assert.deepEqual(
      results.map(({ id, ok, error }: any) => [id, ok, error?.code]),
      [
        ['d1', true, undefined],
        ['gone', false, 'IDENTITY_NOT_FOUND'],
        ['d2', true, undefined],
      ],
    )
  })

  it('tells on output 2 what became of messages', async () => {
    const { outputs, seen } = await open({ consumer: 'told' })
    const one = outputs(1, 1)
    assert.deepEqual(hub.consumers.get('told')!.spec.filter, { kinds: [kinds.feedback] })
    hub.append({ device: 'd1', kind: kinds.feedback, payload: Buffer.from('no json') })
    hub.append(feedback())
    const [{ _msgid, ...msg }] = (await one) as [Record<string, unknown>]
    assert.deepEqual(msg, {
      payload: { messageId: 'm1', statusCode: 'Success', outcome: 'completed', seq: 3, enqueuedAt: 4 },
      topic: 'Success',
      device: 'd1',
      time: 5,
    })
    await until(() => hub.consumers.get('told')!.acked.size === 2)
    assert.equal(seen().length, 0)
  })

  it('leaves acknowledging feedback to the flow', async () => {
    const { outputs } = await open({ consumer: 'told', ack: 'flow' })
    const one = outputs(1, 1)
    hub.append(feedback())
    assert.deepEqual((await one)[0]!.delivery, { hub: 'test', consumer: 'told', from: 1, to: 1 })
    const again = outputs(1, 1)
    hub.consumers.get('told')!.retry([1], 0)
    assert.equal((await again)[0]!.redelivered, true)
  })

  it('reads no feedback if it is not to tell it', async () => {
    await open()
    assert.ok(hub.consumers.has('n'))
    await unload()
    await open({ feedback: false })
    assert.equal(hub.consumers.size, 0)
  })

  it('takes bytes as they are, text in UTF-8, and the rest as JSON', () => {
    const set = { ttlMs: undefined, ack: 'none', contentType: undefined } as const
    const bodyOf = (msg: object) => {
      const { body, contentType } = messageOf(msg, set)
      return [Buffer.from(body).toString('hex'), contentType]
    }
    assert.deepEqual(bodyOf({ payload: Buffer.from([0, 255]), contentType: 'image/png' }), ['00ff', 'image/png'])
    assert.deepEqual(bodyOf({ payload: 'ü' }), ['c3bc', undefined])
    assert.deepEqual(bodyOf({}), ['', undefined])
    assert.deepEqual(bodyOf({ payload: [1], contentType: 'text/plain' }), ['5b315d', 'application/json'])
    assert.deepEqual(bodyOf({ payload: 0, contentType: 'application/vnd.x+json' }), ['30', 'application/vnd.x+json'])
    assert.equal(messageOf({ payload: 'a' }, { ...set, contentType: 'text/csv' }).contentType, 'text/csv')
  })

  for (const [what, msg, code] of [
    ['no device', {}, 'READING_DEVICE'],
    ['a message that is no object', { device: 'd1', message: 'm1' }, 'COMMAND_INVALID'],
    ['a time that is no number', { device: 'd1', message: { ttlMs: '5' } }, 'COMMAND_INVALID'],
    ['a time that is too short', { device: 'd1', message: { ttlMs: 5 } }, 'COMMAND_INVALID'],
    ['a wish that there is not', { device: 'd1', message: { ack: 'maybe' } }, 'COMMAND_INVALID'],
    ['an id that is no text', { device: 'd1', message: { id: 5 } }, 'COMMAND_INVALID'],
    ['properties that are no object', { device: 'd1', properties: 'a' }, 'COMMAND_INVALID'],
    ['a property that is no number', { device: 'd1', properties: { a: Number.NaN } }, 'COMMAND_INVALID'],
    ['a property that is no text', { device: 'd1', properties: { a: {} } }, 'COMMAND_INVALID'],
    ['a body that is too large', { device: 'd1', payload: Buffer.alloc(70_000) }, 'COMMAND_TOO_LARGE'],
    ['a device that is not there', { device: 'nobody' }, 'IDENTITY_NOT_FOUND'],
  ] as const)
    it(`refuses ${what} as ${code}`, async () => {
      const { send, error } = await open()
      const failed = error()
      send(msg)
      assert.equal((await failed).code, code)
    })

  it('refuses a time of more than two days as NODE_CONFIG', async () => {
    const { send, error } = await open({ ttlMinutes: 3000 })
    const failed = error()
    send({ device: 'd1' })
    assert.equal((await failed).code, 'NODE_CONFIG')
  })
})
