import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { handleDps, handleDpsHttp } from '../../src/dialects/azure/dps-handlers.ts'
import type { WireAnswer } from '../../src/dialects/dialect.ts'
import { classifyTopic } from '../../src/dialects/topic-table.ts'
import { readConnect } from '../../src/dialects/connect.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { verifyChain } from '../../src/pki/chain.ts'
import { type Attested, createAttestor } from '../../src/provisioning/attest.ts'
import type { Dps } from '../../src/provisioning/dps-port.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { codeOf, start } from '../pki/make.ts'
import { createClock, dpsHouse } from './dps-house.ts'

const stores: [string, (folder: string) => Promise<StateStore>][] = [
  ['sqlite', folder => openSqliteStateStore({ path: join(folder, 'identity.db'), now: () => start })],
  ['json', folder => openJsonStateStore({ path: join(folder, 'identity.json'), now: () => start, coalesceMs: 0 })],
]

/** One request of a device, from its topic to the answer on the wire. */
async function exchange(dps: Dps, who: Attested, topic: string, payload: string): Promise<WireAnswer> {
  const request = classifyTopic('dps', topic, { deviceId: who.registrationId })
  assert.ok(request.kind === 'request', topic)
  return handleDps({ dps, who, request, payload: Buffer.from(payload), ip: '192.0.2.7', sniHost: 'dps.test', now: start })
}

for (const [name, open] of stores)
  describe(`a device that nobody configured, over ${name}`, () => {
    let folder: string
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'loom-dps-'))
    })
    after(() => rm(folder, { recursive: true, force: true }))

    it('connects with a derived key, registers, polls past a restart, and is assigned', async () => {
      const clock = createClock()
      const store = await open(folder)
      const house = await dpsHouse({ store, clock })
      const { secrets } = await house.group({ approval: 'manual' })

      const form = readConnect({
        clientId: 'Pump-7',
        username: '0ne1/registrations/Pump-7/api-version=2019-03-31&ClientVersion=x',
      })
      assert.ok(!('error' in form) && form.family === 'dps')
      const { deviceId: registrationId, idScope } = form
      const resource = `${idScope}/registrations/${registrationId}`
      const token = signSas({ key: deriveKey(secrets!.primaryKey, registrationId), resource, expiresAt: start + 60_000 })
      const attestor = createAttestor({ enrolments: house.enrolments, verifyChain, sasClockSkewS: 300 })
      const who = await attestor.attest({ registrationId, idScope: idScope!, token, now: start })

      const REGISTER = '$dps/registrations/PUT/iotdps-register/?$rid='
      const STATUS = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid='
      const first = await exchange(house.dps, who, `${REGISTER}1`, `{"registrationId":"Pump-7","payload":{"line":4}}`)
      assert.match(first.topic, /^\$dps\/registrations\/res\/202\/\?\$rid=1&retry-after=2$/)
      const { operationId } = JSON.parse(first.payload)
      await house.dps.idle()
      const waiting = await exchange(house.dps, who, `${STATUS}2&operationId=${operationId}`, ' ')
      assert.match(waiting.topic, /res\/202\/\?\$rid=2&retry-after=2$/)
      await house.dps.close()
      await store.close()

      const opened = await open(folder)
      const again = await dpsHouse({ store: opened, clock })
      const [pending] = (await again.dps.pending()).items
      assert.deepEqual(pending?.payload, { line: 4 })
      await again.dps.approve({ operationId, by: 'user anna' })
      await again.dps.idle()
      const done = await exchange(again.dps, who, `${STATUS}3&operationId=${operationId}`, '')
      assert.equal(done.topic, '$dps/registrations/res/200/?$rid=3')
      const { registrationState } = JSON.parse(done.payload)
      assert.deepEqual([registrationState.deviceId, registrationState.assignedHub], ['Pump-7', 'dps.test'])

      const other = await exchange(again.dps, { ...who, registrationId: 'Pump-8' }, `${STATUS}4&operationId=${operationId}`, '')
      assert.match(other.topic, /res\/404\//)
      assert.equal(JSON.parse(other.payload).errorCode, 404201)
      assert.equal((await again.dps.lookup(who)).deviceId, 'Pump-7')
      await again.enrolments.update('fleet', { enabled: false })
      const disabled = await exchange(again.dps, who, `${REGISTER}5`, '{}')
      assert.match(disabled.topic, /res\/401\//)
      assert.equal(JSON.parse(disabled.payload).errorCode, 401002)
      await assert.rejects(again.dps.lookup(who), codeOf('PROV_NO_OPERATION'))
      await again.dps.close()
      await opened.close()
    })

    it('may do the same over HTTP, where a stranger hears nothing and a broken store is no verdict', async () => {
      const store = await open(await mkdtemp(join(folder, 'http-')))
      const house = await dpsHouse({ store })
      const { secrets } = await house.group()
      const attestor = createAttestor({ enrolments: house.enrolments, verifyChain, sasClockSkewS: 300 })
      const resource = '0ne1/registrations/Cam-1'
      const token = signSas({ key: deriveKey(secrets!.primaryKey, 'Cam-1'), resource, expiresAt: start + 60_000 })
      const ask = (method: string, path: string, body = '', authorization: string | undefined = token) =>
        handleDpsHttp({
          ...{ dps: house.dps, attestor, method, path, body: Buffer.from(body), ip: '192.0.2.7', now: start },
          ...(authorization !== '' && { authorization }),
        })
      const path = '/0ne1/registrations/Cam-1'
      assert.equal((await ask('POST', path))?.status, 404)
      const first = await ask('PUT', `${path}/register?api-version=2021-06-01`, '{"registrationId":"cam-1"}')
      assert.equal(first?.status, 202)
      await house.dps.idle()
      const operation = `${path}/operations/${JSON.parse(first!.body).operationId}`
      assert.equal((await ask('GET', operation))?.status, 200)
      assert.equal(JSON.parse((await ask('POST', path))!.body).assignedHub, 'hub.test')
      assert.equal((await ask('GET', operation, '', ''))?.status, 401)
      assert.equal((await ask('GET', operation.replace('Cam-1', 'Cam-2')))?.status, 401)
      assert.equal((await ask('PUT', `${path}/register`, '{'))?.status, 400)
      assert.equal(await ask('GET', '/health'), undefined)
      await house.dps.close()
      await store.close()
      const broken = await ask('POST', path)
      assert.equal(broken?.status, 500)
      assert.equal(broken?.headers['Retry-After'], '30')
    })

    it('many at once each get their own answer, and a list of them is spent', async () => {
      const store = await open(await mkdtemp(join(folder, 'many-')))
      const house = await dpsHouse({ store })
      await house.allowLists.create('batch')
      const ids = Array.from({ length: 100 }, (_, at) => `many-${at}`)
      await house.allowLists.add(
        'batch',
        ids.map(serial => ({ serial })),
      )
      await house.group({ allowList: 'batch', quota: 60 })
      const whos = ids.map(
        registrationId => ({ enrolmentId: 'fleet', enrolmentKind: 'group', kind: 'sas', registrationId }) as const,
      )
      const begun = await Promise.all(whos.map(who => house.register(who)))
      await house.dps.idle()
      const ends = await Promise.all(whos.map((who, at) => house.dps.status(who, begun[at]!)))
      assert.equal(ends.filter(({ status }) => status === 'assigned').length, 60)
      assert.ok(ends.every(({ registration }, at) => !registration || registration.deviceId === ids[at]))
      assert.equal((await house.allowLists.entries('batch', { limit: 1000 })).items.filter(({ spentBy }) => spentBy).length, 60)
      await house.dps.close()
      await store.close()
    })
  })
