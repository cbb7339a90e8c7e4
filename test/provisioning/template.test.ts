// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of Fn::Sub
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { LoomError } from '../../src/errors.ts'
import { readTemplate } from '../../src/provisioning/template.ts'
import { expandTemplate, type Parameters } from '../../src/provisioning/template-expand.ts'
import { maxValueChars } from '../../src/provisioning/template-evaluate.ts'
import { seeded } from '../seeded.ts'
import { bySerial, justInTime, lightBulb } from './template-bodies.ts'

const read = (body: unknown) => readTemplate(typeof body === 'string' ? body : JSON.stringify(body))
const expand = (body: unknown, parameters: Parameters) => expandTemplate(read(body), parameters)
const Id = { 'AWS::IoT::Certificate::Id': 'ab12' }

/** A template whose thing is named by the expression. */
const named = (name: unknown, more: object = {}) => ({
  Parameters: {
    A: { Type: 'String', Default: 'a' },
    List: { Type: 'String', Default: 'x|y|z' },
    ...(more as { Parameters?: object }).Parameters,
  },
  Mappings: { M: { r: { c: 'cell', l: ['one', 'two'] } } },
  Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: name, ...(more as { thing?: object }).thing } } },
})
const nameOf = (name: unknown, parameters: Parameters = {}) => expand(named(name), parameters).thingName

const fault = (work: () => unknown): LoomError => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof LoomError, String(error))
    return error
  }
  return assert.fail('nothing was thrown')
}

describe('a provisioning template', () => {
  it('of the vendor guide becomes a device', () => {
    const made = expand(lightBulb, { ThingName: 'bulb-7', SerialNumber: '0815', Location: 'Seattle', ...Id })
    assert.deepEqual(made, {
      thingName: 'bulb-7',
      attributes: { version: 'v1', serialNumber: '0815' },
      groups: ['v1-lightbulbs', 'Seattle'],
      thingType: 'lightBulb-0815',
      policies: [],
      policyDocuments: [JSON.stringify(lightBulb.Resources.policy.Properties.PolicyDocument)],
      overrides: { attributes: 'merge', groups: 'keep', type: 'replace' },
      deviceConfiguration: { FallbackUrl: 'https://www.example.com/test-site', LocationUrl: 'https://example.aws' },
      certificate: { status: 'active', id: 'ab12' },
    })
    assert.deepEqual(read(lightBulb).warnings, [
      'Resources.thing.Properties.BillingGroup: there are no billing groups, it is ignored',
    ])
  })

  it('takes defaults where nothing is given', () => {
    const made = expand(lightBulb, { ThingName: 'bulb-7', SerialNumber: '0815', ...Id })
    assert.equal(made.deviceConfiguration.LocationUrl, 'https://wa.example')
  })

  it('of the documentation works', async () => {
    const page = await readFile('docs/provisioning-aws.md', 'utf8')
    const made = expand(/```json\n([^`]*)```/.exec(page)![1]!, { SerialNumber: '0815', ...Id })
    assert.equal(made.thingName, 'pump-0815')
    assert.deepEqual(made.deviceConfiguration, { url: 'https://north.example' })
  })

  it('with a policy by name and one for just-in-time provisioning work as they are', () => {
    assert.deepEqual(expand(bySerial, { SerialNumber: '9', ...Id }).policies, ['fleet'])
    const fields = { CommonName: 'pump-1', SerialNumber: 's1', Country: 'DE', Id: 'ab12' }
    const values = Object.fromEntries(Object.entries(fields).map(([name, value]) => [`AWS::IoT::Certificate::${name}`, value]))
    const made = expand(justInTime, values)
    assert.equal(made.thingName, 'pump-1')
    assert.deepEqual(made.groups, ['v1-lightbulbs', 'DE'])
    assert.equal(JSON.parse(made.policyDocuments[0]!).Statement[0].Effect, 'Allow')
  })

  const expressions: [what: string, expression: unknown, parameters: Parameters, result: string][] = [
    ['Ref', { Ref: 'A' }, { A: 'v' }, 'v'],
    ['Fn::Join', { 'Fn::Join': ['-', ['p', { Ref: 'A' }, 'q']] }, {}, 'p-a-q'],
    ['Fn::Join over Fn::Split', { 'Fn::Join': ['.', { 'Fn::Split': ['|', { Ref: 'List' }] }] }, {}, 'x.y.z'],
    ['Fn::Select with a number', { 'Fn::Select': [1, ['k', 'l']] }, {}, 'l'],
    ['Fn::Select with a text over Fn::Split', { 'Fn::Select': ['2', { 'Fn::Split': ['|', { Ref: 'List' }] }] }, {}, 'z'],
    ['Fn::Select from a list in a mapping', { 'Fn::Select': [0, { 'Fn::FindInMap': ['M', 'r', 'l'] }] }, {}, 'one'],
    ['Fn::FindInMap', { 'Fn::FindInMap': ['M', 'r', 'c'] }, {}, 'cell'],
    ['Fn::Sub', { 'Fn::Sub': 'x-${A}-${A}' }, {}, 'x-a-a'],
    ['Fn::Sub with values', { 'Fn::Sub': ['${P}.${A}', { P: { 'Fn::Select': ['0', ['first']] } }] }, {}, 'first.a'],
  ]
  for (const [what, expression, parameters, result] of expressions)
    it(`computes ${what}`, () => assert.equal(nameOf(expression, parameters), result))

  it('leaves ${!name} of Fn::Sub standing, for the variables of a policy', () => {
    const PolicyDocument = {
      'Fn::Sub': '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"topic/${!iot:Connection.Thing.ThingName}/${A}"}]}',
    }
    const body = named('n')
    const policy = { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument } }
    const made = expand({ ...body, Resources: { ...body.Resources, policy } }, {})
    assert.match(made.policyDocuments[0]!, /topic\/\$\{iot:Connection\.Thing\.ThingName\}\/a"/)
  })

  it('computes inside a policy document given as an object', () => {
    const body = named('n')
    const Statement = [{ Effect: 'Allow', Action: 'iot:Publish', Resource: { 'Fn::Join': ['', ['topic/', { Ref: 'A' }]] } }]
    const policy = { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: { Version: '2012-10-17', Statement } } }
    const document = expand({ ...body, Resources: { ...body.Resources, policy } }, { A: 'me' }).policyDocuments[0]!
    assert.equal(JSON.parse(document).Statement[0].Resource, 'topic/me')
  })

  for (const evil of ['*', 'a/b', '#', '+', 'x"},{"Effect":"Allow', 'a\\', '${iot:ClientId}', 'a\nb'])
    it(`never lets a device write ${JSON.stringify(evil)} into its policy`, () => {
      const body = named('n')
      for (const PolicyDocument of [
        { 'Fn::Sub': '{"Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":"topic/${A}"}]}' },
        { Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: { 'Fn::Sub': 'topic/${A}' } }] },
      ]) {
        const policy = { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument } }
        const error = fault(() => expand({ ...body, Resources: { ...body.Resources, policy } }, { A: evil }))
        assert.equal(error.code, 'PROV_PARAMETER_INVALID')
        assert.equal(error.position, 'A')
      }
    })

  it('names the parameter that has no value', () => {
    const error = fault(() => expand(lightBulb, { ThingName: 'x', ...Id }))
    assert.equal(error.code, 'PROV_PARAMETER_MISSING')
    assert.equal(error.position, 'SerialNumber')
    assert.match(error.message, /SerialNumber/)
    const certificate = fault(() => expand(lightBulb, { ThingName: 'x', SerialNumber: '1' }))
    assert.equal(certificate.position, 'AWS::IoT::Certificate::Id')
  })

  const results: [what: string, work: () => unknown, code: string][] = [
    ['a thing name that is none', () => nameOf({ Ref: 'A' }, { A: 'a b' }), 'IDENTITY_INVALID'],
    ['an index beyond the list', () => nameOf({ 'Fn::Select': [{ Ref: 'A' }, ['k']] }, { A: '1' }), 'PROV_PARAMETER_INVALID'],
    [
      'an index that is no number',
      () => nameOf({ 'Fn::Select': [{ Ref: 'A' }, ['k']] }, { A: '__proto__' }),
      'PROV_PARAMETER_INVALID',
    ],
    [
      'a key that the mapping lacks',
      () => nameOf({ 'Fn::FindInMap': ['M', { Ref: 'A' }, 'c'] }, { A: 'constructor' }),
      'PROV_PARAMETER_INVALID',
    ],
    ['a list where a text is expected', () => nameOf({ 'Fn::FindInMap': ['M', 'r', 'l'] }), 'PROV_TEMPLATE_INVALID'],
    ['a value that is too long', () => nameOf({ Ref: 'A' }, { A: 'x'.repeat(8193) }), 'PROV_PARAMETER_INVALID'],
    ['a value that is no text', () => nameOf({ Ref: 'A' }, { A: 5 as unknown as string }), 'PROV_PARAMETER_INVALID'],
    ['half a character', () => nameOf({ Ref: 'A' }, { A: '\ud800' }), 'PROV_PARAMETER_INVALID'],
    ['a status that is none', () => expand(withCertificate({ Status: { Ref: 'A' } }), { A: 'REVOKED' }), 'PROV_TEMPLATE_INVALID'],
  ]
  for (const [what, work, code] of results) it(`refuses ${what}`, () => assert.equal(fault(work).code, code))

  it('grows no text without end out of a small template', () => {
    let bomb: unknown = 'x'.repeat(40)
    for (let depth = 0; depth < 9; depth++) bomb = { 'Fn::Sub': ['${x}'.repeat(200), { x: bomb }] }
    const error = fault(() => nameOf(bomb))
    assert.equal(error.code, 'PROV_PARAMETER_INVALID')
    assert.ok(maxValueChars < 100_000)
  })

  it('reads INACTIVE in any case', () =>
    assert.equal(expand(withCertificate({ Status: 'Inactive' }), {}).certificate.status, 'inactive'))
})

const withCertificate = (Properties: object) => {
  const body = named('n')
  return { ...body, Resources: { ...body.Resources, certificate: { Type: 'AWS::IoT::Certificate', Properties } } }
}

describe('a template with an error', () => {
  const broken: [what: string, body: unknown, position: string | number | undefined][] = [
    ['no JSON', '{"Resources": {,}}', 15],
    ['a missing bracket', '{"Resources": {"thing": {}', 26],
    ['a stray bracket', '{"Resources": {}}]', 17],
    ['a wrapped string', '{"Resources": "arn:aws:\niot"}', 14],
    ['single quotes', "{'Resources': {}}", 1],
    ['a trailing comma', '{"Parameters": {"A": {"Type": "String"},}}', 40],
    ['a list', '[]', ''],
    ['an unknown section', { Resource: {} }, 'Resource'],
    ['no resources', { Parameters: {} }, 'Resources'],
    ['no thing', { Resources: {} }, 'Resources'],
    ['two things', { Resources: { a: named('n').Resources.thing, b: named('n').Resources.thing } }, 'Resources'],
    ['an unknown type', { Resources: { a: { Type: 'AWS::IoT::Rule' } } }, 'Resources.a.Type'],
    [
      'a thing without a name',
      { Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: {} } } },
      'Resources.thing.Properties',
    ],
    ['an undeclared parameter', named({ Ref: 'B' }), 'Resources.thing.Properties.ThingName.Ref'],
    ['an undeclared parameter in Fn::Sub', named({ 'Fn::Sub': 'x${B}' }), 'Resources.thing.Properties.ThingName.Fn::Sub'],
    ['an open ${', named({ 'Fn::Sub': 'x${A' }), 'Resources.thing.Properties.ThingName.Fn::Sub'],
    ['an unknown function', named({ 'Fn::If': ['a', 'b', 'c'] }), 'Resources.thing.Properties.ThingName.Fn::If'],
    ['an unknown mapping', named({ 'Fn::FindInMap': ['N', 'a', 'b'] }), 'Resources.thing.Properties.ThingName.Fn::FindInMap[0]'],
    ['too few arguments', named({ 'Fn::Join': ['-'] }), 'Resources.thing.Properties.ThingName.Fn::Join'],
    ['a number as name', named(5), 'Resources.thing.Properties.ThingName'],
    ['a list as name', named({ 'Fn::Split': ['|', 'a|b'] }), 'Resources.thing.Properties.ThingName.Fn::Split'],
    [
      'an empty separator',
      named({ 'Fn::Select': [0, { 'Fn::Split': ['', 'a'] }] }),
      'Resources.thing.Properties.ThingName.Fn::Select[1].Fn::Split[0]',
    ],
    [
      'a number as attribute',
      named('n', { thing: { AttributePayload: { a: 1 } } }),
      'Resources.thing.Properties.AttributePayload.a',
    ],
    [
      'an attribute with a blank',
      named('n', { thing: { AttributePayload: { 'a b': '1' } } }),
      'Resources.thing.Properties.AttributePayload.a b',
    ],
    ['an unknown property', named('n', { thing: { Name: 'x' } }), 'Resources.thing.Properties.Name'],
    ['another type of parameter', named('n', { Parameters: { B: { Type: 'Number' } } }), 'Parameters.B.Type'],
    [
      'allowed values, which would not be checked',
      named('n', { Parameters: { B: { Type: 'String', AllowedValues: ['a'] } } }),
      'Parameters.B.AllowedValues',
    ],
    ['a default that is no text', named('n', { Parameters: { B: { Type: 'String', Default: 1 } } }), 'Parameters.B.Default'],
    ['a parameter of the cloud', named('n', { Parameters: { 'AWS::Region': { Type: 'String' } } }), 'Parameters.AWS::Region'],
    [
      'a policy text that is no JSON',
      { Resources: { ...named('n').Resources, p: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: '{' } } } },
      'Resources.p.Properties.PolicyDocument',
    ],
    [
      'a policy without name and document',
      { Resources: { ...named('n').Resources, p: { Type: 'AWS::IoT::Policy', Properties: {} } } },
      'Resources.p.Properties',
    ],
    [
      'MERGE where it means nothing',
      { Resources: { thing: { ...named('n').Resources.thing, OverrideSettings: { ThingTypeName: 'MERGE' } } } },
      'Resources.thing.OverrideSettings.ThingTypeName',
    ],
    [
      'both id and request',
      withCertificate({ CertificateId: 'a', CertificateSigningRequest: 'b' }),
      'Resources.certificate.Properties',
    ],
    ['more characters than allowed', `{"Description": "${'x'.repeat(33_000)}"}`, undefined],
  ]
  for (const [what, body, position] of broken)
    it(`(${what}) is told at ${JSON.stringify(position)}`, () => {
      const error = fault(() => read(body))
      assert.equal(error.code, 'PROV_TEMPLATE_INVALID')
      assert.equal(error.position, position)
    })

  it('that nests functions too deep is refused', () => {
    let name: unknown = 'n'
    for (let depth = 0; depth < 12; depth++) name = { 'Fn::Join': ['', [name]] }
    assert.equal(fault(() => read(named(name))).code, 'PROV_TEMPLATE_INVALID')
  })

  it('is found wherever a good text is damaged, and never crashes the reader', () => {
    const { below } = seeded(7)
    const good = JSON.stringify(lightBulb)
    let refused = 0
    for (let round = 0; round < 3000; round++) {
      const at = below(good.length)
      const bad = good.slice(0, at) + '{}[]",:\\ \u00001Ω'[below(12)] + good.slice(at + below(3))
      try {
        expandTemplate(readTemplate(bad), { ThingName: 'x', SerialNumber: '1', ...Id })
      } catch (error) {
        assert.ok(error instanceof LoomError, String(error))
        refused++
        if (typeof error.position === 'number') assert.ok(error.position <= bad.length && error.position >= 0)
      }
    }
    assert.ok(refused > 1000, `${refused}`)
  })

  it('such as brackets without end does not exhaust the stack', () => {
    assert.equal(fault(() => readTemplate('['.repeat(30_000))).code, 'PROV_TEMPLATE_INVALID')
    assert.equal(fault(() => readTemplate('{"a":'.repeat(6000))).code, 'PROV_TEMPLATE_INVALID')
  })
})
