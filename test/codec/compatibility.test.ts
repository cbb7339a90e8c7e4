import assert from 'node:assert/strict'
import { avroFormat } from '../../src/codec/registry/avro-format.ts'
import { incompatibilities, type CompatibilityMode } from '../../src/codec/registry/compatibility.ts'
import { jsonFormat } from '../../src/codec/registry/json-format.ts'
import { openProtobufFormat } from '../../src/codec/registry/protobuf-format.ts'
import type { SchemaFormat } from '../../src/codec/registry/schema-format.ts'

/** Faults of `next` after `earlier`, the oldest first. */
async function faults(format: SchemaFormat, mode: CompatibilityMode, earlier: unknown[], next: unknown) {
  const read = (schema: unknown) =>
    format.read({ type: format.type, schema: typeof schema === 'string' ? schema : JSON.stringify(schema) })
  return incompatibilities({
    mode,
    next: read(next),
    earlier: earlier.map((_, i) => i + 1).reverse(),
    read: async version => read(earlier[version - 1]),
  })
}
const shown = (found: { version: number; path: string; reason: string }[]) =>
  found.map(({ version, path, reason }) => `${version} ${path} ${reason}`)

type Case = [what: string, mode: CompatibilityMode, earlier: unknown[], next: unknown, fault?: RegExp]

const suite = (name: string, open: () => Promise<SchemaFormat> | SchemaFormat, cases: Case[]): void => {
  describe(`compatibility of ${name}`, () => {
    for (const [what, mode, earlier, next, fault] of cases)
      it(`${mode}: ${what} is ${fault ? 'refused' : 'accepted'}`, async () => {
        const found = shown(await faults(await open(), mode, earlier, next))
        if (fault)
          assert.ok(
            found.some(line => fault.test(line)),
            `${fault} in ${JSON.stringify(found)}`,
          )
        else assert.deepEqual(found, [])
      })
  })
}

const rec = (...fields: [name: string, type: unknown, standard?: unknown][]) => ({
  type: 'record',
  name: 'R',
  fields: fields.map(([name, type, standard]) => ({ name, type, ...(standard !== undefined && { default: standard }) })),
})
const a = rec(['a', 'int'])
const ab = rec(['a', 'int'], ['b', 'string'])
const abDefault = rec(['a', 'int'], ['b', 'string', ''])
const nested = (type: string) =>
  rec(['in', { type: 'array', items: { type: 'record', name: 'I', fields: [{ name: 'x', type }] } }])

suite('Avro', () => avroFormat, [
  ['a new field with default', 'BACKWARD', [a], abDefault],
  ['a new field without default', 'BACKWARD', [a], ab, /^1 \/b is new and has no default/],
  ['a removed field', 'BACKWARD', [ab], a],
  ['an int that becomes a long', 'BACKWARD', [a], rec(['a', 'long'])],
  ['a long that becomes an int', 'BACKWARD', [rec(['a', 'long'])], a, /^1 \/a int cannot read long/],
  ['a change deep inside', 'BACKWARD', [nested('long')], nested('int'), /^1 \/in\/items\/x int cannot read long/],
  ['what only the version before the last cannot be read by', 'BACKWARD', [rec(['a', 'string']), rec()], a, /\/a is new/],
  ['what reads the last version only', 'BACKWARD', [ab, a], rec(['a', 'int'], ['b', 'long', 0])],
  [
    'what reads the last version only',
    'BACKWARD_TRANSITIVE',
    [ab, a],
    rec(['a', 'int'], ['b', 'long', 0]),
    /^1 \/b long cannot read string/,
  ],
  ['what reads all versions', 'BACKWARD_TRANSITIVE', [ab, a], abDefault],
  ['a new field without default', 'FORWARD', [a], ab],
  ['a field removed that has no default', 'FORWARD', [ab], a, /^1 \/b is new and has no default/],
  ['a field removed that has a default', 'FORWARD', [abDefault], a],
  ['what the last version reads only', 'FORWARD', [ab, abDefault], a],
  ['what the last version reads only', 'FORWARD_TRANSITIVE', [ab, abDefault], a, /^1 \/b/],
  ['a new field', 'FORWARD_TRANSITIVE', [a, a], ab],
  ['a field with default, added', 'FULL', [a], abDefault],
  ['a field without default, added', 'FULL', [a], ab, /\/b/],
  ['a widened number', 'FULL', [a], rec(['a', 'long']), /\/a int cannot read long/],
  ['fields with defaults', 'FULL_TRANSITIVE', [abDefault, a], rec(['a', 'int'], ['c', 'int', 0])],
  [
    'a field of another type than before the last',
    'FULL_TRANSITIVE',
    [abDefault, a],
    rec(['a', 'int'], ['b', 'int', 0]),
    /^1 \/b/,
  ],
  ['anything', 'NONE', [a], '"string"'],
  ['a union that takes more', 'BACKWARD', [rec(['a', ['null', 'int']])], rec(['a', ['null', 'long', 'string']])],
  [
    'a union that takes less',
    'BACKWARD',
    [rec(['a', ['null', 'string']])],
    rec(['a', ['null', 'int']]),
    /\/a no branch of the union reads string/,
  ],
  ['another name', 'BACKWARD', [a], { ...a, name: 'S' }, /^1 \/ is called S, not R/],
  ['another name with an alias', 'BACKWARD', [a], { ...a, name: 'S', aliases: ['R'] }],
  [
    'a decimal of another scale',
    'BACKWARD',
    [rec(['a', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }])],
    rec(['a', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 3 }]),
    /decimal\(9, 3\) cannot read decimal\(9, 2\)/,
  ],
])

const proto = (body: string): string => `syntax = "proto3"; message M { ${body} } message In { int32 x = 1; }`

suite('Protobuf', openProtobufFormat, [
  ['a new field', 'BACKWARD', [proto('int32 a = 1;')], proto('int32 a = 1; string b = 2;')],
  ['another type of one number', 'BACKWARD', [proto('int32 a = 1;')], proto('string a = 1;'), /^1 M\/a = 1 is string, not int32/],
  ['a type whose bytes read alike', 'BACKWARD', [proto('int32 a = 1;')], proto('int64 a = 1;')],
  ['zigzag for plain', 'BACKWARD', [proto('int32 a = 1;')], proto('sint32 a = 1;'), /is sint32, not int32/],
  ['another name of one number', 'BACKWARD', [proto('int32 a = 1;')], proto('int32 z = 1;')],
  [
    'a removed number',
    'BACKWARD',
    [proto('int32 a = 1; int32 b = 2;')],
    proto('int32 a = 1;'),
    /M\/b = 2 is gone, and 2 is not reserved/,
  ],
  ['a removed number that is reserved', 'BACKWARD', [proto('int32 a = 1; int32 b = 2;')], proto('reserved 2; int32 a = 1;')],
  ['a list for one', 'FORWARD', [proto('string a = 1;')], proto('repeated string a = 1;'), /is single, not repeated/],
  ['a new field', 'FORWARD', [proto('int32 a = 1;')], proto('int32 a = 1; In in = 2;')],
  [
    'a field that moves into a oneof',
    'FULL',
    [proto('int32 a = 1;')],
    proto('oneof o { int32 a = 1; string b = 2; }'),
    /is in o, not in none/,
  ],
  ['an optional field', 'FULL', [proto('int32 a = 1;')], proto('optional int32 a = 1;')],
  ['another message', 'FULL', [proto('In a = 1;')], proto('M a = 1;'), /is M, not In/],
  ['a message that is gone', 'BACKWARD', [proto('')], 'syntax = "proto3"; message M {}', /In is gone/],
  [
    'what the first version had as another type',
    'BACKWARD',
    [proto('string a = 1;'), proto('reserved 1;')],
    proto('int32 a = 1;'),
  ],
  [
    'what the first version had as another type',
    'BACKWARD_TRANSITIVE',
    [proto('string a = 1;'), proto('reserved 1;')],
    proto('int32 a = 1;'),
    /^1 M\/a/,
  ],
  [
    'what the first version had as another type',
    'FORWARD_TRANSITIVE',
    [proto('string a = 1;'), proto('reserved 1;')],
    proto('int32 a = 1;'),
    /^1 M\/a/,
  ],
  ['a new field', 'FULL_TRANSITIVE', [proto('int32 a = 1;')], proto('int32 a = 1; bool b = 2;')],
  ['another type', 'FULL_TRANSITIVE', [proto('int32 a = 1;')], proto('double a = 1;'), /is double/],
  ['anything', 'NONE', [proto('int32 a = 1;')], proto('string a = 1;')],
])

const obj = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })
const int = { type: 'integer' }
const closed = { additionalProperties: false }

suite('JSON Schema', () => jsonFormat, [
  ['a new property that nobody must have', 'BACKWARD', [obj({ a: int })], obj({ a: int, b: { type: 'string' } })],
  [
    'a new required property',
    'BACKWARD',
    [obj({ a: int })],
    obj({ a: int, b: int }, { required: ['b'] }),
    /\/required asks for b/,
  ],
  [
    'a new required property with default',
    'BACKWARD',
    [obj({ a: int })],
    obj({ b: { ...int, default: 1 } }, { required: ['b'] }),
  ],
  [
    'a narrower type',
    'BACKWARD',
    [obj({ a: { type: 'number' } })],
    obj({ a: int }),
    /\/properties\/a\/type integer is not number/,
  ],
  ['a wider type', 'BACKWARD', [obj({ a: int })], obj({ a: { type: ['number', 'null'] } })],
  [
    'a bound that is new',
    'BACKWARD',
    [obj({ a: { type: 'number' } })],
    obj({ a: { type: 'number', maximum: 5 } }),
    /\/a\/maximum is new/,
  ],
  [
    'a tighter bound',
    'BACKWARD',
    [obj({ a: { exclusiveMaximum: 9 } })],
    obj({ a: { maximum: 5 } }),
    /\/a\/maximum is less than before/,
  ],
  ['another constant', 'BACKWARD', [obj({ a: { const: 1 } })], obj({ a: { const: 2 } }), /\/a\/const is not 1/],
  ['a new constant', 'BACKWARD', [obj({ a: {} })], obj({ a: { const: 2 } }), /\/a\/const allows some values only/],
  ['a narrower enum', 'BACKWARD', [obj({ a: { enum: [1, 2] } })], obj({ a: { enum: [1] } }), /\/properties\/a\/enum lacks 2/],
  ['a wider enum', 'BACKWARD', [obj({ a: { enum: [1] } })], obj({ a: { enum: [1, 2] } })],
  ['a narrower range', 'BACKWARD', [obj({ a: { maximum: 9 } })], obj({ a: { maximum: 8 } }), /\/maximum is less/],
  [
    'a bound that is left out now',
    'BACKWARD',
    [obj({ a: { minimum: 1 } })],
    obj({ a: { exclusiveMinimum: 1 } }),
    /\/minimum is more/,
  ],
  ['a wider range', 'BACKWARD', [obj({ a: { minLength: 3 } })], obj({ a: { minLength: 2 } })],
  ['an object that is closed', 'BACKWARD', [obj({ a: int })], obj({ a: int }, closed), /\/additionalProperties is closed now/],
  [
    'a property that a closed object loses',
    'BACKWARD',
    [obj({ a: int, b: int }, closed)],
    obj({ a: int }, closed),
    /no room for b/,
  ],
  ['a closed object that is opened', 'BACKWARD', [obj({ a: int }, closed)], obj({ a: int })],
  ['another pattern', 'BACKWARD', [{ type: 'string', pattern: 'a' }], { type: 'string', pattern: 'b' }, /\/pattern is another/],
  ['what it cannot compare', 'BACKWARD', [{ anyOf: [int] }], { anyOf: [int, { type: 'string' }] }, /anyOf cannot be compared/],
  ['what it cannot compare and is the same', 'BACKWARD', [{ anyOf: [int] }], { anyOf: [int] }],
  ['items that are narrower', 'BACKWARD', [{ type: 'array' }], { type: 'array', items: int }, /\/items\/type is integer now/],
  ['the same by a reference', 'BACKWARD', [obj({ a: int })], obj({ a: { $ref: '#/$defs/i' } }, { $defs: { i: int } })],
  ['a schema that holds itself', 'FULL', [obj({ next: { $ref: '#' } })], obj({ next: { $ref: '#' } }, { title: 'x' })],
  ['a new required property', 'FORWARD', [obj({ a: int })], obj({ a: int, b: int }, { required: ['b'] })],
  [
    'a required property that need not be there now',
    'FORWARD',
    [obj({ a: int }, { required: ['a'] })],
    obj({ a: int }),
    /asks for a/,
  ],
  ['a narrower type', 'FULL', [obj({ a: { type: 'number' } })], obj({ a: int }), /integer is not number/],
  ['a note', 'FULL', [obj({ a: int })], obj({ a: { ...int, description: 'x' } }, { title: 'y' })],
  [
    'what only the first cannot',
    'BACKWARD_TRANSITIVE',
    [obj({ a: { type: 'string' } }), obj({})],
    obj({ a: int }),
    /^1 .*integer is not string/,
  ],
  ['what the last can', 'BACKWARD', [obj({ a: { type: 'string' } }), obj({})], obj({ a: int })],
  ['wider things', 'BACKWARD_TRANSITIVE', [{ maximum: 1 }, { maximum: 2 }], { maximum: 3 }],
  ['narrower things', 'FORWARD_TRANSITIVE', [{ maximum: 3 }, { maximum: 2 }], { maximum: 1 }],
  ['wider things', 'FORWARD_TRANSITIVE', [{ maximum: 1 }, { maximum: 3 }], { maximum: 2 }, /^1 \/maximum/],
  ['equal things', 'FULL_TRANSITIVE', [int, int], { ...int, title: 'z' }],
  ['other things', 'FULL_TRANSITIVE', [int, true], true, /\/type/],
  ['anything', 'NONE', [int], { type: 'string' }],
])

describe('schemas of JSON', () => {
  it('are refused where their structure is wrong, with the place', () => {
    const wrong: [unknown, string][] = [
      [{ type: 'text' }, '/type'],
      [{ properties: [] }, '/properties'],
      [{ properties: { a: 7 } }, '/properties/a'],
      [{ required: 'a' }, '/required'],
      [{ minimum: '1' }, '/minimum'],
      [{ items: { enum: 1 } }, '/items/enum'],
      [{ allOf: {} }, '/allOf'],
    ]
    for (const [schema, position] of wrong)
      assert.throws(() => jsonFormat.read({ type: 'JSON', schema: JSON.stringify(schema) }), { code: 'SCHEMA_INVALID', position })
    for (const schema of ['{', '7', '"x"', '{"$ref":"#/nothing"}', '{"$ref":"http://example.com/x.json"}'])
      assert.throws(() => jsonFormat.read({ type: 'JSON', schema }), { code: 'SCHEMA_INVALID' }, schema)
    let deep: object = {}
    for (let i = 0; i < 80; i++) deep = { items: deep }
    assert.throws(() => jsonFormat.read({ type: 'JSON', schema: JSON.stringify(deep) }), { code: 'SCHEMA_LIMIT' })
  })
})
