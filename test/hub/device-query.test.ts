import assert from 'node:assert/strict'
import { parseDeviceQuery } from '../../src/hub/device-query.ts'
import { mergePatch } from '../../src/hub/merge-patch.ts'

describe('the device query', () => {
  it('reads prefixes, tags and live states', () => {
    const { where, wanted } = parseDeviceQuery('pump* tags.site:berlin attributes.rev:7 enabled:true connected:false')
    assert.deepEqual(where, [
      ['id', 'prefix', 'pump'],
      ['tags.site', '=', 'berlin'],
      ['attributes.rev', '=', 7],
    ])
    assert.deepEqual(wanted, { enabled: true, connected: false })
  })
  it('takes a colon inside an id', () =>
    assert.deepEqual(parseDeviceQuery('id:urn:dev:1*').where, [['id', 'prefix', 'urn:dev:1']]))
  it('refuses what it does not know', () => {
    assert.throws(() => parseDeviceQuery('enabled:maybe'), { code: 'STORE_QUERY_INVALID' })
    assert.throws(() => parseDeviceQuery('tags.:x'), { code: 'STORE_QUERY_INVALID' })
  })
  it('refuses a word with a colon that is no term, and names the terms', () => {
    for (const query of ['foo:bar', 'enable:true', 'urn:dev:1', 'Enabled:true', 'tags:x', ':x'])
      assert.throws(
        () => parseDeviceQuery(`pump ${query}`),
        ({ code, message }: { code: string; message: string }) =>
          code === 'STORE_QUERY_INVALID' &&
          [query, 'id:', 'enabled:', 'connected:', 'tags.{name}:', 'attributes.{name}:'].every(part => message.includes(part)),
        query,
      )
  })
})

describe('the merge patch', () => {
  // RFC 7396, appendix A
  const cases: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of cases) {
    it(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () => assert.deepEqual(mergePatch(target, patch), result))
  }
})
