import assert from 'node:assert/strict'
import { type FlowNode, type NodeRedProcess, startNodeRed } from '../node-red-process.ts'
import { freePorts, until } from '../processes.ts'
import { type DebugMessages, debugMessages } from './debug-messages.ts'
import { apart } from './examples.ts'
import { installedPackage, installedUserFolder, nodeBinary, nodeRedScript, readJson } from './installs.ts'

const limitMs = 120_000

describe('the example of device models, with the package that it needs', function () {
  this.timeout(600_000)
  let nodeRed: NodeRedProcess
  let folder: string
  let debug: DebugMessages

  before(async () => {
    folder = await installedUserFolder('user-model', ['ajv@8'])
    const [port] = (await freePorts(1)) as [number]
    nodeRed = await startNodeRed({ folder, port, node: await nodeBinary('24'), nodeRed: await nodeRedScript('^5.0.0') })
    debug = await debugMessages(nodeRed.url)
  })
  after(async () => {
    debug?.close()
    await nodeRed?.child.stop()
  })

  const shown = (id: string): string[] => debug.messages.filter(message => message.id === id).map(({ msg }) => msg)

  it('sets aside what one room sends against the model, and names the path; the others go on', async () => {
    const flow = readJson<FlowNode[]>(installedPackage(folder), 'examples', '01-things', 'model.json')
    await nodeRed.deploy(await apart(flow))
    await until('a violation', () => shown('md-violation').length > 0, limitMs)
    await until('telemetry', () => shown('md-data').length > 0, limitMs)
    await until('the violations of the batch', () => shown('md-bad').length > 0, limitMs)
    for (const text of shown('md-violation'))
      assert.match(text, /^model-room-0002: temperature must be (<= 50 \(maximum\)|>= -20 \(minimum\))/)
    const places = (JSON.parse(shown('md-bad')[0]!) as { path: string; rule: string }[]).map(
      ({ path, rule }) => `${path} ${rule}`,
    )
    assert.deepEqual(places, ['[1].temperature type', '[1].co2 maximum'])
    await nodeRed.call('POST', '/inject/md-want')
    await until('what may not be desired', () => shown('md-bad').length > 1, limitMs)
    assert.match(shown('md-bad')[1]!, /"setpoint"/)
    await nodeRed.call('POST', '/inject/md-call')
    await until('a call that is right', () => shown('md-res').includes('true'), limitMs)
    assert.deepEqual(shown('md-err'), [])
  })
})
