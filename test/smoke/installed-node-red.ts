import { type FlowNode, type NodeRedProcess, startNodeRed } from '../node-red-process.ts'
import { freePorts } from '../processes.ts'
import { type DebugMessages, debugMessages } from './debug-messages.ts'
import { apart } from './examples.ts'
import { installedPackage, installedUserFolder, nodeBinary, nodeRedScript, readJson } from './installs.ts'

/** Node-RED 5 with the packed package, and others, for the tests of the suite that calls it. What debug nodes showed is of the test that runs. */
export function installedNodeRed(name: string, others: string[] = []) {
  let nodeRed: NodeRedProcess
  let folder: string
  let debug: DebugMessages

  before(async () => {
    folder = await installedUserFolder(`user-${name}`, others)
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
  })
  after(async () => nodeRed?.child.stop())
  beforeEach(async () => {
    debug = await debugMessages(nodeRed.url)
  })
  afterEach(() => debug?.close())

  const shown = (id: string): string[] => debug.messages.filter(message => message.id === id).map(({ msg }) => msg)
  return {
    /** An example of the package, such as `03-actions/shadow`. */
    async deploy(example: string): Promise<void> {
      const flow = readJson<FlowNode[]>(installedPackage(folder), 'examples', `${example}.json`)
      await nodeRed.deploy(await apart(flow, nodeRed.url))
    },
    inject: (id: string): Promise<unknown> => nodeRed.call('POST', `/inject/${id}`),
    shown,
    shownJson: <T>(id: string): T[] => shown(id).map(text => JSON.parse(text) as T),
  }
}
