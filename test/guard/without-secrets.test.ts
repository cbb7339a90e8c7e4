import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { LoomError, withoutSecrets } from '../../src/errors.ts'
import { redacted } from '../../src/guard/redact.ts'

/** Random bytes that are the same in each run. */
const bytes = (size: number, seed: number): Buffer =>
  Buffer.concat([0, 1].map(part => createHash('sha256').update(`${seed} ${part}`).digest())).subarray(0, size)

describe('texts that others read', () => {
  it('have no random bytes in them, as base64 or base64url, whole or cut off', () => {
    let [missed, tried] = [0, 0]
    for (const size of [24, 32, 64])
      for (const form of ['base64', 'base64url'] as const)
        for (let seed = 0; seed < 2000; seed++) {
          const key = bytes(size, seed).toString(form)
          for (const shown of [key, key.slice(0, 30), encodeURIComponent(key)]) {
            tried++
            if (withoutSecrets(`no such device: "${shown}"`).includes(key.slice(0, 12))) missed++
          }
        }
    // Few keys look like words.
    assert.ok(missed < tried / 500, `${missed} of ${tried}`)
  })

  const key = bytes(32, 1).toString('base64')
  for (const [what, text, shown] of [
    ['a connection string', `HostName=h;DeviceId=d;SharedAccessKey=${key}`, 'HostName=h;DeviceId=d;SharedAccessKey=(left out)'],
    [
      'a shared access signature',
      `sr=h%2Fdevices%2Fd&sig=${encodeURIComponent(key)}&se=1`,
      'sr=h%2Fdevices%2Fd&sig=(left out)&se=1',
    ],
    ['a bearer token', 'subject "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHR"', 'subject "(left out)"'],
    ['a private key', 'id "-----BEGIN PRIVATE KEY-----\nMIGH', 'id "(left out)'],
    ['an encoded private key', 'id "-----BEGIN%20EC%20PRIVATE%20KEY-----%0AMIGH', 'id "(left out)'],
  ] as const)
    it(`show that ${what} was there`, () => assert.equal(withoutSecrets(text), shown))

  for (const text of [
    'publish to devices/Pump-1/messages/events: not among the topics',
    'Resources.thing.Properties.AttributePayload.SomeLongName: AWS::IoT::Certificate',
    'arn:aws:iot:eu-west-1:123456789012:topic/Lab1/SomeLongTopicName',
    'operation 3f2a5b6c-1234-4321-aaaa-1234567890ab of urn:dev:mac:AABBCC0011223344',
    'certificate 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'connectsPerSecondPerAddress, x-amz-customauthorizer-signature, ListNamedShadowsForThing',
    '/home/user1/.node-red/thingloom/demo/identity.db, sensor-A1B2C3D4E5F6',
  ])
    it(`leave names alone: ${text}`, () => assert.equal(withoutSecrets(text), text))

  it('are those of errors, their hints and places, and the details of the audit log', () => {
    const { message, hint, position } = new LoomError('NOT_FOUND', `hub ${key}`, { hint: `not ${key}`, position: `body.${key}` })
    assert.deepEqual(
      [message, hint, position],
      ['there is nothing here by that name: hub (left out) (not (left out))', 'not (left out)', 'body.(left out)'],
    )
    assert.deepEqual(redacted({ parent: key }), { parent: '(left out)' })
  })
})
