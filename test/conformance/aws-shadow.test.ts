import assert from 'node:assert/strict'
import { stopAll, until } from '../processes.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

const seconds = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 1e9
const later = 50_000

/** A state so deep: `{"a": {"a": .. 1}}`. */
const nested = (levels: number): object => {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = { a: value }
  return value as object
}

describe('shadows with the unmodified AWS SDKs', function () {
  this.timeout(180_000)
  let house: ProvisioningHouse

  before(async () => {
    house = await provisioningHouse('shadows')
  })
  after(async () => {
    await stopAll()
    await house?.hub.close()
  })

  const client = async (script: 'aws-shadow-v1-client.mjs' | 'aws-shadow-v2-client.mjs', id: string): Promise<SdkClient> => {
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'x509' } })
    const settings = {
      host: house.host,
      port: house.port,
      caFile: house.caFile,
      certFile: house.file(`${id}.pem`, `${secrets!.certificatePem}${secrets!.chainPem ?? ''}`),
      keyFile: house.file(`${id}.key`, secrets!.privateKeyPem!),
      clientId: id,
    }
    return sdkClient({ script, folder: house.folder, name: id, settings })
  }
  const heard = (sdk: SdkClient, what: (one: any) => boolean, about: string) =>
    until(about, async () => ((await sdk.ask('heard')) as any[]).find(what), later)

  describe('aws-iot-device-sdk, thingShadow', () => {
    it('registers, reports, hears deltas and changes of others, reads and deletes', async () => {
      const lamp = await client('aws-shadow-v1-client.mjs', 'lamp-1')
      await lamp.ask('connect', null)
      // one SUBSCRIBE with seven filters
      assert.deepEqual(await lamp.ask('register', 'lamp-1', {}), [])
      const none = await lamp.ask('do', 'get', 'lamp-1')
      assert.deepEqual(
        [none.status, none.document.code, none.document.message],
        ['rejected', 404, "No shadow exists with name: 'lamp-1'"],
      )
      const made = await lamp.ask('do', 'update', 'lamp-1', { state: { reported: { on: false, level: 1 } } })
      assert.deepEqual([made.status, made.document.state], ['accepted', { reported: { on: false, level: 1 } }])
      assert.ok(seconds(made.document.timestamp) && seconds(made.document.metadata.reported.on.timestamp))

      await house.hub.twins.patch({ id: 'lamp-1', desired: { on: true, level: 1 }, by: 'flow' })
      const foreign = await heard(lamp, one => one.event === 'foreign', 'the change of a flow')
      assert.deepEqual([foreign.operation, foreign.state], ['update', { desired: { on: true, level: 1 } }])
      const delta = await heard(lamp, one => one.event === 'delta', 'the delta')
      assert.deepEqual([delta.state, delta.version], [{ on: true }, 2])

      const narrowed = await lamp.ask('do', 'update', 'lamp-1', { state: { reported: { on: true } } })
      assert.deepEqual([narrowed.status, narrowed.document.version], ['accepted', 3])
      const got = await lamp.ask('do', 'get', 'lamp-1')
      assert.deepEqual(
        [got.status, got.document.state, 'delta' in got.document.state],
        ['accepted', { desired: { on: true, level: 1 }, reported: { on: true, level: 1 } }, false],
      )
      const cleared = await lamp.ask('do', 'update', 'lamp-1', { state: { desired: null } })
      assert.deepEqual([cleared.status, cleared.document.state], ['accepted', { desired: null }])

      assert.equal((await lamp.ask('do', 'delete', 'lamp-1')).status, 'accepted')
      assert.equal((await lamp.ask('do', 'get', 'lamp-1')).document.code, 404)
      // It takes nothing below the highest version that it saw: a shadow made anew goes on from there.
      const again = await lamp.ask('do', 'update', 'lamp-1', { state: { reported: { on: false } } })
      assert.deepEqual([again.status, again.document.version], ['accepted', 5])
      await house.hub.twins.patch({ id: 'lamp-1', desired: { on: true }, by: 'flow' })
      await heard(lamp, one => one.event === 'delta' && one.version === 6, 'a delta after the deletion')
      await lamp.ask('end')
    })

    it('is refused with a version that is old, and with what is no state', async () => {
      const lamp = await client('aws-shadow-v1-client.mjs', 'lamp-2')
      await lamp.ask('connect', null)
      // It subscribes for each operation alone, and so misses what others change in between.
      await lamp.ask('register', 'lamp-2', { ignoreDeltas: true, persistentSubscribe: false, qos: 1 })
      assert.equal((await lamp.ask('do', 'update', 'lamp-2', { state: { reported: { a: 1 } } })).status, 'accepted')
      // its answer comes after the end of the subscriptions before
      assert.equal((await lamp.ask('do', 'get', 'lamp-2')).document.version, 1)
      await house.hub.twins.patch({ id: 'lamp-2', desired: { a: 2 }, by: 'flow' })
      const stale = await lamp.ask('do', 'update', 'lamp-2', { state: { reported: { a: 3 } } })
      assert.deepEqual([stale.status, stale.document.code, stale.document.message], ['rejected', 409, 'Version conflict'])
      assert.deepEqual((await house.hub.twins.get({ id: 'lamp-2' })).reported, { a: 1 })
      assert.equal((await lamp.ask('do', 'get', 'lamp-2')).document.version, 2)
      assert.equal((await lamp.ask('do', 'update', 'lamp-2', { state: { reported: { a: 3 } } })).status, 'accepted')
      for (const [state, code] of [
        [{ reported: 7 }, 400],
        [{ reported: nested(10) }, 400],
        [{ reported: { text: 'x'.repeat(9000) } }, 413],
      ] as const) {
        const refused = await lamp.ask('do', 'update', 'lamp-2', { state })
        assert.deepEqual([refused.status, refused.document.code], ['rejected', code])
      }
      await lamp.ask('end')
    })

    it('times out when no answer reaches it, and takes the next operation', async () => {
      const lamp = await client('aws-shadow-v1-client.mjs', 'lamp-3')
      await lamp.ask('connect', 1500)
      await lamp.ask('register', 'lamp-3', {})
      await lamp.ask('deaf', true)
      assert.equal((await lamp.ask('do', 'update', 'lamp-3', { state: { reported: { a: 1 } } })).status, 'timeout')
      await lamp.ask('deaf', false)
      await until('it was accepted all the same', async () => (await house.hub.twins.get({ id: 'lamp-3' })).version === 1, later)
      const got = await lamp.ask('do', 'get', 'lamp-3')
      assert.deepEqual([got.status, got.document.state.reported], ['accepted', { a: 1 }])
      await lamp.ask('end')
    })
  })

  describe('aws-iot-device-sdk-v2', () => {
    let pump: SdkClient
    const thingName = 'pump-1'
    before(async () => {
      pump = await client('aws-shadow-v2-client.mjs', thingName)
      await pump.ask('connect', true)
    })

    it('the second client: requests and their answers, of the classic and of named shadows', async () => {
      for (const [shadow, of, name] of [
        ['Shadow', {}, thingName],
        ['NamedShadow', { shadowName: 'config' }, `${thingName}~config`],
      ] as const) {
        const at = { thingName, ...of }
        const none = await pump.refused('ask', `get${shadow}`, at)
        assert.deepEqual([none.body.code, none.body.message], [404, `No shadow exists with name: '${name}'`])
        assert.ok(typeof none.body.clientToken === 'string')
        assert.equal((await pump.refused('ask', `delete${shadow}`, at)).body.code, 404)
        const made = await pump.ask('ask', `update${shadow}`, {
          ...at,
          state: { desired: { on: true }, reported: { on: false } },
        })
        assert.deepEqual([made.version, made.state], [1, { desired: { on: true }, reported: { on: false } }])
        const got = await pump.ask('ask', `get${shadow}`, at)
        assert.deepEqual(got.state, { desired: { on: true }, reported: { on: false }, delta: { on: true } })
        const stale = await pump.refused('ask', `update${shadow}`, { ...at, version: 7, state: { reported: { on: true } } })
        assert.deepEqual([stale.body.code, stale.body.message], [409, 'Version conflict'])
        assert.equal((await pump.ask('ask', `update${shadow}`, { ...at, version: 1, state: { reported: null } })).version, 2)
        assert.equal((await pump.ask('ask', `delete${shadow}`, at)).version, 2)
        assert.equal((await pump.ask('ask', `update${shadow}`, { ...at, state: { reported: { a: 1 } } })).version, 3)
      }
    })

    it('each refusal finds its request: 400, 403, 413', async () => {
      for (const [state, code, message] of [
        [{ desired: 7 }, 400, 'Desired node must be an object'],
        [{ reported: [] }, 400, 'Reported node must be an object'],
        [{ reported: nested(10) }, 400, 'JSON contains too many levels of nesting; maximum is 8'],
        [{ reported: { $bad: 1 } }, 400, "State contains an invalid node: 'reported'"],
        [{ reported: { list: [null] } }, 400, "State contains an invalid node: 'reported.list[0]'"],
        [{ reported: { text: 'x'.repeat(9000) } }, 413, 'The payload exceeds the maximum size allowed'],
      ] as const) {
        const { body } = await pump.refused('ask', 'updateShadow', { thingName, state })
        assert.deepEqual([body.code, body.message], [code, message])
        assert.ok(seconds(body.timestamp) && typeof body.clientToken === 'string')
      }
      const Statement = [
        { Effect: 'Deny', Action: 'iot:Publish', Resource: `topic/$aws/things/${thingName}/shadow/name/secret/get` },
      ]
      await house.hub.policies.create({ id: 'secret', text: JSON.stringify({ Version: '2012-10-17', Statement }) })
      await house.hub.policies.attach({ policy: 'secret', target: { device: thingName } })
      const denied = await pump.refused('ask', 'getNamedShadow', { thingName, shadowName: 'secret' })
      assert.deepEqual([denied.body.code, denied.body.message], [403, 'Forbidden'])
    })

    it('many at once are answered each: those that are too many with 429', async () => {
      const requests = Array.from({ length: 100 }, (_, n) => ({ thingName, shadowName: 'burst', state: { reported: { n } } }))
      const ends: { version?: number; code?: number; message?: string }[] = await pump.ask('burst', 'updateNamedShadow', requests)
      const accepted = ends.flatMap(({ version }) => (version === undefined ? [] : [version]))
      const others = ends.filter(({ version }) => version === undefined)
      assert.ok(
        others.every(({ code }) => code === 429),
        JSON.stringify(others),
      )
      assert.deepEqual(
        accepted.sort((a, b) => a - b),
        accepted.map((_, at) => at + 1),
      )
      assert.equal((await house.hub.twins.get({ id: thingName, name: 'burst' })).version, accepted.length)
      console.log(`        ${accepted.length} accepted, ${others.length} told to come again`)
    })

    it('streams of deltas and documents', async () => {
      const at = { thingName, shadowName: 'live' }
      await pump.ask('stream', 'createNamedShadowDeltaUpdatedStream', at)
      await pump.ask('stream', 'createNamedShadowUpdatedStream', at)
      await pump.ask('ask', 'updateNamedShadow', { ...at, state: { reported: { on: false } } })
      await house.hub.twins.patch({ id: thingName, name: 'live', desired: { on: true }, by: 'flow' })
      const delta = await heard(pump, one => one.event === 'createNamedShadowDeltaUpdatedStream', 'the delta')
      assert.deepEqual([delta.state, delta.version], [{ on: true }, 2])
      const documents = (await pump.ask('heard')).filter((one: any) => one.event === 'createNamedShadowUpdatedStream')
      assert.deepEqual(
        documents.map((one: any) => [one.previous?.version, one.current.version]),
        [
          [undefined, 1],
          [1, 2],
        ],
      )
      assert.deepEqual(documents[1].current.state, { desired: { on: true }, reported: { on: false } })
    })

    it('the first client: subscriptions of its own, of the classic and of named shadows', async () => {
      const fan = await client('aws-shadow-v2-client.mjs', 'fan-1')
      await fan.ask('connect', false)
      for (const [shadow, at] of [
        ['', { thingName: 'fan-1' }],
        ['Named', { thingName: 'fan-1', shadowName: 'config' }],
      ] as const) {
        const on = (event: string) => (one: any) => one.event === `subscribeTo${event}`
        for (const verb of ['Get', 'Update', 'Delete'])
          for (const end of ['Accepted', 'Rejected']) await fan.ask('subscribe', `subscribeTo${verb}${shadow}Shadow${end}`, at)
        await fan.ask('subscribe', `subscribeTo${shadow}ShadowDeltaUpdatedEvents`, at)
        await fan.ask('subscribe', `subscribeTo${shadow}ShadowUpdatedEvents`, at)
        await fan.ask('publish', `publishGet${shadow}Shadow`, { ...at, clientToken: 'g1' })
        const none = await heard(fan, on(`Get${shadow}ShadowRejected`), 'no shadow')
        assert.deepEqual([none.code, none.clientToken], [404, 'g1'])
        await fan.ask('publish', `publishUpdate${shadow}Shadow`, { ...at, state: { reported: { speed: 1 } }, clientToken: 'u1' })
        const made = await heard(fan, on(`Update${shadow}ShadowAccepted`), 'accepted')
        assert.deepEqual([made.version, made.state, made.clientToken], [1, { reported: { speed: 1 } }, 'u1'])
        await house.hub.twins.patch({ id: 'fan-1', desired: { speed: 2 }, by: 'flow', ...(shadow && { name: 'config' }) })
        const delta = await heard(fan, on(`${shadow}ShadowDeltaUpdatedEvents`), 'a delta')
        assert.deepEqual([delta.state, delta.version], [{ speed: 2 }, 2])
        await fan.ask('publish', `publishUpdate${shadow}Shadow`, {
          ...at,
          state: { reported: { speed: 2 } },
          version: 1,
          clientToken: 'u2',
        })
        const stale = await heard(fan, on(`Update${shadow}ShadowRejected`), 'a refusal')
        assert.deepEqual([stale.code, stale.clientToken], [409, 'u2'])
        await fan.ask('publish', `publishDelete${shadow}Shadow`, { ...at, clientToken: 'd1' })
        const gone = await heard(fan, on(`Delete${shadow}ShadowAccepted`), 'deleted')
        assert.deepEqual([gone.version, gone.clientToken], [2, 'd1'])
      }
      await fan.ask('disconnect')
    })
  })

  it('the story of a lamp and its named shadow: away, wanted otherwise, back, in agreement', async () => {
    const lamp = await client('aws-shadow-v2-client.mjs', 'lamp-9')
    const at = { thingName: 'lamp-9', shadowName: 'light' }
    const topic = '$aws/things/lamp-9/shadow/name/light'
    const all = async (end: string) => ((await lamp.ask('heard')) as any[]).filter(one => one.topic === `${topic}/${end}`)
    const twin = () => house.hub.twins.get({ id: 'lamp-9', name: 'light' })
    const report = (state: object, version: number) => lamp.ask('ask', 'updateNamedShadow', { ...at, version, state })

    // 1, 2: it asks for its shadow, there is none yet; it says what it is
    await lamp.ask('connect', false)
    assert.equal((await lamp.refused('ask', 'getNamedShadow', at)).body.code, 404)
    for (const event of ['ShadowDeltaUpdatedEvents', 'ShadowUpdatedEvents'])
      await lamp.ask('subscribe', `subscribeToNamed${event}`, at)
    const made = await lamp.ask('ask', 'updateNamedShadow', { ...at, state: { reported: { color: 'red', power: 'off' } } })
    assert.equal(made.version, 1)
    const [first] = await until(
      'the first document',
      async () => ((await all('update/documents')).length ? all('update/documents') : undefined),
      later,
    )
    assert.deepEqual([first.previous, first.current.state], [undefined, { reported: { color: 'red', power: 'off' } }])

    // 3, 4: it goes, and a flow wants something else, twice
    await lamp.ask('disconnect')
    await until('it is away', async () => !(await house.hub.devices.get({ id: 'lamp-9' })).connection.connected, later)
    await house.hub.twins.patch({ id: 'lamp-9', name: 'light', desired: { color: 'blue' }, by: 'flow' })
    await house.hub.twins.patch({ id: 'lamp-9', name: 'light', desired: { color: 'green', power: 'on' }, by: 'flow' })

    // 5, 6: it is back, hears of the difference as it is now, once, and reads the same
    assert.equal(await lamp.ask('connect', false), true)
    await until('the delta', async () => (await all('update/delta')).length, later)
    const got = await lamp.ask('ask', 'getNamedShadow', at)
    const [delta, ...more] = await all('update/delta')
    assert.deepEqual([delta.state, delta.version, more], [{ color: 'green', power: 'on' }, 3, []])
    assert.deepEqual([got.state.delta, got.version], [delta.state, 3])

    // 7, 8: it does so, one thing after the other
    assert.equal((await report({ reported: { color: 'green' } }, 3)).version, 4)
    const narrowed = await until('the rest of the delta', async () => (await all('update/delta')).at(1), later)
    assert.deepEqual([narrowed.state, narrowed.version], [{ power: 'on' }, 4])
    const accepted = await report({ reported: { power: 'on' } }, 4)
    assert.deepEqual([accepted.version, accepted.state], [5, { reported: { power: 'on' } }])
    const last = await until(
      'the last document',
      async () => (await all('update/documents')).find(one => one.current.version === 5),
      later,
    )
    assert.deepEqual([last.previous.version, last.current.state.reported], [4, { color: 'green', power: 'on' }])
    assert.equal((await all('update/delta')).length, 2, 'in agreement there is no delta')

    // 9: who comes with an old version changes nothing
    const { body } = await lamp.refused('ask', 'updateNamedShadow', { ...at, version: 3, state: { reported: { color: 'red' } } })
    assert.equal(body.code, 409)
    const { reported, delta: left, version } = await twin()
    assert.deepEqual([reported, left, version], [{ color: 'green', power: 'on' }, undefined, 5])
    await lamp.ask('disconnect')
  })
})
