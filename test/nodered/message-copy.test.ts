import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import vm from 'node:vm'
import type { NewMsg } from '../../src/nodered/define.ts'
import { copyOfMessage } from '../../src/nodered/route/message-copy.ts'

const { cloneMessage } = createRequire(import.meta.url)('@node-red/util').util as { cloneMessage(msg: NewMsg): NewMsg }

/** The copy, and whether the runtime had to make it. */
function copied(msg: object): { copy: Record<string, unknown>; byRuntime: boolean } {
  let byRuntime = false
  const copy = copyOfMessage(msg as NewMsg, given => {
    byRuntime = true
    return cloneMessage(given)
  })
  return { copy: copy as Record<string, unknown>, byRuntime }
}

const ring = (): object => {
  const msg: Record<string, unknown> = { payload: { list: [1] } }
  msg.self = msg
  return msg
}
const deep = (levels: number): object => ({ payload: JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) })

describe('the copy of a message', () => {
  const plain: [string, object][] = [
    ['texts, numbers and nothing', { topic: 'a', n: 1.5, big: 5n, yes: true, none: null, missing: undefined, not: Number.NaN }],
    ['objects and lists in each other', { payload: { a: [{ b: [[], {}] }] }, properties: { x: 'y' } }],
    ['fifteen levels', deep(15)],
  ]
  for (const [name, msg] of plain)
    it(`of ${name} is made without the runtime`, () => {
      const { copy, byRuntime } = copied(msg)
      assert.equal(byRuntime, false)
      assert.deepEqual(copy, msg)
      assert.deepEqual(copy, cloneMessage(msg as NewMsg))
      assert.deepEqual(Object.keys(copy), Object.keys(msg))
    })

  const others: [string, object][] = [
    ['bytes', { payload: Buffer.from('x') }],
    ['dates', { payload: { at: new Date(5) } }],
    ['maps', { payload: [new Map([['a', 1]])] }],
    ['functions', { run: () => 1 }],
    ['objects without a prototype', { payload: Object.assign(Object.create(null), { a: 1 }) }],
    ['a member called __proto__', JSON.parse('{"payload": {"__proto__": {"a": 1}}}')],
    ['itself', ring()],
    ['seventeen levels', deep(17)],
    ['six hundred objects', { payload: Array.from({ length: 600 }, () => ({})) }],
  ]
  for (const [name, msg] of others)
    it(`of ${name} is the runtime's`, () => {
      const { copy, byRuntime } = copied(msg)
      assert.equal(byRuntime, true)
      assert.deepEqual(copy, cloneMessage(msg as NewMsg))
    })

  it("of what a sandbox made is the runtime's", () => {
    assert.equal(copied({ payload: vm.runInNewContext('({ a: [1] })') }).byRuntime, true)
  })

  it('keeps the request and the response of HTTP', () => {
    class Response {}
    const res = new Response()
    assert.equal(copied({ payload: 1, res }).copy.res, res)
  })

  it('shares nothing that can be changed', () => {
    const msg = { payload: { a: [{ b: 1 }] }, rule: { name: 'x' } }
    const before = structuredClone(msg)
    const { copy } = copied(msg) as unknown as { copy: typeof msg }
    copy.payload.a[0]!.b = 2
    copy.payload.a.push({ b: 3 })
    copy.rule.name = 'y'
    assert.deepEqual(msg, before)
  })
})
