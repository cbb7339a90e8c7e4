import assert from 'node:assert/strict'
import simulator from '../../nodes/simulator/simulator.ts'
import type { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const limitMs = 60_000
const deltas = (told: any[]) => told.filter(msg => msg.topic === 'update/delta').map(msg => msg.payload)
/** A named one is made by its first report. */
const noTwin = (thrown: unknown) => {
  assert.equal((thrown as LoomError).code, 'TWIN_NOT_FOUND')
  return { reported: {} }
}

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

  for (const dialect of ['plain', 'Azure', 'AWS'] as const)
    it(`do what is desired, answer methods, take messages and come back as it is then: ${dialect}`, async () => {
      const { send, seen } = await flow(
        simulator,
        {
          type: 'loom-simulator',
          count: 2,
          model: 'hvac-room',
          intervalMs: 1000,
          rampPerSecond: 100,
          autostart: dialect !== 'Azure',
          ...(dialect === 'AWS' && { dialect: 'aws', shadow: 'climate' }),
        },
        { hub: hub as FakeHub, settings: { userDir: tempFolder('sim-user') } },
      )
      if (dialect === 'Azure') {
        const enrolment = { id: 'line', kind: 'group', attestation: { kind: 'sas' } } as const
        const { primaryKey } = (await hub.provisioning.createEnrolment({ enrolment })).secrets!
        send({ action: 'start', enrolment: { primaryKey } })
      }
      const id = 'sim-0001'
      const at = { id, ...(dialect === 'AWS' && { name: 'climate' }) }
      const reported = async (): Promise<Record<string, unknown>> => (await hub.twins.get(at).catch(noTwin)).reported
      const told = (notice: string) => seen().filter(msg => msg.notice === notice && msg.device === id)
      await until(async () => (await reported()).setpoint === 21, limitMs)

      await hub.twins.patch({ ...at, desired: { setpoint: 23, unknown: true } })
      await until(async () => (await reported()).setpoint === 23, limitMs)
      assert.deepEqual((await hub.twins.get(at)).delta, { unknown: true })
      await until(() => told('applied').length, limitMs)
      const { payload, refused } = told('applied')[0]!
      assert.deepEqual([payload, refused], [{ setpoint: 23 }, ['unknown']])

      // what a shadow desires otherwise comes as a delta again
      const setpoint = dialect === 'AWS' ? 23 : 19
      const set = await hub.commands.call({ id, method: 'setSetpoint', payload: { setpoint } })
      assert.deepEqual(set, { status: 200, payload: { setpoint } })
      await until(async () => (await reported()).setpoint === setpoint, limitMs)
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
      for (const setpoint of [15, 25, 17]) await hub.twins.patch({ ...at, desired: { setpoint } })
      await hub.commands.send({ id, message: { body: Buffer.from('later') } })
      await assert.rejects(hub.commands.call({ id, method: 'blink' }), { code: 'COMMAND_DEVICE_OFFLINE' })
      send({ action: 'connect', device: id })
      await until(async () => (await reported()).setpoint === 17, limitMs)
      await until(() => told('message').some(msg => msg.payload === 'later'), limitMs)
      assert.deepEqual(
        told('applied').map(msg => msg.payload.setpoint),
        [23, 17],
      )

      const heard = told('shadow').map(msg => msg.topic)
      if (dialect === 'AWS') {
        assert.deepEqual(heard.slice(0, 3), ['get/rejected', 'update/accepted', 'update/documents'])
        const back = await until(() => deltas(told('shadow')).find(({ version }) => version === 6), limitMs)
        assert.deepEqual(back.state, { setpoint: 17, unknown: true })
        assert.deepEqual([heard.includes('get/accepted'), heard.includes('update/rejected')], [true, false])
      } else assert.deepEqual(heard, [])

      const reboot = await hub.commands.call({ id, method: 'reboot', payload: { awayMs: 3000 } })
      assert.equal(reboot.status, 202)
      await until(async () => !(await hub.devices.get({ id })).connection.connected, limitMs)
      const again = await hub.commands.call({ id, method: 'blink', payload: { times: 1 }, connectTimeoutMs: 60_000 })
      assert.deepEqual(again.payload, { blinked: 1 })
    })
})
