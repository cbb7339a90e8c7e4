import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { maySkip, run, tempFolder, until } from '../processes.ts'
import { type AdminHub, startAdminHub } from './admin-hub.ts'
import { snippetOf } from './snippets.ts'

const missing = ['mosquitto_pub', 'curl'].filter(name => spawnSync(name, ['--help']).error)

describe('README: a device with mosquitto_pub', function () {
  this.timeout(60_000)
  const folder = tempFolder('readme')
  let server: AdminHub | undefined

  before(async function () {
    if (missing.length) return void (maySkip(missing.join(', ')) && this.skip())
    server = await startAdminHub(join(folder, 'hub'))
  })
  after(async () => server?.close())

  it('registers, publishes over TLS with its password, and is found among the last values', async () => {
    const { hub, env } = server!
    const { language, code } = snippetOf('README.md', 'mosquitto')
    assert.equal(language, 'sh')
    await run('sh', ['-euc', code], { cwd: folder, env })
    const last = await until('the reading is stored', async () => {
      const found = await hub.query.last({ devices: ['my-sensor'] })
      return found.length > 0 && found
    })
    assert.deepEqual(
      last.map(({ point, value }) => [point, value]),
      [['temperature', 21.5]],
    )
  })

  it('shows the reading with the next command', async () => {
    const { code } = snippetOf('README.md', 'latest')
    const { items } = JSON.parse(await run('sh', ['-euc', code], { cwd: folder, env: server!.env })) as {
      items: { value: unknown }[]
    }
    assert.deepEqual(
      items.map(({ value }) => value),
      [21.5],
    )
  })

  for (const [name, file] of [
    ['aws', 'my-thing'],
    ['azure', 'my-azure-device'],
  ] as const)
    it(`keeps ${file}.json, with the only key, when the registration is repeated or fails`, async () => {
      const { code } = snippetOf('README.md', `${name}-register`)
      const kept = join(folder, `${file}.json`)
      const register = () => run('sh', ['-euc', code], { cwd: folder, env: server!.env })
      await register()
      const first = readFileSync(kept, 'utf8')
      assert.equal(JSON.parse(first).device.id, file)
      assert.equal(statSync(kept).mode & 0o777, 0o600)
      await register()
      assert.equal(readFileSync(kept, 'utf8'), first)
      rmSync(kept)
      await assert.rejects(register(), /409/)
      assert.equal(existsSync(kept), false)
      assert.match(readFileSync(join(folder, `${file}.new`), 'utf8'), /IDENTITY_EXISTS/)
    })
})
