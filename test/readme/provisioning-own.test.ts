import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { maySkip, run, tempFolder, until } from '../processes.ts'
import { type AdminHub, startAdminHub } from './admin-hub.ts'
import { snippetsOf } from './snippets.ts'

/** The reading that each snippet leaves behind as the device's last one. */
const leaves: Record<string, [device: string, temperature: number] | undefined> = {
  bootstrap: undefined,
  pair: ['lamp-1', 21.5],
  claim: ['pump-7', 21.5],
  renew: ['pump-7', 22.5],
}

const missing = ['curl', 'openssl'].filter(name => spawnSync(name, ['version']).error)

describe('provisioning with curl, as its page says', function () {
  this.timeout(60_000)
  const folder = tempFolder('readme-provisioning')
  let server: AdminHub | undefined

  before(async function () {
    if (missing.length) return void (maySkip(missing.join(', ')) && this.skip())
    server = await startAdminHub(join(folder, 'hub'))
  })
  after(async () => server?.close())

  const snippets = snippetsOf('docs/provisioning-own.md')

  it('has an expectation for each snippet', () => assert.deepEqual([...snippets.keys()], Object.keys(leaves)))

  for (const [name, left] of Object.entries(leaves))
    it(`${name}: runs as it stands${left ? ', and the device sends' : ''}`, async () => {
      const { hub, env } = server!
      const out = await run('sh', ['-euc', snippets.get(name)!.code], { cwd: folder, env })
      if (!left) return void assert.match(JSON.stringify(out), /telemetryMs/)
      const [device, temperature] = left
      await until('its reading is stored', async () => {
        const last = await hub.query.last({ devices: [device] })
        return last.some(({ point, value }) => point === 'temperature' && value === temperature)
      })
    })
})
