import assert from 'node:assert/strict'
import { type FlowNode, type NodeRedProcess, startNodeRed } from '../node-red-process.ts'
import { freePorts, until } from '../processes.ts'
import { type DebugMessages, debugMessages } from './debug-messages.ts'
import { apart } from './examples.ts'
import { installedPackage, installedUserFolder, nodeBinary, nodeRedScript, readJson } from './installs.ts'

const limitMs = 120_000

describe('the examples of rules', function () {
  this.timeout(600_000)
  let nodeRed: NodeRedProcess
  let folder: string
  let debug: DebugMessages

  before(async () => {
    folder = await installedUserFolder('user-route')
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
  })
  after(async () => nodeRed?.child.stop())
  beforeEach(async () => {
    debug = await debugMessages(nodeRed.url)
  })
  afterEach(() => debug.close())

  const deploy = async (name: string): Promise<void> =>
    nodeRed.deploy(await apart(readJson<FlowNode[]>(installedPackage(folder), 'examples', '02-insights', `${name}.json`)))
  const shown = <T>(id: string): T[] => debug.messages.filter(message => message.id === id).map(({ msg }) => JSON.parse(msg) as T)

  it('part warm rooms from all rooms, and what is no room goes to the fallback', async () => {
    await deploy('route')
    const hot = await until(
      'warm rooms',
      () => {
        const found = shown<{ temperature: number; room: string; above: number }>('rt-hot')
        return found.length > 2 ? found : undefined
      },
      limitMs,
    )
    for (const { temperature, room, above } of hot) {
      assert.match(room, /^route-room-000[123]$/)
      assert.ok(temperature > 20.4 && Math.abs(temperature - 20.4 - above) < 0.02, `${temperature} ${above}`)
    }
    const rest = await until('a pump', () => shown<Record<string, number>>('rt-rest')[0], limitMs)
    assert.ok(!('humidity' in rest) && !('co2' in rest), JSON.stringify(rest))
    assert.deepEqual(shown('rt-err'), [])
  })

  it('are shared, run in the hub, and say what fails', async () => {
    await deploy('shared-rules')
    type Failure = { ruleName: string; failures: { failedAction: string; errorMessage: string }[] }
    const failed = await until('the failure', () => shown<Failure>('rs-failed')[0], limitMs)
    assert.deepEqual([failed.ruleName, failed.failures[0]?.failedAction], ['too large', 'Rule'])
    assert.match(failed.failures[0]!.errorMessage, /1000 outputs/)
    await until('messages', () => shown<number>('rs-all').some(count => count > 300), limitMs)
    const [all, wanted] = ['rs-all', 'rs-wanted-n'].map(id => Math.max(0, ...shown<number>(id))) as [number, number]
    assert.ok(wanted < all, `${wanted} of ${all}`)
  })
})
