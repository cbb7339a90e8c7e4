import assert from 'node:assert/strict'
import { readConnect } from '../../src/dialects/connect.ts'

const azureAgent = 'api-version=2021-04-12&DeviceClientType=azure-iot-device%2F1.18.0%20(node%20v24)'
const query = { 'api-version': '2021-04-12', DeviceClientType: 'azure-iot-device/1.18.0 (node v24)' }

const accepted: [what: string, username: string | undefined, clientId: string, form: object][] = [
  [
    'an Azure device',
    `Hub.Example.NET/d1/?${azureAgent}`,
    'd1',
    { family: 'iothub', deviceId: 'd1', host: 'hub.example.net', query },
  ],
  [
    'a host with a port',
    'h:8883/d1/?api-version=1',
    'd1',
    { family: 'iothub', deviceId: 'd1', host: 'h:8883', query: { 'api-version': '1' } },
  ],
  ['a missing slash', 'h/d1?api-version=1', 'd1', { family: 'iothub', deviceId: 'd1', host: 'h', query: { 'api-version': '1' } }],
  [
    'a missing question mark',
    'h/d1/api-version=1',
    'd1',
    { family: 'iothub', deviceId: 'd1', host: 'h', query: { 'api-version': '1' } },
  ],
  [
    'a model id, its member before the version',
    'h/d1/?model-id=dtmi:com:x;1&api-version=1',
    'd1',
    { family: 'iothub', deviceId: 'd1', host: 'h', query: { 'model-id': 'dtmi:com:x;1', 'api-version': '1' } },
  ],
  [
    'a module',
    'h/d1/m1/?api-version=1',
    'd1/m1',
    { family: 'iothub', deviceId: 'd1', module: 'm1', host: 'h', query: { 'api-version': '1' } },
  ],
  [
    'a module with neither slash nor question mark',
    'h/d1/m1/api-version=1',
    'd1/m1',
    { family: 'iothub', deviceId: 'd1', module: 'm1', host: 'h', query: { 'api-version': '1' } },
  ],
  [
    'a provisioning client',
    '0ne001/registrations/Reg-1/api-version=2019-03-31&ClientVersion=azure%2F1.9',
    'Reg-1',
    { family: 'dps', deviceId: 'Reg-1', idScope: '0ne001', query: { 'api-version': '2019-03-31', ClientVersion: 'azure/1.9' } },
  ],
  [
    'a provisioning client whose client id has another case',
    '0ne001/registrations/Reg-1/api-version=1',
    'reg-1',
    { family: 'dps', deviceId: 'Reg-1', idScope: '0ne001', query: { 'api-version': '1' } },
  ],
  [
    'a registration with a raw slash in its agent',
    's/registrations/r/api-version=1&ClientVersion=a/1',
    'r',
    { family: 'dps', deviceId: 'r', idScope: 's', query: { 'api-version': '1', ClientVersion: 'a/1' } },
  ],
  [
    'the module of a device named registrations',
    'h/registrations/m/?api-version=1',
    'registrations/m',
    { family: 'iothub', deviceId: 'registrations', module: 'm', host: 'h', query: { 'api-version': '1' } },
  ],
  ['no user name', undefined, 'thing-1', { family: 'thing', deviceId: 'thing-1', query: {} }],
  [
    'an AWS agent',
    '?SDK=NodeJSv2&Version=1.28.0',
    't',
    { family: 'thing', deviceId: 't', query: { SDK: 'NodeJSv2', Version: '1.28.0' } },
  ],
  [
    'an AWS agent with brackets in its metadata',
    '?SDK=CRT&Metadata=(a=1;b=2,c)',
    't',
    { family: 'thing', deviceId: 't', query: { SDK: 'CRT', Metadata: '(a=1;b=2,c)' } },
  ],
  ['a user and an agent', 'lamp-7?SDK=x', 'c', { family: 'thing', deviceId: 'c', username: 'lamp-7', query: { SDK: 'x' } }],
  ['a user with slashes', 'a/b/c', 'c', { family: 'thing', deviceId: 'c', username: 'a/b/c', query: {} }],
  [
    'a user like a host and device but no version',
    'h/d1/?x=1',
    'd1',
    { family: 'thing', deviceId: 'd1', username: 'h/d1/', query: { x: '1' } },
  ],
  [
    'an authorizer',
    '?x-amz-customauthorizer-name=A%20b&token=a%2',
    'c',
    { family: 'thing', deviceId: 'c', query: { 'x-amz-customauthorizer-name': 'A b', token: 'a%2' } },
  ],
  ['no client id', 'u', '', { family: 'thing', deviceId: '', username: 'u', query: {} }],
]

const refusals: [what: string, username: string, clientId: string, returnCode: number][] = [
  ['another device in the client id', 'h/d1/?api-version=1', 'd2', 5],
  ['another case of an Azure device', 'h/d1/?api-version=1', 'D1', 5],
  ['a module without its device in the client id', 'h/d1/m1/?api-version=1', 'm1', 5],
  ['another registration in the client id', 's/registrations/r1/api-version=1', 'r2', 5],
  ['a device id with odd characters', 'h/d%201/?api-version=1', 'd%201', 5],
  ['a module id with odd characters', 'h/d1/m 1/?api-version=1', 'd1/m 1', 5],
  ['a registration id with odd characters', 's/registrations/r*/api-version=1', 'r*', 5],
  ['a client id of 257 characters', '', 'x'.repeat(257), 2],
]

describe('readConnect', () => {
  for (const [what, username, clientId, form] of accepted)
    it(`knows ${what}`, () => assert.deepEqual(readConnect({ ...(username !== undefined && { username }), clientId }), form))

  for (const [what, username, clientId, returnCode] of refusals)
    it(`refuses ${what}`, () => {
      const refusal = readConnect({ username, clientId })
      assert.ok('error' in refusal)
      assert.equal(refusal.returnCode, returnCode)
      assert.ok(refusal.error.length < 400)
    })

  it('keeps a hostile query key an ordinary member', () => {
    const form = readConnect({ username: '?__proto__=x', clientId: 'c' })
    assert.ok('query' in form)
    assert.deepEqual(Object.keys(form.query), ['__proto__'])
    assert.equal(Object.getPrototypeOf(form.query), Object.prototype)
  })
})
