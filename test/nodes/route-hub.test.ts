import assert from 'node:assert/strict'
import ack from '../../nodes/ack/ack.ts'
import route from '../../nodes/route/route.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import { LoomError } from '../../src/errors.ts'
import type { HubConsumerSpec } from '../../src/hub/hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { routeNodes } from '../../src/nodered/route/route-nodes.ts'
import { type FakeConsumer, type FakeHub, fakeHub, message } from '../fake-hub.ts'
import { type Flow, flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const row = (name: string, text: string, more: object = {}) => ({ id: name, name, enabled: true, language: 'sql', text, ...more })
const condition = (name: string, text: string, more: object = {}) => row(name, text, { language: 'condition', ...more })
const hot = row('hot', 'SELECT t WHERE t > 30')
const all = row('all', 'SELECT t')
const failing = row('failing', 'FOREACH list AS x')
const tooMany = { list: Array.from({ length: 1001 }, (_, i) => i) }

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates of topics
describe('loom-route with a hub', () => {
  let hub: FakeHub
  beforeEach(() => {
    hub = fakeHub()
  })
  afterEach(async () => {
    await unload()
    routeNodes.clear()
  })

  const open = async (rules: object[], more: object = {}) => {
    const running = await flow(route, { type: 'loom-route', rules, ...more }, { hub, outputs: 4 })
    await until(() => hub.consumers.size)
    return { ...running, consumer: [...hub.consumers.values()][0]! }
  }

  describe('on its wires', () => {
    /** Fed by loom-telemetry-in, and followed by loom-ack on its first outputs. */
    const between = async (rules: object[], more: object = {}) => {
      const others = [
        {
          id: 'in',
          type: 'loom-telemetry-in',
          hub: 'hub',
          ack: 'flow',
          start: 'latest',
          window: 256,
          x: 1,
          y: 1,
          z: 't',
          ...more,
          wires: [['n']],
        },
        { id: 'a', type: 'loom-ack', do: 'ack', retryDelayMs: 0, x: 1, y: 1, z: 't', wires: [[]] },
      ]
      const running = await flow([telemetryIn, ack, route], { type: 'loom-route', rules, ...more }, { hub, others, outputs: 4 })
      await until(() => hub.consumers.size === 2)
      return { ...running, consumer: hub.consumers.get('in')!, pass: (msg: Received) => running.get('a').receive(msg as never) }
    }

    it('decodes Protobuf with the schemas of the hub, those of later too', async () => {
      const schema = 'syntax = "proto3"; message Pump { int32 rpm = 1; }'
      const about = { subject: 'pumps', type: 'PROTOBUF', version: 1, id: 1, schema, texts: [] }
      let known: object | undefined
      hub.schemas.get = async () => known as never
      const { outputs, send, seen } = await open([
        row(
          'fast',
          "SELECT decode(body, 'proto', 'pumps', 'Pump').rpm AS rpm WHERE decode(body, 'proto', 'pumps', 'Pump').rpm > 1000",
        ),
      ])
      const body = Buffer.from([8, ...[0xdc, 0x0b]]).toString('base64')
      send({ payload: { body } })
      known = about
      hub.emit({ type: 'schema', at: 1, subject: 'pumps', version: 1, id: 1, schemaType: 'PROTOBUF', fingerprints: {} } as never)
      await new Promise(resolve => setImmediate(resolve))
      const decoded = outputs(1)
      send({ payload: { body } })
      const [msg] = await decoded
      assert.deepEqual(msg!.payload, { rpm: 1500 })
      assert.equal(seen().length, 1)
    })

    it('parts a delivery among all messages that are made of it', async () => {
      const { consumer, outputs, pass } = await between([hot, all])
      const both = [outputs(1), outputs(1, 1)]
      hub.append(message('d1', { t: 31 }))
      const [[first], [second]] = (await Promise.all(both)) as [Received[], Received[]]
      assert.deepEqual(first!.delivery.parts, [{ i: 0, of: 2 }])
      assert.deepEqual(second!.delivery.parts, [{ i: 1, of: 2 }])
      pass(first!)
      pass(first!)
      await new Promise(resolve => setImmediate(resolve))
      assert.equal(consumer.acked.size, 0)
      pass(second!)
      await until(() => consumer.acked.size === 1)
    })

    it('acknowledges what no rule takes, and does not wait for outputs without wires', async () => {
      const { consumer, outputs, pass, node } = await between([hot, all])
      ;(node as unknown as { updateWires(wires: string[][]): void }).updateWires([['out0'], []])
      hub.append(message('d1', { t: 1 }))
      await until(() => consumer.acked.size === 1)
      const one = outputs(1)
      hub.append(message('d1', { t: 31 }))
      const [msg] = await one
      assert.equal(msg!.delivery.parts, undefined)
      pass(msg!)
      await until(() => consumer.acked.size === 2)
    })

    it('parts the delivery of a batch by outputs, not by readings', async () => {
      const { consumer, outputs, pass } = await between([hot, all], { batchMax: 10, batchLingerMs: 5 })
      const both = [outputs(1), outputs(1, 1)]
      for (const t of [31, 1, 32]) hub.append(message('d1', { t }))
      for (const [msg] of await Promise.all(both)) {
        assert.equal(msg!.delivery.parts[0].of, 2)
        pass(msg!)
      }
      await until(() => consumer.acked.size === 3)
    })

    it('keeps what fails as a dead letter of its own and acknowledges the record', async () => {
      const { consumer, error } = await between([failing])
      const failed = error()
      const { seq } = hub.append(message('d1', tooMany, { stream: 's', time: 900 }))
      assert.equal((await failed).code, 'ROUTE_LIMIT')
      await until(() => consumer.acked.has(seq))
      const [{ payload, message: _, ...letter }] = hub.letters as [FakeHub['letters'][number]]
      assert.deepEqual(letter, {
        id: 1,
        at: 0,
        reason: 'evaluation',
        code: 'ROUTE_LIMIT',
        device: 'd1',
        topic: 'devices/d1/telemetry',
        properties: {},
        jseq: seq,
        consumer: 'node:n',
        node: 'n',
        rule: 'failing',
        stage: 'route',
        tries: 1,
        replays: 0,
        state: 'open',
      })
      assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), { time: 900, stream: 's', values: tooMany })
    })

    it('leaves a record alone whose dead letter cannot be kept', async () => {
      const { consumer, error, seen } = await between([failing, all])
      const failed = error()
      hub.failing = new LoomError('JOURNAL_FULL')
      hub.append(message('d1', tooMany))
      assert.equal((await failed).code, 'JOURNAL_FULL')
      assert.deepEqual([consumer.acked.size, seen(1).length], [0, 0])
    })

    it('makes ROUTE_LOOP a dead letter of a loop', async () => {
      const { send, error } = await open([all])
      const failed = error()
      send({ payload: { t: 1 }, hops: 9 })
      await failed
      assert.deepEqual([hub.letters[0]!.reason, hub.letters[0]!.rule], ['loop', undefined])
    })
  })

  describe('and dead letters that come back', () => {
    const failed = async (running: Flow, msg: object) => {
      const error = running.error()
      running.send(msg)
      await error
    }

    it('takes its own only, runs the rule that failed alone, and says what it is', async () => {
      const running = await open([failing, row('list', 'SELECT list'), row('time', 'SELECT timestamp() AS at')])
      assert.deepEqual(running.consumer.spec.filter, { only: 'replays' })
      assert.equal(running.consumer.name, 'node:n')
      const first = running.outputs(1, 1)
      await failed(running, { payload: tooMany, device: 'd1', time: 77, topic: 'a', properties: { p: 'q' } })
      await first
      running.send({
        rules: [
          { name: 'failing', sql: 'SELECT timestamp() AS at' },
          { name: 'list', sql: 'SELECT list' },
        ],
      })
      const again = running.outputs(1)
      await hub.journal.replayDeadLetter({ id: 1 })
      const [msg] = await again
      const { arrived, jseq, _msgid, rule, ...rest } = msg!
      assert.deepEqual(rest, {
        payload: { at: 77 },
        device: 'd1',
        time: 77,
        topic: 'a',
        properties: { p: 'q' },
        replayed: { letter: 1, times: 1, stage: 'route', rule: 'failing', node: 'n' },
      })
      assert.equal(running.seen(1).length, 1)
      await until(() => running.consumer.acked.size === 1)
    })

    it('changes the same letter when it fails again', async () => {
      const running = await open([failing])
      await failed(running, { payload: tooMany, device: 'd1' })
      const again = running.error()
      await hub.journal.replayDeadLetter({ id: 1 })
      await again
      assert.equal(hub.letters.length, 1)
      assert.deepEqual([hub.letters[0]!.state, hub.letters[0]!.tries], ['open', 2])
    })

    it('is RULE_NOT_FOUND when its rule is gone', async () => {
      const running = await open([failing, all])
      await failed(running, { payload: tooMany, device: 'd1' })
      running.send({ rules: [{ name: 'all', sql: 'SELECT t' }] })
      const again = running.error()
      await hub.journal.replayDeadLetter({ id: 1 })
      assert.equal((await again).code, 'RULE_NOT_FOUND')
      assert.equal(hub.letters[0]!.code, 'RULE_NOT_FOUND')
    })

    it('brings bytes and values that are no readings back as they were', async () => {
      const running = await open([row('topic', 'SELECT *', { topicTemplate: 'x/${nothing}' })])
      const payloads = [Buffer.from([255, 0, 1]), 'text', [1, 2], { values: { a: 1 } }, 7]
      for (const payload of payloads) await failed(running, { payload })
      running.send({ rules: [{ name: 'topic', sql: 'SELECT *' }] })
      const back = running.outputs(payloads.length)
      for (const { id } of hub.letters) await hub.journal.replayDeadLetter({ id })
      assert.deepEqual(
        (await back).map(({ payload }) => payload),
        payloads,
      )
    })

    for (const from of ['wires', 'hub'])
      it(`brings an item that was no reading back alone and as such, to a node fed by the ${from}`, async () => {
        const running = await open([row('any', 'SELECT *')], { from })
        const { error, send, outputs } = running
        const [failure, good] = [error(), outputs(1)]
        const reading = { device: 'a', time: 1, values: { t: 1 } }
        send({ payload: [reading, { device: 'b', topic: 'x/b', time: 5, properties: { p: 'q' } }, 7] })
        assert.equal((await failure).code, 'READING_VALUES')
        assert.deepEqual((await good)[0]!.payload, [reading])
        const letters = () =>
          hub.letters.map(one => [one.device, one.topic, one.reason, one.stage, one.code, one.state, one.tries] as const)
        const [b, seven] = [
          ['b', 'x/b', 'invalid', 'reading', 'READING_VALUES', 'open'],
          ['', '', 'invalid', 'reading', 'READING_VALUES', 'open'],
        ] as const
        assert.deepEqual(letters(), [
          [...b, 1],
          [...seven, 1],
        ])
        for (const { id } of [...hub.letters]) {
          const again = error()
          await hub.journal.replayDeadLetter({ id })
          assert.equal((await again).code, 'READING_VALUES')
        }
        assert.deepEqual(letters(), [
          [...b, 2],
          [...seven, 2],
        ])
        assert.equal(running.seen(0).length, 1)
      })

    it('is a message like any other if it is of another node', async () => {
      const running = await open([failing, all])
      const [error, one] = [running.error(), running.outputs(1, 1)]
      const replayed = { letter: 7, times: 1, stage: 'action', rule: 'failing', node: 'other' }
      running.send({ payload: tooMany, device: 'd1', replayed })
      await error
      assert.deepEqual((await one)[0]!.replayed, replayed)
      assert.deepEqual([hub.letters.length, hub.letters[0]!.id], [1, 1])
    })

    it('is taken by nobody else', async () => {
      const running = await open([failing])
      hub.append(message('d1', { t: 1 }))
      await failed(running, { payload: tooMany, device: 'd1' })
      assert.equal(running.consumer.state().delivered, 0)
    })
  })

  describe('asks the hub', () => {
    it('for twins that conditions look at, once for each device of a batch', async () => {
      const asked: string[] = []
      hub.twins.get = async ({ id }) => {
        asked.push(id)
        if (id === 'none') throw new LoomError('IDENTITY_NOT_FOUND', id)
        return { device: id, name: '', desired: { on: id === 'd1' }, reported: {}, tags: {}, version: 1 } as never
      }
      const { send, outputs } = await open([condition('on', '$twin.properties.desired.on = true')], { unmatched: true })
      const [on, rest] = [outputs(1), outputs(1, 1)]
      const devices = ['d1', 'd2', 'd1', 'none']
      send({ payload: devices.map((device, time) => ({ device, time, values: {} })) })
      const times = ([msg]: Received[]) => msg!.payload.map(({ time }: Received) => time)
      assert.deepEqual(
        [times(await on), times(await rest)],
        [
          [0, 2],
          [1, 3],
        ],
      )
      assert.deepEqual(asked, ['d1', 'd2', 'none'])
    })

    it('and fails the message while it gets no answer', async () => {
      hub.twins.get = async () => Promise.reject(new LoomError('HUB_DOWN'))
      const { send, error } = await open([condition('on', '$twin.tags.a = 1')])
      const failed = error()
      send({ payload: {}, device: 'd1' })
      assert.equal((await failed).code, 'HUB_DOWN')
    })

    it('for what a batch looks up together, each thing once, and keeps the order', async () => {
      const [lookups, things]: [unknown[], string[]] = [[], []]
      hub.reference.lookup = async o => {
        lookups.push(o)
        return {
          version: 1,
          items: o.keys.filter(key => key !== 3).map(key => ({ key: String(key), row: { key, table: o.table } })),
        }
      }
      hub.twins.get = async ({ id }) => {
        things.push(id)
        return { device: id, name: '', desired: {}, reported: {}, version: things.length } as never
      }
      const { send, outputs } = await open([
        row('r', "SELECT t, lookup('a', t) AS a, lookup('b', t % 2) AS b, get_thing_shadow(thing).version AS v"),
      ])
      const one = outputs(1)
      send({ payload: [0, 1, 2, 3].map(t => ({ device: 'd', values: { t, thing: t < 3 ? 'x' : 'y' } })) })
      assert.deepEqual(
        (await one)[0]!.payload.map(({ values: { t, a, b, v } }: Received) => [t, a?.key, b.key, v]),
        [
          [0, 0, 0, 1],
          [1, 1, 1, 1],
          [2, 2, 0, 1],
          [3, undefined, 1, 2],
        ],
      )
      assert.deepEqual(lookups, [
        { table: 'a', keys: [0, 1, 2, 3] },
        { table: 'b', keys: [0, 1] },
      ])
      assert.deepEqual(things, ['x', 'y'])
    })

    it('for shadows, the registry, groups and tables', async () => {
      await hub.devices.register({ id: 'd1', by: 'test' } as never)
      hub.twins.get = async ({ id, name = '' }) => {
        if (id !== 'd1') throw new LoomError('TWIN_NOT_FOUND', id)
        return { device: id, name, desired: { name }, reported: {}, version: 3 } as never
      }
      hub.groups.groupsOf = async () => ({ direct: ['g'], all: ['g'] })
      hub.fleet.groupsOf = async () => ({ items: ['f'] })
      hub.reference.lookup = async ({ table, keys }) => ({
        version: 1,
        items: keys[0] === 'a' ? [{ key: 'a', row: { table } }] : [],
      })
      const { send, outputs } = await open([
        row(
          'r',
          [
            "SELECT get_thing_shadow('d1') AS shadow, get_thing_shadow('d1', 'config').state.desired AS named",
            "get_thing_shadow('d2') AS gone, get_registry_data('DescribeThing', 'd1').thingName AS thing",
            "get_registry_data('DescribeThing', 'nobody') AS nobody, get_registry_data('ListThingGroupsForThing', 'd1') AS groups",
            "lookup('sites', key) AS site, lookup('sites', 'z') AS nowhere",
          ].join(', '),
        ),
      ])
      const one = outputs(1)
      send({ payload: { key: 'a' } })
      assert.deepEqual((await one)[0]!.payload, {
        shadow: { state: { desired: { name: '' }, reported: {} }, version: 3 },
        named: { name: 'config' },
        thing: 'd1',
        groups: { thingGroups: [{ groupName: 'g' }, { groupName: 'f' }] },
        site: { table: 'sites' },
      })
    })
  })

  describe('that feeds it', () => {
    const fed = (rules: object[], more: object = {}) => open(rules, { from: 'hub', ...more })
    const spec = (consumer: FakeConsumer): HubConsumerSpec => consumer.spec as HubConsumerSpec

    it('lets the rules run in the hub, under the name of the node', async () => {
      const { consumer } = await fed([hot, row('off', 'SELECT *', { enabled: false })], {
        devices: 'd1, d2',
        topics: 'a/#',
        strict: true,
      })
      assert.equal(consumer.name, 'n')
      assert.deepEqual(spec(consumer).rules, { rules: [{ name: 'hot', sql: hot.text }], logic: 'strict' })
      assert.deepEqual(spec(consumer).filter, {
        devices: ['d1', 'd2'],
        topics: ['a/#'],
        streams: [],
        kinds: [kinds.message, kinds.injected],
      })
    })

    it('sends what a device sent as one message, whatever it holds, and acknowledges it then', async () => {
      const { outputs, consumer } = await fed([row('r', "SELECT * FROM 'devices/+/telemetry'")])
      const one = outputs(1)
      hub.append(message('d1', [{ t: 1 }, { t: 2 }], { stream: 's', time: 900, seq: 7 }))
      const { _msgid, rule, ...rest } = (await one)[0]!
      assert.deepEqual(rest, {
        payload: [{ t: 1 }, { t: 2 }],
        device: 'd1',
        topic: 'devices/d1/telemetry',
        time: 900,
        arrived: 1000,
        stream: 's',
        seq: 7,
        jseq: 1,
        properties: {},
      })
      await until(() => consumer.acked.has(1))
    })

    it('knows what the hub knows of a message', async () => {
      const { outputs } = await fed([
        row('r', 'SELECT clientid() AS c, principal() AS p, sourceip() AS ip, timestamp() AS at'),
        condition('c', "$body.t = 1 AND $connectionDeviceId = 'd1' AND level = 'a'"),
      ])
      const both = [outputs(1), outputs(1, 1)]
      const e = {
        clientId: 'c1',
        principal: 'cert',
        sourceIp: '10.0.0.1',
        connectionId: 'x',
        contentType: 'application/json',
        contentEncoding: 'utf-8',
      }
      hub.append({ ...message('d1', { t: 1 }), props: { v: 1, p: { level: 'a' }, s: {}, e } })
      assert.deepEqual((await both[0]!)[0]!.payload, { c: 'c1', p: 'cert', ip: '10.0.0.1', at: 1000 })
      await both[1]
    })

    it('waits for the flow where it shall, with one part for each message', async () => {
      const { outputs, consumer } = await fed([hot, all], { ack: 'flow' })
      const both = [outputs(1), outputs(1, 1)]
      hub.append(message('d1', { t: 31 }))
      hub.append(message('d1', { t: 31 }))
      const [[first]] = (await Promise.all(both)) as [Received[]]
      assert.deepEqual(first!.delivery, { hub: 'test', consumer: 'n', from: 1, to: 1, parts: [{ i: 0, of: 2 }] })
      assert.equal(consumer.acked.size, 0)
    })

    it('sends batches', async () => {
      const { outputs, consumer } = await fed([hot], { batchMax: 3, batchLingerMs: 5 })
      assert.deepEqual([consumer.spec.batch, consumer.spec.lingerMs], [3, 5])
      const one = outputs(1)
      for (const t of [31, 1, 33]) hub.append(message('d1', { t }))
      const [msg] = await one
      assert.deepEqual(
        msg!.payload.map(({ jseq, values }: Received) => [jseq, values]),
        [
          [1, { t: 31 }],
          [3, { t: 33 }],
        ],
      )
      await until(() => consumer.acked.size === 3)
    })

    it('brings everything where what no rule matches has an output', async () => {
      const { outputs, consumer } = await fed([hot], { unmatched: true })
      assert.equal(spec(consumer).rules, undefined)
      const one = outputs(1, 1)
      hub.append(message('d1', { t: 1 }))
      assert.deepEqual((await one)[0]!.payload, { t: 1 })
    })

    it('brings events of the hub to conditions that look at them', async () => {
      const source = 'DeviceLifecycleEvents'
      const { outputs, consumer } = await fed([condition('made', "opType = 'createDeviceIdentity'", { source })])
      assert.deepEqual(spec(consumer).filter!.kinds, [kinds.message, kinds.injected, kinds.lifecycle])
      const one = outputs(1)
      const payload = Buffer.from(JSON.stringify({ event: 'created', at: 5, clientId: '', sequence: 1 }))
      hub.append({ device: 'd1', kind: kinds.lifecycle, payload })
      const [msg] = await one
      assert.equal(msg!.device, 'd1')
      assert.equal(msg!.payload.deviceId, 'd1')
    })

    it('reads other kinds of records when its rules come to want them', async () => {
      const { send, consumer } = await fed([hot])
      send({ rules: [{ name: 'hot', condition: 'true', source: 'TwinChangeEvents' }] })
      await until(() => hub.consumers.get('n') !== consumer && hub.consumers.has('n'))
      assert.deepEqual(spec(hub.consumers.get('n')!).filter!.kinds, [kinds.message, kinds.injected, kinds.twin])
    })

    it('keeps what fails as its dead letter, takes it back and runs that rule alone', async () => {
      const { outputs, error, send, consumer, seen } = await fed([failing, row('n', 'SELECT n')], { consumer: 'mine' })
      assert.equal(consumer.name, 'mine')
      const [failed, other] = [error(), outputs(1, 1)]
      hub.append(message('d1', { ...tooMany, n: 1 }))
      await failed
      await other
      assert.deepEqual([hub.letters[0]!.consumer, hub.letters[0]!.jseq, hub.letters[0]!.rule], ['mine', 1, 'failing'])
      await until(() => consumer.acked.has(1))
      send({
        rules: [
          { name: 'failing', sql: 'SELECT n' },
          { name: 'n', sql: 'SELECT n' },
        ],
      })
      const again = outputs(1)
      await hub.journal.replayDeadLetter({ id: 1 })
      const [msg] = await again
      assert.deepEqual([msg!.payload, msg!.replayed.times], [{ n: 1 }, 1])
      assert.equal(seen(1).length, 1)
    })

    it('needs a hub', async () => {
      const { error } = await flow(route, { type: 'loom-route', rules: [hot], from: 'hub' })
      assert.equal((await error()).code, 'HUB_MISSING')
    })

    it('leaves nothing behind', async () => {
      const { node } = await fed([hot], { consumer: 'c1' })
      await node.close(false)
      assert.equal(hub.consumers.size, 0)
      assert.equal(hub.listening, 1)
    })
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: templates of topics
