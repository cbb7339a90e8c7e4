import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { maySkip, run, tempFolder, until } from '../processes.ts'
import { type AdminHub, startAdminHub } from './admin-hub.ts'
import { snippetsOf } from './snippets.ts'

interface Walk {
  page: string
  needs: string[]
  /** What must be there first, as shell. */
  first?: string
  /** What each snippet answers, in the order of the page. */
  says: Record<string, RegExp>
  /** Who sends in the end. */
  sends?: string
}

const walks: Walk[] = [
  {
    page: 'docs/provisioning-dps.md',
    needs: ['curl', 'openssl'],
    says: { group: /^$/, derive: /^$/, register: /"status":"assigned".*"deviceId":"meter-1"/ },
    sends: 'meter-1',
  },
  {
    page: 'docs/provisioning-aws.md',
    needs: ['curl', 'openssl', 'mosquitto_rr', 'mosquitto_pub'],
    says: { claim: /"name":"fans"/, provision: /"thingName":"fan-7"/, own: /^$/ },
    sends: 'fan-7',
  },
  {
    page: 'docs/certificates.md',
    needs: ['curl', 'openssl'],
    first: `openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj "/CN=plant CA" -days 30 -out ca.pem \\
      -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,cRLSign`,
    says: { register: /^$/, sign: /signature ok/i, prove: /"status":"active"/, deactivate: /"status":"inactive"/ },
  },
]

for (const { page, needs, first, says, sends } of walks)
  describe(`step by step, as ${page} says`, function () {
    this.timeout(120_000)
    const folder = tempFolder('readme-walk')
    let server: AdminHub | undefined
    const sh = (code: string) => run('sh', ['-euc', code], { cwd: folder, env: server!.env })

    before(async function () {
      const missing = needs.filter(name => spawnSync(name, ['--help']).error)
      if (missing.length) return void (maySkip(missing.join(', ')) && this.skip())
      server = await startAdminHub(join(folder, 'hub'))
      if (first) await sh(first)
    })
    after(async () => server?.close())

    const snippets = snippetsOf(page)

    it('has an expectation for each snippet', () => assert.deepEqual([...snippets.keys()], Object.keys(says)))

    for (const [name, pattern] of Object.entries(says))
      it(`${name} works`, async () => assert.match(await sh(snippets.get(name)!.code), pattern))

    if (sends)
      it(`${sends} has sent`, () =>
        until('its reading is stored', async () => {
          const last = await server!.hub.query.last({ devices: [sends] })
          return last.some(({ point, value }) => point === 'temperature' && value === 21.5)
        }))
  })
