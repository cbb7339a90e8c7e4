import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TwinSection } from '../../src/twin/json.ts'
import { mergeSection } from '../../src/twin/merge.ts'
import { HubProcess } from '../faults/twin-hub-process.ts'
import { freePorts, stopAll, tempFolder, until } from '../processes.ts'
import { seeded } from '../seeded.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'

const kinds = ['azure', 'aws-v1', 'aws-v2'] as const
const count = 12
const changes = Number(process.env.CONVERGENCE_CHANGES ?? 600)
const later = 120_000

/** The network between: its connections break now and then, and while it is `down` there are none. */
function brittle(to: number): { server: Server; open: Set<Socket>; down: boolean } {
  const open = new Set<Socket>()
  const network = { server: createServer(), open, down: false }
  network.server.on('connection', near => {
    if (network.down) {
      near.on('error', () => {}).destroy()
      return
    }
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other)
      one.on('error', () => {})
      one.once('close', () => {
        open.delete(near)
        other.destroy()
      })
    }
    open.add(near)
  })
  return network
}

describe('twins of devices with the unmodified SDKs, whose connections break under a hub that is killed', function () {
  this.timeout(600_000)
  const folder = tempFolder('twin-sdks')
  const random = seeded(7)
  let hub: HubProcess
  let network: ReturnType<typeof brittle>
  let sdk: SdkClient
  const wanted = new Map<string, TwinSection>()

  before(async () => {
    const [port, front] = (await freePorts(2)) as [number, number]
    hub = new HubProcess([{ kind: 'mqtts', host: '127.0.0.1', port }])
    await hub.start()
    network = brittle(port)
    await new Promise<void>(resolve => network.server.listen(front, '127.0.0.1', resolve))
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 })
      return join(folder, name)
    }
    let caFile = ''
    const devices = []
    for (let n = 0; n < count; n++) {
      const kind = kinds[n % kinds.length]!
      const id = `${kind}-${n}`
      wanted.set(id, {})
      const { secrets } = await hub.ask('devices', 'register', { id, credentials: { kind: kind === 'azure' ? 'sas' : 'x509' } })
      caFile ||= file('ca.pem', secrets!.caPem)
      devices.push(
        kind === 'azure'
          ? { id, kind, connectionString: `HostName=127.0.0.1:${front};DeviceId=${id};SharedAccessKey=${secrets!.primaryKey}` }
          : {
              id,
              kind,
              certFile: file(`${id}.pem`, `${secrets!.certificatePem}${secrets!.chainPem ?? ''}`),
              keyFile: file(`${id}.key`, secrets!.privateKeyPem!),
            },
      )
    }
    const settings = { host: '127.0.0.1', port: front, caFile, devices }
    sdk = await sdkClient({ script: 'aws-azure-twin-client.mjs', folder, name: 'devices', settings })
    await sdk.ask('open')
  })
  after(async () => {
    await stopAll()
    for (const socket of network?.open ?? []) socket.destroy()
    network?.server.close()
    await hub?.stop()
  })

  it('all of them agree with what is desired in the end, and none applied what was old', async () => {
    const ids = [...wanted.keys()]
    const change = async (id: string, patch: Record<string, number | null>): Promise<void> => {
      const what = `a change of ${id}: ${JSON.stringify(patch)}`
      await until(what, () => hub.ask('twins', 'patch', { id, desired: patch, by: 'flow' }).then(() => true), later)
      wanted.set(id, mergeSection(wanted.get(id)!, patch))
    }
    let breaks = 0
    for (let n = 1; n <= changes; n++) {
      const id = random.pick(ids)
      // AWS tells things of no property that goes
      const goes = id.startsWith('azure') && random.below(4) === 0
      await change(id, { [`k${random.below(4)}`]: goes ? null : n })
      if (n % 25 === 0 && network.open.size) {
        random.pick([...network.open]).destroy()
        breaks++
      }
      if (n === Math.floor(changes / 2)) {
        await hub.kill()
        await hub.start()
      }
    }
    // Nothing comes after these that could hide their loss.
    network.down = true
    for (const socket of network.open) socket.destroy()
    for (const id of ids) {
      await change(id, { [`last${random.below(2)}`]: changes + 1 })
      if (id.startsWith('azure')) await change(id, { k0: null, k1: null })
    }
    network.down = false
    await until(
      'all agree',
      async () => {
        const states = await sdk.ask('states')
        for (const id of ids) {
          const { reported, desired } = await hub.ask('twins', 'get', { id })
          assert.deepEqual(
            { id, desired, own: states[id], reported },
            { id, desired: wanted.get(id), own: wanted.get(id), reported: wanted.get(id) },
          )
        }
        return true
      },
      later,
    )
    assert.deepEqual(await sdk.ask('faults'), [])
    console.log(`      ${count} devices, ${changes} changes, ${breaks} connections broken, one kill`)
  })
})
