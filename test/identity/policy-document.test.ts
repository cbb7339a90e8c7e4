import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import { maxPolicyBytes, readPolicy } from '../../src/identity/policy-document.ts'
import { seeded } from '../seeded.ts'
import { accessOf, allow, deny, documentOf } from './policy-make.ts'

function faultOf(text: string): LoomError {
  try {
    readPolicy(text)
  } catch (error) {
    const fault = error as LoomError
    assert.equal(fault.code, 'POLICY_INVALID', String(error))
    assert.equal(typeof fault.position, 'number')
    return fault
  }
  throw new assert.AssertionError({ message: `was taken: ${text}` })
}

/** Fails with that message, at the place of `mark` in the text. */
function pointsAt(text: string, mark: string, message: RegExp): void {
  const fault = faultOf(text)
  const at = text.indexOf(mark)
  assert.ok(at >= 0, mark)
  assert.equal(fault.position, at, `${fault.message}\n${text.slice(fault.position as number)}`)
  assert.match(fault.message, message)
}

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: policy variables
describe('policy document', () => {
  it('statements, actions and resources are one or a list', () => {
    const one = JSON.stringify({ Version: '2012-10-17', Id: 'x', Statement: { Sid: 's', ...allow('topic/a') } })
    const { statements } = readPolicy(one)
    assert.equal(statements.length, 1)
    assert.equal(statements[0]!.sid, 's')
    assert.deepEqual(statements[0]!.actions, ['Publish'])
    assert.equal(accessOf([one]).decide('Publish', 'a'), 'allow')
    const list = documentOf(allow(['topic/a', 'topic/b'], ['iot:Publish', 'Receive']), deny('client/x', 'iot:Connect'))
    assert.equal(accessOf([list]).decide('Receive', 'b'), 'allow')
    assert.equal(accessOf([list]).decide('Connect', 'x'), 'deny')
  })

  it('an ARN counts by its resource, whatever partition, region and account', () => {
    for (const prefix of [
      '',
      'arn:aws:iot:eu-west-1:123456789012:',
      'arn:aws-cn:iot:cn-north-1:1:',
      'arn:aws:iot:*:*:',
      'arn:*:iot:::',
    ])
      assert.equal(accessOf([documentOf(allow(`${prefix}topic/a:b/c`))]).decide('Publish', 'a:b/c'), 'allow', prefix)
    assert.equal(accessOf([documentOf(allow('arn:aws:iot:us-east-1:1:*'))]).decide('Publish', 'x/y'), 'allow')
  })

  it('actions may have wildcards, any case, and be of AWS services that mean nothing here', () => {
    const { statements } = readPolicy(
      documentOf(
        allow('*', ['iot:*']),
        allow('*', ['*']),
        allow('thing/a', 'iot:*ThingShadow'),
        allow('topic/a', 'iot:publish'),
        allow('device/*', 'loom:ActFor'),
        allow(['arn:aws:greengrass:eu-west-1:1:thing/a', 'topic/b'], ['greengrass:*', 'iot:Publish']),
      ),
    )
    assert.ok(!statements[0]!.actions.includes('ActFor') && statements[0]!.actions.includes('Connect'))
    assert.ok(statements[1]!.actions.includes('ActFor'))
    assert.deepEqual(statements[2]!.actions.toSorted(), ['DeleteThingShadow', 'GetThingShadow', 'UpdateThingShadow'])
    assert.deepEqual(statements[3]!.actions, ['Publish'])
    assert.deepEqual(statements[4]!.actions, ['ActFor'])
    assert.equal(statements[5]!.resources.length, 1)
  })

  it('broken JSON is shown where it breaks', () => {
    pointsAt('{"Version" "2012-10-17"}', '"2012', /colon/)
    pointsAt('{"Statement": [], }', '}', /name of a member/)
    pointsAt('{"Statement": [1 2]}', '2]', /Statement, line 1 column 18: .*comma/)
    pointsAt('{"Statement": tru}', 'tru', /Statement.*"t" is no JSON value/)
    pointsAt('{"Statement": {}} x', 'x', /behind the end/)
    pointsAt('{"Sid": 1, "Sid": 2}', '"Sid": 2', /twice/)
    assert.match(faultOf('').message, /the end of the document is no JSON value/)
    assert.match(faultOf('{"Statement": "ab').message, /the document ends inside a text/)
    assert.match(faultOf('{"Statement": "a\\x"}').message, /unknown escape/)
    assert.match(faultOf(`${'['.repeat(4000)}`).message, /too deep/)
  })

  it('line and column count from one', () => {
    const text = '{\n  "Version": "2012-10-17",\n  "Statement": {\n    "Effect": "allow"\n  }\n}'
    pointsAt(text, '"allow"', /Statement\.Effect, line 4 column 15: .*Allow or Deny/)
  })

  it('members that are not known or not offered are refused', () => {
    pointsAt('{"Statements": []}', '"Statements"', /"Statements" is no member of a policy.*known are Version, Id, Statement/)
    const withMember = (name: string) => documentOf({ ...allow('topic/a'), [name]: 'x' })
    pointsAt(withMember('NotAction'), '"NotAction"', /Statement\[0\]\.NotAction.*list the actions/)
    pointsAt(withMember('NotResource'), '"NotResource"', /list the resources/)
    pointsAt(withMember('Principal'), '"Principal"', /attach the policy/)
    pointsAt(withMember('Foo'), '"Foo"', /known are Sid/)
    pointsAt('{"Version":"2008-10-17","Statement":{}}', '"2008', /Version.*2012-10-17/)
  })

  it('what is missing, empty or of the wrong type is refused', () => {
    assert.match(faultOf('[]').message, /a policy is an object/)
    assert.match(faultOf('{}').message, /Statement is missing/)
    pointsAt('{"Statement": []}', '[]', /no statement/)
    for (const name of ['Effect', 'Action', 'Resource']) {
      const statement: Record<string, unknown> = { ...allow('topic/a') }
      delete statement[name]
      assert.match(faultOf(documentOf(statement)).message, new RegExp(`Statement\\[0\\], .*${name} is missing`))
    }
    pointsAt(documentOf({ ...allow('topic/a'), Action: [] }), '[]', /Action is empty/)
    pointsAt(documentOf({ ...allow('topic/a'), Resource: [7] }), '7]', /Statement\[0\]\.Resource\[0\].*a list of texts/)
    pointsAt(documentOf({ Sid: 1, ...allow('topic/a') }), '1,', /Sid is a text/)
  })

  it('unknown actions are refused', () => {
    for (const action of ['iot:publish2', 'Pub lish', 's3:GetObject', 'iot:', '', 'loom:Publish', 'iot:ActFor', 'iot:Z*'])
      pointsAt(documentOf(allow('*', action)), JSON.stringify(action), /action .* not known.*Connect/)
    pointsAt(documentOf(allow('topic/a', ['iot:Publish', 'iot:Nope'])), '"iot:Nope"', /Statement\[0\]\.Action\[1\]/)
  })

  it('a resource of the wrong kind for its actions is refused', () => {
    pointsAt(documentOf(allow('topic/a', 'iot:Subscribe')), '"topic/a"', /wrong kind.*Subscribe is on topicfilter\//)
    pointsAt(documentOf(allow(['topic/a', 'client/b'])), '"client/b"', /Statement\[0\]\.Resource\[1\]/)
    pointsAt(documentOf(allow('topics/a')), 'topics/a', /no known kind/)
    pointsAt(documentOf(allow('a')), 'a"}', /no known kind/)
    pointsAt(documentOf(allow('${device.id}/a')), '${device', /no known kind/)
    pointsAt(documentOf(allow('')), '"}]', /no known kind/)
    assert.ok(
      readPolicy(documentOf(allow(['client/a', 'topic/b', 'topicfilter/c'], ['iot:Connect', 'iot:Publish', 'iot:Subscribe']))),
    )
  })

  it('a wrapped, foreign or broken ARN is refused at its place', () => {
    pointsAt(documentOf(allow('topic/arn:aws:iot:eu-west-1:1:topic/a')), 'arn:aws', /ARN inside a resource/)
    pointsAt(documentOf(allow('arn:aws:iot:eu:1:arn:aws:iot:eu:1:topic/a')), 'arn:aws:iot:eu:1:topic', /ARN inside/)
    pointsAt(documentOf(allow('arn:aws:iot:eu-west-1:topic/a')), '"arn', /not whole/)
    pointsAt(documentOf(allow('arn:aws:iot: eu-west-1:1:topic/a')), '"arn', /not whole/)
    pointsAt(documentOf(allow(' arn:aws:iot:eu-west-1:1:topic/a')), '" arn', /not whole/)
    pointsAt(documentOf(allow('arn:aws:sns:eu-west-1:1:topic/a')), '"arn', /service "sns"/)
    pointsAt(
      '{"Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:\n  eu:1:topic/a"}}',
      '\n  eu',
      /the line ends inside a text/,
    )
    assert.match(
      faultOf(documentOf(allow('arn:aws:iot:eu-west-1:1:\ntopic/a'))).message,
      /Statement\[0\]\.Resource, .*broken over lines/,
    )
    pointsAt(documentOf(allow('arn:aws:iot:${AWS::Region}:1:topic/a')), '${AWS', /CloudFormation/)
  })

  it('variables that are unbalanced, unknown or have a default are refused at their place', () => {
    pointsAt(documentOf(allow('topic/a/${device.id')), '${device', /not closed/)
    pointsAt(documentOf(allow('topic/${device.id}/${')), '${"', /not closed/)
    pointsAt(documentOf(allow('topic/${device.${device.id}}')), '${device.${', /not closed/)
    pointsAt(
      documentOf(allow('topic/${iot:ThingName}')),
      '${iot',
      /"iot:ThingName" is not known.*iot:Connection\.Thing\.ThingName/,
    )
    pointsAt(documentOf(allow('topic/${}')), '${}', /not known/)
    pointsAt(documentOf(allow('topic/${tag.a b}')), '${tag', /not known/)
    pointsAt(documentOf(allow('topic/${aws:CurrentTime}')), '${aws', /for conditions only/)
    pointsAt(documentOf(allow("topic/${device.id, 'x'}")), '${device', /default value/)
    for (const name of ['__proto__', 'constructor', 'tag', 'iot:Certificate.Subject.Nope', 'iot:Connection.Thing.Attributes[]'])
      assert.match(faultOf(documentOf(allow(`topic/\${${name}}`))).message, /not known/, name)
  })

  it('a text with escapes is shown at its beginning', () => {
    const text = '{"Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"topic\\/a/${nope}"}}'
    pointsAt(text, '"topic', /nope/)
  })

  it('a document over the limit is refused, one at the limit is not', () => {
    const least = documentOf(allow('topic/'))
    const padded = (bytes: number) => documentOf(allow(`topic/${'a'.repeat(bytes - least.length)}`))
    assert.ok(readPolicy(padded(maxPolicyBytes)))
    assert.match(faultOf(padded(maxPolicyBytes + 1)).message, /8193 bytes.*at most 8192/)
    assert.match(faultOf(documentOf(allow(`topic/${'é'.repeat(4096)}`))).message, /bytes/)
  })

  it('reads the same as JSON.parse, or refuses, whatever is cut or changed in it', () => {
    const { below, pick } = seeded(11)
    const good = documentOf(
      { Sid: 'ü\n', ...allow(['topic/${device.id}/*', '*'], ['iot:Publish']) },
      deny('topicfilter/+/#', 'iot:Subscribe', {
        StringLike: { 'tag.a': ['x*', 'y'] },
        Bool: { 'iot:Connection.Thing.IsAttached': true },
      }),
    )
    let refused = 0
    for (let round = 0; round < 4000; round++) {
      const at = below(good.length)
      const text =
        good.slice(0, at) + pick(['', '"', '{', ']', ',', '\\', '${', '\n', '\u0000', '*', '1', 'é']) + good.slice(at + below(3))
      try {
        readPolicy(text)
        assert.ok(JSON.parse(text))
      } catch (error) {
        const { code, position } = error as LoomError
        assert.equal(code, 'POLICY_INVALID', `${text}\n${String(error)}`)
        assert.ok((position as number) >= 0 && (position as number) <= text.length)
        refused++
      }
    }
    assert.ok(refused > 1000)
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: policy variables
