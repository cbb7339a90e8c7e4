import assert from 'node:assert/strict'
import { until } from '../processes.ts'
import { installedNodeRed } from './installed-node-red.ts'

/** Who was refused asks again after a minute, and then after twice as long. */
const limitMs = 240_000

interface Told {
  state: string
  deviceId?: string
  registrationId?: string
  reason?: string
}

describe('examples, to their ends', function () {
  this.timeout(600_000)
  const { deploy, inject, shown, shownJson } = installedNodeRed('outcomes', ['protobufjs'])
  const told = (id: string): [device: string | undefined, state: string, reason: string | undefined][] =>
    shownJson<Told>(id).map(({ deviceId, registrationId, state, reason }) => [deviceId ?? registrationId, state, reason])
  const has = (id: string, device: string, state: string): boolean => told(id).some(([of, is]) => of === device && is === state)
  /** Who came by a claim and was refused has no device id: the reason tells. */
  const denied = (id: string, device: string, because = ''): boolean =>
    told(id).some(
      ([of, state, reason = '']) =>
        state === 'DENIED' && (of === device || of === undefined) && reason.includes(because || (of ? '' : device)),
    )

  for (const { name, ids, waits, stolen, because, unlisted } of [
    {
      name: 'provision',
      ids: 'pv',
      waits: 'machine-0006',
      stolen: 'machine-0004',
      because: 'recalled',
      unlisted: 'machine-0005',
    },
    { name: 'dps-enrolment', ids: 'dp', waits: 'meter-0005', stolen: 'meter-0004', because: 'stolen', unlisted: 'meter-0006' },
  ])
    it(`${name}: three come, one is denied by the flow, one by the list, and one comes when it is let in`, async () => {
      await deploy(`01-things/${name}`)
      const prefix = waits.slice(0, -1)
      const [came, no, data] = [`${ids}-came`, `${ids}-no`, `${ids}-data`]
      for (const n of [1, 2, 3]) await until(`${prefix}${n}`, () => has(came, `${prefix}${n}`, 'ACTIVE'), limitMs)
      await until(`${stolen} is denied`, () => denied(no, stolen, because), limitMs)
      await until(`${unlisted} is denied`, () => denied(no, unlisted), limitMs)
      await until(`${waits} waits`, () => has(no, waits, 'PENDING_APPROVAL'), limitMs)
      assert.equal(has(came, waits, 'ACTIVE'), false)
      await until('telemetry', () => shown(data).length > 0, limitMs)
      await inject(`${ids}-wait`)
      await until(`${waits} comes`, () => has(came, waits, 'ACTIVE'), limitMs)
      assert.deepEqual(
        told(came).filter(([device]) => device === stolen || device === unlisted),
        [],
      )
      assert.deepEqual(shown(`${ids}-err`), [])
    })

  it('certificate-rotation: each of eight units has its next certificate, nobody was refused', async () => {
    await deploy('01-things/certificate-rotation')
    await until('the end of the campaign', () => shown('cr-prog').includes('all: 8 of 8 renewed, 0 failed'), limitMs)
    const units = [...new Set(shown('cr-prog').flatMap(text => /^(unit-\d+): /.exec(text)?.[1] ?? []))].toSorted()
    assert.deepEqual(
      units,
      Array.from({ length: 8 }, (_, i) => `unit-000${i + 1}`),
    )
    assert.deepEqual([shown('cr-no'), shown('cr-err')], [[], []])
  })

  it('shadow: asked for, reported, desired while the room is away, heard, done, reported; what is stale is refused', async () => {
    await deploy('03-actions/shadow')
    await until('the refusal', () => shown('sh-no').length > 0, limitMs)
    const [asked, made, documents, ...more] = shown('sh-d1').slice(0, 7)
    assert.match(asked!, /^get\/rejected: 404 /)
    assert.deepEqual(
      [made, documents],
      ['update/accepted: version 1, {"reported":21}', 'update/documents: version none -> 1, {} -> {"reported":21}'],
    )
    // both say it, in either order
    assert.deepEqual(more.slice(0, 2).toSorted(), [
      'get/accepted: version 2, {"desired":24,"reported":21,"delta":24}',
      'update/delta: version 2, {"delta":24}',
    ])
    assert.deepEqual(more.slice(2), [
      'update/accepted: version 3, {"reported":24}',
      'update/documents: version 2 -> 3, {"desired":24,"reported":21} -> {"desired":24,"reported":24}',
    ])
    assert.deepEqual(shown('sh-d3').slice(0, 2), ['room-0001 disconnected', 'room-0001 connected'])
    const { payload: acted, version } = JSON.parse(shown('sh-d7')[0]!) as { payload: object; version: number }
    assert.deepEqual([acted, version], [{ setpoint: 24 }, 2])
    assert.deepEqual(shown('sh-d8').slice(0, 3), [
      'version 1, reported: nothing -> 21 °C',
      'version 2, desired: nothing -> 24 °C',
      'version 3, reported: 21 -> 24 °C',
    ])
    assert.match(shown('sh-no')[0]!, /TWIN_VERSION_CONFLICT/)
    assert.deepEqual([shown('sh-d9'), shown('sh-err')], [[], []])
  })

  it('webhook: while the receiver fails, readings wait, and come when it is back', async () => {
    await deploy('03-actions/webhook')
    const health = () => shown('wh-d4').map(text => /^\w+/.exec(text)![0])
    await until('it fails and is back', () => /unhealthy degraded/.test(health().join(' ')), limitMs)
    await until('readings that were late', () => shown('wh-d3').some(text => /, [3-9] s late|, \d\d s late/.test(text)), limitMs)
    assert.deepEqual([shown('wh-d2'), shown('wh-err')], [[], []])
  })

  it('error-action: what the service refuses is a dead letter with a report, and is accepted when it is replayed', async () => {
    await deploy('03-actions/error-action')
    await until('a report', () => shown('ea-d1').length > 0, limitMs)
    const { ruleName, base64OriginalPayload, failures } = JSON.parse(shown('ea-d1')[0]!)
    const { device } = JSON.parse(Buffer.from(base64OriginalPayload, 'base64').toString())
    assert.deepEqual([ruleName, failures.length, failures[0].failedAction], ['warm', 1, 'Webhook'])
    assert.match(device, /^service-room-000\d$/)
    await until('the replay', () => shown('ea-d4').length > 0, limitMs)
    const { replayed } = JSON.parse(shown('ea-d4')[0]!)
    assert.ok(replayed > 0, shown('ea-d4')[0])
    await until('all of them', () => shown('ea-d2').length >= replayed, limitMs)
    assert.deepEqual(shown('ea-err'), [])
  })

  it('methods: a group is called three at a time; the one that is silent fails, and progress is told', async () => {
    await deploy('03-actions/methods')
    await until('the group', () => shown('me-d1').length > 0, limitMs)
    const { answered, failed, rows } = JSON.parse(shown('me-d1')[0]!) as { answered: number; failed: number; rows: string[] }
    assert.deepEqual([answered, failed], [7, 1])
    assert.deepEqual(
      rows,
      Array.from({ length: 8 }, (_, i) => `room-000${i + 1} ${i === 4 ? 'COMMAND_TIMEOUT' : 200}`),
    )
    const steps = shown('me-d7')
    assert.deepEqual(
      [steps[0], steps.includes('running: 7 of 8, 0 failed'), steps.at(-1)],
      ['running: 0 of 8, 0 failed', true, 'done: 8 of 8, 1 failed'],
    )
    await until('what the query found', () => shown('me-d2').length > 0, limitMs)
    const blinked = JSON.parse(shown('me-d2')[0]!) as { device: string; status: number }[]
    assert.deepEqual(
      blinked.map(({ device, status }) => [device, status]).toSorted(),
      Array.from({ length: 7 }, (_, i) => [`room-000${i + 2}`, 200]),
    )
    await until('the one that was woken', () => shown('me-d3').length > 0, limitMs)
    assert.deepEqual(shown('me-err'), [])
  })

  it('enrich: two rooms have their place, the third is not in the table, and a tag is seen from when it is set', async () => {
    await deploy('02-insights/enrich')
    type Item = { device: string; values: { site?: string; floor?: number; owner?: string | null } }
    const places = (): string[] =>
      shown('en-tele')
        .flatMap(text => JSON.parse(text) as Item[])
        .map(({ device, values: { site, floor, owner } }) => `${device.slice(-1)} ${site} ${floor} ${owner}`)
    for (const place of ['1 west 1 null', '2 east 2 null']) await until(place, () => places().includes(place), limitMs)
    await until('the third', () => shown('en-lack').length > 0, limitMs)
    const { code, missing } = JSON.parse(shown('en-lack')[0]!) as { code: string; missing: string[] }
    assert.deepEqual([code, missing.slice(0, 2)], ['ENRICH_MISSING', ['site', 'floor']])
    await inject('en-tag')
    await until('its owner', () => places().includes('1 west 1 anna'), limitMs)
    assert.deepEqual([places().filter(place => place.startsWith('3')), shown('en-err')], [[], []])
  })

  it('avro-fleet: what names unknown schemas waits, comes back in order once they are registered, and has one shape', async () => {
    await deploy('01-things/avro-fleet')
    const lines = (): string[] => shown('af-tele').map(text => text.trim())
    await until(
      'both generations, waited and new',
      () => {
        const all = lines()
        return ['old', 'new'].every(
          kind =>
            all.some(line => line.startsWith(`fleet-room-${kind} `) && line.includes('waited')) &&
            all.some(line => line.startsWith(`fleet-room-${kind} `) && !line.includes('waited')),
        )
      },
      limitMs,
    )
    for (const kind of ['old', 'new']) {
      const waited = lines().filter(line => line.startsWith(`fleet-room-${kind} `) && line.includes('waited'))
      const numbers = waited.map(line => Number(/ (\d+):/.exec(line)![1]))
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => i + 1),
      )
    }
    assert.deepEqual(
      lines().filter(line => !/^fleet-room-(old|new) \d+: \d+(\.5)? C(, waited \d+ s)?$/.test(line)),
      [],
    )
    assert.equal(shown('af-problems').length, 2)
    assert.deepEqual(shown('af-err'), [])
  })

  it('sparkplug-line: a lost message brings a rebirth, what waited comes in order, and a death makes all stale', async () => {
    await deploy('01-things/sparkplug-line')
    const lines = () => shownJson<{ device: string; strokes?: number; temperature?: number }>('sl-tele')
    await until('the death', () => shown('sl-notes').length >= 4, limitMs)
    await until('the next session', () => lines().some(({ strokes = 0 }) => strokes > 30), limitMs)
    assert.deepEqual(shown('sl-notes').slice(0, 4), [
      'rebirth: spBv1.0/plant/NCMD/press',
      'stale: press/motor temperature',
      'stale: press strokes',
      'stale: press/motor temperature',
    ])
    const strokes = lines().flatMap(line => (line.device === 'press' ? [line.strokes] : []))
    // The eighth is lost; births tell once more where it stands.
    const numbers = Array.from({ length: 20 }, (_, i) => i).filter(n => n !== 8)
    assert.deepEqual([...new Set(strokes)].slice(0, numbers.length), numbers)
    assert.ok(lines().every(({ device, temperature = 0 }) => device !== 'press/motor' || temperature >= 40))
    assert.deepEqual(shown('sl-err'), [])
  })
})
