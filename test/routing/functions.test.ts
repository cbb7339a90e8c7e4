import assert from 'node:assert/strict'
import { externalFunctions } from '../../src/routing/functions/external-functions.ts'
import { sqlFunction, sqlFunctionNames } from '../../src/routing/functions/sql-functions.ts'
import { call, ports } from './call-function.ts'
import { nameOf, samples } from './samples.ts'

/** Kinds of the arguments of every function: number, whole number, text, any; in brackets what may be left out. */
const kinds: Record<string, string> = {
  ...Object.fromEntries(
    'abs ceil floor sign sqrt exp ln log round sin cos tan asin acos atan sinh cosh tanh'.split(' ').map(name => [name, 'N']),
  ),
  ...Object.fromEntries('atan2 power mod remainder'.split(' ').map(name => [name, 'NN'])),
  ...Object.fromEntries('bitand bitor bitxor'.split(' ').map(name => [name, 'II'])),
  ...Object.fromEntries(
    'length numbytes lower upper trim ltrim rtrim md2 md5 sha1 sha224 sha256 sha384 sha512'.split(' ').map(name => [name, 'S']),
  ),
  ...Object.fromEntries(
    'indexof startswith endswith regexp_matches regexp_substr time_to_epoch'.split(' ').map(name => [name, 'SS']),
  ),
  ...Object.fromEntries(
    'rand newuuid timestamp clientid principal sourceip traceid accountid sql_version'.split(' ').map(name => [name, '']),
  ),
  trunc: 'NI',
  bitnot: 'I',
  nanvl: 'VV',
  get_or_default: 'V(V',
  isnull: 'V',
  isundefined: 'V',
  get: 'VV',
  concat: '(V*',
  transform: 'VVV',
  lpad: 'SI',
  rpad: 'SI',
  substring: 'SI(I',
  replace: 'SSS',
  regexp_replace: 'SSS',
  chr: 'I',
  encode: 'VV',
  decode: 'VV(VV',
  parse_time: 'SI(S',
  topic: '(I',
  get_mqtt_property: 'S',
  get_user_properties: '(S',
}

const arityOf = (kinds: string): [number, number] => {
  const [needed = '', optional = ''] = kinds.split('(')
  return [needed.length, optional.endsWith('*') ? Number.POSITIVE_INFINITY : needed.length + optional.length]
}

/** What converts to the kind; indexes of the samples. */
const fitting: Record<string, readonly number[]> = { N: [4, 5], I: [4, 5], S: [2, 3, 4, 5, 6, 7, 8, 9, 10] }

describe('the functions of rules', () => {
  it('are those of the language and no others', () => assert.deepEqual(sqlFunctionNames, Object.keys(kinds).sort()))
  it('are found by their lower-case names only', () => {
    for (const name of ['ABS', 'constructor', '__proto__', 'toString', '', 'aws_lambda'])
      assert.equal(sqlFunction(name), undefined)
  })
  it('beside them are the external ones', () =>
    assert.deepEqual(
      externalFunctions.map(({ name, arity }) => [name, ...arity]),
      [
        ['get_thing_shadow', 1, 3],
        ['get_registry_data', 2, 3],
        ['aws_lambda', 2, 2],
        ['lookup', 2, 2],
        ['jsonata', 1, 2],
      ],
    ))
  it('only chance is not stable', () =>
    assert.deepEqual(
      sqlFunctionNames.filter(name => !sqlFunction(name)!.stable),
      ['newuuid', 'rand'],
    ))
  it('of the payload itself are encoded, decoded and hashed', () =>
    assert.deepEqual(
      sqlFunctionNames.filter(name => sqlFunction(name)!.star),
      ['decode', 'encode', 'md2', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'],
    ))

  for (const [name, pattern] of Object.entries(kinds)) {
    const parameters = pattern.replace(/[(*]/g, '')
    it(`${name} says how many arguments it takes and is Undefined for other numbers`, () => {
      const { arity, signature } = sqlFunction(name)!
      assert.deepEqual(arity, arityOf(pattern))
      assert.ok(signature.startsWith(`${name}(`) && signature.endsWith(')'), signature)
      for (const count of [arity[0] - 1, arity[1] + 1])
        if (count >= 0 && Number.isFinite(count)) assert.equal(call(name, Array(count).fill('1')), undefined, `${count}`)
    })
    for (const [at, kind] of [...parameters].entries())
      if (kind !== 'V')
        it(`argument ${at + 1} of ${name} is of kind ${kind}`, () => {
          for (const [i, sample] of samples.entries()) {
            if (fitting[kind]!.includes(i)) continue
            const args = Array.from(parameters, () => '7' as unknown)
            args[at] = sample
            assert.equal(call(name, args), undefined, nameOf(sample))
          }
        })
    it(`${name} never throws`, () => {
      const values = [...samples, Number.NaN, 1e300, -1e300, '\ud800', '(', 1n, () => 1, { a: 1n }]
      for (const a of values)
        for (const b of values)
          for (const args of [[a], [a, b], [a, b, a], [b, a, b, a]]) sqlFunction(name)!.call(args, { message: {}, ports })
    })
  }

  it('of one number take numbers and their texts', () => {
    for (const [name, pattern] of Object.entries(kinds))
      if (pattern === 'N' || pattern === 'I')
        assert.deepEqual(
          samples.map(sample => call(name, [sample]) !== undefined),
          samples.map((_, i) => fitting[pattern]!.includes(i) && !['asin', 'acos'].includes(name)),
          name,
        )
  })
  it('of one text take everything that has a text', () => {
    for (const [name, pattern] of Object.entries(kinds))
      if (pattern === 'S' && name !== 'get_mqtt_property')
        assert.deepEqual(
          samples.map(sample => call(name, [sample]) !== undefined),
          samples.map((_, i) => fitting.S!.includes(i)),
          name,
        )
  })
})
