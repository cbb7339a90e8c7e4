import assert from 'node:assert/strict'
import type { IClientOptions } from 'mqtt'
import { withoutSecrets } from '../../src/errors.ts'
import { inHours, sasToken } from '../sas-token.ts'
import type { SecretHouse } from './secret-house.ts'
import { basic, hubPath } from './secret-uses.ts'

/** One secret of each kind, as text. */
export interface Misused {
  secrets: Record<string, string>
  /** what a person might choose: nobody can tell it from a name */
  phrases: Record<string, string>
}

const last = (text: string): string => (text.endsWith('A') ? 'B' : 'A')
/** Nearly the same: of a signature or key the last sign but two. */
const spoilt = (text: string): string => `${text.slice(0, -3)}${last(text.slice(0, -2))}${text.slice(-2)}`

/** Puts each secret where it does not belong: where errors, events and logs might repeat it. */
export async function misuse(house: SecretHouse, { secrets, phrases }: Misused): Promise<void> {
  const { ask, device, connect, hubId } = house
  const api = (method: string, path: string, body?: unknown, headers = {}) =>
    ask(method, `${hubPath}${path}`, { ...(body !== undefined && { body }), headers })
  let [count, unknown] = [0, 0]
  for (const [name, secret] of Object.entries({ ...secrets, ...phrases })) {
    const id = `misused-${++count}`
    const url = encodeURIComponent(secret)
    const oneLine = secret.replace(/[\r\n]+/g, ' ')
    // What looks like a name may be one: whoever asks with it is told so, and what is made with it is called so.
    const chosen = name in phrases || withoutSecrets(secret) === secret
    assert.ok(!chosen || name in phrases || unknown++ < 1, 'keys are not known by their looks')
    const nameLike = chosen || /^[\w:.-]{1,128}$/.test(secret)
    await Promise.all([
      // bodies that are no JSON
      ...['/devices', '/enrolments', '/certificates', '/cas', '/claims', '/policies'].map(path =>
        ask('POST', `${hubPath}${path}`, { raw: `{"id": "${id}", "password": "${oneLine}` }),
      ),
      ask('POST', `${hubPath}/devices`, { raw: secret }),
      ask('POST', `${hubPath}/devices`, { raw: secret, type: 'text/plain' }),
      ask('POST', `${hubPath}/devices/import`, { raw: `id,${oneLine}\nx,1`, type: 'text/csv' }),
      ask('POST', `${hubPath}/devices/import`, { raw: `id,kind\nx,"${oneLine}"y`, type: 'text/csv' }),
      // values that there are not
      api('POST', '/devices', { id, enabled: secret }),
      api('POST', '/devices', { id, credentials: secret }),
      api('POST', '/devices', { id, credentials: { kind: 'x509', certificatePem: secret } }),
      api('POST', '/devices', { id, credentials: { kind: 'x509', csrPem: secret } }),
      api('POST', '/devices', { id, credentials: { kind: 'sas', primaryKey: `${secret}!` } }),
      api('POST', '/enrolments', { id, kind: 'group', attestation: { kind: 'sas', primaryKey: `${secret}!` } }),
      api('POST', '/enrolments', { id, kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem: secret }] } }),
      api('POST', '/enrolments', { id, kind: 'individual', registrationId: 'x', attestation: { kind: 'x509', primary: secret } }),
      api('POST', '/claims', { id, templates: ['pumps'], pem: secret }),
      api('POST', '/certificates', { csrPem: secret }),
      api('POST', '/certificates', { format: 'p12', password: `${secret}\0` }),
      api('POST', '/cas', { pem: secret }),
      api('POST', '/cas/import', { pem: secret, passphrase: secret }),
      api('POST', '/cas/root/restore', { pem: secret, passphrase: secret }),
      api('POST', '/cas/theirs/verify', { proofPem: secret }),
      api('POST', '/audit/verify', { upTo: { signature: secret } }),
      api('POST', '/templates', { name: 'bad', body: `{"Resources": "${oneLine}` }),
      api('POST', '/policies', { id, text: `{"Statement": "${oneLine}` }),
      api('PUT', `/issuers/${id}`, { issuer: 'x', audience: 'y', algorithm: 'EdDSA', keys: { publicKeyPem: secret } }),
      api('PUT', `/issuers/${id}`, {
        issuer: 'x',
        audience: 'y',
        algorithm: 'EdDSA',
        keys: { jwksUrl: `https://user:${url}@127.0.0.1:1/` },
      }),
      // headers and user names that nobody has
      api('PATCH', '/devices/sas-1', { enabled: true }, { 'if-match': `"${url}"` }),
      device('/v1/devices/sas-1/telemetry', { headers: { authorization: `SharedAccessSignature ${url}` } }),
      device('/v1/devices/sas-1/telemetry', { headers: { authorization: `Bearer ${url}` } }),
      device('/v1/devices/sas-1/telemetry', { headers: { authorization: url } }),
      device('/v1/devices/sas-1/telemetry', { headers: basic('pw-1', spoilt(secret)) }),
      device('/v1/devices/sas-1/telemetry', { headers: basic(secret, 'pw-1') }),
      device(`/v1/devices/sas-1/telemetry?token=${url}`),
      ask('POST', `${hubPath}/v1/devices/pw-1/telemetry`, { body: {}, headers: basic(secret, 'x') }),
      ask('POST', `${hubPath}/v1/devices/pw-1/telemetry`, { body: {}, headers: { authorization: `Bearer ${url}` } }),
    ])
    // Paths and queries: what a person chose can be a name, and who asked with it is told that there is none of that name.
    if (!chosen) {
      const paths = ['devices', 'issuers', 'cas', 'policies', 'groups', 'enrolments', 'templates', 'claims', 'operations'].map(
        what => `/${what}/${url}${what === 'cas' ? '/certificate.pem' : ''}`,
      )
      const queries = [
        `devices?query=${url}`,
        `devices?query=enabled:${url}`,
        `devices?limit=${url}`,
        `devices?cursor=${url}`,
        `devices?${url}=1`,
      ]
      await Promise.all([
        ...[...paths, ...queries.map(query => `/${query}`), `/${url}`, `/allow-lists/${url}/entries`].map(path =>
          api('GET', path),
        ),
        api('GET', `/policies/who-may?action=${url}`),
        api('GET', `/audit?limit=${url}`),
        api('GET', `/devices/sas-1/telemetry?from=${url}`),
        api('DELETE', `/devices/sas-1/credentials/${url}`),
        api('DELETE', `/consumers/${url}`),
        api('DELETE', `/devices/sas-1/credentials/x?reason=${url}`),
        api('POST', `/provisioning/pending/${url}/approve`),
        api('POST', `/deadletters/${url}/replay`),
        api('POST', '/groups/none/members', { devices: [secret] }),
        api('GET', `/models/${url}`),
        api('POST', '/models', { id: `${secret} !`, source: 'none', document: {} }),
        api('POST', '/models', { id, source: 'json-schema', document: { $ref: secret } }),
        api('POST', '/models', { id, source: 'json-schema', document: { format: secret, pattern: '(a+)+', [secret]: 1 } }),
        api('PUT', '/model-settings', { default: secret }),
        api('POST', '/schemas', { subject: `${secret}\n`, schema: '"int"' }),
        api('POST', '/schemas', { subject: 'x', schema: secret }),
        api('POST', '/schemas', { subject: 'x', schema: JSON.stringify({ type: 'fixed', name: `${secret}!`, size: 1 }) }),
        api('POST', '/schemas', { subject: 'x', schema: '"int"', references: [{ name: secret, subject: secret, version: 1 }] }),
        api('GET', `/registry/subjects/${url}/versions/${url}`),
        api('PUT', '/registry/config', { compatibility: secret }),
        api('GET', `/reference/${url}`),
        api('POST', '/reference', { name: `${secret} !`, rows: {} }),
        api('POST', '/reference', { name: 'bad', rows: [{ id: secret }, { id: secret }], key: secret }),
        api('POST', '/reference', { name: 'bad', sqlite: { file: secret, table: secret } }),
        api('POST', '/allow-lists', { name: `${secret} !` }),
        api('PUT', `/cas/root/template`, { template: secret.slice(0, 36) }),
        ask('POST', `${hubPath}/devices`, { raw: 'x', type: `text/${secret.replace(/[^\w]/g, '')}` }),
        api('POST', '/devices', { id, [secret]: 1 }),
        api('POST', '/devices', { id, credentials: { kind: secret } }),
        api('POST', '/enrolments', { id, kind: 'group', attestation: { kind: secret } }),
        api('POST', '/certificates', { keyType: secret }),
        api('POST', '/templates', { name: 'bad', body: { Resources: { [secret]: 1 } } }),
        ask('GET', `/thingloom/${url}/health`),
        device(`/v1/devices/${url}/telemetry`),
        device(`/0ne1/registrations/${url}/register`, { method: 'PUT', body: secret }),
        device(`/topics/${url}?qos=1`),
        ask('POST', `/thingloom/${hubId}/v1/devices/${url}/telemetry`, { body: {} }),
      ])
    }
    if (!nameLike)
      await Promise.all([
        api('DELETE', `/registrations/${url}`),
        ask('POST', `${hubPath}/devices/import`, { raw: `id,kind\n${oneLine},sas`, type: 'text/csv' }),
        api('POST', '/devices', { id, credentials: { kind: 'x509-group', caId: secret } }),
        api('POST', '/devices', { id, credentials: { kind: 'sas-derived', groupId: secret } }),
        api('POST', '/devices', { id, credentials: { kind: 'jwt', tokenIssuer: secret } }),
        api('POST', '/devices', { id: secret }),
        api('POST', '/groups', { id: secret }),
        api('POST', '/groups', { id, parent: secret }),
        api('POST', '/policies', { id: secret, document: {} }),
        api('POST', '/claims', { id, templates: [secret] }),
      ])
    const host = 'main.test'
    const connects: IClientOptions[] = [
      { clientId: 'sas-1', username: secret, password: 'x' },
      { clientId: 'sas-1', username: `${host}/sas-1/?api-version=2021-04-12`, password: secret },
      {
        clientId: 'sas-1',
        username: `${host}/sas-1/?api-version=2021-04-12`,
        password: `SharedAccessSignature sr=${url}&sig=${url}&se=${inHours(1)}`,
      },
      {
        clientId: 'sas-1',
        username: `${host}/sas-1/?api-version=2021-04-12`,
        password: sasToken({ host, deviceId: 'sas-1', key: spoilt(secret), expiresS: inHours(1) }),
      },
      { clientId: 'pw-1', username: 'unit one', password: spoilt(secret) },
      { clientId: 'jwt-1', username: `x?x-amz-customauthorizer-name=checker&tok=${url}&x-amz-customauthorizer-signature=${url}` },
    ]
    if (!chosen)
      connects.push(
        { clientId: secret.slice(0, 256), username: 'x', password: 'x' },
        { clientId: secret.slice(0, 256) },
        { clientId: 'sas-1', username: `${host}/${url}/?api-version=2021-04-12`, password: secret },
        { clientId: 'sas-1', username: `0ne1/registrations/${url}/api-version=2019-03-31`, password: secret },
        { clientId: 'jwt-1', username: `x?x-amz-customauthorizer-name=${url}`, password: secret },
      )
    await Promise.all(
      connects.map(async (options, at) => {
        // A token is let in where it belongs.
        const { client } = (await connect(options, { plain: at % 2 === 0 }).catch(() => undefined)) ?? {}
        await client?.endAsync(true)
      }),
    )
    for (const to of ['device', 'certificate', 'provision', 'simulator'])
      for (const message of [
        { payload: { id, credentials: { kind: secret } } },
        { action: 'p12', payload: { privateKeyPem: secret, chainPem: secret }, certificate: { password: secret } },
        { action: 'sign', payload: { csrPem: secret } },
        { action: 'claim', payload: { id: 'x', pem: secret } },
        { action: 'enrol', payload: { id: 'x', kind: 'group', attestation: { kind: 'sas', primaryKey: `${secret}!` } } },
        { action: 'start', claim: { certificatePem: secret, privateKeyPem: secret } },
        ...(chosen ? [] : [{ action: secret }]),
        ...(nameLike ? [] : [{ device: secret, payload: { id: secret } }]),
      ])
        await ask('POST', `/flow/${to}`, { body: message })
  }
}
