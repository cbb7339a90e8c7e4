import assert from 'node:assert/strict'
import { LeafBook, type LeafState } from '../../src/topology/leaf-book.ts'
import { seeded } from '../seeded.ts'

const well: LeafState = { alive: true, quarantined: false }
const behind = (gateway: string, more: Partial<LeafState> = {}): LeafState => ({ ...well, gateway, ...more })

describe('devices behind gateways', () => {
  it('are those whose attribute names it; nobody acts for another one, for a device that is gone or out of quarantine', () => {
    const book = new LeafBook()
    assert.equal(book.set('a', behind('gw')), 'gw', 'whose own state is to be read')
    assert.equal(book.faultOf('gw', 'a'), 'gateway-gone')
    assert.equal(book.set('gw', well), undefined)
    assert.equal(book.faultOf('gw', 'a'), undefined)
    assert.equal(book.faultOf('other', 'a'), 'not-behind')
    assert.equal(book.faultOf('gw', 'nobody'), 'not-behind')
    book.set('gw', { ...well, quarantined: true })
    assert.equal(book.faultOf('gw', 'a'), 'gateway-quarantined')
    book.set('gw', well)
    book.set('a', behind('gw', { alive: false }))
    assert.equal(book.faultOf('gw', 'a'), 'device-gone')
    book.set('a', behind('gw2'))
    assert.equal(book.faultOf('gw', 'a'), 'not-behind')
    assert.deepEqual([book.leavesOf('gw'), book.leavesOf('gw2')], [[], ['a']])
    book.set('gw2', undefined)
    assert.equal(book.faultOf('gw2', 'a'), 'gateway-gone')
    book.set('a', undefined)
    assert.deepEqual([book.knows('a'), book.knows('gw2')], [false, false])
  })

  it('nobody is behind himself, and a gateway behind a gateway speaks for its own devices only', () => {
    const book = new LeafBook()
    book.set('a', behind('a'))
    assert.equal(book.gatewayOf('a'), undefined)
    assert.equal(book.faultOf('a', 'a'), 'not-behind')
    book.set('gw', behind('top'))
    book.set('leaf', behind('gw'))
    book.set('top', well)
    book.set('gw', behind('top'))
    assert.equal(book.faultOf('top', 'gw'), undefined)
    assert.equal(book.faultOf('gw', 'leaf'), undefined)
    assert.equal(book.faultOf('top', 'leaf'), 'not-behind')
  })

  it('has the answer of a naive model after any changes', () => {
    const random = seeded(11)
    const ids = ['a', 'b', 'c', 'd', 'e', 'f']
    const model = new Map<string, LeafState>()
    const book = new LeafBook()
    const put = (id: string) => {
      const missing = book.set(id, model.get(id))
      if (missing !== undefined) book.set(missing, model.get(missing))
    }
    for (let step = 0; step < 5000; step++) {
      const id = random.pick(ids)
      if (random.below(5) === 0) model.delete(id)
      else
        model.set(id, {
          alive: random.below(4) > 0,
          quarantined: random.below(4) === 0,
          ...(random.below(3) > 0 && { gateway: random.pick(ids) }),
        })
      put(id)
      for (const gateway of ids)
        for (const leaf of ids) {
          const [own, of] = [model.get(leaf), model.get(gateway)]
          const expected =
            own?.gateway !== gateway || leaf === gateway
              ? 'not-behind'
              : !of?.alive
                ? 'gateway-gone'
                : of.quarantined
                  ? 'gateway-quarantined'
                  : own.alive
                    ? undefined
                    : 'device-gone'
          assert.equal(book.faultOf(gateway, leaf), expected, `step ${step}: ${gateway} for ${leaf}`)
        }
    }
  })
})
