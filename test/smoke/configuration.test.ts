import assert from 'node:assert/strict'
import type { ConfigurationMetrics } from '../../src/hub/hub.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed } from '../node-red-process.ts'
import { freePorts, until } from '../processes.ts'
import { type DebugMessages, debugMessages } from './debug-messages.ts'
import { apart } from './examples.ts'
import { installedPackage, installedUserFolder, nodeBinary, nodeRedScript, readJson } from './installs.ts'

const limitMs = 240_000

describe('the example of fleet configurations, to its end', function () {
  this.timeout(600_000)
  let nodeRed: NodeRedProcess
  let folder: string
  let debug: DebugMessages

  before(async () => {
    folder = await installedUserFolder('user-configuration')
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
    debug = await debugMessages(nodeRed.url)
  })
  after(async () => {
    debug?.close()
    await nodeRed?.child.stop()
  })
  const shown = (id: string): string[] => debug.messages.filter(message => message.id === id).map(({ msg }) => msg)
  /** Counts of `house` that were told so far. */
  const steps = (): ConfigurationMetrics[] =>
    shown('co-d5')
      .map(text => JSON.parse(text) as { configuration: string; payload: ConfigurationMetrics })
      .flatMap(({ configuration, payload }) => (configuration === 'house' ? [payload] : []))

  it('one has all flats, the other begins with four of ten and ends with all; deleted it leaves them to the first', async () => {
    await nodeRed.deploy(
      await apart(readJson<FlowNode[]>(installedPackage(folder), 'examples', '03-actions', 'configuration.json')),
    )
    const far = (text: string) => until(text, () => shown('co-far').includes(text), limitMs)
    await far('house: 20 of 20, done')
    await far('top-floor: 4 of 4, 6 are held, done')
    await far('top-floor: 10 of 10, done')
    await until('ten flats lose a value of the first', () => steps().some(({ conflicts }) => conflicts === 10), limitMs)
    const before = steps().length
    await nodeRed.call('POST', '/inject/co-del')
    const asBefore = ({ converged, conflicts }: ConfigurationMetrics) => converged === 20 && conflicts === 0
    await until('all are as before', () => steps().slice(before).some(asBefore), limitMs)
    assert.deepEqual(shown('co-err'), [])
  })
})
