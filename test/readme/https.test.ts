import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { maySkip, run, tempFolder, until } from '../processes.ts'
import { type AdminHub, startAdminHub } from './admin-hub.ts'
import { snippetsOf } from './snippets.ts'

/** The device of each snippet, with the readings that its requests leave behind. */
const leaves: Record<string, [device: string, readings: Record<string, number>]> = {
  basic: ['user-1', { temperature: 21.5, humidity: 40 }],
  certificate: ['thing-1', { temperature: 21.6 }],
  azure: ['azure-1', { temperature: 21.5 }],
  bearer: ['token-1', { temperature: 21.5 }],
}

const missing = ['curl', 'openssl'].filter(name => spawnSync(name, ['version']).error)

describe('device requests with curl, as their page says', function () {
  this.timeout(60_000)
  const folder = tempFolder('readme-https')
  let server: AdminHub | undefined

  before(async function () {
    if (missing.length) return void (maySkip(missing.join(', ')) && this.skip())
    server = await startAdminHub(join(folder, 'hub'))
  })
  after(async () => server?.close())

  const snippets = snippetsOf('docs/https.md')

  it('has an expectation for each snippet', () => assert.deepEqual([...snippets.keys()], Object.keys(leaves)))

  for (const [name, [device, readings]] of Object.entries(leaves))
    it(`${name}: what the device sends is among its last values`, async () => {
      const { hub, env } = server!
      await run('sh', ['-euc', snippets.get(name)!.code], { cwd: folder, env })
      await until('its readings are stored', async () => {
        const last = await hub.query.last({ devices: [device] })
        const found = Object.fromEntries(last.map(({ point, value }) => [point, value]))
        return Object.entries(readings).every(([point, value]) => found[point] === value)
      })
    })
})
