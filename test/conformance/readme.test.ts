import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { JournalRecord } from '../../src/journal/journal-port.ts'
import { run, tempFolder } from '../processes.ts'
import { type AdminHub, startAdminHub } from '../readme/admin-hub.ts'
import { snippetOf } from '../readme/snippets.ts'

const text = ({ payload }: JournalRecord): string => Buffer.from(payload).toString()

describe('README: a device with a device SDK', function () {
  this.timeout(60_000)
  const folder = tempFolder('readme-sdk')
  let server: AdminHub

  before(async () => {
    server = await startAdminHub(join(folder, 'hub'))
    mkdirSync(join(folder, 'device'))
    symlinkSync(join(import.meta.dirname, 'node_modules'), join(folder, 'device', 'node_modules'))
  })
  after(() => server.close())

  /** Registers, saves the program and runs it, all as the snippets stand; resolves with the device's message in the journal. */
  async function sent(name: string, device: string): Promise<JournalRecord> {
    const path = [dirname(process.execPath), process.env.PATH].join(delimiter)
    const options = { cwd: join(folder, 'device'), env: { ...server.env, PATH: path } }
    const { code } = snippetOf('README.md', name)
    for (const [, wanted] of code.matchAll(/from '([^':]+)'/g))
      assert.match(readFileSync('README.md', 'utf8'), new RegExp(`npm install .*\\b${wanted}\\b`))
    assert.match(readFileSync('README.md', 'utf8'), new RegExp(`^Save as \`${device}\\.mjs\`:$`, 'm'))
    await run('sh', ['-euc', snippetOf('README.md', `${name}-register`).code], options)
    writeFileSync(join(options.cwd, `${device}.mjs`), code)
    await run('sh', ['-euc', snippetOf('README.md', `${name}-run`).code], options)
    const records = await server.hub.journal.read({ from: 0, limit: 1000 })
    const [record, ...more] = records.filter(one => one.device === device && one.kind === 1)
    assert.ok(record, `no message of ${device}`)
    assert.deepEqual(more, [])
    return record
  }

  it('of AWS publishes with the certificate of its registration', async () => {
    const record = await sent('aws', 'my-thing')
    assert.equal(record.topic, 'dt/my-thing/room')
    assert.equal(text(record), '{"temperature":21.5}')
  })

  it('of Azure sends an event with a property', async () => {
    const record = await sent('azure', 'my-azure-device')
    assert.equal(record.topic, 'devices/my-azure-device/messages/events')
    assert.equal(text(record), '{"temperature":21.5}')
    assert.deepEqual(record.props.p, { room: 'kitchen' })
    assert.equal(record.props.e.contentType, 'application/json')
  })
})
