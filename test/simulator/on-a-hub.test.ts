import assert from 'node:assert/strict'
import simulator from '../../nodes/simulator/simulator.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const limitMs = 60_000

describe('simulated devices of a hub', function () {
  this.timeout(180_000)
  let hub: Hub
  beforeEach(async () => {
    hub = await startHub({
      hubId: 'sim',
      dataDir: tempFolder('sim'),
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
  })
  afterEach(async () => {
    await unload()
    await hub.close()
  })

  for (const dialect of ['plain', 'Azure'] as const)
    it(`do what is desired, answer methods, take messages and come back as it is then: ${dialect}`, async () => {
      const { send, seen } = await flow(
        simulator,
        {
          type: 'loom-simulator',
          count: 2,
          model: 'hvac-room',
          intervalMs: 1000,
          rampPerSecond: 100,
          autostart: dialect === 'plain',
        },
        { hub: hub as FakeHub, settings: { userDir: tempFolder('sim-user') } },
      )
      if (dialect === 'Azure') {
        const enrolment = { id: 'line', kind: 'group', attestation: { kind: 'sas' } } as const
        const { primaryKey } = (await hub.provisioning.createEnrolment({ enrolment })).secrets!
        send({ action: 'start', enrolment: { primaryKey } })
      }
      const id = 'sim-0001'
      const reported = async (): Promise<Record<string, unknown>> => (await hub.twins.get({ id })).reported
      const told = (notice: string) => seen().filter(msg => msg.notice === notice && msg.device === id)
      await until(async () => (await reported()).setpoint === 21, limitMs)

      await hub.twins.patch({ id, desired: { setpoint: 23, unknown: true } })
      await until(async () => (await reported()).setpoint === 23, limitMs)
      assert.deepEqual((await hub.twins.get({ id })).delta, { unknown: true })
      await until(() => told('applied').length, limitMs)
      const { payload, refused } = told('applied')[0]!
      assert.deepEqual([payload, refused], [{ setpoint: 23 }, ['unknown']])

      const set = await hub.commands.call({ id, method: 'setSetpoint', payload: { setpoint: 19 } })
      assert.deepEqual(set, { status: 200, payload: { setpoint: 19 } })
      await until(async () => (await reported()).setpoint === 19, limitMs)
      assert.equal((await hub.commands.call({ id, method: 'fly' })).status, 404)

      await hub.commands.send({
        id,
        message: { body: Buffer.from('{"a":1}'), contentType: 'application/json', properties: { p: 'ü' }, ack: 'full' },
      })
      await until(() => told('message').length, limitMs)
      const { payload: body, properties, contentType } = told('message')[0]!
      assert.deepEqual([body, properties, contentType], [{ a: 1 }, { p: 'ü' }, 'application/json'])

      send({ action: 'disconnect', device: [id] })
      await until(async () => !(await hub.devices.get({ id })).connection.connected, limitMs)
      for (const setpoint of [15, 25, 17]) await hub.twins.patch({ id, desired: { setpoint } })
      await hub.commands.send({ id, message: { body: Buffer.from('later') } })
      await assert.rejects(hub.commands.call({ id, method: 'blink' }), { code: 'COMMAND_DEVICE_OFFLINE' })
      send({ action: 'connect', device: id })
      await until(async () => (await reported()).setpoint === 17, limitMs)
      await until(() => told('message').some(msg => msg.payload === 'later'), limitMs)
      assert.deepEqual(
        told('applied').map(msg => msg.payload.setpoint),
        [23, 17],
      )

      const reboot = await hub.commands.call({ id, method: 'reboot', payload: { awayMs: 3000 } })
      assert.equal(reboot.status, 202)
      await until(async () => !(await hub.devices.get({ id })).connection.connected, limitMs)
      const again = await hub.commands.call({ id, method: 'blink', payload: { times: 1 }, connectTimeoutMs: 60_000 })
      assert.deepEqual(again.payload, { blinked: 1 })
    })
})
