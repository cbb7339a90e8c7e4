import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import { hubNode, recorded, recorder, tab, telemetryIn } from '../hub-flows.ts'
import { type FlowNode, type NodeRedProcess, startNodeRed, userFolder } from '../node-red-process.ts'
import { freePorts, stopAll, tempFolder, until } from '../processes.ts'
import { type DebugMessages, debugMessages } from '../smoke/debug-messages.ts'

const limitMs = 60_000
const z = 't'
const body = {
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { 'Fn::Join': ['-', ['lamp', { Ref: 'SerialNumber' }]] } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
  },
}
const template = { name: 'lamps', body, keyType: 'ec-p256', hook: { enabled: true, timeoutMs: 5000, default: 'deny' } }
const claim = { id: 'batch-1', templates: ['lamps'], keyType: 'ec-p256', quota: 10 }

describe('the way of a device, seen on the canvas', function () {
  this.timeout(180_000)
  const folder = tempFolder('claim-on-canvas')
  const file = (name: string) => join(folder, `${name}.jsonl`)
  const clients: MqttClient[] = []
  let nodeRed: NodeRedProcess
  let debug: DebugMessages
  let mqtts: number

  const node = (id: string, type: string, wires: string[][], more: object = {}): FlowNode => ({
    ...{ id, z, type, name: id, x: 100, y: 100, wires },
    ...more,
  })
  const debugNode = (id: string) =>
    node(id, 'debug', [], {
      active: true,
      tosidebar: true,
      complete: 'true',
      targetType: 'full',
      statusVal: '',
      statusType: 'auto',
    })
  const functionNode = (id: string, func: string, wires: string[][]) =>
    node(id, 'function', wires, { func, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] })

  before(async () => {
    const [http, port] = (await freePorts(2)) as [number, number]
    mqtts = port
    const flow = [
      tab(z),
      hubNode('canvas', join(folder, 'data'), { mqtts }),
      node('set-up', 'inject', [['operator']], { props: [], repeat: '', crontab: '', once: false, onceDelay: 0.1, topic: '' }),
      functionNode(
        'operator',
        `node.send({action: 'template', payload: ${JSON.stringify(template)}})\nnode.send({action: 'claim', payload: ${JSON.stringify(claim)}})`,
        [['provision']],
      ),
      node('provision', 'loom-provision', [['asked'], ['came'], ['refused'], [], ['claim']], {
        ...{ hub: 'node-canvas', kinds: [], templates: '', enrolments: '' },
      }),
      recorder('asked', z, file('asked'), [['decide']]),
      functionNode(
        'decide',
        `const {SerialNumber} = msg.payload.parameters
msg.provision.allow = SerialNumber !== '13'
if (msg.provision.allow) msg.provision.tags = {hall: '3'}
else msg.provision.reason = 'recalled'
return msg`,
        [['provision']],
      ),
      debugNode('came'),
      debugNode('refused'),
      recorder('claim', z, file('claim')),
      telemetryIn('telemetry', z, 'canvas', [['heard'], [], []]),
      recorder('heard', z, file('heard'), [['shown']]),
      debugNode('shown'),
    ]
    nodeRed = await startNodeRed({ folder: userFolder(folder, flow), port: http })
    await until(
      'the hub runs',
      () => nodeRed.call<{ status: string }>('GET', '/thingloom/canvas/health').then(({ status }) => status === 'ok'),
      limitMs,
    )
    debug = await debugMessages(nodeRed.url)
  })
  after(async () => {
    debug?.close()
    await Promise.all(clients.map(client => client.endAsync(true)))
    await stopAll()
  })

  const shown = (id: string) => debug.messages.filter(message => message.id === id).map(({ msg }) => msg)

  it('goes from the claim of its batch to a certificate of its own and telemetry; a recalled one is refused', async () => {
    await nodeRed.call('POST', '/inject/set-up')
    const given = await until('the claim', () => recorded(file('claim'))[0], limitMs)
    const batch = given.payload as { certificatePem: string; privateKeyPem: string; caPem: string }
    const connected = async (clientId: string, cert: string, key: string): Promise<MqttClient> => {
      const client = await connectAsync(`mqtts://127.0.0.1:${mqtts}`, {
        ...{ ca: batch.caPem, cert, key, clientId, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: limitMs },
      })
      client.on('error', () => {})
      clients.push(client)
      return client
    }
    const comes = async (serial: string) => {
      const client = await connected(`new-${serial}`, batch.certificatePem, batch.privateKeyPem)
      const answers = new Map<string, any>()
      client.on('message', (topic, payload) => answers.set(topic, JSON.parse(payload.toString())))
      const ask = async (topic: string, question: object) => {
        await client.subscribeAsync([`${topic}/accepted`, `${topic}/rejected`], { qos: 1 })
        await client.publishAsync(topic, JSON.stringify(question), { qos: 1 })
        return until(
          `an answer on ${topic}`,
          () =>
            (['accepted', 'rejected'] as const).map(end => ({ end, of: answers.get(`${topic}/${end}`) })).find(({ of }) => of),
          limitMs,
        )
      }
      const key = await generateKey('ec-p256')
      const csr = createCsr({ id: `new-${serial}`, ...key })
      const { of: made } = await ask('$aws/certificates/create-from-csr/json', { certificateSigningRequest: csr })
      assert.equal(new X509Certificate(made.certificatePem).checkPrivateKey(key.privateKey), true)
      const { end, of: answer } = await ask('$aws/provisioning-templates/lamps/provision/json', {
        certificateOwnershipToken: made.certificateOwnershipToken,
        parameters: { SerialNumber: serial },
      })
      await client.endAsync()
      const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
      return { end, answer, cert: made.certificatePem as string, keyPem }
    }

    const lamp = await comes('7')
    assert.deepEqual([lamp.end, lamp.answer.thingName], ['accepted', 'lamp-7'])
    const recalled = await comes('13')
    assert.deepEqual([recalled.end, recalled.answer.statusCode], ['rejected', 403])

    const own = await connected('lamp-7', lamp.cert, lamp.keyPem)
    await own.publishAsync('dt/lamp-7/room', '{"lumen":806}', { qos: 1 })
    const refused = connected('lamp-13', recalled.cert, recalled.keyPem)
    await assert.rejects(refused, 'the certificate of a device that was refused connects nobody')

    const [heard] = await until('its telemetry', () => recorded(file('heard')).length > 0 && recorded(file('heard')), limitMs)
    assert.deepEqual([heard!.device, heard!.payload], ['lamp-7', { lumen: 806 }])
    await until('the debug sidebar', () => ['shown', 'came', 'refused'].every(id => shown(id).length > 0), limitMs)
    assert.match(shown('shown')[0]!, /806/)
    assert.match(shown('came')[0]!, /lamp-7/)
    assert.match(shown('refused')[0]!, /recalled/)
    assert.deepEqual(
      recorded(file('asked')).map(({ payload }) => payload.parameters.SerialNumber),
      ['7', '13'],
    )
    const device = await nodeRed.call<{ tags: object; credentials: object[] }>('GET', '/thingloom/canvas/devices/lamp-7')
    assert.deepEqual([device.tags, device.credentials.length], [{ hall: '3' }, 1])
    assert.equal(recorded(file('heard')).length, 1)
  })
})
