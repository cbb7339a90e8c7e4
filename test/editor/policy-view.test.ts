import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { reasons } from '../../src/editor/admin-api.ts'
import {
  aboutOf,
  askable,
  attachedText,
  newDocument,
  questionOf,
  statementName,
  statementText,
  targetOf,
  targetQuery,
  targetText,
  variableRows,
  type Words,
} from '../../src/editor/policy-view.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import { filesUnder } from '../files.ts'

const words: Words = (key, values) => [key, ...Object.values(values ?? {})].join(' ')

describe('what the editor shows of policies', () => {
  it('offers only actions that policies know, each with what it is about', async () => {
    for (const action of askable) {
      const kind = aboutOf(action)
      const Resource = `${kind}/x`
      readPolicy(JSON.stringify({ Statement: { Effect: 'Allow', Action: action, Resource } }))
    }
    assert.equal(aboutOf('iot:Connect'), 'client')
    assert.equal(aboutOf('iot:Subscribe'), 'topicfilter')
    assert.equal(aboutOf('loom:ActFor'), 'device')
    assert.equal(aboutOf('nonsense'), 'topic')
  })

  it('begins a new policy with a document that is valid', () => assert.equal(readPolicy(newDocument).statements.length, 1))

  it('asks what was filled in, a CONNECT by its client id', () => {
    const none = { sourceIp: ' ', domainName: '' }
    assert.deepEqual(questionOf({ device: ' p1 ', action: 'iot:Publish', about: 'a/b ', ...none }), {
      device: 'p1',
      action: 'iot:Publish',
      topic: 'a/b',
    })
    assert.deepEqual(questionOf({ device: 'p1', action: 'iot:Connect', about: '', ...none, sourceIp: '::1' }), {
      device: 'p1',
      action: 'iot:Connect',
      sourceIp: '::1',
    })
    assert.deepEqual(questionOf({ device: 'p1', action: 'iot:Connect', about: 'c', sourceIp: '', domainName: 'h', text: '' }), {
      device: 'p1',
      action: 'iot:Connect',
      clientId: 'c',
      domainName: 'h',
      text: '',
    })
  })

  it('asks about an empty topic as about any other, so that the hub says what is missing', () =>
    assert.equal(questionOf({ device: 'p', action: 'iot:Publish', about: '', sourceIp: '', domainName: '' }).topic, ''))

  it('finds the statement that settled it, one or of a list', () => {
    const Statement = { Effect: 'Allow', Action: 'iot:Publish', Resource: 'topic/a' }
    assert.equal(statementText(JSON.stringify({ Statement }), 0), JSON.stringify(Statement, null, 2))
    assert.equal(statementText(JSON.stringify({ Statement: [1, Statement] }), 1), JSON.stringify(Statement, null, 2))
    for (const text of [undefined, '{', 'null', '{}', JSON.stringify({ Statement })])
      assert.equal(statementText(text, 7), undefined)
  })

  it('names statements from one on, with their Sid', () => {
    assert.equal(statementName({ policyId: 'p', index: 0 }, words), 'statement p 1')
    assert.equal(statementName({ policyId: 'given', index: 1, sid: 'S' }, words), 'statement givenDocument 2 (S)')
  })

  it('lists variables by name, those without a value too', () =>
    assert.deepEqual(variableRows({ b: null, a: 'x', c: ['1', '2'] }), [
      { name: 'a', value: 'x' },
      { name: 'b' },
      { name: 'c', value: '1, 2' },
    ]))

  it('reads a target from what was chosen, fingerprints as they are shown elsewhere too', () => {
    assert.deepEqual(targetOf('hub', ''), { hub: true })
    assert.deepEqual(targetOf('device', ' p1 '), { device: 'p1' })
    assert.deepEqual(targetOf('certificate', 'AB:0c'), { certificate: 'ab0c' })
    assert.equal(targetOf('group', '  '), undefined)
    assert.deepEqual(targetQuery({ hub: true }), { all: true })
    assert.deepEqual(targetQuery({ group: 'g' }), { group: 'g' })
    assert.equal(targetText({ group: 'g' }, words), 'target.group g')
  })

  it('sums up what a policy is attached to, the widest first', () => {
    assert.equal(attachedText({ items: [] }, words), 'attachedToNothing')
    assert.equal(attachedText({ items: [{ device: 'd' }, { hub: true }] }, words), 'target.hub, target.device d')
    const three = [{ device: 'a' }, { device: 'b' }, { group: 'g' }]
    assert.equal(attachedText({ items: three }, words), 'target.group g, target.device a andMore 1')
    assert.equal(attachedText({ items: three, next: 'x' }, words), 'target.group g, target.device a andMore 1+')
  })

  it('has every text that it asks for in the catalogue, and no other', async () => {
    const catalogue = JSON.parse(readFileSync('nodes/hub/locales/en-US/hub.json', 'utf8')).hub.policies as object
    const known = flatKeys(catalogue)
    const asked: string[] = [...reasons]
    const begun: string[] = []
    const files = (await filesUnder(['src/editor'], '.ts')).filter(file => !file.includes('/rules/'))
    for (const file of [...files, 'nodes/hub/policies-tab.ts']) {
      for (const [, inside] of readFileSync(file, 'utf8').matchAll(/\b(?:words|text)\(([^(){]*)/g)) {
        asked.push(...Array.from(inside!.matchAll(/'([\w.]+)'/g), ([, key]) => key!).filter(key => !key.startsWith('tab.')))
        begun.push(...Array.from(inside!.matchAll(/`([\w.]+\.)\$/g), ([, start]) => start!))
      }
    }
    assert.deepEqual(
      asked.filter(key => !known.includes(key)),
      [],
    )
    assert.deepEqual(
      known.filter(key => !asked.includes(key) && !begun.some(start => key.startsWith(start))),
      [],
    )
  })
})

const flatKeys = (tree: object, before = ''): string[] =>
  Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' ? flatKeys(value, `${before}${key}.`) : [`${before}${key}`],
  )
