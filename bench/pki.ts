import { randomBytes, sign, verify } from 'node:crypto'
import { createCrl } from '../src/pki/crl.ts'
import { checkCsr, createCsr } from '../src/pki/csr.ts'
import { type CertificateAuthority, createIntermediate, createRoot, issuer } from '../src/pki/issuer.ts'
import { generateKey, type KeyType, pkcs8Pem } from '../src/pki/keys.ts'
import { createPkcs12 } from '../src/pki/pkcs12.ts'
import { verifyChain } from '../src/pki/chain.ts'

/*
 * Certificates against the bare signature of node:crypto, which none can be made without, in one run: each of many short rounds measures the
 * signature before and after the work, and the table has the median of the rounds. CPU time, so that a busy machine tells the same.
 */
const rounds = 25
const quick = process.env.BENCH_QUICK ? 10 : 1
const now = Date.now()
const common = { now, random: randomBytes, hubId: 'bench' }

async function authorityOf(keyType: KeyType): Promise<CertificateAuthority> {
  const root = await createRoot({ ...common, keyType })
  return createIntermediate({ ...common, n: 1, root, keyType })
}

/** CPU microseconds of one. */
async function micros(count: number, work: (at: number) => unknown): Promise<number> {
  const before = process.cpuUsage()
  for (let at = 0; at < count; at++) await work(at)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

interface Case {
  name: string
  count: number
  raw: () => unknown
  work: (at: number) => unknown
  goal?: number
}

const [ec, rsa] = await Promise.all([authorityOf('ec-p256'), authorityOf('rsa-2048')])
const device = { profile: 'device', hubId: 'bench', now, random: randomBytes } as const
const [byEc, byRsa] = [issuer(ec), issuer(rsa)]
const pair = await generateKey()
const { spki } = pair
const csr = createCsr({ id: 'device-1', ...pair })
const rsaCsr = createCsr({ id: 'device-1', ...(await generateKey('rsa-2048')) })
const tbs = randomBytes(600)
const rawEc = () => sign('sha256', tbs, ec.privateKey)
const rawRsa = () => sign('sha256', tbs, rsa.privateKey)
const signature = sign('sha256', tbs, pair.privateKey)
const leaf = byEc.issue({ ...device, id: 'device-1', spki })
const keyed = async (type: KeyType, at: number) => {
  const { privateKey, spki } = await generateKey(type)
  return byEc.issue({ ...device, id: `device-${at}`, spki }).pem + pkcs8Pem(privateKey)
}

const cases: Case[] = [
  {
    name: 'EC certificate for a given key',
    count: 3000,
    raw: rawEc,
    work: at => byEc.issue({ ...device, id: `device-${at}`, spki }),
    goal: 0.4,
  },
  {
    name: 'EC certificate from a request',
    count: 2000,
    raw: rawEc,
    work: () => byEc.issue({ ...device, id: 'device-1', csr }),
    goal: 0.12,
  },
  { name: 'the request alone', count: 2000, raw: rawEc, work: () => checkCsr(csr, { id: 'device-1' }) },
  {
    name: 'its signature alone, node:crypto',
    count: 2000,
    raw: rawEc,
    work: () => verify('sha256', tbs, pair.publicKey, signature),
  },
  { name: 'EC certificate with a new key, PEMs', count: 1500, raw: rawEc, work: at => keyed('ec-p256', at), goal: 0.14 },
  {
    name: 'RSA 2048 certificate from a request, EC authority',
    count: 1500,
    raw: rawEc,
    work: () => byEc.issue({ ...device, id: 'device-1', csr: rsaCsr }),
  },
  {
    name: 'RSA 2048 authority, given key',
    count: 500,
    raw: rawRsa,
    work: at => byRsa.issue({ ...device, id: `device-${at}`, spki }),
    goal: 0.85,
  },
  { name: 'certificate with a new RSA 2048 key, PEMs', count: 50, raw: rawEc, work: at => keyed('rsa-2048', at) },
  {
    name: 'PKCS#12 of key and chain',
    count: 100,
    raw: rawEc,
    work: () =>
      createPkcs12({ certificates: [leaf.der, ec.der], privateKey: pair.privateKey, password: 'swordfish', random: randomBytes }),
  },
  { name: 'a presented chain of two, followed', count: 1000, raw: rawEc, work: () => verifyChain([leaf.der], [ec.der], now) },
]

console.log('A certificate against the signature alone. Figures are of one core.\n')
console.log('| work | a second | of the signature | goal |')
console.log('| --- | --- | --- | --- |')
for (const { name, count, raw, work, goal } of cases) {
  const todo = Math.ceil(count / quick / rounds)
  const warmUp = Math.min(300, todo * rounds)
  await micros(warmUp, work)
  await micros(warmUp, raw)
  const samples: { ratio: number; us: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const limit = await micros(50, raw)
    const us = await micros(todo, work)
    samples.push({ us, ratio: (limit + (await micros(50, raw))) / 2 / us })
  }
  const perSecond = 1e6 / median(samples.map(({ us }) => us))
  const ratio = median(samples.map(sample => sample.ratio))
  console.log(
    `| ${name} | ${perSecond < 100 ? perSecond.toFixed(1) : Math.round(perSecond)} | ${ratio.toFixed(ratio < 0.01 ? 4 : 2)} | ${goal ?? ''} |`,
  )
}

console.log('\n| revocation list of 10,000 | ms | goal |')
console.log('| --- | --- | --- |')
const entriesOf = () =>
  Array.from({ length: 10_000 }, () => ({
    serial: `40${randomBytes(15).toString('hex')}`,
    at: now,
    reason: 'superseded' as const,
  }))
const list = (entries: ReturnType<typeof entriesOf>) => () =>
  createCrl({ issuer: ec, entries, number: 1, thisUpdate: now, nextUpdate: now + 604_800_000 })
const fresh: number[] = []
const kept: number[] = []
for (let round = 0; round <= rounds; round++) {
  const make = list(entriesOf())
  const [first, again] = [await micros(1, make), await micros(1, make)]
  // the first round warms up
  if (round > 0) {
    fresh.push(first / 1000)
    kept.push(again / 1000)
  }
}
console.log(`| entries seen for the first time | ${median(fresh).toFixed(1)} | 70 |`)
console.log(`| entries of the list before | ${median(kept).toFixed(1)} | 70 |`)
