import assert from 'node:assert/strict'
import type { BulkDevice, BulkWriter, BulkWriting } from '../../src/provisioning/bulk-port.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'

/** What every registry does with the rows of an import. `store` is the one that it writes to. */
export function bulkWriterContract(
  name: string,
  open: () => Promise<{ writer: BulkWriter; store: StateStore; close?(): Promise<void> }>,
): void {
  describe(`${name} as writer of an import`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let pauses = 0
    const device = (id: string, more: Partial<BulkDevice> = {}): BulkDevice => ({ row: 1, id, ...more })
    const write = (rows: BulkDevice[], o: Partial<BulkWriting> = {}) =>
      opened.writer.write(rows, { op: 'upsert', dryRun: false, by: 'anna', also: [], pause: async () => void pauses++, ...o })
    const said = async (rows: BulkDevice[], o: Partial<BulkWriting> = {}) =>
      (await write(rows, o)).map(({ result, code }) => (code === undefined ? result : `${result} ${code}`))
    const note = (version?: 'new'): Write => ({
      op: 'put',
      coll: 'contract_notes',
      id: 'n',
      doc: { x: 1 },
      ...(version && { version }),
    })

    beforeEach(async () => {
      pauses = 0
      opened = await open()
      await opened.store.declare('contract_notes', {})
    })
    afterEach(() => opened.close?.())

    it('answers each row in order, with its number', async () => {
      const results = await write([device('a', { row: 7 }), device('b', { row: 9 })])
      assert.deepEqual(
        results.map(({ row, id, result }) => ({ row, id, result })),
        [
          { row: 7, id: 'a', result: 'created' },
          { row: 9, id: 'b', result: 'created' },
        ],
      )
    })

    it('finds that nothing changed, and what did', async () => {
      const row = device('a', { tags: { site: { floor: '1' } }, attributes: { fw: '1' }, enabled: true })
      assert.deepEqual(await said([row]), ['created'])
      assert.deepEqual(await said([row]), ['unchanged'])
      assert.deepEqual(await said([device('a')]), ['unchanged'], 'what a row does not say stays')
      assert.deepEqual(await said([device('a', { tags: { site: { floor: '2' } } })]), ['updated'])
      assert.deepEqual(await said([device('a', { enabled: false })]), ['updated'])
      assert.deepEqual(await said([row]), ['updated'])
    })

    it('creates only what is not there, in any case of its id', async () => {
      assert.deepEqual(await said([device('a')], { op: 'create' }), ['created'])
      assert.deepEqual(await said([device('a'), device('b')], { op: 'create' }), ['failed IDENTITY_EXISTS', 'created'])
      assert.deepEqual(await said([device('A')], { op: 'create' }), ['failed IDENTITY_EXISTS'])
    })

    it('deletes what is there', async () => {
      await write([device('a')])
      assert.deepEqual(await said([device('a'), device('b')], { op: 'delete' }), ['deleted', 'unchanged'])
      assert.deepEqual(await said([device('a')]), ['created'])
    })

    it('gives the secrets it made once, and none for a device that is there', async () => {
      const row = device('a', { credential: { kind: 'sas' } })
      const [first] = await write([row])
      assert.ok(first?.secrets?.primaryKey)
      const [second] = await write([row])
      assert.equal(second?.secrets, undefined)
      assert.equal(second?.result, 'unchanged')
    })

    it('tried dry says what would be, makes no secrets and writes nothing', async () => {
      const row = device('a', { credential: { kind: 'sas' } })
      const [dry] = await write([row], { dryRun: true })
      assert.equal(dry?.result, 'created')
      assert.equal(dry?.secrets, undefined)
      assert.deepEqual(await said([row]), ['created'])
      assert.deepEqual(await said([device('a')], { op: 'delete', dryRun: true }), ['deleted'])
      assert.deepEqual(await said([row]), ['unchanged'])
    })

    it('writes what is added with the rows, or neither', async () => {
      await write([device('a')], { also: [note('new')] })
      assert.equal(await opened.store.count('contract_notes'), 1)
      await assert.rejects(write([device('b')], { also: [note('new')] }))
      assert.deepEqual(await said([device('b')]), ['created'])
    })

    it('writes what is added also when no row changes anything', async () => {
      await write([device('a')])
      await write([device('a')], { also: [note()] })
      assert.equal(await opened.store.count('contract_notes'), 1)
    })

    it('lets one row fail without the others', async () => {
      const bad = device('b', { credential: { kind: 'x509', csrPem: 'x' } })
      const results = await write([device('a'), bad, device('c')])
      assert.deepEqual(
        results.map(({ result }) => result),
        ['created', 'failed', 'created'],
      )
      assert.match(results[1]!.code!, /^(PKI|CRED)_/)
      assert.ok(results[1]!.message)
    })

    it('takes 500 rows at once and lets others have their turn', async () => {
      const rows = Array.from({ length: 500 }, (_, i) => device(`d-${i}`, { row: i + 1 }))
      const results = await write(rows)
      assert.ok(results.every(({ result }) => result === 'created'))
      assert.ok(pauses >= 9, `${pauses} pauses`)
    })
  })
}
