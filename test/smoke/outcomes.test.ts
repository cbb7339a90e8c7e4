import assert from 'node:assert/strict'
import { type FlowNode, type NodeRedProcess, startNodeRed } from '../node-red-process.ts'
import { freePorts, until } from '../processes.ts'
import { type DebugMessages, debugMessages } from './debug-messages.ts'
import { apart } from './examples.ts'
import { installedPackage, installedUserFolder, nodeBinary, nodeRedScript, readJson } from './installs.ts'

/** Who was refused asks again after a minute, and then after twice as long. */
const limitMs = 240_000

interface Told {
  state: string
  deviceId?: string
  registrationId?: string
  reason?: string
}

describe('the examples of provisioning, to their ends', function () {
  this.timeout(600_000)
  let nodeRed: NodeRedProcess
  let folder: string
  let debug: DebugMessages

  before(async () => {
    folder = await installedUserFolder('user-outcomes')
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
  })
  after(async () => nodeRed?.child.stop())
  beforeEach(async () => {
    debug = await debugMessages(nodeRed.url)
  })
  afterEach(() => debug.close())

  const deploy = async (name: string): Promise<void> => {
    const flow = readJson<FlowNode[]>(installedPackage(folder), 'examples', '01-things', `${name}.json`)
    await nodeRed.deploy(await apart(flow))
  }
  const shown = (id: string): string[] => debug.messages.filter(message => message.id === id).map(({ msg }) => msg)
  const told = (id: string): [device: string | undefined, state: string, reason: string | undefined][] =>
    shown(id)
      .map(text => JSON.parse(text) as Told)
      .map(({ deviceId, registrationId, state, reason }) => [deviceId ?? registrationId, state, reason])
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
      await deploy(name)
      const prefix = waits.slice(0, -1)
      const [came, no, data] = [`${ids}-came`, `${ids}-no`, `${ids}-data`]
      for (const n of [1, 2, 3]) await until(`${prefix}${n}`, () => has(came, `${prefix}${n}`, 'ACTIVE'), limitMs)
      await until(`${stolen} is denied`, () => denied(no, stolen, because), limitMs)
      await until(`${unlisted} is denied`, () => denied(no, unlisted), limitMs)
      await until(`${waits} waits`, () => has(no, waits, 'PENDING_APPROVAL'), limitMs)
      assert.equal(has(came, waits, 'ACTIVE'), false)
      await until('telemetry', () => shown(data).length > 0, limitMs)
      await nodeRed.call('POST', `/inject/${ids}-wait`)
      await until(`${waits} comes`, () => has(came, waits, 'ACTIVE'), limitMs)
      assert.deepEqual(
        told(came).filter(([device]) => device === stolen || device === unlisted),
        [],
      )
      assert.deepEqual(shown(`${ids}-err`), [])
    })

  it('certificate-rotation: each of eight units has its next certificate, nobody was refused', async () => {
    await deploy('certificate-rotation')
    await until('the end of the campaign', () => shown('cr-prog').includes('all: 8 of 8 renewed, 0 failed'), limitMs)
    const units = [...new Set(shown('cr-prog').flatMap(text => /^(unit-\d+): /.exec(text)?.[1] ?? []))].toSorted()
    assert.deepEqual(
      units,
      Array.from({ length: 8 }, (_, i) => `unit-000${i + 1}`),
    )
    assert.deepEqual([shown('cr-no'), shown('cr-err')], [[], []])
  })
})
