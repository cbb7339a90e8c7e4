import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { maySkip, run, tempFolder } from '../processes.ts'
import { type AdminHub, startAdminHub } from './admin-hub.ts'
import { snippetsOf } from './snippets.ts'

const page = 'docs/admin-api.md'
/** What the answer to each snippet shows, in their order on the page. */
const shows: Record<string, RegExp> = {
  import: /"operation":\{"id":"/,
  register: /"connectionString":"HostName=[^"]+;DeviceId=pump-1;SharedAccessKey=/,
  find: /"items":\[\{"id":"pump-1"/,
  change: /"enabled":false.*"reason":"lost".*"tags":\{\}/,
  credential: /"kind":"password","username":"pump-1","password":"/,
  rotate: /"kind":"sas".*"primaryKey":"/,
  quarantine: /"state":"quarantined".*"reason":"odd traffic"[\s\S]*"state":"active"/,
  twin: /"desired":\{"speed":900\}.*"tags":\{"line":2\}[\s\S]*"name":"config","desired":\{"interval":5\}[\s\S]*"speed":\{"\$at":\d+,"\$version":2\}/,
  message: /"seq":1,[\s\S]*"kind":"commands\.message"[\s\S]*"messageId":"/,
  readings: /"items":\[\]/,
  letters: /\{"items":\[\]\}/,
  consumers: /\{"items":\[\{"name":"\$warm","position":\d+,"lag":\d+,"inFlight":\d+,"lastSeen":\d+,"inUse":true\}\]\}/,
  state: /"status":"ok"[\s\S]*^thingloom_devices\{hub="demo"\} 1$/m,
  group: /"id":"lab"[\s\S]*\{"added":1\}/,
  ask: /"verdict":"allow","statement":\{"policyId":"lab"[\s\S]*\{"items":\[\{"id":"pump-1"/,
  certificate: /"privateKeyPem":"-----BEGIN[\s\S]*-----BEGIN CERTIFICATE-----/,
  enrol: /"primaryKey":"[^"]+"[\s\S]*\{"added":1,"replaced":0\}[\s\S]*"items":\[\]/,
  audit: /"actor":"admin api","action":"[\s\S]*\{"ok":true/,
  retire: /"state":"retired".*"telemetry":"erase".*"done":true[\s\S]*"archive":\{/,
  remove: /^$/,
}

describe('admin API with curl, as its page says', function () {
  this.timeout(30_000)
  const folder = tempFolder('readme-api')
  let server: AdminHub | undefined

  before(async function () {
    if (spawnSync('curl', ['--help']).error) return void (maySkip('curl') && this.skip())
    server = await startAdminHub(join(folder, 'hub'))
  })
  after(async () => server?.close())

  const snippets = snippetsOf(page)

  it('has an expectation for each snippet', () => assert.deepEqual([...snippets.keys()], Object.keys(shows)))

  for (const [name, pattern] of Object.entries(shows))
    it(`${name} works`, async () => {
      const { code } = snippets.get(name)!
      assert.match(await run('sh', ['-euc', code], { cwd: folder, env: server!.env }), pattern)
    })

  it('leaves no device behind', async () => assert.equal((await server!.hub.devices.count({})).devices, 0))
})
