import assert from 'node:assert/strict'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { hubNode, recorded, recorder, tab } from '../hub-flows.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, stopAll, tempFolder, until } from '../processes.ts'

const limitMs = 60_000
const tabId = 't'

interface State {
  status: 'assigning' | 'assigned' | 'failed'
  operationId?: string
  registrationState?: { deviceId?: string; errorCode?: number; errorMessage?: string; payload?: unknown }
}

describe('a loom-provision node that is deployed again', function () {
  this.timeout(180_000)
  let nodeRed: NodeRedProcess
  let folder: string
  let mqtt: number
  let groupKey: string
  let shortKey: string
  const clients: MqttClient[] = []

  before(async () => {
    folder = tempFolder('provision-redeploy')
    const [http, port] = await freePorts(2)
    mqtt = port!
    nodeRed = await startNodeRed({ folder: userFolder(folder, flow('first')), port: http! })
    await until('the hub runs', () => nodeRed.call('GET', '/thingloom/house/health'), limitMs)
    groupKey = await group('plant', 60_000)
    // nobody answers: it is refused soon
    shortKey = await group('short', 500)
  })
  after(async () => {
    await Promise.all(clients.map(client => client.endAsync(true)))
    await stopAll()
  })

  const group = async (id: string, timeoutMs: number): Promise<string> => {
    const hook = { enabled: true, timeoutMs, default: 'deny' }
    const enrolment = { id, kind: 'group', attestation: { kind: 'sas' }, hook }
    return (await nodeRed.call<any>('POST', '/thingloom/house/enrolments', enrolment)).secrets.primaryKey
  }
  const fileOf = (name: string): string => join(folder, `${name}.jsonl`)
  /** What the flow of that name was asked: registration ids with the id of the question. */
  const askedOf = (name: string): [registrationId: string, id: string][] =>
    recorded(fileOf(name)).map(({ payload }) => [payload.registrationId, payload.id])
  /** Each deploy is another flow by name; `verdict`: a function body, without it nobody answers. */
  const flow = (name: string, { verdict, listens = true }: { verdict?: string; listens?: boolean } = {}): FlowNode[] => [
    { ...tab(tabId), label: name },
    hubNode('house', join(folder, 'data'), { mqtt }),
    ...(listens ? [provision] : []),
    recorder('asked', tabId, fileOf(name), [verdict ? ['decide'] : []]),
    ...(verdict ? [{ ...decide, func: verdict }] : []),
  ]
  const position = { z: tabId, x: 100, y: 100 }
  const provision: FlowNode = {
    id: 'provision',
    ...position,
    type: 'loom-provision',
    name: '',
    hub: 'node-house',
    kinds: [],
    templates: '',
    enrolments: '',
    wires: [['asked'], [], [], [], []],
  }
  const decide: FlowNode = {
    id: 'decide',
    ...position,
    type: 'function',
    name: '',
    outputs: 1,
    timeout: 0,
    noerr: 0,
    initialize: '',
    finalize: '',
    libs: [],
    wires: [['provision']],
  }
  const yes = 'msg.provision.allow = true; return msg'

  /** Registers as Azure's devices do and asks until it is told what became of it. */
  const comes = async (id: string, master = groupKey) => {
    const token = signSas({
      key: deriveKey(master, id),
      resource: `0ne1/registrations/${id}`,
      expiresAt: Date.now() + 3_600_000,
    })
    const client = await connectAsync(`mqtt://127.0.0.1:${mqtt}`, {
      clientId: id,
      username: `0ne1/registrations/${id}/api-version=2019-03-31`,
      password: `${token}&skn=registration`,
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    clients.push(client)
    let lost = false
    client.on('close', () => (lost = true))
    client.on('error', () => {})
    await client.subscribeAsync('$dps/registrations/res/#', { qos: 1 })
    const answers: State[] = []
    client.on('message', (_, payload) => answers.push(JSON.parse(payload.toString())))
    const ask = async (topic: string): Promise<State> => {
      const before = answers.length
      await client.publishAsync(topic, '{}', { qos: 1 })
      return until(`an answer to ${id}`, () => answers[before], limitMs)
    }
    const first = await ask('$dps/registrations/PUT/iotdps-register/?$rid=1')
    assert.equal(first.status, 'assigning', JSON.stringify(first))
    let rid = 1
    const status = () => ask(`$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${++rid}&operationId=${first.operationId}`)
    const ended = async () => {
      const end = await until(
        `the end of ${id}`,
        async () => {
          const state = await status()
          return state.status !== 'assigning' && state
        },
        limitMs,
      )
      assert(!lost, `${id} was disconnected`)
      return end
    }
    return { status, ended }
  }

  it('is asked the question that its predecessor left open, and the device has its identity', async () => {
    const device = await comes('left-open')
    const [question] = await until('the first flow is asked', () => askedOf('first').length > 0 && askedOf('first'), limitMs)
    assert.equal(question![0], 'left-open')

    await nodeRed.deploy(flow('second'))
    await until('the second flow is asked', () => askedOf('second').length > 0, limitMs)
    assert.deepEqual(askedOf('second'), [question])
    assert.equal((await device.status()).status, 'assigning')

    await nodeRed.deploy(flow('third', { verdict: yes }))
    const { status, registrationState } = await device.ended()
    assert.deepEqual([status, registrationState?.deviceId], ['assigned', 'left-open'])
    assert.deepEqual(askedOf('third'), [question])
  })

  it('refuses no device that comes while it is deployed', async () => {
    await nodeRed.deploy(flow('round-0', { verdict: yes }))
    for (let round = 1; round <= 3; round++) {
      let deployed = false
      const deploying = nodeRed.deploy(flow(`round-${round}`, { verdict: yes })).finally(() => (deployed = true))
      // one after the other in each lane, until the deploy is done
      const lane = async (name: string): Promise<State[]> => {
        const ends: Promise<State>[] = []
        for (let i = 1; i <= 30 && !deployed; i++) ends.push((await comes(`r${round}-${name}-${i}`)).ended())
        return Promise.all(ends)
      }
      const [ends] = await Promise.all([Promise.all(['a', 'b', 'c'].map(lane)), deploying])
      const statuses = ends.flat().map(({ status }) => status)
      assert(statuses.length > 0)
      assert.deepEqual([...new Set(statuses)], ['assigned'], JSON.stringify(ends))
    }
  })

  it('is a no when it was taken away, and decides again when it is back', async () => {
    await nodeRed.deploy(flow('without', { listens: false }))
    const { status, registrationState } = await (await comes('alone', shortKey)).ended()
    assert.deepEqual([status, registrationState?.errorCode], ['failed', 400207])
    const no = 'msg.provision.allow = false; msg.provision.reason = "scrapped"; return msg'
    await nodeRed.deploy(flow('with', { verdict: no }))
    let tries = 0
    await until(
      'the node decides',
      async () => {
        const end = await (await comes(`again-${++tries}`, shortKey)).ended()
        return /scrapped/.test(end.registrationState?.errorMessage ?? '')
      },
      limitMs,
    )
    assert.deepEqual(askedOf('without'), [])
  })
})
