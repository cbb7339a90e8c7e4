import assert from 'node:assert/strict'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { type Delivered, flags, kinds } from '../../src/journal/journal-port.ts'
import type { ActionOrder } from '../../src/routing/action/action.ts'
import { until } from '../until.ts'
import { webhookServer } from '../webhook-server.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

/** What every hub does, in-process or behind a port. `open` gives a fresh, empty hub. */
export function hubContract(name: string, open: () => Promise<Hub>): void {
  describe(`hub ${name}`, () => {
    let hub: Hub
    beforeEach(async () => {
      hub = await open()
    })
    afterEach(() => hub.close())

    it('registers a device, shows key material once and never again', async () => {
      const { device, secrets } = await hub.devices.register({
        id: 'pump-1',
        credentials: { kind: 'sas' },
        tags: { site: 'b' },
        attributes: { rev: '7' },
        desired: { on: true },
      })
      assert.equal(device.enabled, true)
      assert.deepEqual(device.tags, { site: 'b' })
      assert.match(secrets!.primaryKey!, /^[A-Za-z0-9+/]{43}=$/)
      assert.match(secrets!.connectionString!, /^HostName=.*;DeviceId=pump-1;SharedAccessKey=/)
      const seen = JSON.stringify([await hub.devices.get({ id: 'pump-1' }), await hub.devices.list({}), device])
      assert.ok(!seen.includes(secrets!.primaryKey!) && !seen.includes(secrets!.secondaryKey!))
      assert.equal(device.credentials[0]!.hasSecret, true)
    })

    it('keeps a policy, attaches it to a group, and says what it would say', async () => {
      await hub.devices.register({ id: 'pump-1', attributes: { line: '7' } })
      const text = JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'line',
            Effect: 'Allow',
            Action: 'iot:Publish',
            // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
            Resource: 'arn:aws:iot:eu-west-1:1:topic/line/${iot:Connection.Thing.Attributes[line]}/*',
          },
        ],
      })
      const { etag } = await hub.policies.create({ id: 'line', text, by: 'test' })
      await hub.groups.create({ id: 'plant' })
      await hub.groups.add({ group: 'plant', devices: ['pump-1'] })
      await hub.policies.attach({ policy: 'line', target: { group: 'plant' } })
      const ask = (topic: string) => hub.policies.test({ device: 'pump-1', action: 'iot:Publish', topic })
      const answer = await ask('line/7/temp')
      assert.deepEqual([answer.verdict, answer.statement], ['allow', { policyId: 'line', index: 0, sid: 'line' }])
      assert.equal(answer.variables['iot:Connection.Thing.Attributes[line]'], '7')
      assert.equal((await ask('line/8/temp')).verdict, 'none')
      assert.deepEqual(
        (await hub.policies.whoMay({ action: 'Publish', topic: 'line/7/x' })).items.map(({ id }) => id),
        ['pump-1'],
      )
      await assert.rejects(hub.policies.delete({ id: 'line' }), { code: 'POLICY_ATTACHED' })
      await assert.rejects(
        hub.policies.update({
          id: 'line',
          text: text.replace(']}', ''),
          etag,
        }),
        (error: any) => error.code === 'POLICY_INVALID' && error.position !== undefined,
      )
      await hub.groups.remove({ group: 'plant', devices: ['pump-1'] })
      assert.equal((await ask('line/7/temp')).verdict, 'none')
    })

    it('brings what a configuration desires to the devices its query finds, and takes it away again', async () => {
      for (const [id, site] of [
        ['pump-1', 'a'],
        ['pump-2', 'b'],
        ['pump-3', 'a'],
      ] as const)
        await hub.devices.register({ id, tags: { site } })
      const heard: string[] = []
      await hub.consume(
        { name: 'rollouts', filter: { kinds: [kinds.configuration] }, start: 'earliest' },
        {
          deliver(records) {
            for (const { device, payload } of records) {
              const { configuration, event } = JSON.parse(Buffer.from(payload).toString())
              heard.push(`${configuration} ${event} ${device}`)
            }
          },
        },
      )
      const { configurations, twins } = hub
      const low = { id: 'all', text: '*', desired: { log: { level: 'warn', size: 5 } }, by: 'user anna' }
      const made = await configurations.put(low)
      assert.deepEqual([made.priority, made.enabled, made.version, made.dialect], [0, true, 1, 'aws'])
      await configurations.put({
        id: 'site-a',
        dialect: 'azure',
        text: "SELECT * FROM devices WHERE tags.site = 'a'",
        priority: 10,
        desired: { log: { level: 'debug' } },
        by: 'user anna',
      })
      await until(async () => (await configurations.metrics({ id: 'all' })).applied === 3)
      await until(async () => (await configurations.metrics({ id: 'site-a' })).applied === 2)
      const desired = async (id: string) => (await twins.get({ id })).desired
      assert.deepEqual(await desired('pump-1'), { log: { level: 'debug', size: 5 } })
      assert.deepEqual(await desired('pump-2'), { log: { level: 'warn', size: 5 } })
      const { conflicts, targeted } = await configurations.metrics({ id: 'all' })
      assert.deepEqual([targeted, conflicts], [3, 2])
      const losers = await configurations.devices({ id: 'all', state: 'conflict', limit: 1 })
      assert.deepEqual(losers, { items: [{ device: 'pump-1', standing: 'applied', lost: ['/log/level'] }], next: 'pump-1' })
      await twins.report({ id: 'pump-2', reported: { log: { level: 'warn', size: 5 } } })
      assert.deepEqual(
        (await configurations.devices({ id: 'all', state: 'converged' })).items.map(({ device }) => device),
        ['pump-2'],
      )
      await hub.devices.update({ id: 'pump-1', tags: { site: 'b' } })
      await until(async () => JSON.stringify(await desired('pump-1')) === '{"log":{"level":"warn","size":5}}')
      const moved = await configurations.metrics({ id: 'site-a' })
      assert.deepEqual([moved.targeted, moved.applied], [1, 1])
      const other = { ...low, desired: { log: { level: 'error' } }, canary: 0.000001, etag: made.etag }
      const changed = await configurations.put(other)
      await until(async () => Object.keys(await desired('pump-2')).length === 0)
      assert.equal((await configurations.metrics({ id: 'all' })).held, 3)
      await assert.rejects(configurations.put(other), { code: 'CONFIGURATION_CONFLICT' })
      const promoted = await configurations.promote({ id: 'all', etag: changed.etag })
      assert.deepEqual([promoted.canary, promoted.version], [undefined, 2])
      await until(async () => (await configurations.metrics({ id: 'all' })).applied === 2)
      assert.deepEqual(await desired('pump-2'), { log: { level: 'error' } })
      assert.equal((await configurations.metrics({ id: 'all' })).overruled, 1)
      await configurations.delete({ id: 'all' })
      await until(async () => Object.keys(await desired('pump-2')).length === 0)
      await assert.rejects(configurations.get({ id: 'all' }), { code: 'CONFIGURATION_NOT_FOUND' })
      assert.deepEqual(
        (await configurations.list({})).items.map(({ id }) => id),
        ['site-a'],
      )
      await until(() => heard.filter(line => line === 'all left pump-2').length === 2)
      assert.deepEqual(
        heard.filter(line => line.endsWith('pump-2')),
        ['applied', 'converged', 'left', 'applied', 'left'].map(event => `all ${event} pump-2`),
      )
      const wrong: [Partial<Parameters<typeof configurations.put>[0]>, string][] = [
        [{ text: 'shadow.desired.x:1' }, 'CONFIGURATION_INVALID'],
        [{ text: 'shadow.hasDelta:true' }, 'CONFIGURATION_INVALID'],
        [{ text: 'thingName:a*b' }, 'QUERY_SYNTAX'],
        [{ desired: { a: null } }, 'CONFIGURATION_INVALID'],
        [{ desired: { $a: 1 } }, 'TWIN_INVALID'],
        [{ priority: 0.5 }, 'CONFIGURATION_INVALID'],
        [{ etag: '9' }, 'CONFIGURATION_CONFLICT'],
      ]
      for (const [part, code] of wrong) await assert.rejects(configurations.put({ ...low, id: 'bad', ...part }), { code })
      await hub.fleet.createGroup({ id: 'dyn', text: '*' })
      await assert.rejects(configurations.put({ ...low, text: 'thingGroupNames:dyn' }), { code: 'GROUP_DYNAMIC' })
    })

    it('answers questions about the fleet in either syntax, with pages and figures', async () => {
      for (let i = 0; i < 5; i++)
        await hub.devices.register({ id: `pump-${i}`, attributes: { model: 'x' }, tags: { site: i % 2 ? 'a' : 'b' } })
      for (let i = 0; i < 5; i++) await hub.twins.report({ id: `pump-${i}`, reported: { t: i * 10 } })
      await hub.twins.patch({ id: 'pump-4', desired: { on: true }, tags: { vip: true } })
      await hub.twins.report({ id: 'pump-0', name: 'cfg', reported: { v: 2 } })
      const idsOf = async (o: Parameters<Hub['fleet']['query']>[0]) => (await hub.fleet.query(o)).items.map(({ id }) => id)
      assert.deepEqual(await idsOf({ text: 'shadow.reported.t:[10 TO 30} thingTypeName:x' }), ['pump-1', 'pump-2'])
      assert.deepEqual(await idsOf({ dialect: 'azure', text: 'SELECT * FROM devices WHERE tags.vip = true' }), ['pump-4'])
      assert.deepEqual(await idsOf({ ast: { op: 'cmp', path: 'twin.hasDelta', is: '=', value: true } }), ['pump-4'])
      assert.deepEqual(await idsOf({ text: 'shadow.name.cfg.reported.v:2' }), ['pump-0'])
      const first = await hub.fleet.query({ text: '*', limit: 2 })
      await hub.devices.register({ id: 'pump-00' })
      await hub.devices.delete({ id: 'pump-1' })
      assert.deepEqual(await idsOf({ text: '*', cursor: first.next! }), ['pump-2', 'pump-3', 'pump-4'])
      const grouped = 'SELECT COUNT() AS n, MAX(properties.reported.t) AS t, tags.site FROM devices GROUP BY tags.site'
      assert.deepEqual((await hub.fleet.query({ dialect: 'azure', text: grouped })).items, [
        { site: null, n: 1, t: null },
        { site: 'a', n: 1, t: 30 },
        { site: 'b', n: 3, t: 40 },
      ])
      const aggregate = { figures: { p: { fn: 'percentiles' as const, path: 'twin.reported.t', percents: [50] } } }
      assert.deepEqual((await hub.fleet.aggregate({ text: 'tags.site:b', aggregate })).items, [{ p: { 50: 20 } }])
      const listed = await hub.devices.list({ dialect: 'aws', query: 'tags.site:b', limit: 2 })
      assert.deepEqual(
        listed.items.map(({ id }) => id),
        ['pump-0', 'pump-2'],
      )
      assert.ok(listed.next)
      await assert.rejects(hub.fleet.query({ text: 'thingName:a*b' }), { code: 'QUERY_SYNTAX', position: 11 })
      await assert.rejects(hub.fleet.query({ text: '*', limit: 1001 }), { code: 'QUERY_LIMIT' })
      await assert.rejects(hub.fleet.query({ text: '*', cursor: 'x' }), { code: 'QUERY_SYNTAX' })
      assert.equal((await hub.fleet.state({})).devices, 5)
    })

    it('keeps dynamic groups, tells flows who joins and leaves, and gives them no policies', async () => {
      await hub.devices.register({ id: 'pump-1', tags: { site: 'a' } })
      await hub.groups.create({ id: 'plant' })
      await hub.groups.create({ id: 'hall', parent: 'plant' })
      const made = await hub.fleet.createGroup({ id: 'hot', text: 'thingGroupNames:plant shadow.reported.t>30', by: 'user anna' })
      assert.deepEqual([made.members, made.text], [0, 'thingGroupNames:plant shadow.reported.t>30'])
      const told: Delivered[] = []
      const consumer = await hub.consume(
        { name: 'groups', filter: { kinds: [kinds.membership] }, start: 'earliest' },
        { deliver: records => void told.push(...records) },
      )
      await hub.twins.report({ id: 'pump-1', reported: { t: 40 } })
      await hub.groups.add({ group: 'hall', devices: ['pump-1'] })
      await until(() => told.length === 1)
      assert.deepEqual((await hub.fleet.members({ group: 'hot' })).items, ['pump-1'])
      assert.deepEqual((await hub.fleet.groupsOf({ device: 'pump-1' })).items, ['hot'])
      await hub.twins.report({ id: 'pump-1', reported: { t: 20 } })
      await until(() => told.length === 2)
      assert.deepEqual(
        told.map(({ device, payload }) => {
          const { at, ...event } = JSON.parse(text(payload))
          return [device, event]
        }),
        [
          ['pump-1', { event: 'join', group: 'hot', cause: 'groups' }],
          ['pump-1', { event: 'leave', group: 'hot', cause: 'twin' }],
        ],
      )
      assert.deepEqual(told[0]!.props.p, { group: 'hot', event: 'join' })
      await consumer.close()

      const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: '*' }] }
      await hub.policies.create({ id: 'p', text: JSON.stringify(policy) })
      await assert.rejects(hub.policies.attach({ policy: 'p', target: { group: 'hot' } }), { code: 'GROUP_DYNAMIC' })
      await assert.rejects(hub.groups.add({ group: 'hot', devices: ['pump-1'] }), { code: 'GROUP_DYNAMIC' })
      await assert.rejects(hub.groups.create({ id: 'hot' }), { code: 'GROUP_DYNAMIC' })
      await assert.rejects(hub.fleet.createGroup({ id: 'plant', text: '*' }), { code: 'GROUP_EXISTS' })
      const { etag } = await hub.fleet.updateGroup({ id: 'hot', text: '*', etag: made.etag })
      assert.equal((await hub.fleet.group({ id: 'hot' })).members, 1)
      assert.deepEqual(
        (await hub.fleet.groups({})).items.map(({ id }) => id),
        ['hot'],
      )
      await assert.rejects(hub.fleet.deleteGroup({ id: 'hot', etag: made.etag }), { code: 'GROUP_CONFLICT' })
      await hub.fleet.deleteGroup({ id: 'hot', etag })
      await assert.rejects(hub.fleet.group({ id: 'hot' }), { code: 'GROUP_NOT_FOUND' })
      const { items } = await hub.audit.query({ target: 'hot' })
      assert.deepEqual(items.map(({ action }) => action).reverse(), [
        'fleetGroup.create',
        'fleetGroup.update',
        'fleetGroup.delete',
      ])
    })

    it('has every change on record, in order, and finds the record whole', async () => {
      await hub.devices.register({ id: 'pump-1', credentials: { kind: 'sas' }, by: 'user anna' })
      await hub.devices.update({ id: 'pump-1', enabled: false, tags: { a: 1 }, by: 'user bo' })
      await hub.devices.quarantine({ id: 'pump-1', reason: 'odd', by: 'user bo' })
      await hub.devices.release({ id: 'pump-1' })
      const { cid } = await hub.identity.rotate({ id: 'pump-1', credential: { kind: 'sas' } })
      await hub.identity.revokeCredential({ id: 'pump-1', cid, by: 'user anna' })
      await hub.devices.retire({ id: 'pump-1', reason: 'scrap' })
      await hub.devices.delete({ id: 'pump-1' })
      const { items } = await hub.audit.query({ target: 'pump-1' })
      assert.deepEqual(
        items.map(({ action, actor }) => `${action} ${actor}`).filter(one => !one.startsWith('device.update')),
        [
          'device.delete hub',
          'device.retire hub',
          'credential.revoke user anna',
          'credential.rotate hub',
          'device.release hub',
          'device.quarantine user bo',
          'device.disable user bo',
          'device.create user anna',
        ],
      )
      assert.ok(
        items.some(({ action, detail }) => action === 'device.update' && (detail?.tags as { a?: number } | undefined)?.a === 1),
      )
      const whole = await hub.audit.verify({})
      assert.ok(whole.ok && whole.checked >= items.length)
    })

    it('quarantine is a state that a release ends; retirement is for good', async () => {
      await hub.devices.register({ id: 'pump-1', credentials: { kind: 'password' } })
      assert.equal((await hub.devices.quarantine({ id: 'pump-1', reason: 'odd' })).state, 'quarantined')
      assert.equal((await hub.devices.get({ id: 'pump-1' })).reason, 'odd')
      assert.equal((await hub.devices.release({ id: 'pump-1' })).state, 'active')
      const retired = await hub.devices.retire({ id: 'pump-1' })
      assert.deepEqual([retired.state, retired.credentials[0]!.status], ['retired', 'revoked'])
      await assert.rejects(hub.devices.release({ id: 'pump-1' }), { code: 'IDENTITY_RETIRED' })
      await assert.rejects(hub.devices.register({ id: 'pump-1' }), { code: 'IDENTITY_EXISTS' })
      assert.deepEqual(await hub.devices.decommission({ id: 'pump-1' }), retired.decommission)
      assert.equal(retired.decommission.done, true)
    })

    it('erases the details about a device from the record of changes, which stays whole', async () => {
      await hub.devices.register({ id: 'pump-1', tags: { owner: 'Ann' } })
      assert.deepEqual(await hub.audit.eraseDetails({ target: 'pump-1', by: 'user root' }), { erased: 1 })
      const [erasure, creation] = (await hub.audit.query({ target: 'pump-1' })).items
      assert.deepEqual([erasure!.action, erasure!.actor, creation!.detail], ['audit.eraseDetails', 'user root', undefined])
      assert.equal((await hub.audit.verify({})).ok, true)
      await assert.rejects(hub.audit.accept({}), { code: 'OPERATION_STATE' })
    })

    it('has refusals on record too, the first at once and many of a kind as a number', async () => {
      await hub.devices.register({ id: 'pump-1', credentials: { kind: 'password' } })
      const handle = () =>
        hub.deviceHttp.handle({
          request: {
            method: 'POST',
            path: '/v1/devices/pump-1/telemetry',
            query: '',
            headers: { authorization: `Basic ${Buffer.from('pump-1:wrong guess').toString('base64')}` },
            body: bytes({ a: 1 }),
          },
          peer: { address: '192.0.2.9', secure: true },
        })
      for (let i = 0; i < 3; i++) assert.equal((await handle()).status, 401)
      const { items } = await hub.audit.query({ action: 'security.refused' })
      assert.deepEqual(
        items.map(({ actor, target, result, detail }) => [actor, target, result, detail?.code]),
        [['address 192.0.2.9', 'pump-1', 'refused', 'CRED_INVALID']],
      )
      assert.ok(!JSON.stringify(items).includes('wrong guess'))
    })

    it('a device that goes takes its memberships and policies with it', async () => {
      await hub.groups.create({ id: 'plant' })
      const text = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":"topic/x"}]}'
      await hub.policies.create({ id: 'x', text })
      for (const [id, go] of [
        ['pump-1', () => hub.devices.delete({ id: 'pump-1' })],
        ['pump-2', () => hub.devices.retire({ id: 'pump-2' })],
      ] as const) {
        await hub.devices.register({ id })
        await hub.groups.add({ group: 'plant', devices: [id] })
        await hub.policies.attach({ policy: 'x', target: { device: id } })
        await go()
        assert.deepEqual((await hub.groups.groupsOf({ device: id })).direct, [])
        assert.deepEqual(await hub.policies.attached({ target: { device: id } }), [])
      }
      assert.deepEqual((await hub.groups.members({ group: 'plant' })).items, [])
    })

    it('imports devices, shows how far it is, and gives their keys out once', async () => {
      const csv = `id,kind,tags.site\n${Array.from({ length: 120 }, (_, i) => `fan-${i},sas,b`).join('\n')}\nbad id,sas,b\n`
      const started = await hub.imports.start({ text: csv, format: 'csv', by: 'user anna' })
      const id = started.operation.id
      const done = await until(async () => {
        const view = await hub.imports.get({ id })
        return view?.operation.state === 'done' && view
      })
      assert.deepEqual([done.operation.total, done.operation.done, done.operation.failed, done.secrets], [121, 121, 1, 120])
      const { csv: report } = await hub.imports.report({ id })
      assert.match(report, /bad id.*failed.*IDENTITY_INVALID/)
      const { lines, rows } = await hub.imports.secrets({ id, by: 'user anna' })
      assert.equal(rows, 120)
      assert.match(lines, /"primaryKey"/)
      await assert.rejects(hub.imports.secrets({ id }), { code: 'NOT_FOUND' })
      assert.equal((await hub.devices.count({})).devices, 120)
      const again = await hub.imports.start({ text: csv, format: 'csv' })
      const repeated = await until(async () => {
        const view = await hub.imports.get({ id: again.operation.id })
        return view?.operation.state === 'done' && view
      })
      assert.deepEqual(
        [repeated.secrets, (await hub.imports.report({ id: again.operation.id })).csv.match(/unchanged/g)?.length],
        [0, 120],
      )
    })

    it('keeps messages for devices, calls methods of those that are there, and does both for many', async () => {
      for (const id of ['fan-1', 'fan-2', 'fan-3']) await hub.devices.register({ id })
      const sent = await hub.commands.send({ id: 'fan-1', message: { body: bytes('on'), id: 'm1' }, by: 'user anna' })
      assert.deepEqual([sent.id, sent.seq], ['m1', 1])
      await assert.rejects(hub.commands.send({ id: 'fan-1', message: { body: bytes('on'), id: 'm1' } }), {
        code: 'COMMAND_EXISTS',
      })
      await assert.rejects(hub.commands.call({ id: 'fan-1', method: 'spin' }), { code: 'COMMAND_DEVICE_OFFLINE' })
      const { items } = await hub.commands.history({ id: 'fan-1' })
      assert.deepEqual(
        items.map(({ kind, by, outcome }) => [kind, by, outcome]),
        [
          ['method', 'hub', 'COMMAND_DEVICE_OFFLINE'],
          ['message', 'user anna', undefined],
        ],
      )
      await hub.groups.create({ id: 'fans' })
      await hub.groups.add({ group: 'fans', devices: ['fan-1', 'fan-2'] })
      const ended = (id: string) =>
        until(async () => {
          const view = await hub.commands.operation({ id })
          return view.state === 'done' && view
        }, 30_000)
      const group = await hub.commands.start({ group: 'fans', message: { body: bytes('off') } })
      assert.deepEqual([(await ended(group.id)).done, group.total], [2, 2])
      const query = await hub.commands.start({ query: { text: 'thingName:fan*' }, method: { name: 'spin' } })
      assert.equal((await ended(query.id)).failed, 3)
      assert.deepEqual(
        (await hub.commands.results({ id: query.id })).items.map(({ device, code }) => [device, code]),
        ['fan-1', 'fan-2', 'fan-3'].map(id => [id, 'COMMAND_DEVICE_OFFLINE']),
      )
      await assert.rejects(hub.commands.start({ group: 'none', method: { name: 'spin' } }), { code: 'GROUP_NOT_FOUND' })
      assert.deepEqual(await hub.commands.purgeInbox({ id: 'fan-1' }), { purged: 2 })
    })

    it('sends commands of Sparkplug, and nothing on other topics', async () => {
      const payload = bytes('x')
      await hub.commands.sparkplug({ topic: 'spBv1.0/g/NCMD/e', payload })
      for (const topic of ['spBv1.0/g/NDATA/e', 'devices/fan-1/telemetry'])
        await assert.rejects(hub.commands.sparkplug({ topic, payload }), { code: 'COMMAND_INVALID' })
    })

    it('shows its authorities and their revocation lists, and signs for devices to come', async () => {
      const cas = await hub.pki.cas({})
      assert.deepEqual(cas.map(({ role }) => role).sort(), ['issuing', 'root'])
      const issuing = cas.find(({ role }) => role === 'issuing')!
      const { certificatePem, crlPem } = await until(async () => {
        const found = await hub.pki.ca({ id: issuing.id })
        return found.crlPem && found
      })
      assert.match(certificatePem, /BEGIN CERTIFICATE/)
      assert.match(crlPem!, /BEGIN X509 CRL/)
      const made = await hub.pki.issue({})
      assert.match(made.privateKeyPem!, /BEGIN PRIVATE KEY/)
      const { device } = await hub.devices.register({
        id: 'later',
        credentials: { kind: 'x509', certificatePem: made.certificatePem },
      })
      assert.equal(device.credentials[0]!.fingerprint, made.fingerprint)
    })

    it('refuses a second device of the same id, and unknown ones, with their codes', async () => {
      await hub.devices.register({ id: 'one' })
      await assert.rejects(hub.devices.register({ id: 'one' }), { code: 'IDENTITY_EXISTS' })
      await assert.rejects(hub.devices.register({ id: 'bad id' }), { code: 'IDENTITY_INVALID' })
      await assert.rejects(hub.devices.get({ id: 'two' }), { code: 'IDENTITY_NOT_FOUND' })
      await assert.rejects(hub.devices.update({ id: 'two', enabled: false }), { code: 'IDENTITY_NOT_FOUND' })
      await assert.rejects(hub.devices.delete({ id: 'two' }), { code: 'IDENTITY_NOT_FOUND' })
    })

    it('leaves nothing of a registration that was refused', async () => {
      await hub.devices.register({ id: 'one', tags: { mine: true } })
      await assert.rejects(hub.devices.register({ id: 'one', tags: { yours: true } }))
      assert.deepEqual((await hub.devices.get({ id: 'one' })).tags, { mine: true })
    })

    it('patches tags and attributes, and refuses a stale etag', async () => {
      const { device } = await hub.devices.register({ id: 'one', tags: { a: 1, b: { c: 2 } } })
      const changed = await hub.devices.update({
        id: 'one',
        tags: { a: null, b: { d: 3 } },
        attributes: { model: 'x' },
        etag: device.etag,
      })
      assert.deepEqual([changed.tags, changed.attributes], [{ b: { c: 2, d: 3 } }, { model: 'x' }])
      await assert.rejects(hub.devices.update({ id: 'one', tags: { a: 2 }, etag: device.etag }), { code: 'IDENTITY_CONFLICT' })
      await hub.devices.update({ id: 'one', enabled: false, reason: 'lost' })
      const disabled = await hub.devices.get({ id: 'one' })
      assert.deepEqual([disabled.enabled, disabled.reason], [false, 'lost'])
      await assert.rejects(hub.devices.update({ id: 'one', enabled: true, etag: device.etag }), { code: 'IDENTITY_CONFLICT' })
    })

    it('lets one of several changes under one etag pass', async () => {
      const { device } = await hub.devices.register({ id: 'one' })
      const { etag } = device
      const settled = await Promise.allSettled([
        hub.devices.update({ id: 'one', enabled: false, reason: 'first', etag }),
        hub.devices.update({ id: 'one', enabled: false, reason: 'second', etag }),
        hub.devices.update({ id: 'one', tags: { a: 1 }, etag }),
        hub.devices.update({ id: 'one', enabled: true, reason: 'third', tags: { a: 2 }, etag }),
      ])
      assert.deepEqual(
        settled.map(one => (one.status === 'rejected' ? one.reason.code : 'done')),
        ['done', 'IDENTITY_CONFLICT', 'IDENTITY_CONFLICT', 'IDENTITY_CONFLICT'],
      )
      const { enabled, reason, tags } = await hub.devices.get({ id: 'one' })
      assert.deepEqual([enabled, reason, tags], [false, 'first', {}])
    })

    it('keeps every change of several at once without an etag', async () => {
      await hub.devices.register({ id: 'one' })
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => hub.devices.update({ id: 'one', tags: { [`t${i}`]: i }, enabled: i % 2 === 0 })),
      )
      assert.equal(Object.keys((await hub.devices.get({ id: 'one' })).tags).length, 20)
    })

    it('changes nothing of a device when a part of the change is refused', async () => {
      const { device } = await hub.devices.register({ id: 'one' })
      for (const [part, code] of [
        [{ attributes: { a: 7 as never } }, 'IDENTITY_INVALID'],
        [{ tags: { a: 'x'.repeat(300_000) } }, 'TWIN_LIMIT'],
      ] as const)
        await assert.rejects(hub.devices.update({ id: 'one', enabled: false, ...part }), { code })
      assert.equal((await hub.devices.get({ id: 'one' })).etag, device.etag)
    })

    it('lists by page and by query', async () => {
      for (let i = 0; i < 25; i++)
        await hub.devices.register({ id: `d-${String(i).padStart(2, '0')}`, tags: { even: i % 2 === 0 } })
      const ids: string[] = []
      for (let cursor: string | undefined, first = true; first || cursor; first = false) {
        const page = await hub.devices.list({ limit: 10, ...(cursor && { cursor }) })
        ids.push(...page.items.map(d => d.id))
        cursor = page.next
      }
      assert.deepEqual(
        ids,
        Array.from({ length: 25 }, (_, i) => `d-${String(i).padStart(2, '0')}`),
      )
      assert.equal((await hub.devices.list({ query: 'tags.even:true' })).items.length, 13)
      assert.deepEqual(
        (await hub.devices.list({ query: 'd-2*' })).items.map(d => d.id),
        ['d-20', 'd-21', 'd-22', 'd-23', 'd-24'],
      )
      await hub.devices.update({ id: 'd-03', enabled: false })
      await hub.devices.update({ id: 'd-04', enabled: false })
      for (const [query, found] of [
        ['enabled:false', ['d-03', 'd-04']],
        ['enabled:false tags.even:true', ['d-04']],
        ['enabled:true id:d-0 tags.even:false', ['d-01', 'd-05', 'd-07', 'd-09']],
        ['connected:true', []],
        ['connected:false enabled:false', ['d-03', 'd-04']],
      ] as const)
        assert.deepEqual(
          (await hub.devices.list({ query })).items.map(d => d.id),
          found,
          query,
        )
      for (const o of [{ query: 'enable:true' }, { limit: 0 }, { limit: 1001 }, { cursor: 'nonsense' }])
        await assert.rejects(hub.devices.list(o), { code: 'STORE_QUERY_INVALID' }, JSON.stringify(o))
      assert.deepEqual(await hub.devices.count({}), { devices: 25, connected: 0 })
    })

    it('adds and revokes credentials', async () => {
      await hub.devices.register({ id: 'one', credentials: { kind: 'password', password: 'correct horse' } })
      const secrets = await hub.identity.addCredential({ id: 'one', credential: { kind: 'x509' } })
      assert.match(secrets.privateKeyPem!, /BEGIN PRIVATE KEY/)
      const { rootPem } = await hub.pki.caCertificates({})
      assert.equal(secrets.caPem, rootPem)
      await hub.identity.revokeCredential({ id: 'one', cid: secrets.cid })
      const left = (await hub.devices.get({ id: 'one' })).credentials.filter(c => c.status === 'active')
      assert.deepEqual(
        left.map(c => c.kind),
        ['password'],
      )
      await assert.rejects(hub.identity.revokeCredential({ id: 'one', cid: 'nothing' }), { code: 'CRED_NOT_FOUND' })
    })

    it('writes lifecycle events of the registry to the journal', async () => {
      await hub.devices.register({ id: 'one' })
      await hub.devices.update({ id: 'one', enabled: false })
      await hub.devices.delete({ id: 'one' })
      const events = await until(async () => {
        const records = (await hub.journal.read({ from: 1, limit: 100 })).filter(r => r.kind === kinds.lifecycle)
        return records.at(-1) && JSON.parse(text(records.at(-1)!.payload)).event === 'deleted'
          ? records.map(r => JSON.parse(text(r.payload)).event)
          : undefined
      })
      assert.deepEqual([events[0], events.at(-1)], ['created', 'deleted'])
    })

    it('hands injected messages to a consumer in order, again until they are acknowledged', async () => {
      const got: Delivered[] = []
      const consumer = await hub.consume(
        { name: 'c', ack: 'flow', start: 'earliest', filter: { streams: ['s'] } },
        { deliver: records => got.push(...records) },
      )
      for (let i = 0; i < 20; i++)
        await hub.telemetry.inject({ device: 'd', payload: bytes({ i }), stream: 's', properties: { n: String(i) } })
      await hub.telemetry.inject({ device: 'd', payload: bytes({ i: -1 }), stream: 'other' })
      await until(() => got.length === 20)
      assert.deepEqual(
        got.map(r => JSON.parse(text(r.payload)).i),
        Array.from({ length: 20 }, (_, i) => i),
      )
      assert.deepEqual(got[3]!.props.p, { n: '3' })
      consumer.ack(got.slice(0, 10).map(r => r.seq))
      await consumer.close()

      const again: Delivered[] = []
      const resumed = await hub.consume(
        { name: 'c', ack: 'flow', filter: { streams: ['s'] } },
        { deliver: records => again.push(...records) },
      )
      await until(() => again.length >= 10)
      assert.deepEqual(
        again.map(r => r.seq),
        got.slice(10).map(r => r.seq),
      )
      await resumed.close()
    })

    it('has one live consumer of a name', async () => {
      const consumer = await hub.consume({ name: 'c' }, { deliver: () => {} })
      await assert.rejects(hub.consume({ name: 'c' }, { deliver: () => {} }), { code: 'JOURNAL_CONSUMER_EXISTS' })
      await consumer.close()
      await (await hub.consume({ name: 'c' }, { deliver: () => {} })).close()
    })

    it('lists consumers with their places, and forgets those that are not in use', async () => {
      const mine = async (): Promise<string[]> =>
        (await hub.journal.consumers({})).items.map(({ name }) => name).filter(name => /^[ab]$/.test(name))
      const got: Delivered[] = []
      const a = await hub.consume({ name: 'a', ack: 'flow', start: 'earliest' }, { deliver: records => got.push(...records) })
      const b = await hub.consume({ name: 'b' }, { deliver: () => {} })
      for (let i = 0; i < 3; i++) await hub.telemetry.inject({ device: 'd', payload: bytes({ i }) })
      await until(() => got.length === 3)
      a.ack([got[0]!.seq])
      const seen = await until(async () => {
        const found = (await hub.journal.consumers({})).items.find(({ name }) => name === 'a')!
        return found.inFlight === 2 ? found : undefined
      })
      assert.deepEqual([seen.position >= got[0]!.seq, seen.lag >= 2, seen.inUse], [true, true, true])
      assert.ok(seen.lastSeen! > 0)
      await assert.rejects(hub.journal.forget({ name: 'a', existing: true }), { code: 'JOURNAL_CONSUMER_EXISTS' })
      await a.close()
      await b.close()
      const idle = (await hub.journal.consumers({})).items.find(({ name }) => name === 'a')!
      assert.deepEqual([idle.inUse, idle.inFlight, idle.position], [false, 0, seen.position])
      assert.deepEqual(await mine(), ['a', 'b'])
      const first = await hub.journal.consumers({ limit: 1 })
      assert.deepEqual([first.items.length, first.next], [1, first.items[0]!.name])
      assert.ok((await hub.journal.consumers({ cursor: first.next! })).items.every(({ name }) => name > first.next!))
      await hub.journal.forget({ name: 'a', existing: true })
      assert.deepEqual(await mine(), ['b'])
      await assert.rejects(hub.journal.forget({ name: 'a', existing: true }), { code: 'NOT_FOUND' })
      await hub.journal.forget({ name: 'a' })
      await assert.rejects(hub.journal.consumers({ limit: 0 }), { code: 'STORE_QUERY_INVALID' })
    })

    it('moves a record to the dead letters and back to its consumer', async () => {
      const got: Delivered[] = []
      const consumer = await hub.consume(
        { name: 'c', ack: 'flow', start: 'earliest' },
        { deliver: records => got.push(...records) },
      )
      await hub.telemetry.inject({ device: 'd', payload: bytes('{"a":1}') })
      await until(() => got.length === 1)
      await consumer.deadletter([got[0]!.seq], { code: 'READING_VALUES', message: 'no', node: 'n1' })
      const { items } = await hub.journal.deadLetters({ limit: 10 })
      assert.deepEqual([items[0]!.code, items[0]!.consumer, text(items[0]!.payload)], ['READING_VALUES', 'c', '{"a":1}'])
      await hub.journal.replayDeadLetter({ id: items[0]!.id })
      await until(() => got.length === 2)
      assert.equal(text(got[1]!.payload), '{"a":1}')
      const letter = {
        code: 'CODEC_FORMAT',
        message: 'm',
        device: 'd',
        topic: 't',
        properties: {},
        stage: 'decode',
        tries: 1,
        consumer: 'c',
      }
      for (const n of [1, 2, 3])
        await hub.journal.addDeadLetter({ ...letter, reason: 'schema-unknown', key: n === 2 ? 'b' : 'a', payload: bytes(`${n}`) })
      assert.deepEqual(await hub.journal.replayDeadLetters({ reason: 'schema-unknown', key: 'a' }), { replayed: 2, more: false })
      await until(() => got.length === 4)
      assert.deepEqual(
        got.slice(2).map(({ payload }) => text(payload)),
        ['1', '3'],
      )
      consumer.ack(got.map(r => r.seq))
      await consumer.close()
      await assert.rejects(hub.journal.replayDeadLetter({ id: 99_999 }), { code: 'NOT_FOUND' })
    })

    it('carries out actions, keeps them while their endpoint is down, and tells how it is', async () => {
      const receiver = await webhookServer()
      const heard: HubEvent[] = []
      hub.subscribe(event => void heard.push(event))
      const perform = (n: number) =>
        hub.actions.perform({
          node: 'n1',
          action: { kind: 'webhook', url: `${receiver.url}/in`, method: 'POST', headers: {} },
          original: { device: 'd', topic: 't', properties: {}, payload: bytes(`${n}`) },
          tries: 1,
        })
      try {
        const done = await perform(1)
        assert.deepEqual(done.outcome === 'done' && text(done.response!.body), '{"thanks":true}')
        receiver.status = 503
        assert.equal((await perform(2)).outcome, 'spooled')
        const [endpoint] = (await hub.actions.endpoints({})).items
        assert.deepEqual([endpoint!.id, endpoint!.health, endpoint!.waiting], ['n1', 'unhealthy', 1])
        receiver.status = 200
        await until(() => receiver.taken.length === 2, 60_000)
        await until(() => heard.some(event => event.type === 'endpoint' && event.health === 'degraded'), 60_000)
        receiver.status = 400
        const dead = await perform(3)
        assert.ok(dead.outcome === 'dead' && dead.letter !== undefined)
        await assert.rejects(hub.actions.perform({ ...({} as ActionOrder) }), { code: 'REQUEST_INVALID' })
      } finally {
        await receiver.close()
      }
    })

    it('keeps readings of the journal queryable, and those a flow stores', async () => {
      const t = Date.now() - 60_000
      for (let i = 0; i < 10; i++)
        await hub.telemetry.inject({ device: 'd', payload: bytes({ time: t + i * 1000, values: { x: i } }) })
      await until(async () => (await hub.query.range({ devices: ['d'], from: t, to: t + 60_000 })).items.length === 10)
      assert.deepEqual(
        await hub.telemetry.store({ rows: [{ device: 'd', time: t + 10_000, values: { x: 10 }, stream: 'kpi', class: 'kpi' }] }),
        { stored: 1, duplicates: 0 },
      )
      const last = await hub.query.last({ devices: ['d'] })
      assert.deepEqual(last.map(v => [v.stream, v.value]).sort(), [
        ['', 9],
        ['kpi', 10],
      ])
      const mean = await hub.query.aggregate({
        devices: ['d'],
        streams: [''],
        from: t,
        to: t + 60_000,
        everyMs: 86_400_000,
        fn: 'count',
      })
      assert.equal(
        mean.items.reduce((sum, item) => sum + Number(item.values.x), 0),
        10,
      )
    })

    it('makes a pairing code, by which one device comes, and keeps what devices start from', async () => {
      const { pairing, code } = await hub.provisioning.createPairing({ deviceId: 'lamp-1', by: 'user anna' })
      assert.equal(pairing.state, 'open')
      const provision = (send: object) =>
        hub.deviceHttp.handle({
          request: { method: 'POST', path: '/v1/provision', query: '', headers: {}, body: bytes(send) },
          peer: { address: '192.0.2.1', secure: true },
        })
      const { status, body } = await provision({ pairingCode: code, credentials: { kind: 'password' } })
      const { deviceId, password, bootstrap } = JSON.parse(body)
      assert.deepEqual([status, deviceId, password.length, bootstrap.v], [200, 'lamp-1', 24, 1])
      assert.equal((await provision({ pairingCode: code })).status, 401)
      const { items } = await hub.provisioning.pairings({})
      assert.deepEqual([items[0]!.state, items[0]!.usedBy], ['used', 'lamp-1'])
      const { etag } = await hub.provisioning.setBootstrap({ intervals: { telemetryMs: 5 } })
      const { intervals, etag: now } = await hub.provisioning.bootstrap({})
      assert.deepEqual([intervals, now], [{ telemetryMs: 5 }, etag])
      await assert.rejects(hub.provisioning.revokePairing({ id: 'none' }), { code: 'NOT_FOUND' })
    })

    it('keeps an undecodable message as an invalid record', async () => {
      await hub.telemetry.inject({ device: 'd', payload: bytes('{"a":') })
      const [record] = (await hub.journal.read({ from: 1, limit: 100 })).filter(r => r.kind === kinds.injected)
      assert.equal(record!.flags & flags.invalid, flags.invalid)
    })

    it('keeps schemas with their versions, refuses what breaks them and tells of what is new', async () => {
      const told: HubEvent[] = []
      const leave = hub.subscribe(event => void (event.type === 'schema' && told.push(event)))
      const rec = (...fields: object[]) => JSON.stringify({ type: 'record', name: 'R', fields })
      const a = { name: 'a', type: 'int' }
      const made = await hub.schemas.register({ subject: 'room', schema: rec(a), by: 'test' })
      assert.deepEqual([made.id, made.version, made.by], [1, 1, 'test'])
      await assert.rejects(
        hub.schemas.register({ subject: 'room', schema: rec(a, { name: 'b', type: 'int' }) }),
        (error: any) => error.code === 'SCHEMA_INCOMPATIBLE' && error.position === '/b',
      )
      const { crc64 } = made.fingerprints
      const found = await hub.schemas.get({ fingerprint: crc64! })
      assert.deepEqual([found!.subject, found!.texts], ['room', []])
      assert.equal(await hub.schemas.get({ id: 7 }), undefined)
      assert.deepEqual(await hub.schemas.delete({ subject: 'room' }), { versions: [1] })
      assert.deepEqual(await hub.schemas.list({}), { items: [] })
      await until(() => told.length === 1)
      leave()
    })

    it('holds what devices say against their models, and keeps what is not so apart', async () => {
      const document = { telemetry: { t: { schema: { type: 'number' } } } }
      const put = { id: 'meter', source: 'none', document, short: { k: 't' }, mode: 'strict' } as const
      assert.equal((await hub.models.put(put)).name, 'meter;1')
      await assert.rejects(hub.models.put({ ...put, document: {} }), { code: 'MODEL_EXISTS' })
      const wrong = { ...put, id: 'other', document: { telemetry: { t: { schema: { $ref: 'x' } } } } }
      await assert.rejects(hub.models.put(wrong), { code: 'MODEL_INVALID', position: 'telemetry.t.schema.$ref' })
      await hub.devices.register({ id: 'm1', attributes: { model: 'meter' } })
      const sent = await hub.telemetry.inject({ device: 'm1', payload: bytes({ k: 'x' }) })
      const [record] = await hub.journal.read({ from: sent.seq, limit: 1 })
      assert.equal(record!.flags & flags.invalid, flags.invalid)
      await until(async () => (await hub.journal.deadLetters({ limit: 10 })).items.length === 1)
      const { items } = await hub.journal.deadLetters({ limit: 10 })
      assert.deepEqual(items[0]!.errors, [{ path: 't', rule: 'type', message: 'must be number' }])
      assert.deepEqual(await hub.models.validate({ model: 'meter', telemetry: { k: 1 } }), {
        valid: true,
        faults: [],
        values: { t: 1 },
      })
      assert.equal((await hub.models.get({ id: 'meter' }))!.version, '1')
      await hub.models.delete({ id: 'meter' })
      assert.deepEqual(await hub.models.modelOf({ device: 'm1' }), { by: 'registry', name: 'meter', known: false })
    })

    it('keeps reference tables, looks many keys up, and knows many devices at once', async () => {
      await hub.devices.register({ id: 'r1', tags: { site: 'west' }, attributes: { gateway: 'g1' } })
      const events: HubEvent[] = []
      const stop = hub.subscribe(event => events.push(event))
      const made = await hub.reference.put({ name: 'sites', text: 'id,floor\nwest,2\n', format: 'csv', by: 'test' })
      assert.deepEqual([made.version, made.rows, made.key, made.by], [1, 1, 'id', 'test'])
      await until(() => events.some(event => event.type === 'reference' && event.table === 'sites'))
      stop()
      const put = { name: 'sites', rows: { a: [1], 7: null } }
      assert.equal((await hub.reference.put(put)).version, 2)
      const { items } = await hub.reference.lookup({ table: 'sites', keys: ['west', 'a', 7] })
      assert.deepEqual(items.map(({ key, row }) => [key, row]).sort(), [
        ['7', null],
        ['a', [1]],
      ])
      await assert.rejects(hub.reference.put({ name: 'x', rows: [{ id: 1 }, {}] }), { code: 'REFERENCE_INVALID', position: 2 })
      const facts = await hub.reference.devices({ ids: ['r1', 'r2'], of: ['tags', 'gateway'] })
      assert.deepEqual(facts.items, [{ id: 'r1', tags: { site: 'west' }, gateway: 'g1' }])
      await hub.reference.delete({ name: 'sites' })
      await assert.rejects(hub.reference.lookup({ table: 'sites', keys: ['a'] }), { code: 'REFERENCE_UNKNOWN' })
      assert.deepEqual(await hub.reference.list({}), { items: [] })
    })

    it('tells its health and metrics', async () => {
      const health = await hub.health.get({})
      assert.equal(health.status, 'ok', JSON.stringify(health.problems))
      const { text: metrics } = await hub.health.metrics({})
      assert.match(metrics, /^thingloom_journal_head_seq\{hub="[a-z-]+"\} \d+$/m)
    })

    it('shows live events until they are unsubscribed', async () => {
      const events: HubEvent[] = []
      const stop = hub.subscribe(event => events.push(event))
      await hub.devices.register({ id: 'one' })
      await until(() => events.some(e => e.type === 'device' && e.id === 'one' && e.change === 'created'))
      stop()
      const seen = events.length
      await hub.devices.register({ id: 'two' })
      assert.equal(events.length, seen)
    })
  })
}
