import assert from 'node:assert/strict'
import { randomBytes as random, X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import certificate from '../../nodes/certificate/certificate.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { createCsr, createRoot, generateKey, issuer, readCrl } from '../../src/pki/pki.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'
import { type Flow, flow, type Received, unload } from '../flow.ts'
import { until } from '../until.ts'

const config = {
  type: 'loom-certificate',
  action: 'issue',
  device: '',
  keyType: '',
  days: '',
  overlapDays: '',
  reason: 'unspecified',
  watch: '',
}

/** What the node sends on outputs 1 and 2 for one message. */
async function both({ send, outputs }: Flow, msg: object): Promise<[Received, Received]> {
  const answers = [outputs(1), outputs(1, 1)]
  send(msg)
  const [[first], [second]] = (await Promise.all(answers)) as [[Received], [Received]]
  return [first, second]
}
async function one({ send, outputs }: Flow, msg: object): Promise<Received> {
  const answer = outputs(1)
  send(msg)
  return (await answer)[0]!
}
async function failing({ send, error }: Pick<Flow, 'send' | 'error'>, msg: object): Promise<{ code: string; message: string }> {
  const failed = error()
  send(msg)
  return failed
}

describe('loom-certificate', () => {
  afterEach(unload)

  describe('on a hub of its own', function () {
    this.timeout(60_000)
    let hub: Hub
    let folder: string
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'certificate-node-'))
      hub = await startHub({
        hubId: 'house',
        dataDir: folder,
        store: 'memory',
        broker: 'none',
        listeners: [],
        threaded: false,
      })
      await hub.devices.register({ id: 'd1' })
    })
    afterEach(async () => {
      await unload()
      await hub.close()
      await rm(folder, { recursive: true, force: true })
    })
    const open = (more: object = {}) => flow(certificate, { ...config, ...more }, { hub: hub as FakeHub })
    const credentials = async () => (await hub.devices.get({ id: 'd1' })).credentials

    it('issues a certificate for a device, its key once and only on output 2', async () => {
      const running = await open({ days: '30' })
      const [{ payload, device, kept }, key] = await both(running, { device: 'd1', kept: 1 })
      assert.deepEqual([device, kept], ['d1', 1])
      const read = new X509Certificate(payload.pem)
      assert.match(read.subject, /^CN=d1$/m)
      assert.equal(payload.fingerprint, read.fingerprint256.replaceAll(':', '').toLowerCase())
      assert.equal(payload.notAfter, read.validToDate.getTime())
      assert.equal(payload.chain.split('BEGIN CERTIFICATE').length, 3)
      assert.equal(payload.ca, (await hub.pki.caCertificates({})).rootPem)
      assert.equal((await credentials())[0]!.fingerprint, payload.fingerprint)
      assert.doesNotMatch(JSON.stringify(running.seen(0)), /PRIVATE KEY/)
      assert.match(key.payload.privateKeyPem, /PRIVATE KEY/)
      assert.deepEqual([key.device, key.kept, key.payload.cid], ['d1', undefined, payload.cid])
      assert.ok(read.validToDate.getTime() < Date.now() + 31 * 86_400_000)
    })

    it('issues one that is nobody’s where no device is named', async () => {
      const [{ payload, device }, key] = await both(await open({ keyType: 'ec-p384' }), { payload: 1_700_000_000_000 })
      assert.deepEqual([device, payload.cid], [undefined, undefined])
      assert.match(new X509Certificate(payload.pem).subject, /Thingloom device/)
      assert.equal(new X509Certificate(payload.pem).publicKey.asymmetricKeyDetails!.namedCurve, 'secp384r1')
      assert.ok(key.payload.privateKeyPem)
      assert.deepEqual(await credentials(), [])
    })

    it('signs a request as PEM, bytes or record, and sends no key', async () => {
      const running = await open({ action: 'sign', device: 'd1' })
      const requests = await Promise.all([1, 2, 3].map(async () => createCsr({ id: 'd1', ...(await generateKey('ec-p256')) })))
      const der = Buffer.from(requests[1]!.replace(/-----.*-----/g, ''), 'base64')
      const answers = [
        await one(running, { payload: requests[0] }),
        await one(running, { payload: der }),
        await one(running, { payload: { csrPem: requests[2], days: 5 } }),
      ]
      assert.deepEqual(
        (await credentials()).map(({ fingerprint }) => fingerprint),
        answers.map(({ payload }) => payload.fingerprint),
      )
      assert.equal(running.seen(1).length, 0)
    })

    it('renews beside the old certificate, for the overlap asked for', async () => {
      const running = await open({ action: 'renew', overlapDays: '3' })
      await both(running, { device: 'd1', action: 'issue' })
      const asked: object[] = []
      const { rotate } = hub.identity
      hub.identity.rotate = async o => {
        asked.push(o)
        return rotate(o)
      }
      const [{ payload }] = await both(running, { device: 'd1' })
      await both(running, { device: 'd1', certificate: { overlapMs: 7 } })
      assert.deepEqual(asked, [
        { id: 'd1', credential: { kind: 'x509' }, by: 'node n', overlapMs: 3 * 86_400_000 },
        { id: 'd1', credential: { kind: 'x509' }, by: 'node n', overlapMs: 7 },
      ])
      const [old, fresh] = await credentials()
      assert.deepEqual([old!.status, fresh!.status, fresh!.cid, fresh!.replaces], ['active', 'pending', payload.cid, [old!.cid]])
    })

    it('revokes the only certificate, or the one that is named, and lists it', async () => {
      const running = await open({ action: 'revoke', reason: 'keyCompromise' })
      const [first] = await both(running, { device: 'd1', action: 'issue' })
      const [second] = await both(running, { device: 'd1', action: 'issue' })
      assert.equal((await failing(running, { device: 'd1' })).code, 'CRED_NOT_FOUND')
      const { payload } = await one(running, { device: 'd1', payload: first.payload.pem })
      assert.deepEqual(payload, {
        cid: first.payload.cid,
        fingerprint: first.payload.fingerprint,
        serial: first.payload.serial,
        revoked: true,
        reason: 'keyCompromise',
      })
      await one(running, { device: 'd1', certificate: { reason: 'superseded' } })
      assert.deepEqual(
        (await credentials()).map(({ status }) => status),
        ['revoked', 'revoked'],
      )
      await until(async () => {
        const { payload: lists } = await one(running, { action: 'crl', payload: '' })
        assert.equal(lists.authorities.length, lists.pem.split('BEGIN X509 CRL').length - 1)
        const blocks = lists.pem.match(/-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g)
        const serials = blocks.flatMap((pem: string) => readCrl(pem).entries.map(({ serial }) => serial))
        return [first, second].every(({ payload: { serial } }) => serials.includes(serial))
      }, 30_000)
    })

    it('makes of what output 2 sends a p12 file, whose password stays here', async () => {
      const running = await open()
      const [, key] = await both(running, { device: 'd1' })
      const msg = { ...key, action: 'p12', certificate: { password: 'planted-secret', friendlyName: 'my pump' } }
      const made = await one(running, msg)
      assert.ok(Buffer.isBuffer(made.payload))
      createSecureContext({ pfx: made.payload, passphrase: 'planted-secret' })
      assert.throws(() => createSecureContext({ pfx: made.payload, passphrase: 'other' }))
      assert.deepEqual(made.certificate, { friendlyName: 'my pump' })
      assert.doesNotMatch(JSON.stringify(running.seen(0)), /planted-secret/)
    })

    it('takes the password of the node, and refuses to do without', async () => {
      const running = await flow(
        certificate,
        { ...config, action: 'p12' },
        { hub: hub as FakeHub, credentials: { n: { password: 'of the node' } } },
      )
      const [, { payload }] = await both(running, { action: 'issue' })
      const made = await one(running, { payload })
      createSecureContext({ pfx: made.payload, passphrase: 'of the node' })
      assert.equal((await failing(running, { payload: {} })).code, 'REQUEST_INVALID')
      await unload()
      const without = await open({ action: 'p12' })
      const { code, message } = await failing(without, { payload })
      assert.equal(code, 'REQUEST_INVALID')
      assert.doesNotMatch(message, /PRIVATE KEY/)
    })

    it('registers a CA of someone else, and takes the proof', async () => {
      const running = await open()
      const [root, other] = await Promise.all(['a', 'b'].map(hubId => createRoot({ hubId, now: Date.now(), random })))
      const registered = (await one(running, { action: 'register-ca', payload: { pem: root!.pem, name: 'theirs' } })).payload
      const { spki } = await generateKey('ec-p256')
      const proofBy = (ca: typeof root) =>
        issuer(ca!).issue({ profile: 'device', hubId: 'a', id: registered.code, spki, now: Date.now(), random }).pem
      const options = { action: 'verify-ca', certificate: { ca: registered.id } }
      assert.equal((await failing(running, { ...options, payload: proofBy(other) })).code, 'PKI_PROOF_FAILED')
      const active = (await one(running, { ...options, payload: proofBy(root) })).payload
      assert.deepEqual([active.id, active.status, active.name], [registered.id, 'active', 'theirs'])
      for (const trust of ['everything', '']) {
        const refused = await failing(running, { action: 'register-ca', payload: { pem: other!.pem, trust } })
        assert.equal(refused.code, 'REQUEST_INVALID')
      }
    })

    it('does an array item by item', async () => {
      const running = await open()
      await hub.devices.register({ id: 'd2' })
      const [made, keys] = await both(running, { payload: ['d1', { device: 'no' }, { id: 'd2', keyType: 'ec-p384' }] })
      assert.deepEqual(
        made.results.map(({ id, ok, error }: any) => [id, ok, error?.code]),
        [
          ['d1', true, undefined],
          ['no', false, 'IDENTITY_NOT_FOUND'],
          ['d2', true, undefined],
        ],
      )
      for (const { payload } of [made, keys])
        assert.deepEqual(
          payload.map(({ device }: Received) => device),
          ['d1', 'd2'],
        )
      assert.doesNotMatch(JSON.stringify(made), /PRIVATE KEY/)
    })

    it('says what is wrong with a message', async () => {
      const running = await open()
      const wrongName = createCsr({ id: 'other', ...(await generateKey('ec-p256')) })
      for (const [msg, code] of [
        [{ action: 'explode' }, 'NODE_CONFIG'],
        [{ action: 'toString' }, 'NODE_CONFIG'],
        [{ action: 'sign', payload: {} }, 'PKI_CSR_INVALID'],
        [{ action: 'sign', payload: '-----BEGIN CERTIFICATE REQUEST-----' }, 'PKI_CSR_INVALID'],
        [{ action: 'sign', device: 'd1', payload: wrongName }, 'PKI_SUBJECT_MISMATCH'],
        [{ action: 'renew' }, 'READING_DEVICE'],
        [{ action: 'revoke' }, 'READING_DEVICE'],
        [{ action: 'revoke', device: 'd1' }, 'CRED_NOT_FOUND'],
        [{ action: 'revoke', device: 'd1', certificate: { reason: 'toString' } }, 'REQUEST_INVALID'],
        [{ payload: 'nobody' }, 'IDENTITY_NOT_FOUND'],
        [{ payload: { keyType: 'rsa-512' } }, 'PKI_KEY_REFUSED'],
        [{ payload: { days: 0 } }, 'REQUEST_INVALID'],
        [{ payload: { device: 7 } }, 'REQUEST_INVALID'],
        [{ certificate: { overlapMs: 'long' } }, 'REQUEST_INVALID'],
        [{ action: 'crl', payload: { ca: 'no' } }, 'NOT_FOUND'],
        [{ action: 'register-ca' }, 'PKI_CA_INVALID'],
        [{ action: 'verify-ca' }, 'REQUEST_INVALID'],
        [{ action: 'verify-ca', payload: { ca: 'issuing-1' } }, 'PKI_PROOF_FAILED'],
      ] as const)
        assert.equal((await failing(running, msg)).code, code, JSON.stringify(msg).slice(0, 80))
    })
  })

  describe('on output 3', () => {
    const event = (more: object): HubEvent =>
      ({ type: 'credential', at: 5, id: 'd1', cid: 'c1', kind: 'x509', event: 'expiring', ...more }) as HubEvent

    /** An answer, if only a refusal, comes after the subscription. */
    const ready = (running: Pick<Flow, 'send' | 'error'>) => failing(running, { action: 'explode' })

    it('tells what ends, of any device or of those it watches', async () => {
      const hub = fakeHub()
      const running = await flow(certificate, config, { hub })
      await ready(running)
      const three = running.outputs(3, 2)
      hub.emit(event({ notAfter: 9, daysLeft: 7 }))
      hub.emit(event({ event: 'activated' }))
      hub.emit({ type: 'health', status: 'ok', at: 1 })
      hub.emit(event({ event: 'superseded', kind: 'sas' }))
      hub.emit(event({ id: 'd2', event: 'renewal-due' }))
      const [first, second, third] = (await three).map(({ _msgid: _, ...msg }) => msg)
      assert.deepEqual(first, {
        payload: { event: 'expiring', cid: 'c1', kind: 'x509', notAfter: 9, daysLeft: 7 },
        device: 'd1',
        time: 5,
        topic: 'expiring',
      })
      assert.deepEqual(
        [second!.topic, second!.payload.kind, third!.device, third!.topic],
        ['superseded', 'sas', 'd2', 'renewal-due'],
      )
      assert.deepEqual([running.seen(0), running.seen(1)], [[], []])

      await unload()
      const watching = await flow(certificate, { ...config, watch: 'd2, d3' }, { hub })
      await ready(watching)
      const only = watching.outputs(1, 2)
      hub.emit(event({}))
      hub.emit(event({ id: 'd2' }))
      assert.equal((await only)[0]!.device, 'd2')
    })

    it('is silent once the node is gone', async () => {
      const hub = fakeHub()
      const { node, send, error, seen } = await flow(certificate, config, { hub })
      await ready({ send, error })
      const before = hub.listening
      await node.close(true)
      assert.equal(hub.listening, before - 1)
      hub.emit(event({}))
      assert.deepEqual(seen(2), [])
    })

    it('renews what falls due if it is wired back', async () => {
      const hub = fakeHub()
      const asked: string[] = []
      hub.identity.rotate = async ({ id }) => {
        asked.push(id)
        throw new TypeError('enough')
      }
      const running = await flow(certificate, { ...config, action: 'renew' }, { hub })
      await ready(running)
      const due = running.outputs(1, 2)
      hub.emit(event({ event: 'renewal-due', notAfter: 9 }))
      const failed = running.error()
      running.send((await due)[0]!)
      await failed
      assert.deepEqual(asked, ['d1'])
    })
  })

  it('refuses settings that do not fit', async () => {
    for (const wrong of [{ days: '0' }, { days: 'long' }, { overlapDays: '-1' }]) {
      const { error } = await flow(certificate, { ...config, ...wrong }, { hub: fakeHub() })
      assert.equal((await error()).code, 'NODE_CONFIG')
      await unload()
    }
  })

  it('without a hub says so', async () => {
    const { error } = await flow(certificate, config)
    assert.equal((await error()).code, 'HUB_MISSING')
  })
})
