import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kinds } from '../../src/journal/journal-port.ts'
import { type Child, freePorts, start, stopAll, tempFolder, until } from '../processes.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'

const limitMs = 60_000

describe('commands and twins with the unmodified azure-iot-device', function () {
  this.timeout(180_000)
  const folder = tempFolder('azure-commands')
  const caFile = join(folder, 'ca.pem')
  let port: number
  let hub: Child
  let asked = 0

  const startHub = async (): Promise<void> => {
    const options = {
      hubId: 'azure-commands',
      dataDir: join(folder, 'hub'),
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    }
    hub = start(process.execPath, [join(import.meta.dirname, 'commanded-hub.ts'), JSON.stringify(options)])
    await hub.says(/^ready$/m, limitMs)
  }
  const answerOf = async (
    api: string,
    method: string,
    arg: unknown = {},
  ): Promise<{ result?: any; error?: { code: string } }> => {
    const id = ++asked
    hub.write(`${JSON.stringify({ id, api, method, arg })}\n`)
    const [, text] = await hub.says(new RegExp(`^reply (\\{"id":${id},.*\\})$`, 'm'), limitMs)
    return JSON.parse(text!)
  }
  const ask = async (api: string, method: string, arg?: unknown): Promise<any> => {
    const { result, error } = await answerOf(api, method, arg)
    if (error) throw new Error(`${api}.${method}: ${JSON.stringify(error)}`)
    return result
  }
  const call = (id: string, method: string, more: object = {}) => ask('commands', 'call', { id, method, ...more })
  const send = (id: string, body: string, more: object = {}) => ask('commands', 'send', { id, message: { body, ...more } })
  const connected = async (id: string): Promise<boolean> => (await ask('devices', 'get', { id })).connection.connected
  const eventually = (what: string, probe: () => unknown) => until(what, async () => Boolean(await probe()), limitMs)
  const connects = async (id: string): Promise<number> =>
    (await ask('journal', 'read', { from: 1, limit: 1000 })).filter(
      ({ device, kind, text }: any) => device === id && kind === kinds.lifecycle && JSON.parse(text).event === 'connected',
    ).length

  const clientOf = async (id: string, more: object = {}): Promise<SdkClient> => {
    const { secrets } = await ask('devices', 'register', { id, credentials: { kind: 'sas' } })
    const connectionString = `HostName=127.0.0.1:${port};DeviceId=${id};SharedAccessKey=${secrets.primaryKey}`
    const settings = { connectionString, caFile, ...more }
    return sdkClient({ script: 'azure-commands-client.mjs', folder, name: id, settings })
  }
  const messagesOf = async (client: SdkClient): Promise<any[]> => (await client.ask('seen')).messages
  const texts = async (client: SdkClient): Promise<string[]> => (await messagesOf(client)).map(({ text }) => text)

  before(async () => {
    port = (await freePorts(1))[0]!
    await startHub()
    writeFileSync(caFile, (await ask('pki', 'caCertificates', {})).rootPem)
  })
  after(stopAll)

  it('a method is called and answered; without handler it times out; away and deaf devices are told apart', async () => {
    const client = await clientOf('methods')
    assert.equal((await answerOf('commands', 'call', { id: 'methods', method: 'blink' })).error!.code, 'COMMAND_DEVICE_OFFLINE')
    await client.ask('open')
    assert.equal((await answerOf('commands', 'call', { id: 'methods', method: 'blink' })).error!.code, 'COMMAND_UNSUPPORTED')
    const waiting = call('methods', 'blink', { payload: { times: 3 }, connectTimeoutMs: 60_000 })
    await client.ask('handle', 'blink', 200, { done: 3 })
    assert.deepEqual(await waiting, { status: 200, payload: { done: 3 } })
    await client.ask('handle', 'odd', -42, 'text')
    assert.deepEqual(await call('methods', 'odd'), { status: -42, payload: 'text' })
    await client.ask('handle', 'quiet', 204)
    assert.deepEqual((await call('methods', 'quiet')).status, 204)
    const none = await answerOf('commands', 'call', { id: 'methods', method: 'nobody', responseTimeoutMs: 1000 })
    assert.equal(none.error!.code, 'COMMAND_TIMEOUT')
    const many = await Promise.all(Array.from({ length: 40 }, () => call('methods', 'blink')))
    assert.ok(many.every(({ status }) => status === 200))
    const { calls } = await client.ask('seen')
    assert.deepEqual(calls[0], { name: 'blink', payload: { times: 3 } })
    assert.equal(calls.length, 43)
    assert.equal(calls[1].payload, null)
    await client.ask('close')
  })

  it('messages come in order with their properties, are completed and fed back; one that is too old never comes', async () => {
    const client = await clientOf('inbox')
    await send('inbox', 'old', { ttlMs: 60_000, ack: 'full', id: 'too-old' })
    await ask('clock', 'step', 61_000)
    const properties = { 'a=b&c/d': 'x=1&y/2 #+?ü', plain: 'p' }
    const more = { properties, contentType: 'application/json', contentEncoding: 'utf-8', correlationId: 'c=1', ack: 'full' }
    await send('inbox', '{"n":0}', { id: 'first', ...more })
    for (let i = 1; i < 20; i++) await send('inbox', `{"n":${i}}`)
    await client.ask('listen')
    await client.ask('open')
    await eventually('all messages', async () => (await messagesOf(client)).length === 20)
    assert.deepEqual(
      await texts(client),
      Array.from({ length: 20 }, (_, n) => `{"n":${n}}`),
    )
    const [{ expiryTimeUtc, ...first }] = await messagesOf(client)
    assert.deepEqual(first, {
      messageId: 'first',
      correlationId: 'c=1',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      to: '/devices/inbox/messages/deviceBound',
      properties: { ...properties, 'iothub-ack': 'full' },
      text: '{"n":0}',
    })
    assert.ok(Date.parse(expiryTimeUtc) > Date.now())
    await eventually('an empty inbox', async () => (await ask('commands', 'inbox', { id: 'inbox' })).items.length === 0)
    const feedback = async (): Promise<any[]> =>
      (await ask('journal', 'read', { from: 1, limit: 1000 }))
        .filter(({ device, kind }: any) => device === 'inbox' && kind === kinds.feedback)
        .map(({ text }: any) => JSON.parse(text))
    await eventually('feedback', async () => (await feedback()).length === 2)
    assert.deepEqual((await feedback()).map(({ messageId, statusCode }) => [messageId, statusCode]).toSorted(), [
      ['first', 'Success'],
      ['too-old', 'Expired'],
    ])
    await client.ask('close')
  })

  it('a twin is read, reported and pushed; what the hub refuses is an error of the SDK with its code', async () => {
    const client = await clientOf('twin')
    await client.ask('open')
    assert.deepEqual(await client.ask('twin'), { desired: { $version: 1 }, reported: { $version: 1 } })
    await client.ask('report', { fw: '1.0', parts: { a: 1 } })
    await client.ask('report', { parts: { a: null, b: 2 } })
    assert.deepEqual((await ask('twins', 'get', { id: 'twin' })).reported, { fw: '1.0', parts: { b: 2 } })
    await ask('twins', 'patch', { id: 'twin', desired: { interval: 5 } })
    await ask('twins', 'replace', { id: 'twin', desired: { unit: 'C' } })
    await eventually('two pushes', async () => (await client.ask('seen')).desired.length === 3)
    // The SDK tells the whole of it when the listener comes.
    assert.deepEqual((await client.ask('seen')).desired, [
      { $version: 1 },
      { interval: 5, $version: 2 },
      { interval: null, unit: 'C', $version: 3 },
    ])
    const large = await client.refused(
      'report',
      Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`k${n}`, 'x'.repeat(4000)])),
    )
    const wrong = await client.refused('report', { 'a.b': 1 })
    const deep = await client.refused('report', JSON.parse(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`))
    // The SDK knows no classes of twin errors: it tells the hub's words.
    assert.match(large.message, /40039 bytes/)
    assert.match(wrong.message, /key "a\.b"/)
    assert.match(deep.message, /deeper than 10 levels/)
    assert.deepEqual((await client.ask('read')).reported, { fw: '1.0', parts: { b: 2 }, $version: 3 })
    const outcomes: string[] = await client.ask('reportMany', 40)
    assert.ok(outcomes.includes('done') && outcomes.includes('Error'), 'ten at a time')
    const { reported } = await client.ask('read')
    assert.equal(reported.$version, 3 + outcomes.filter(outcome => outcome === 'done').length)
    await client.ask('close')
  })

  it('a token is renewed without a message or call lost, and pushes go on', async () => {
    const tokenRenewal = { tokenValidTimeInSeconds: 130, tokenRenewalMarginInSeconds: 127 }
    const client = await clientOf('renewal', { tokenRenewal })
    await client.ask('listen')
    await client.ask('handle', 'ping', 200, 'pong')
    await client.ask('open')
    await client.ask('twin')
    let sent = 0
    let renewed = 0
    while (renewed < 3 && sent < 400) {
      const n = sent++
      await send('renewal', `m${n}`)
      await ask('twins', 'patch', { id: 'renewal', desired: { n } })
      await eventually('its message', async () => (await messagesOf(client)).length === sent)
      const { status } = await call('renewal', 'ping', { connectTimeoutMs: 30_000 })
      assert.equal(status, 200)
      renewed = (await connects('renewal')) - 1
    }
    assert.ok(renewed >= 3, `${renewed} renewals over ${sent} messages`)
    assert.deepEqual(
      await texts(client),
      Array.from({ length: sent }, (_, n) => `m${n}`),
    )
    await ask('twins', 'patch', { id: 'renewal', desired: { n: 'last' } })
    await eventually('the last push', async () => (await client.ask('seen')).desired.at(-1).n === 'last')
    const { events, desired } = await client.ask('seen')
    const versions = desired.map(({ $version }: { $version: number }) => $version)
    assert.ok(versions.every((version: number, at: number) => at === 0 || version >= versions[at - 1]))
    const heard = new Set(desired.map(({ n }: { n: unknown }) => n))
    for (let n = 0; n < sent; n++) assert.ok(heard.has(n), `change ${n}`)
    assert.deepEqual(events, [], 'the application saw no disconnection')
    await client.ask('close')
  })

  it('a hub that is killed and started again is found by the SDK itself: methods, messages and desired pushes go on', async () => {
    const client = await clientOf('restart')
    await client.ask('listen')
    await client.ask('handle', 'ping', 200, 'pong')
    await client.ask('open')
    await client.ask('twin')
    assert.equal((await call('restart', 'ping')).payload, 'pong')
    await send('restart', 'before')
    await eventually('the first message', async () => (await texts(client)).includes('before'))
    await hub.stop('SIGKILL')
    await startHub()
    await send('restart', 'while away')
    await eventually('its return', () => connected('restart'))
    assert.equal((await call('restart', 'ping', { connectTimeoutMs: 60_000 })).payload, 'pong')
    await eventually('the message', async () => (await texts(client)).includes('while away'))
    await ask('twins', 'patch', { id: 'restart', desired: { after: 'restart' } })
    await eventually('the push', async () => (await client.ask('seen')).desired.at(-1).after === 'restart')
    await client.ask('report', { seen: 'restart' })
    assert.deepEqual((await ask('twins', 'get', { id: 'restart' })).reported, { seen: 'restart' })
    await client.ask('close')
  })
})
