import assert from 'node:assert/strict'
import { type Ajax, addressOf, adminApi, reasonOf, refusalOf } from '../../src/editor/admin-api.ts'

type Asked = Parameters<Ajax>[0]

/** What jQuery would be asked, answered with a text or a rejection. */
function asking(answer: string | object) {
  const asked: Asked[] = []
  const ajax: Ajax = settings => {
    asked.push(settings)
    return typeof answer === 'string' ? Promise.resolve(answer) : Promise.reject(answer)
  }
  return { asked, api: adminApi({ ajax, hubId: 'demo' }) }
}

describe('the admin API as the editor asks it', () => {
  it('has relative addresses, which alone get the token of the user', async () => {
    const { asked, api } = asking('{"items":[]}')
    assert.deepEqual(await api.get(['devices'], { query: 'id:a b', limit: 5, cursor: undefined }), { items: [] })
    assert.equal(asked[0]!.url, 'thingloom/demo/devices?query=id%3Aa%20b&limit=5')
    assert.equal(addressOf(['h', 'policies', '../x?y']), 'thingloom/h/policies/..%2Fx%3Fy')
  })

  it('sends JSON, and the etag of what is replaced or removed', async () => {
    const { asked, api } = asking('')
    await api.post(['policies'], { id: 'p' })
    await api.put(['policies', 'p'], { text: '{}' }, 'tag')
    await api.delete(['policies', 'p'], {}, 'tag')
    assert.deepEqual(
      asked.map(({ method, data, contentType, headers }) => [method, data, contentType, headers['if-match']]),
      [
        ['POST', '{"id":"p"}', 'application/json', undefined],
        ['PUT', '{"text":"{}"}', 'application/json', '"tag"'],
        ['DELETE', undefined, undefined, '"tag"'],
      ],
    )
  })

  it('rejects with what the answer says', async () => {
    const error = { code: 'POLICY_INVALID', message: 'no', hint: 'yes', position: 7 }
    const { api } = asking({ status: 400, responseText: JSON.stringify({ error }) })
    await assert.rejects(Promise.resolve(api.get(['policies'])), { ...error, status: 400 })
  })

  it('makes a refusal of every failure', () => {
    assert.deepEqual(refusalOf({ status: 502, responseText: '<html>', statusText: 'Bad Gateway' }), {
      status: 502,
      code: '',
      message: 'Bad Gateway',
    })
    assert.deepEqual(refusalOf(new Error('broken')), { status: 0, code: '', message: 'broken' })
    assert.deepEqual(refusalOf(undefined), { status: 0, code: '', message: '' })
    assert.equal(refusalOf({ status: 400, responseText: '{"error":null}' }).code, '')
  })

  it('tells apart a hub that is not deployed, one that is down, and a user who may not', () => {
    const reason = (status: number, code = '') => reasonOf({ status, code, message: '' })
    assert.deepEqual(
      [reason(0), reason(404, 'NOT_FOUND'), reason(404), reason(503, 'HUB_DOWN'), reason(401), reason(403)],
      ['offline', 'notDeployed', 'notDeployed', 'hubDown', 'notAllowed', 'notAllowed'],
    )
    assert.deepEqual(
      [reason(404, 'POLICY_NOT_FOUND'), reason(403, 'POLICY_DENIED'), reason(409, 'POLICY_ATTACHED')],
      [undefined, undefined, undefined],
    )
  })
})
