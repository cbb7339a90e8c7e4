import assert from 'node:assert/strict'
import { type RealHub, realHub } from './real-hub.ts'

describe('admin API: reference tables', function () {
  this.timeout(30_000)
  let at: RealHub
  before(async () => {
    at = await realHub()
  })
  after(() => at.close())
  const fails = async (method: string, path: string, code: string, body?: object) => {
    const answer = await at.call(method, path, body ? { body } : {})
    assert.equal(answer.body.error?.code, code, `${method} ${path}: ${answer.status}`)
    return answer
  }

  it('puts rows, lists tables, finds rows by key and removes them', async () => {
    const made = await at.call('POST', '/reference', { body: { name: 'rooms', rows: [{ id: 'r1', site: 'west' }, { id: 2 }] } })
    assert.deepEqual([made.status, made.body.version, made.body.rows, made.body.by], [201, 1, 2, 'admin api'])
    assert.equal((await at.call('POST', '/reference', { body: { name: 'rates', rows: { x: 1 } } })).status, 201)
    assert.deepEqual((await at.call('GET', '/reference?prefix=r&limit=1')).body, {
      items: [(await at.call('GET', '/reference/rates')).body],
      next: 'rates',
    })
    const found = await at.call('POST', '/reference/rooms/lookup', { body: { keys: ['r1', 2, 'none'] } })
    assert.deepEqual(
      [found.status, found.body],
      [
        200,
        {
          version: 1,
          items: [
            { key: '2', row: { id: 2 } },
            { key: 'r1', row: { id: 'r1', site: 'west' } },
          ],
        },
      ],
    )
    assert.equal((await at.call('DELETE', '/reference/rates')).status, 204)
    await fails('GET', '/reference/rates', 'REFERENCE_UNKNOWN')
    await fails('POST', '/reference/rates/lookup', 'REFERENCE_UNKNOWN', { keys: [] })
  })

  it('takes files of CSV and JSON lines, and says which row is wrong', async () => {
    const file = async (type: string, text: string, query = '') => {
      const answer = await fetch(at.url(`/reference/sites${query}`), {
        method: 'PUT',
        headers: { 'content-type': type },
        body: text,
      })
      return { status: answer.status, body: (await answer.json()) as any }
    }
    const csv = await file('text/csv', 'name,id\nwest,1\neast,2\n', '?key=id')
    assert.deepEqual([csv.status, csv.body.key, csv.body.columns, csv.body.rows], [200, 'id', ['name', 'id'], 2])
    const lines = await file('application/x-ndjson', '{"id":"a"}\n')
    assert.deepEqual([lines.body.version, lines.body.rows], [2, 1])
    const wrong = await file('text/csv', 'id\na\na\n')
    assert.deepEqual([wrong.status, wrong.body.error.code, wrong.body.error.position], [400, 'REFERENCE_INVALID', 3])
    assert.equal((await file('text/plain', 'id\n')).body.error.code, 'REQUEST_TYPE')
    assert.equal((await at.call('GET', '/reference/sites')).body.version, 2)
  })

  it('refuses what is no table', async () => {
    await fails('POST', '/reference', 'REFERENCE_INVALID', { name: 'a b', rows: {} })
    await fails('POST', '/reference', 'REFERENCE_INVALID', { name: 'a' })
    await fails('POST', '/reference', 'REFERENCE_INVALID', { name: 'a', sqlite: { file: '../identity.db', table: 'x' } })
    await fails('POST', '/reference', 'REQUEST_INVALID', { name: 'a', rows: {}, more: 1 })
    await fails('POST', '/reference/sites/lookup', 'REFERENCE_INVALID', { keys: [{}] })
  })
})
