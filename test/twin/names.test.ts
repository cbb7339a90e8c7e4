import assert from 'node:assert/strict'
import { nameOfModule, nameOfPlain, nameOfShadow, shadowOfName, twinId } from '../../src/twin/names.ts'
import { codeOf } from '../pki/make.ts'

describe('names of twins', () => {
  it("the classic shadow, Azure's twin and the twin of plain devices are one", () => {
    assert.deepEqual([nameOfShadow(undefined), nameOfPlain(undefined), nameOfPlain('')], ['', '', ''])
    assert.equal(shadowOfName(''), undefined)
    assert.equal(twinId('pump'), 'pump|')
  })

  it('a named shadow and a named twin are one', () => {
    assert.equal(nameOfShadow('config'), nameOfPlain('config'))
    assert.equal(shadowOfName('config'), 'config')
    assert.equal(twinId('pump', 'config'), 'pump|config')
    assert.equal(shadowOfName('has.dot'), null)
  })

  it('the main twin may be a named shadow; the classic one is another then', () => {
    assert.equal(nameOfShadow('config', 'config'), '')
    assert.equal(shadowOfName('', 'config'), 'config')
    const classic = nameOfShadow(undefined, 'config')
    assert.notEqual(classic, '')
    assert.equal(shadowOfName(classic, 'config'), undefined)
    for (const dialect of [nameOfShadow, nameOfPlain]) assert.throws(() => dialect(classic), codeOf('TWIN_INVALID'))
  })

  it("no shadow name reaches a module's twin", () => {
    const name = nameOfModule('edge')
    assert.throws(() => nameOfShadow(name), codeOf('TWIN_INVALID'))
    assert.throws(() => nameOfPlain(name), codeOf('TWIN_INVALID'))
    assert.equal(shadowOfName(name), null)
  })

  it('have 1 to 64 characters of the dialect', () => {
    nameOfShadow('$a:b_C-9')
    nameOfPlain('a.b_C-9')
    for (const name of ['', 'x'.repeat(65), 'a/b', 'a|b', 'ä', 'a b', 'a\n'])
      assert.throws(() => nameOfShadow(name), codeOf('TWIN_INVALID'), name)
    for (const name of ['x'.repeat(65), 'a/b', 'a|b', 'a:b', '$a', 'a\n'])
      assert.throws(() => nameOfPlain(name), codeOf('TWIN_INVALID'), name)
  })
})
