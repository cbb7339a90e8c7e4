import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { freePorts, stopAll, tempFolder, until } from '../processes.ts'
import { inHours, sasToken } from '../sas-token.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'

const limitMs = 60_000

describe('desired properties that change while the unmodified azure-iot-device is not there', function () {
  this.timeout(240_000)
  const folder = tempFolder('azure-renewal')
  const caFile = join(folder, 'ca.pem')
  const keys = new Map<string, string>()
  let hub: Hub
  let port: number
  let front: number
  let door: Server
  /** connections that wait before the door; undefined: it is open */
  let waiting: (() => void)[] | undefined
  const sockets = new Set<Socket>()

  const begin = async (): Promise<void> => {
    hub = await startHub({
      hubId: 'azure-renewal',
      dataDir: join(folder, 'hub'),
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
  }
  const eventually = (what: string, probe: () => unknown) => until(what, async () => Boolean(await probe()), limitMs)
  const away = (id: string) => eventually(`${id} is away`, async () => !(await hub.devices.get({ id })).connection.connected)
  const shut = (): void => void (waiting = [])
  const open = (): void => {
    const all = waiting
    waiting = undefined
    for (const pass of all ?? []) pass()
  }
  const tokenOf = (deviceId: string, hours: number) =>
    sasToken({ host: `127.0.0.1:${front}`, deviceId, key: keys.get(deviceId)!, expiresS: inHours(hours) })

  const device = async (id: string): Promise<SdkClient> => {
    const { secrets } = await hub.devices.register({ id, credentials: { kind: 'sas' } })
    keys.set(id, secrets!.primaryKey!)
    const settings = { token: tokenOf(id, 1), caFile }
    const client = await sdkClient({ script: 'azure-commands-client.mjs', folder, name: id, settings })
    await client.ask('open')
    await client.ask('twin')
    // It subscribes some time after it has its twin.
    await eventually('it listens', async () => {
      await hub.twins.patch({ id, desired: { listens: true } })
      return (await pushes(client)).some(({ listens }) => listens)
    })
    await agrees(client, id)
    return client
  }
  const desiredOf = async (id: string): Promise<Record<string, any>> => {
    const { desired, desiredVersion } = await hub.twins.get({ id })
    return { ...desired, $version: desiredVersion }
  }
  const agrees = async (client: SdkClient, id: string): Promise<void> => {
    const wanted = await desiredOf(id)
    await eventually('it has heard the last change', async () => (await client.ask('held')).$version === wanted.$version)
    assert.deepEqual(await client.ask('held'), wanted)
  }
  const pushes = async (client: SdkClient): Promise<any[]> => (await client.ask('seen')).desired

  before(async () => {
    ;[port, front] = (await freePorts(2)) as [number, number]
    await begin()
    writeFileSync(caFile, (await hub.pki.caCertificates({})).rootPem)
    door = createServer(near => {
      sockets.add(near)
      near.on('error', () => {}).once('close', () => sockets.delete(near))
      const pass = (): void => {
        const far = connect(port, '127.0.0.1')
        far.on('error', () => near.destroy()).once('close', () => near.destroy())
        near.once('close', () => far.destroy())
        near.pipe(far).pipe(near)
      }
      if (waiting) waiting.push(pass)
      else pass()
    })
    await new Promise<void>(resolve => door.listen(front, '127.0.0.1', resolve))
  })
  after(async () => {
    await stopAll()
    for (const socket of sockets) socket.destroy()
    door?.close()
    await hub?.close()
  })

  it('while it renews its token: they are told once it is back, and state converges', async () => {
    const id = 'renews'
    const client = await device(id)
    await hub.twins.patch({ id, desired: { a: 0, gone: 1, nest: { x: 1, y: 1 } } })
    await agrees(client, id)
    for (let round = 1; round <= 3; round++) {
      const before = (await pushes(client)).length
      shut()
      await client.ask('renew', tokenOf(id, round + 1))
      await away(id)
      for (let n = 1; n <= 5; n++) await hub.twins.patch({ id, desired: { a: round * 10 + n, [`r${round}`]: n } })
      if (round === 2) await hub.twins.patch({ id, desired: { gone: null, nest: { y: null, z: [round] } } })
      open()
      await agrees(client, id)
      assert.equal((await pushes(client)).length, before + 1, 'in one patch')
    }
    assert.deepEqual(
      (await client.ask('seen')).events.filter((event: string) => !event.startsWith('renewed')),
      [],
      'the application saw no disconnection',
    )
    await hub.twins.patch({ id, desired: { a: 'live' } })
    await agrees(client, id)
    await client.ask('close')
  })

  it('while the hub restarts: all that is desired is told and what is so no more, and what is equal does no harm', async () => {
    const id = 'survives'
    const client = await device(id)
    const first = { same: { x: 1, list: [1, 2] }, a: 1, gone: 1, before: { x: 1 }, nest: { x: 1, y: 1 } }
    await hub.twins.patch({ id, desired: first })
    await agrees(client, id)
    shut()
    await hub.twins.patch({ id, desired: { before: null } })
    await hub.close()
    await begin()
    await hub.twins.patch({ id, desired: { a: 2, b: { c: 1 }, gone: null, nest: { y: null } } })
    open()
    await agrees(client, id)
    const { nest, ...others } = await desiredOf(id)
    assert.deepEqual((await pushes(client)).at(-1), { ...others, before: null, gone: null, nest: { ...nest, y: null } })
    await client.ask('report', { done: true })
    assert.equal((await hub.twins.get({ id })).reported.done, true)
    await client.ask('close')
  })
})
