import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { withStartSettings } from '../../scripts/start-flow.ts'
import { start, tempFolder } from '../processes.ts'

describe('the start script', function () {
  this.timeout(60_000)
  const data = join(tempFolder('refused-start'), 'data')

  /** What it says when it ends at once. */
  async function refusal(env: Record<string, string>): Promise<string> {
    const child = start(process.execPath, ['scripts/run-node-red.ts'], {
      env: { THINGLOOM_KEY: '', ...env, THINGLOOM_DATA: data },
    })
    const { code } = await child.exited
    assert.equal(code, 1, child.output())
    assert.equal(existsSync(data), false, 'it wrote something')
    return child.output()
  }

  it('refuses a hub key of a wrong form: it says which is expected and does not show the one given', async () => {
    for (const key of ['hunter2', 'A'.repeat(42), `${'A'.repeat(44)}=`]) {
      const said = await refusal({ THINGLOOM_KEY: key })
      assert.match(said, /THINGLOOM_KEY is not 32 bytes in base64 .*openssl rand -base64 32/)
      assert.ok(!said.includes(key))
    }
  })

  it('refuses ports and numbers that cannot be', async () => {
    for (const [name, value, expected] of [
      ['PORT', '70000', /PORT is '70000': a whole number from 1 to 65535/],
      ['THINGLOOM_MQTTS_PORT', 'x', /THINGLOOM_MQTTS_PORT is 'x'/],
      ['THINGLOOM_DEVICES', '0', /THINGLOOM_DEVICES is '0': a whole number from 1 to 10000/],
    ] as const)
      assert.match(await refusal({ [name]: value }), expected)
  })

  it('names a port that is taken, and its variable', async () => {
    const server = createServer()
    await new Promise<void>(opened => server.listen(0, '127.0.0.1', opened))
    const { port } = server.address() as { port: number }
    try {
      assert.match(await refusal({ PORT: String(port) }), new RegExp(`Port ${port} on 127.0.0.1 is taken .* PORT=`))
    } finally {
      server.close()
    }
  })

  it('puts its settings into the flow and leaves the rest', () => {
    const flow = JSON.parse(readFileSync('examples/04-pipelines/pipeline-dashboard.json', 'utf8')) as {
      id: string
      type: string
    }[]
    const settings = { host: '0.0.0.0', mqttPort: 1, mqttsPort: 2, devices: 3 }
    const changed = withStartSettings(flow, settings)
    const find = (type: string) => changed.find(node => node.type === type) as any
    assert.deepEqual(
      find('loom-hub').listeners.map(({ kind, host, port }: any) => [kind, host, port]),
      [
        ['mqtts', '0.0.0.0', 2],
        ['mqtt', '127.0.0.1', 1],
      ],
    )
    assert.equal(find('loom-simulator').count, 3)
    const others = (nodes: typeof flow) => nodes.filter(({ type }) => type !== 'loom-hub' && type !== 'loom-simulator')
    assert.deepEqual(others(changed), others(flow))
    const [kept] = withStartSettings(flow, { ...settings, devices: undefined }).filter(({ type }) => type === 'loom-simulator')
    assert.equal((kept as any).count, 50)
  })
})
