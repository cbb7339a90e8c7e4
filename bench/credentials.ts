import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { signSas, verifySas } from '../src/identity/sas.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from '../test/identity/make.ts'

/*
 * Checks of credentials against what each cannot do without: one HMAC-SHA-256 and a comparison in constant time. In one run, CPU time, median of many short rounds, so
 * that a busy machine tells the same.
 */
const rounds = 25
const perRound = process.env.BENCH_QUICK ? 40 : 400
const devices = 1000

const house = await houseOf()
const { registry, authenticate, clock } = house
const keyOf = (n: number) => Buffer.alloc(32, n % 251).toString('base64')
const tokenOf = (n: number, key = keyOf(n)) =>
  signSas({ key, resource: `${host}/devices/d${n}`, expiresAt: clock.now + 3_600_000 })
const attempts = await Promise.all(
  Array.from({ length: devices }, async (_, n) => {
    const id = `d${n}`
    await registry.register({ id, credential: { kind: 'sas', primaryKey: keyOf(n), secondaryKey: keyOf(n + 1) } })
    return { primary: azureAttempt(id, tokenOf(n)), secondary: azureAttempt(id, tokenOf(n, keyOf(n + 1))) }
  }),
)
await registry.register({ id: 'own' })
const secrets = await registry.addCredential('own', { kind: 'x509' })
const byCertificate = attemptOf({ deviceId: 'own', certificate: peerOf(secrets.certificatePem!) })

const text = `${encodeURIComponent(`${host}/devices/d1`)}\n1800000000`
const key = randomBytes(32)
const signed = createHmac('sha256', key).update(text).digest()
const bare = () => timingSafeEqual(createHmac('sha256', key).update(text).digest(), signed)

const check = async (attempt: typeof byCertificate): Promise<void> => {
  const result = await authenticate(attempt)
  if (!result.ok) throw new Error(result.reason)
}
const pure = (n: number): unknown =>
  verifySas({
    token: tokens[n % devices]!,
    keys: [
      { slot: 'primary', key: keyOf(n % devices) },
      { slot: 'secondary', key: keyOf((n % devices) + 1) },
    ],
    audience: `${host}/devices/d${n % devices}`,
    now: clock.now,
    skewS: 300,
  })
const tokens = Array.from({ length: devices }, (_, n) => tokenOf(n))

const cases: [name: string, work: (n: number) => unknown][] = [
  ['SAS token against two keys', pure],
  ['CONNECT by SAS token, device looked up, keys unsealed', n => check(attempts[n % devices]!.primary)],
  ['the same, signed with the secondary key', n => check(attempts[n % devices]!.secondary)],
  ['CONNECT by certificate', () => check(byCertificate)],
]

/** CPU microseconds of one. */
async function micros(count: number, work: (n: number) => unknown): Promise<number> {
  const before = process.cpuUsage()
  for (let n = 0; n < count; n++) await work(n)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

console.log(`Credential checks of ${devices} devices. Figures are of one core.\n`)
console.log('| check | a second | bare HMAC and comparison, a second | share of it |')
console.log('| --- | --- | --- | --- |')
for (const [name, work] of cases) {
  for (const warm of [work, bare]) await micros(perRound, warm)
  const samples: { us: number; limit: number }[] = []
  for (let round = 0; round < rounds; round++)
    samples.push({ limit: await micros(perRound, bare), us: await micros(perRound, work) })
  const [us, limit] = [median(samples.map(one => one.us)), median(samples.map(one => one.limit))]
  console.log(`| ${name} | ${Math.round(1e6 / us)} | ${Math.round(1e6 / limit)} | ${(limit / us).toFixed(2)} |`)
}
