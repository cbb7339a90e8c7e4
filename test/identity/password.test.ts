import assert from 'node:assert/strict'
import { createPasswords } from '../../src/identity/password.ts'
import { random, start } from '../pki/make.ts'

const passwordsOf = () => {
  const clock = { now: start }
  return { clock, passwords: createPasswords({ now: () => clock.now, random }) }
}

describe('passwords', () => {
  it('are hashed with scrypt and a salt of their own', async () => {
    const { passwords } = passwordsOf()
    const [one, two] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')])
    assert.match(one!, /^scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/)
    assert.notEqual(one, two)
    for (const hash of [one!, two!]) {
      assert.equal(await passwords.verify({ cid: 'c', password: 'correct horse', hash }), true)
      assert.equal(await passwords.verify({ cid: 'c', password: 'correct horsf', hash }), false)
    }
  })

  it('a success is remembered ten minutes, for that credential and password only', async () => {
    const { clock, passwords } = passwordsOf()
    const good = await passwords.hash('correct horse')
    const check = { cid: 'c', password: 'correct horse', hash: good }
    assert.equal(await passwords.verify(check), true)
    // a remembered success answers without computing: before a computed one that was asked for first
    const order: string[] = []
    const wrong = passwords.verify({ ...check, password: 'wrong horse' }).then(ok => order.push(`wrong ${ok}`))
    const again = passwords.verify(check).then(ok => order.push(`again ${ok}`))
    await Promise.all([wrong, again])
    assert.deepEqual(order, ['again true', 'wrong false'])
    order.length = 0
    clock.now += 600_000
    const computed = passwords.verify(check).then(ok => order.push(`computed ${ok}`))
    await Promise.all([
      Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push('a turn')),
      computed,
    ])
    assert.deepEqual(order, ['a turn', 'computed true'])
  })

  it('after a change nothing is remembered', async () => {
    const { passwords } = passwordsOf()
    const check = { cid: 'c', password: 'correct horse', hash: await passwords.hash('correct horse') }
    await passwords.verify(check)
    passwords.forget()
    const order: string[] = []
    await Promise.all([
      passwords.verify(check).then(() => order.push('computed')),
      new Promise<void>(resolve => setImmediate(resolve)).then(() => order.push('a turn')),
    ])
    assert.deepEqual(order, ['a turn', 'computed'])
  })

  it('many at once are all answered, in order', async () => {
    const { passwords } = passwordsOf()
    const hash = await passwords.hash('correct horse')
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        passwords.verify({ cid: 'c', password: at % 2 ? 'correct horse' : `wrong ${at}`, hash }),
      ),
    )
    assert.deepEqual(answers, [false, true, false, true, false, true, false, true])
  })

  it('no more wait than allowed', async () => {
    const passwords = createPasswords({ now: () => start, random, maxWaiting: 2 })
    const hash = await passwords.hash('correct horse')
    const asked = Array.from({ length: 5 }, (_, at) => passwords.verify({ cid: 'c', password: `wrong ${at}`, hash }))
    await assert.rejects(asked[4]!, { code: 'BROKER_THROTTLED' })
    assert.deepEqual(await Promise.all(asked.slice(0, 4)), [false, false, false, false])
  })

  it('the same text in two Unicode forms is the same password', async () => {
    const { passwords } = passwordsOf()
    const hash = await passwords.hash('grün und schön')
    assert.equal(await passwords.verify({ cid: 'c', password: 'grün und schön'.normalize('NFD'), hash }), true)
  })
})
