import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import route from '../../nodes/route/route.ts'
import rules from '../../nodes/rules/rules.ts'
import { routeNodes } from '../../src/nodered/route/route-nodes.ts'
import { flow, type Received, type Register, unload } from '../flow.ts'
import { until } from '../until.ts'

const linkCore = createRequire(import.meta.url)('@node-red/nodes/core/common/60-link.js') as Register
const row = (name: string, text: string, more: object = {}) => ({ id: name, name, enabled: true, language: 'sql', text, ...more })
const hot = row('hot', 'SELECT t WHERE t > 30')
const cold = row('cold', "SELECT * FROM 'a/#' WHERE t < 0")
/** Makes an output that is too large of a message that is not. */
const failing = row('failing', 'FOREACH list AS x')
const tooMany = { list: Array.from({ length: 1001 }, (_, i) => i) }

const open = (rules: object[], more: object = {}, o: object = {}) =>
  flow(route, { type: 'loom-route', rules, ...more }, { outputs: 4, ...o })

const bare = ({ _msgid, rule, ...rest }: Received): Received => rest
const readings = (values: object[]) => values.map((each, i) => ({ device: `d${i}`, time: i, values: each }))

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: templates of topics
describe('loom-route', () => {
  afterEach(async () => {
    await unload()
    routeNodes.clear()
  })

  describe('with single messages', () => {
    it('sends what a rule makes of a message to the output of the rule', async () => {
      const { send, outputs, seen } = await open([hot, cold])
      const one = outputs(1)
      send({ payload: { t: 31, u: 1 }, device: 'd1', time: 5, topic: 'x', mine: true })
      const [msg] = await one
      assert.deepEqual(bare(msg!), { payload: { t: 31 }, device: 'd1', time: 5, topic: 'x', mine: true })
      assert.equal(msg!.rule.name, 'hot')
      assert.equal(typeof msg!.rule.at, 'number')
      assert.deepEqual([seen(1), seen(2)], [[], []])
    })

    it('tests the topic', async () => {
      const { send, outputs, seen } = await open([hot, cold])
      const one = outputs(1, 1)
      send({ payload: { t: -1 }, topic: 'b' })
      send({ payload: { t: -2 }, topic: 'a/b' })
      assert.deepEqual((await one)[0]!.payload, { t: -2 })
      assert.equal(seen(1).length, 1)
    })

    it('knows the properties of MQTT 5 that the node "mqtt in" puts on a message', async () => {
      const names = ['content_type', 'response_topic', 'correlation_data', 'format_indicator']
      const items = names.map(name => `get_mqtt_property('${name}') AS ${name}`)
      const { send, outputs } = await open([
        row('sql', `SELECT ${items}, get_user_properties('k') AS k`),
        row('condition', "k = 'v'", { language: 'condition' }),
      ])
      const [sql, condition] = [outputs(2), outputs(1, 1)]
      const mqtt = {
        contentType: 'text/plain',
        responseTopic: 'r/1',
        correlationData: Buffer.of(1, 2),
        payloadFormatIndicator: true,
      }
      send({ payload: 1, ...mqtt, userProperties: { k: 'v' } })
      send({
        payload: 2,
        responseTopic: 5,
        correlationData: 'no bytes',
        payloadFormatIndicator: false,
        properties: { k: 'mine' },
        userProperties: { k: 'v' },
      })
      const [first, second] = await sql
      assert.deepEqual(first!.payload, {
        ...{ content_type: 'text/plain', response_topic: 'r/1', correlation_data: 'AQI=', format_indicator: 'UTF8_DATA' },
        k: ['v'],
      })
      assert.deepEqual(second!.payload, { format_indicator: 'UNSPECIFIED_BYTES', k: ['mine'] })
      assert.equal((await condition)[0]!.payload, 1)
    })

    it('counts patterns that took too long', async () => {
      const { send, outputs } = await open([row('r', "SELECT length(t) AS n WHERE isundefined(regexp_matches(t, '(a+)+'))")])
      const one = outputs(1)
      // More characters than the guard takes at all.
      for (const t of ['a', 'a'.repeat(262_145)]) send({ payload: { t } })
      const [{ payload }] = (await one) as [Received]
      assert.deepEqual(payload, { n: 262_145 })
      assert.equal(routeNodes.get('n').summary().patternTimeouts, 1)
    })

    it('leaves rules out that are not enabled, and their outputs in place', async () => {
      const { send, outputs, seen } = await open([row('off', 'SELECT *', { enabled: false }), hot])
      const one = outputs(1, 1)
      send({ payload: { t: 40 } })
      await one
      assert.equal(seen(0).length, 0)
    })

    it('gives outputs to the ids that are listed, wherever their rules stand', async () => {
      const { send, outputs } = await open([hot, cold], { outputRules: ['cold', 'hot'] })
      const one = outputs(1, 1)
      send({ payload: { t: 40 } })
      assert.equal((await one)[0]!.rule.name, 'hot')
    })

    it('sends to all rules that match, or to the first', async () => {
      const both = [hot, row('all', 'SELECT t')]
      const all = await open(both)
      const second = all.outputs(1, 1)
      all.send({ payload: { t: 31 } })
      await second
      assert.equal(all.seen(0).length, 1)
      await unload()
      const first = await open(both, { deliver: 'first', id: 'n' })
      const two = first.outputs(1, 1)
      first.send({ payload: { t: 31 } })
      first.send({ payload: { t: 3 } })
      assert.deepEqual((await two)[0]!.payload, { t: 3 })
      assert.deepEqual([first.seen(0).length, first.seen(1).length], [1, 1])
    })

    it('sends what no rule matches, and nothing else, to the unmatched output', async () => {
      const { send, outputs, seen } = await open([hot], { unmatched: true })
      const one = outputs(1, 1)
      send({ payload: { t: 31 } })
      send({ payload: { t: 30 }, other: 1 })
      assert.deepEqual(bare((await one)[0]!), { payload: { t: 30 }, other: 1 })
      assert.deepEqual([seen(0).length, seen(1).length], [1, 1])
    })

    it('sets the topic of a template, in which the variables of the rule are known', async () => {
      const rule = row('r', "SET @site = topic(2) SELECT t FROM 'a/+'", { topicTemplate: 'sites/${@site}/${t}' })
      const { send, outputs } = await open([rule])
      const one = outputs(1)
      send({ payload: { t: 4 }, topic: 'a/b' })
      assert.equal((await one)[0]!.topic, 'sites/b/4')
    })

    it('fails with ROUTE_TEMPLATE where the topic would have an empty part', async () => {
      const { send, error, seen } = await open([row('r', 'SELECT *', { topicTemplate: 'sites/${site}' })])
      const failed = error()
      send({ payload: { t: 4 } })
      assert.equal((await failed).code, 'ROUTE_TEMPLATE')
      assert.match((await Promise.resolve(failed)).message, /^r: /)
      assert.equal(seen(0).length, 0)
    })

    it('keeps bytes that are no JSON, and parses those that are', async () => {
      const { send, outputs } = await open([row('all', 'SELECT *'), hot])
      const [bytes, parsed] = [outputs(2), outputs(1, 1)]
      send({ payload: Buffer.from([1, 2, 255]) })
      send({ payload: Buffer.from('{"t":31}') })
      const [first] = await bytes
      assert.ok(Buffer.isBuffer(first!.payload))
      assert.deepEqual(first!.payload, Buffer.from([1, 2, 255]))
      assert.deepEqual((await parsed)[0]!.payload, { t: 31 })
    })

    it('never changes a message, and gives each output what is its own', async () => {
      const { send, outputs } = await open([row('a', 'SELECT *'), row('b', 'SELECT *'), row('c', 'SELECT o')])
      const all = [outputs(1), outputs(1, 1), outputs(1, 2)]
      const msg = { payload: { o: { x: 1 } }, properties: { p: '1' } }
      const before = structuredClone(msg)
      send(msg)
      const [a, b, c] = (await Promise.all(all)).map(([one]) => one!) as [Received, Received, Received]
      assert.deepEqual({ payload: msg.payload, properties: msg.properties }, before)
      b.payload.o.x = 2
      c.payload.o.x = 3
      b.properties.p = '2'
      assert.deepEqual([a.payload.o.x, a.properties.p, c.properties.p], [1, '1', '1'])
    })

    it('sends each output of FOREACH as a message', async () => {
      const { send, outputs } = await open([row('each', 'FOREACH list AS x DO x AS v')])
      const three = outputs(3)
      send({ payload: { list: [1, 2, 3] } })
      assert.deepEqual(
        (await three).map(({ payload }) => payload),
        [{ v: 1 }, { v: 2 }, { v: 3 }],
      )
    })

    it('takes conditions on the body, on properties and on a twin that came along', async () => {
      const condition = (name: string, text: string) => row(name, text, { language: 'condition' })
      const { send, outputs } = await open([
        condition('body', '$body.t > 30'),
        condition('property', "severity = 'high'"),
        condition('twin', "$twin.tags.site = 'b'"),
      ])
      const all = [outputs(1), outputs(1, 1), outputs(1, 2)]
      send({ payload: { t: 31 }, properties: { severity: 'high' }, twin: { tags: { site: 'b' }, desired: {}, reported: {} } })
      for (const [msg] of await Promise.all(all)) assert.deepEqual(msg!.payload, { t: 31 })
    })

    it('sees an event of the hub where msg.source says that it is one', async () => {
      const rule = row('r', 'true', { language: 'condition', source: 'DeviceLifecycleEvents' })
      const { send, outputs, seen } = await open([rule])
      const one = outputs(1)
      send({ payload: { n: 1 } })
      send({ payload: { n: 2 }, source: 'DeviceLifecycleEvents' })
      assert.equal((await one)[0]!.payload.n, 2)
      assert.equal(seen(0).length, 1)
    })

    it('judges strictly if it is told to', async () => {
      const rule = row('r', 'SELECT * WHERE t > 30 OR u > 1')
      const loose = await open([rule])
      const one = loose.outputs(1)
      loose.send({ payload: { t: 31 } })
      await one
      await unload()
      const strict = await open([rule], { strict: true, unmatched: true })
      const none = strict.outputs(1, 1)
      strict.send({ payload: { t: 31 } })
      await none
    })
  })

  describe('with batches', () => {
    it('sends one batch to each output, in the order that came in, and keeps what readings have', async () => {
      const { send, outputs, seen } = await open([hot, row('all', 'SELECT t + 1 AS t')])
      const [first, second] = [outputs(1), outputs(1, 1)]
      const payload = readings([{ t: 31 }, { t: 1 }, { t: 33 }]).map((each, jseq) => ({ ...each, jseq, stream: 's' }))
      send({ payload, mine: 1 })
      const [msg] = await first
      assert.deepEqual(bare(msg!), {
        mine: 1,
        payload: [
          { device: 'd0', time: 0, jseq: 0, stream: 's', values: { t: 31 } },
          { device: 'd2', time: 2, jseq: 2, stream: 's', values: { t: 33 } },
        ],
      })
      assert.equal(msg!.rule.name, 'hot')
      assert.deepEqual(
        (await second)[0]!.payload.map(({ values }: Received) => values.t),
        [32, 2, 34],
      )
      assert.deepEqual([seen(0).length, seen(1).length], [1, 1])
    })

    it('tests each reading with its own topic, device and properties', async () => {
      const { send, outputs } = await open([row('r', "SELECT clientid() AS c, get_user_properties('p') AS p FROM 'a/b'")])
      const one = outputs(1)
      const [a, b] = readings([{}, {}])
      send({
        payload: [
          { ...a, topic: 'a/b', properties: { p: '1' } },
          { ...b, topic: 'c' },
        ],
      })
      assert.deepEqual(
        (await one)[0]!.payload.map(({ values }: Received) => values),
        [{ c: 'n/a', p: ['1'] }],
      )
    })

    it('gathers the readings that no rule matches', async () => {
      const { send, outputs } = await open([hot], { unmatched: true })
      const one = outputs(1, 1)
      send({ payload: readings([{ t: 1 }, { t: 31 }, { t: 2 }]) })
      assert.deepEqual(
        (await one)[0]!.payload.map(({ device }: Received) => device),
        ['d0', 'd2'],
      )
    })

    it('sets topics reading by reading', async () => {
      const { send, outputs } = await open([row('r', 'SELECT *', { topicTemplate: 'x/${t}' })])
      const one = outputs(1)
      send({ payload: readings([{ t: 1 }, { t: 2 }]) })
      assert.deepEqual(
        (await one)[0]!.payload.map(({ topic }: Received) => topic),
        ['x/1', 'x/2'],
      )
    })

    it('does not let a reading that fails, or is none, keep others back', async () => {
      const { send, outputs, error } = await open([hot, failing])
      const [one, failed] = [outputs(1), error()]
      send({ payload: [...readings([{ t: 31 }, tooMany, { t: 32 }]), 7] })
      assert.equal((await one)[0]!.payload.length, 2)
      const { code, message } = await failed
      assert.equal(code, 'ROUTE_LIMIT')
      assert.match(message, /^failing: .*; 1 more failures$/)
    })

    it('is a message like any other where no element is a reading', async () => {
      const { send, outputs } = await open([row('r', 'SELECT VALUE * ')])
      const one = outputs(1)
      send({ payload: [1, 2] })
      assert.deepEqual((await one)[0]!.payload, [1, 2])
    })
  })

  describe('with what fails', () => {
    it('sends one message for a rule and a message to the error output', async () => {
      const { send, outputs, node } = await open([failing, row('all', 'SELECT VALUE 1')], { errors: true, unmatched: true })
      const [report, one] = [outputs(1, 3), outputs(1, 1)]
      let complained = false
      node.on('call:error' as never, (() => (complained = true)) as never)
      send({ payload: tooMany, topic: 'a/b', device: 'd1', clientId: 'c1', traceId: 'trace' })
      const [msg] = await report
      await one
      const { base64OriginalPayload, failures, ...rest } = msg!.payload
      assert.deepEqual(rest, { ruleName: 'failing', topic: 'a/b', cloudwatchTraceId: 'trace', clientId: 'c1' })
      assert.deepEqual(JSON.parse(Buffer.from(base64OriginalPayload, 'base64').toString()), tooMany)
      assert.equal(failures.length, 1)
      assert.deepEqual([failures[0].failedAction, failures[0].failedResource], ['Rule', 'failing'])
      assert.match(failures[0].errorMessage, /1000/)
      assert.equal(msg!.error.code, 'ROUTE_LIMIT')
      assert.deepEqual(msg!.error.source, { id: 'n', type: 'loom-route' })
      assert.ok(msg!.error.position.line)
      assert.equal(complained, false)
    })

    it('fails the message where nobody takes errors', async () => {
      const { send, error, node } = await open([failing], { errors: true })
      const failed = error()
      ;(node as unknown as { updateWires(wires: string[][]): void }).updateWires([['out0'], []])
      send({ payload: tooMany })
      assert.equal((await failed).code, 'ROUTE_LIMIT')
    })

    it('refuses with ROUTE_LOOP what rules have sent on too often', async () => {
      const { send, outputs, error, seen } = await open([row('all', 'SELECT *')], { unmatched: true })
      const [two, failed] = [outputs(2), error()]
      send({ payload: 1, hops: 8 })
      send({ payload: 2, hops: 9 })
      send({ payload: 3, properties: { 'loom-hops': '2' } })
      assert.equal((await failed).code, 'ROUTE_LOOP')
      await two
      assert.equal(seen(1).length, 0)
      const again = error()
      send({ payload: 3, properties: { 'loom-hops': '12' } })
      assert.equal((await again).code, 'ROUTE_LOOP')
    })

    it('runs the other rules when one cannot be read, and says which and where', async () => {
      const { send, outputs, status } = await open([row('broken', 'SELECT FROM'), hot])
      await status(/^broken: .*line 1/s)
      const one = outputs(1, 1)
      send({ payload: { t: 31 } })
      await one
      const [broken, other] = routeNodes.get('n').rules()
      assert.deepEqual([broken!.running, broken!.error?.code, other!.running], [false, 'RULE_SYNTAX', true])
      assert.equal((broken!.error!.position as { line: number }).line, 1)
    })

    it('refuses a source whose events no hub sends', async () => {
      const { error } = await open([row('a', 'true', { language: 'condition', source: 'DigitalTwinChangeEvents' })])
      const { code, position, message } = await error()
      assert.deepEqual([code, position], ['NODE_CONFIG', 'rules[0].source'])
      assert.match(message, /none of DeviceMessages, TwinChangeEvents, DeviceLifecycleEvents, DeviceConnectionStateEvents/)
    })

    it('refuses saved rules that are none, and takes those of a file that lacks what it may', async () => {
      const { error } = await open([{ id: 'a', name: 'a', language: 'sql' }])
      const failed = await error()
      assert.deepEqual([failed.code, failed.position], ['NODE_CONFIG', 'rules[0].text'])
      await unload()
      const { send, outputs } = await open([{ id: 'a', name: '', source: '', topicTemplate: '', text: 'SELECT *' }])
      const one = outputs(1)
      send({ payload: 1, topic: 't' })
      const [msg] = await one
      assert.deepEqual([msg!.rule.name, msg!.topic], ['a', 't'])
    })

    it('refuses a set of rules that there is not', async () => {
      const { error } = await open([], { ruleSet: 'nowhere' })
      assert.equal((await error()).code, 'NODE_CONFIG')
    })
  })

  it('takes its rules from a shared set', async () => {
    const others = [{ id: 'set', type: 'loom-rules', name: 'shared', rules: [hot, cold] }]
    const config = { type: 'loom-route', rules: [], ruleSet: 'set', outputRules: ['cold', 'hot'] }
    const { send, outputs } = await flow([rules, route], config, { others, outputs: 3 })
    const one = outputs(1, 1)
    send({ payload: { t: 31 } })
    assert.equal((await one)[0]!.rule.name, 'hot')
  })

  describe('while it runs', () => {
    it('takes other rules by a message, and keeps the counters of those that are the same', async () => {
      const { send, outputs } = await open([hot, cold])
      const first = outputs(1)
      send({ payload: { t: 31 } })
      await first
      const changed = outputs(1, 1)
      send({
        rules: [
          { name: 'hot', sql: hot.text },
          { id: 'cold', name: 'warm', condition: '$body.t > 20' },
        ],
      })
      send({ payload: { t: 25 } })
      assert.equal((await changed)[0]!.rule.name, 'warm')
      const [one, two] = routeNodes.get('n').rules()
      assert.deepEqual([one!.name, one!.matched, one!.notMatched, one!.output], ['hot', 1, 1, 1])
      assert.deepEqual([two!.name, two!.matched, two!.output, two!.language], ['warm', 1, 2, 'condition'])
    })

    it('lets many rules share an output by its number', async () => {
      const { send, outputs } = await open([hot, cold])
      const two = outputs(2, 1)
      send({ rules: ['a', 'b'].map(name => ({ name, sql: 'SELECT *', output: 2 })) })
      send({ payload: { t: 25 } })
      assert.deepEqual(
        (await two).map(({ rule }) => rule.name),
        ['a', 'b'],
      )
    })

    it('keeps its rules when others have no output or no text', async () => {
      const { send, error, outputs } = await open([hot])
      for (const wrong of [[{ name: 'x', sql: 'SELECT *' }], [{ name: 'hot' }], [7], [{ name: 'hot', sql: '', output: 2 }]]) {
        const failed = error()
        send({ rules: wrong })
        assert.equal((await failed).code, 'NODE_CONFIG')
      }
      const one = outputs(1)
      send({ payload: { t: 31 } })
      await one
    })

    it('goes on with the version before of a rule that cannot be read', async () => {
      const { send, error, outputs } = await open([hot])
      const failed = error()
      send({ rules: [{ name: 'hot', sql: 'SELECT * WHERE' }] })
      assert.equal((await failed).code, 'RULE_SYNTAX')
      const one = outputs(1)
      send({ payload: { t: 31 } })
      await one
      const [view] = routeNodes.get('n').rules()
      assert.deepEqual([view!.running, view!.error?.code, view!.matched], [true, 'RULE_SYNTAX', 1])
    })

    it('keeps counters over a deploy, and forgets them with the node', async () => {
      const { send, outputs } = await open([hot])
      const one = outputs(1)
      send({ payload: { t: 31 } })
      await one
      await unload()
      const again = await open([hot, cold])
      await until(() => routeNodes.list().length)
      assert.equal(routeNodes.get('n').rules()[0]!.matched, 1)
      await again.node.close(true)
      assert.throws(() => routeNodes.get('n'), { code: 'NOT_FOUND' })
      assert.equal(routeNodes.tableOf('n', 'three-valued'), undefined)
    })

    it('counts what rules do and remembers what they saw', async () => {
      const { send, outputs } = await open([hot, row('none', 'SELECT * WHERE u > 1')])
      const one = outputs(1)
      send({ payload: { t: 1 }, topic: 'a', device: 'd1' })
      send({ payload: Buffer.from([255, 1]), topic: 'b' })
      send({ payload: { big: 'x'.repeat(20_000) } })
      send({ payload: { t: 31, note: 'SharedAccessKey=abcdefghijklmnop' } })
      await one
      const node = routeNodes.get('n')
      const [first, second] = node.rules()
      assert.deepEqual([first!.matched, first!.notMatched, first!.undefined, first!.outputs], [1, 1, 2, 1])
      assert.deepEqual([second!.matched, second!.undefined], [0, 4])
      const recent = node.recent()
      assert.deepEqual(
        recent.map(({ matched, tooLarge }) => [matched, tooLarge]),
        [
          [['hot'], undefined],
          [[], true],
          [[], undefined],
          [[], undefined],
        ],
      )
      assert.deepEqual(recent[3]!.message, {
        payload: { t: 1 },
        topic: 'a',
        deviceId: 'd1',
        system: { contentType: 'application/json', contentEncoding: 'utf-8' },
      })
      assert.equal(recent[2]!.message.payloadBase64, Buffer.from([255, 1]).toString('base64'))
      assert.deepEqual(recent[0]!.message.payload, { t: 31, note: 'SharedAccessKey=(left out)' })
      assert.equal(node.summary().seen, 4)
    })

    it('shows its rules and the last error', async () => {
      const { send, status, error } = await open([failing])
      const failed = error()
      const shown = status(/^1 · \d+\/s · failing ROUTE_LIMIT$/)
      send({ payload: tooMany })
      await failed
      assert.equal((await shown).fill, 'yellow')
    })
  })

  describe('with functions that ask', () => {
    const link = (name: string, id = 'in') => ({ id, type: 'link in', name, links: [], x: 1, y: 1, z: 't', wires: [['back']] })
    const back = { id: 'back', type: 'link out', mode: 'return', name: '', links: [], x: 1, y: 1, z: 't', wires: [] }

    it('calls the flow behind a Link In node of that name, the last part of an ARN', async () => {
      const rule = row('r', "SELECT aws_lambda('arn:aws:lambda:us-east-1:123456789012:function:double', t) AS answer")
      const config = { type: 'loom-route', rules: [rule] }
      const { send, outputs } = await flow([linkCore, route], config, { others: [link('double'), back], outputs: 1 })
      const two = outputs(2)
      send({ payload: { t: 2 } })
      send({ payload: { t: 3 } })
      assert.deepEqual(
        (await two).map(({ payload, _linkSource }) => [payload.answer, _linkSource]),
        [
          [2, undefined],
          [3, undefined],
        ],
      )
    })

    it('fails with ROUTE_EXTERNAL without such a flow', async () => {
      const config = { type: 'loom-route', rules: [row('r', "SELECT aws_lambda('nobody', t) AS answer")] }
      const { send, error } = await flow([linkCore, route], config, { others: [link('double'), back], outputs: 1 })
      const failed = error()
      send({ payload: { t: 2 } })
      const { code, message } = await failed
      assert.equal(code, 'ROUTE_EXTERNAL')
      assert.match(message, /nobody/)
    })

    it('takes the nearest of several, and none of several elsewhere', async () => {
      const config = { type: 'loom-route', rules: [row('r', 'SELECT aws_lambda(name, 1) AS answer')] }
      const far = (name: string, id: string) => [
        { ...link(name, id), z: 't2', wires: [[`${id}-out`]] },
        { ...back, id: `${id}-out`, z: 't2' },
      ]
      const others = [
        { id: 't2', type: 'tab' },
        link('near'),
        back,
        ...far('near', 'f1'),
        ...far('far', 'f2'),
        ...far('two', 'f3'),
        ...far('two', 'f4'),
      ]
      const { send, outputs, error } = await flow([linkCore, route], config, { others, outputs: 1 })
      const two = outputs(2)
      for (const name of ['near', 'far']) send({ payload: { name } })
      await two
      const failed = error()
      send({ payload: { name: 'two' } })
      assert.match((await failed).message, /2 link in nodes of the name two/)
    })

    it('evaluates JSONata, and ends what goes round for ever', async () => {
      const { send, outputs, error } = await open([
        row('sum', "SELECT jsonata('$sum(list)') AS s WHERE n = 1"),
        row('round', "SELECT jsonata('($f := function($x){$f($x)}; $f(1))') AS s WHERE n = 2"),
      ])
      const [one, failed] = [outputs(1), error()]
      send({ payload: { n: 1, list: [1, 2, 3] } })
      send({ payload: { n: 2 } })
      assert.deepEqual((await one)[0]!.payload, { s: 6 })
      assert.equal((await failed).code, 'ROUTE_EXTERNAL')
    })

    it('asks no hub where there is none', async () => {
      const { send, error } = await open([row('r', "SELECT get_thing_shadow('d1') AS s")])
      const failed = error()
      send({ payload: {} })
      const { code, message } = await failed
      assert.equal(code, 'ROUTE_EXTERNAL')
      assert.match(message, /hub/)
    })

    it('keeps the order of messages', async () => {
      const config = {
        type: 'loom-route',
        rules: [row('r', "SELECT n, aws_lambda('f', n) AS a WHERE n < 5"), row('all', 'SELECT n')],
      }
      const { send, seen } = await flow([linkCore, route], config, { others: [link('f'), back], outputs: 2 })
      for (let n = 0; n < 10; n++) send({ payload: { n } })
      await until(() => seen(1).length === 10)
      assert.deepEqual(
        seen(1).map(({ payload }) => payload.n),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      )
      assert.equal(seen(0).length, 5)
    })
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: templates of topics
