import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hub, HubEvent, HubOptions } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { tempFolder, until } from '../processes.ts'

/** A hub with one TLS listener, and what clients need to know of it. */
export async function provisioningHouse(name: string, more: Partial<HubOptions> = {}) {
  const folder = tempFolder(name)
  const hub: Hub = await startHub({
    hubId: name,
    dataDir: join(folder, 'hub'),
    store: 'sqlite',
    broker: 'embedded',
    threaded: false,
    listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    ...more,
  })
  const sessions: (HubEvent & { type: 'device' })[] = []
  const refusals: string[] = []
  hub.subscribe(event => {
    if (event.type === 'security') refusals.push(event.code)
    if (event.type === 'device' && /connected$/.test(event.change)) sessions.push(event)
  })
  const { port } = (await hub.health.get({})).listeners[0]!
  const file = (part: string, text: string): string => {
    const path = join(folder, part)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const caFile = file('ca.pem', (await hub.pki.caCertificates({})).rootPem)
  const telemetry = async () => (await hub.journal.read({ from: 1, limit: 1000 })).filter(({ kind }) => kind === 1)
  return {
    hub,
    folder,
    host: '127.0.0.1',
    port,
    caFile,
    file,
    telemetry,
    /** codes of the CONNECTs that were refused */
    refusals,
    /** What became of the connections of a device, in order: an SDK connects again without a word. */
    connects: (device: string) => sessions.filter(({ id }) => id === device).map(({ change }) => change),
    /** That what a device sent is in the journal, on its topic and nobody else's. */
    async landed(device: string, topic: string, text: string): Promise<void> {
      const record = await until(`telemetry of ${device}`, async () =>
        (await telemetry()).find(({ payload }) => Buffer.from(payload).toString() === text),
      )
      assert.deepEqual([record.device, record.topic.replace(/\/$/, '')], [device, topic])
    },
  }
}

export type ProvisioningHouse = Awaited<ReturnType<typeof provisioningHouse>>
