import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { parseSas, signSas, verifySas } from '../../src/identity/sas.ts'
import { seeded } from '../seeded.ts'
import { codeOf, random } from '../pki/make.ts'

const host = 'hub.example.net'
const audience = `${host}/devices/pump-7`
const key = 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI='
const other = random(32).toString('base64')
const se = 1_790_000_000
const now = (se - 3600) * 1000
const scheme = 'SharedAccessSignature '

const verify = (token: string, o: Partial<Parameters<typeof verifySas>[0]> = {}) =>
  verifySas({ token, keys: [{ slot: 'primary', key }], audience, now, skewS: 300, ...o })
const sign = (sr: string, expires: string | number = se, secret = key) =>
  createHmac('sha256', Buffer.from(secret, 'base64')).update(`${sr}\n${expires}`).digest('base64')
const tokenOf = (sr: string) => `${scheme}sr=${sr}&sig=${encodeURIComponent(sign(sr))}&se=${se}`

describe('SAS tokens', () => {
  it('made by the Azure Node SDK are accepted, with the resource encoded and not', () => {
    for (const token of [
      `${scheme}sr=hub.example.net%2Fdevices%2Fpump-7&sig=S3ju9%2B7rQvHGJ9aAmRO2dFoHr3TkoYn5GiWtlfAuNys%3D&se=1790000000`,
      `${scheme}sr=hub.example.net/devices/pump-7&sig=hwvjunvYrT9AYuHdXubJx722rhw9hRx53LZSddVXSwo%3D&se=1790000000`,
    ])
      assert.deepEqual(verify(token), { slot: 'primary', expiresAt: (se + 300) * 1000 })
  })

  it('ours are the same, byte for byte', () => {
    const ours = signSas({ key, resource: audience, expiresAt: se * 1000 })
    assert.equal(
      ours,
      `${scheme}sr=hub.example.net%2Fdevices%2Fpump-7&sig=S3ju9%2B7rQvHGJ9aAmRO2dFoHr3TkoYn5GiWtlfAuNys%3D&se=1790000000`,
    )
    assert.ok(verify(signSas({ key, resource: audience, expiresAt: se * 1000, encode: false })))
  })

  it('are accepted with members in any order and escapes in any case', () => {
    const { pick, below } = seeded(7)
    for (let round = 0; round < 200; round++) {
      const sr = [...audience]
        .map(c => (/[a-z0-9]/.test(c) ? (below(9) ? c : escaped(c, pick)) : pick([c, escaped(c, pick)])))
        .join('')
      const sig = encodeURIComponent(sign(sr)).replace(/%../g, octet => pick([octet, octet.toLowerCase()]))
      const members = [`sr=${sr}`, `sig=${sig}`, `se=${se}`].sort(() => below(3) - 1)
      assert.ok(verify(scheme + members.join('&')), sr)
    }
  })

  it('the resource is signed as it stands: re-encoding it breaks the signature', () => {
    const token = signSas({ key, resource: audience, expiresAt: se * 1000 })
    assert.throws(() => verify(token.replaceAll('%2F', '%2f')), codeOf('CRED_INVALID'))
    assert.throws(() => verify(token.replaceAll('%2F', '/')), codeOf('CRED_INVALID'))
  })

  it('both keys are valid, and the slot is told', () => {
    const keys = [
      { slot: 'primary', key: other },
      { slot: 'secondary', key },
    ]
    assert.equal(verify(signSas({ key, resource: audience, expiresAt: se * 1000 }), { keys }).slot, 'secondary')
    assert.equal(verify(signSas({ key: other, resource: audience, expiresAt: se * 1000 }), { keys }).slot, 'primary')
  })

  it('another key, a cut or a changed signature are refused', () => {
    const good = signSas({ key, resource: audience, expiresAt: se * 1000 })
    assert.throws(() => verify(signSas({ key: other, resource: audience, expiresAt: se * 1000 })), codeOf('CRED_INVALID'))
    assert.throws(() => verify(good, { keys: [] }), codeOf('CRED_INVALID'))
    assert.throws(() => verify(good.replace('sig=S3', 'sig=S4')), codeOf('CRED_INVALID'))
    assert.throws(() => verify(good.replace(/sig=[^&]+/, 'sig=S3ju')), codeOf('CRED_INVALID'))
    assert.throws(() => verify(good.replace(/sig=[^&]+/, 'sig=%3D')), codeOf('CRED_INVALID'))
  })

  it('the expiry is signed: it cannot be moved', () => {
    const good = signSas({ key, resource: audience, expiresAt: se * 1000 })
    assert.throws(() => verify(good.replace(`se=${se}`, `se=${se + 1}`)), codeOf('CRED_INVALID'))
    assert.throws(() => verify(good.replace(`se=${se}`, `se=0${se}`)), codeOf('CRED_INVALID'))
  })

  it('end at their time and the allowed skew later, to the millisecond', () => {
    const good = signSas({ key, resource: audience, expiresAt: se * 1000 })
    for (const [skewS, allowed] of [
      [0, 0],
      [120, 120],
      [300, 300],
      [9999, 300],
      [-5, 0],
    ] as const) {
      const end = (se + allowed) * 1000
      assert.equal(verify(good, { skewS, now: end - 1 }).expiresAt, end)
      assert.throws(() => verify(good, { skewS, now: end }), codeOf('CRED_EXPIRED'))
    }
  })

  it('are for one resource, in any case, or a longer path below it', () => {
    for (const resource of [audience, audience.toUpperCase(), `${audience}/messages/events`, `${audience}/modules/m`])
      assert.ok(verify(signSas({ key, resource, expiresAt: se * 1000 })), resource)
    for (const resource of [
      host,
      `${host}/devices/pump-77`,
      `${host}/devices/pump`,
      `${host}/devices/valve`,
      `x${audience}`,
      `other.net/devices/pump-7`,
      '',
    ])
      assert.throws(() => verify(tokenOf(encodeURIComponent(resource))), codeOf('CRED_INVALID'), resource)
  })

  it('of hub-level policies are refused', () => {
    const good = signSas({ key, resource: audience, expiresAt: se * 1000 })
    assert.throws(() => verify(`${good}&skn=iothubowner`), codeOf('CRED_INVALID'))
  })

  it('that are none are refused without repeating them', () => {
    const good = signSas({ key, resource: audience, expiresAt: se * 1000 })
    const wrong = [
      '',
      'secret',
      good.slice(scheme.length),
      scheme,
      `${scheme}sr=a&sig=b`,
      `${scheme}sr=a&se=1`,
      `${scheme}sig=a&se=1`,
      `${good}&se=1`,
      `${good}&`,
      `${good}&=x`,
      good.replace(/se=\d+/, 'se=1e9'),
      good.replace(/se=\d+/, 'se=-1'),
      good.replace(/sig=[^&]+/, 'sig=%zz'),
      tokenOf('%zz'),
      good + 'x'.repeat(5000),
    ]
    for (const token of wrong)
      assert.throws(
        () => verify(token),
        (error: Error & { code?: string }) =>
          error.code === 'CRED_INVALID' && (token.length < 10 || !error.message.includes(token.slice(22, 60) || '\0')),
        token.slice(0, 80),
      )
  })

  it('values are split at the first equals sign', () => {
    const sig = sign('a=b')
    assert.equal(parseSas(`${scheme}sr=a=b&sig=${sig}&se=1`).sr, 'a=b')
    assert.deepEqual(parseSas(`${scheme}sr=a=b&sig=${sig}&se=1`).sig, Buffer.from(sig, 'base64'))
  })
})

const escaped = (c: string, pick: <T>(items: readonly T[]) => T) => {
  const hex = c.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${pick([hex, hex.toUpperCase()])}`
}
