import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { tempFolder } from '../processes.ts'

describe('a hub whose audit.db was tampered with', function () {
  this.timeout(120_000)
  let hub: Hub
  let options: HubOptions
  let path: string
  const open = async () => {
    hub = await startHub(options)
  }
  beforeEach(async () => {
    const dataDir = join(tempFolder('audit-file'), 'data')
    options = { hubId: 'faults', dataDir, store: 'sqlite', broker: 'none', threaded: false, listeners: [] }
    path = join(dataDir, 'audit.db')
    await open()
    await hub.devices.register({ id: 'd1' })
    await hub.close()
    copyFileSync(path, `${path}.earlier`)
    await open()
    for (let i = 2; i < 12; i++) await hub.devices.register({ id: `d${i}`, tags: { i } })
    await hub.close()
  })
  afterEach(() => hub.close())

  const problems = async () => (await hub.health.get({})).problems.map(({ code }) => code)
  const sql = (text: string) => {
    const db = new DatabaseSync(path)
    db.exec(text)
    db.close()
  }

  it('says nothing if it was not', async () => {
    await open()
    assert.deepEqual([await problems(), (await hub.audit.verify({})).ok], [[], true])
  })

  for (const [what, spoil] of [
    ['cut off at its end', () => sql("DELETE FROM c_audit WHERE id >= '000000000000006'")],
    ['rolled back to an earlier copy', () => copyFileSync(`${path}.earlier`, path)],
    ['removed', () => rmSync(path)],
  ] as const)
    it(`says so at its start when it was ${what}, and goes on; a person accepts it`, async () => {
      spoil()
      await open()
      assert.deepEqual(await problems(), ['AUDIT_BROKEN'])
      const verdict = await hub.audit.verify({})
      assert.ok(!verdict.ok && verdict.reason === 'the end of the chain is missing', JSON.stringify(verdict))
      const [breach] = (await hub.audit.query({ action: 'audit.breach' })).items
      assert.deepEqual([breach!.result, breach!.detail!.seq], ['failed', verdict.seq])
      await hub.devices.register({ id: 'later' })
      await hub.close()
      await open()
      assert.deepEqual(await problems(), ['AUDIT_BROKEN'])
      assert.equal((await hub.audit.accept({ by: 'user root' })).accepted.length, 1)
      assert.deepEqual([await problems(), (await hub.audit.verify({})).ok], [[], true])
    })

  it('finds an entry that was changed when it verifies', async () => {
    sql('UPDATE c_audit SET doc = replace(doc, \'"actor":"hub"\', \'"actor":"someone"\') WHERE id = \'000000000000005\'')
    await open()
    const verdict = await hub.audit.verify({})
    assert.deepEqual([verdict.ok, !verdict.ok && [verdict.seq, verdict.reason]], [false, [5, 'its content was changed']])
  })
})
