import assert from 'node:assert/strict'
import { SimulatedDevice } from '../../src/simulator/device.ts'
import { Dialogue, type Told } from '../../src/simulator/dialogue.ts'
import type { Link } from '../../src/simulator/link.ts'
import { machineOf } from '../../src/simulator/machine.ts'
import { checkedOptions } from '../../src/simulator/options.ts'
import { shadowForm } from '../../src/simulator/shadow-form.ts'
import { azureForm, plainForm, type WireForm } from '../../src/simulator/wire-form.ts'
import { VirtualClock } from './virtual-clock.ts'

const id = 'sim-0001'

/** A device of a model, and a hub that is the test. */
function setUp(model = 'hvac-room', form: WireForm = plainForm(id)) {
  const clock = new VirtualClock()
  const options = checkedOptions({ model })
  const device = new SimulatedDevice({ options, index: 0, startAt: clock.now() })
  const told: Told[] = []
  const away: number[] = []
  const ports = { clock, told: (what: Told) => void told.push(what), away: (ms: number) => void away.push(ms) }
  let hastened = 0
  const dialogue = new Dialogue({ id, machine: machineOf(device, options, () => hastened++), ports })
  const sent: { topic: string; body: any; acknowledged: () => void }[] = []
  let on: Parameters<Link['listen']>[1] | undefined
  const attach = (): void => {
    const link: Link = {
      publish: (topic, body, acknowledged) => void sent.push({ topic, body: body === '' ? '' : JSON.parse(body), acknowledged }),
      listen: (_, events) => {
        on = events
      },
      ask: async () => ({}),
      close: async () => undefined,
    }
    dialogue.attach(link, form)
    on!.ready()
  }
  attach()
  const say = (topic: string, body: unknown): void =>
    on!.take(topic, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
  return { clock, device, told, away, dialogue, sent, say, attach, hastened: () => hastened }
}
const desired = (version: number, properties: object, full = false) => ({ version, full, desired: properties })
const topic = `devices/${id}/twin/desired`

describe('a simulated device that the hub speaks to', () => {
  it('reports itself once it knows what is desired, and afterwards what is new', async () => {
    const { clock, sent, say, dialogue, device } = setUp()
    await clock.advance(10_000)
    assert.equal(sent.length, 0)
    say(topic, desired(1, {}, true))
    await clock.advance(1000)
    assert.equal(sent[0]!.topic, `devices/${id}/twin/report`)
    const { model, intervalMs, setpoint, volumeM3 } = sent[0]!.body
    assert.deepEqual([model, intervalMs, setpoint, volumeM3], ['hvac-room', 1000, 21, 180])
    device.parameters.capacity = 3
    dialogue.changed()
    assert.equal(sent.length, 1, 'one report at a time')
    sent[0]!.acknowledged()
    assert.deepEqual(sent[1]!.body, { capacity: 3 })
    sent[1]!.acknowledged()
    assert.equal(sent.length, 2)
  })

  it('takes over what it knows, says so, and leaves the rest', async () => {
    const { clock, sent, say, told, device, hastened } = setUp()
    say(topic, desired(4, { setpoint: 23, intervalMs: 200, colour: 'red', heaterW: null }, true))
    await clock.advance(400)
    assert.deepEqual([told.length, device.parameters.setpointC], [0, 21], 'it takes its time')
    await clock.advance(200)
    assert.deepEqual(told, [
      { what: 'applied', device: id, payload: { setpoint: 23, intervalMs: 200 }, refused: ['colour'], version: 4 },
    ])
    assert.deepEqual([device.parameters.setpointC, device.intervalMs, device.parameters.heaterW], [23, 200, 4200])
    assert.equal(hastened(), 1)
    assert.equal(sent[0]!.body.setpoint, 23)
    assert.equal('colour' in sent[0]!.body, false)
  })

  for (const [what, properties] of [
    ['a text', { setpoint: '23' }],
    ['no interval', { intervalMs: 1 }],
    ['half a millisecond', { intervalMs: 100.5 }],
    ['another name of a known one', { setpointC: 3 }],
    ['what is no own member', { constructor: 3 }],
  ] as const)
    it(`refuses ${what}`, async () => {
      const { clock, say, told } = setUp()
      say(topic, desired(1, properties, true))
      await clock.advance(1000)
      assert.deepEqual(told[0], { what: 'applied', device: id, payload: {}, refused: Object.keys(properties), version: 1 })
    })

  it('drops versions it has seen, and takes changes in a row as one', async () => {
    const { clock, say, told } = setUp()
    say(topic, desired(3, { setpoint: 20 }, true))
    say(topic, desired(5, { setpoint: 25 }))
    say(topic, desired(4, { setpoint: 24 }))
    say(topic, desired(5, { setpoint: 24 }))
    say(topic, desired(4, { setpoint: 24 }, true))
    await clock.advance(1000)
    assert.deepEqual(
      told.map(({ payload }) => payload),
      [{ setpoint: 25 }],
    )
  })

  it('goes on while it is away, and reports when it is back what was not acknowledged', async () => {
    const { clock, sent, say, dialogue, attach, device } = setUp()
    say(topic, desired(2, { setpoint: 25 }, true))
    dialogue.detach()
    await clock.advance(1000)
    assert.deepEqual([device.parameters.setpointC, sent.length], [25, 0])
    attach()
    say(topic, desired(1, { setpoint: 24 }, true))
    await clock.advance(1000)
    assert.equal(sent[0]!.body.setpoint, 24, 'a hub that begins anew is believed')
    attach()
    sent[0]!.acknowledged()
    say(topic, desired(1, { setpoint: 24 }, true))
    await clock.advance(1000)
    assert.equal(sent[1]!.body.setpoint, 24, 'the acknowledgement of another connection says nothing')
  })

  it('answers methods, with what it did, after a while', async () => {
    const { clock, sent, say, told, away } = setUp()
    const call = async (name: string, argument: unknown) => {
      const from = sent.length
      say(`devices/${id}/commands/${name}/r1`, argument)
      await clock.advance(5000)
      const answer = sent[from]!
      assert.equal(answer.topic, `devices/${id}/commands/${name}/r1/answer`)
      answer.acknowledged()
      return [answer.body.status, answer.body.payload]
    }
    assert.deepEqual(await call('blink', { times: 2 }), [200, { blinked: 2 }])
    assert.deepEqual(await call('blink', null), [200, { blinked: 3 }])
    assert.equal((await call('blink', { times: 99 }))[0], 400)
    assert.deepEqual(await call('setSetpoint', { setpoint: 18 }), [200, { setpoint: 18 }])
    assert.equal((await call('setSetpoint', 18))[0], 400)
    assert.equal((await call('toString', 18))[0], 404)
    assert.deepEqual(away, [])
    assert.deepEqual(await call('reboot', { awayMs: 700 }), [202, { awayMs: 700 }])
    assert.deepEqual(away, [700])
    assert.deepEqual(told[0], { what: 'called', device: id, payload: { times: 2 }, name: 'blink', status: 200 })
    assert.equal(clock.waiting, 0)
  })

  it('has no set point where its model has none', async () => {
    const { clock, sent, say } = setUp('pump')
    say(`devices/${id}/commands/setSetpoint/r1`, { setpoint: 3 })
    await clock.advance(1000)
    assert.equal(sent[0]!.body.status, 400)
  })

  it('tells of messages: JSON as such, other bytes as text', () => {
    const { say, told } = setUp()
    say(`devices/${id}/inbox/m%201/?ct=application%2Fjson&ack=full&room=4`, { open: true })
    say(`devices/${id}/inbox/m2`, 'good morning')
    assert.deepEqual(told, [
      {
        what: 'message',
        device: id,
        payload: { open: true },
        id: 'm 1',
        contentType: 'application/json',
        properties: { room: '4' },
      },
      { what: 'message', device: id, payload: 'good morning', id: 'm2', properties: {} },
    ])
  })

  it('speaks the dialect of Azure', async () => {
    const { clock, sent, say, told } = setUp('hvac-room', azureForm(id))
    assert.deepEqual([sent[0]!.topic, sent[0]!.body], ['$iothub/twin/GET/?$rid=t1', ''])
    say('$iothub/twin/res/200/?$rid=t1', { desired: { setpoint: 24, $version: 3 }, reported: { $version: 1 } })
    say('$iothub/twin/PATCH/properties/desired/?$version=4', { setpoint: 25, $version: 4 })
    await clock.advance(1000)
    assert.match(sent[1]!.topic, /^\$iothub\/twin\/PATCH\/properties\/reported\/\?\$rid=t2$/)
    assert.equal(sent[1]!.body.setpoint, 25)
    say('$iothub/twin/res/204/?$rid=t2&$version=2', '')
    say('$iothub/methods/POST/blink/?$rid=7', { times: 1 })
    await clock.advance(1000)
    assert.deepEqual([sent[2]!.topic, sent[2]!.body], ['$iothub/methods/res/200/?$rid=7', { blinked: 1 }])
    say(`devices/${id}/messages/devicebound/%24.mid=m1&a=b&iothub-ack=full&%24.ct=text%2Fplain`, 'hello')
    assert.deepEqual(told.at(-1), {
      what: 'message',
      device: id,
      payload: 'hello',
      id: 'm1',
      contentType: 'text/plain',
      properties: { a: 'b' },
    })
  })

  for (const [shadow, tree] of [
    ['climate', `$aws/things/${id}/shadow/name/climate`],
    ['', `$aws/things/${id}/shadow`],
  ] as const)
    it(`speaks the dialect of AWS: ${shadow ? 'a named shadow' : 'the classic shadow'}`, async () => {
      const form = shadowForm(id, shadow)
      assert.deepEqual(form.filters, [
        ...['get/accepted', 'get/rejected', 'update/accepted', 'update/rejected', 'update/delta', 'update/documents'].map(
          end => `${tree}/${end}`,
        ),
        `devices/${id}/commands/+/+`,
        `devices/${id}/inbox/#`,
      ])
      const { clock, sent, say, told, attach, device } = setUp('hvac-room', form)
      assert.deepEqual([sent[0]!.topic, sent[0]!.body], [`${tree}/get`, { clientToken: 'r1' }])
      say(`${tree}/get/rejected`, { code: 404, clientToken: 'another' })
      say(`${tree}/get/rejected`, { code: 429, clientToken: 'r1' })
      await clock.advance(1000)
      assert.equal(sent.length, 1)
      say(`${tree}/get/rejected`, { code: 404, clientToken: 'r1' })
      await clock.advance(1000)
      assert.equal(sent[1]!.topic, `${tree}/update`)
      assert.deepEqual([sent[1]!.body.state.reported.setpoint, sent[1]!.body.clientToken], [21, 'r2'])
      say(`${tree}/update/accepted`, { state: sent[1]!.body.state, version: 1, clientToken: 'r2' })
      sent[1]!.acknowledged()

      attach()
      assert.deepEqual(sent[2]!.body, { clientToken: 'r3' })
      say(`${tree}/update/delta`, { version: 3, state: { setpoint: 24 } })
      const state = { desired: { setpoint: 24 }, reported: { setpoint: 21 }, delta: { setpoint: 24 } }
      say(`${tree}/get/accepted`, { version: 2, state: { desired: { setpoint: 5 } }, clientToken: 'r3' })
      say(`${tree}/get/accepted`, { version: 3, state, clientToken: 'r3' })
      await clock.advance(1000)
      assert.equal(device.parameters.setpointC, 24)
      assert.deepEqual(sent[3]!.body, { state: { reported: { setpoint: 24 } }, clientToken: 'r4' })
      assert.deepEqual(told.at(-1), { what: 'applied', device: id, payload: { setpoint: 24 }, refused: [], version: 3 })
      assert.deepEqual(told.at(-2), {
        what: 'shadow',
        device: id,
        topic: 'get/accepted',
        payload: { version: 3, state, clientToken: 'r3' },
      })
      say(`devices/${id}/twin/desired`, desired(9, { setpoint: 7 }, true))
      say(`${tree}/update/delta`, '{')
      say(`devices/${id}/commands/blink/r1`, { times: 1 })
      await clock.advance(1000)
      assert.equal(sent.at(-1)!.topic, `devices/${id}/commands/blink/r1/answer`)
    })

  it('answers nothing while it is mute', async () => {
    const { clock, sent, say, told } = setUp()
    const call = (name: string, argument: unknown) => say(`devices/${id}/commands/${name}/r1`, argument)
    call('mute', { forMs: 300_001 })
    call('mute', { forMs: 3000 })
    call('blink', { times: 1 })
    await clock.advance(2000)
    call('setSetpoint', { setpoint: 25 })
    await clock.advance(1000)
    assert.deepEqual(
      sent.map(({ body }) => [body.status, body.payload.forMs]),
      [
        [400, undefined],
        [200, 3000],
      ],
    )
    call('blink', { times: 1 })
    await clock.advance(1000)
    assert.deepEqual(
      [sent[2]!.body.status, told.map(entry => entry.what === 'called' && entry.name)],
      [200, ['mute', 'mute', 'blink']],
    )
  })

  it('is not impressed by nonsense', async () => {
    const { clock, say, sent, told } = setUp()
    for (const odd of ['', 'null', '[]', '{', '{"version":"x"}']) say(topic, odd)
    say(`devices/${id}/commands/blink/r1`, '{')
    say(topic, { desired: { setpoint: 1 }, full: true })
    say('devices/other/twin/desired', desired(1, { setpoint: 1 }, true))
    say(`devices/${id}/other`, '{}')
    await clock.advance(5000)
    assert.deepEqual([told, sent], [[], []])
  })

  it('leaves no timer behind', async () => {
    const { clock, say, dialogue } = setUp()
    say(topic, desired(1, { setpoint: 1 }, true))
    say(`devices/${id}/commands/blink/r1`, {})
    dialogue.stop()
    assert.equal(clock.waiting, 0)
  })
})
