import assert from 'node:assert/strict'
import type { Listening } from '../../src/broker/broker-port.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { deviceHost, serverNames } from '../../src/hub/server-names.ts'

const options = (more: Partial<HubOptions> = {}): HubOptions => ({
  hubId: 'h',
  dataDir: '/d',
  store: 'memory',
  broker: 'embedded',
  listeners: [],
  ...more,
})
const mqtts = (port: number, host = '127.0.0.1', state: Listening['state'] = 'open'): Listening => ({
  kind: 'mqtts',
  host,
  port,
  state,
})

describe('the names of a hub', () => {
  it('cover loopback, the listeners, the given names and the public one', () => {
    const names = serverNames(
      options({
        publicHost: 'iot.example.net',
        hubNames: ['hub.local'],
        listeners: [{ kind: 'mqtts', host: '192.0.2.7', port: 0 }],
      }),
    )
    assert.deepEqual(names.toSorted(), ['127.0.0.1', '192.0.2.7', '::1', 'hub.local', 'iot.example.net', 'localhost'])
  })

  it('take in every address of the machine for a listener on all of them', () => {
    const names = serverNames(options({ listeners: [{ kind: 'mqtts', host: '0.0.0.0', port: 0 }] }))
    assert.ok(!names.includes('0.0.0.0') && names.includes('127.0.0.1'))
  })

  it('tell devices where to connect, with the port where it is not the usual one', () => {
    assert.equal(deviceHost(options(), []), 'localhost')
    assert.equal(deviceHost(options(), [mqtts(8883)]), '127.0.0.1')
    assert.equal(deviceHost(options(), [mqtts(18_883)]), '127.0.0.1:18883')
    assert.equal(deviceHost(options(), [mqtts(18_883, '0.0.0.0')]), 'localhost:18883')
    assert.equal(deviceHost(options(), [mqtts(18_883, '127.0.0.1', 'failed')]), 'localhost')
    assert.equal(deviceHost(options({ hubNames: ['hub.local'] }), [mqtts(18_883)]), 'hub.local:18883')
    assert.equal(deviceHost(options({ publicHost: 'iot.example.net:443' }), [mqtts(18_883)]), 'iot.example.net:443')
    assert.equal(deviceHost(options({ publicHost: '::1' }), [mqtts(18_883)]), '[::1]:18883')
    assert.equal(deviceHost(options(), [{ ...mqtts(8443), kind: 'shared' }]), '127.0.0.1:8443')
  })

  it('tell a device the name by which it came, if the hub has it', () => {
    const everywhere = mqtts(18_883, '0.0.0.0')
    const named = options({ hubNames: ['hub.local', 'Other.local'], listeners: [everywhere] })
    assert.equal(deviceHost(named, [everywhere], 'other.local'), 'other.local:18883')
    assert.equal(deviceHost(named, [everywhere], 'somebody.else'), 'hub.local:18883')
    assert.equal(deviceHost(named, [everywhere], '127.0.0.1'), 'hub.local:18883', 'an address may be one behind a router')
    assert.equal(deviceHost(options(), [everywhere], '127.0.0.1'), '127.0.0.1:18883')
    assert.equal(deviceHost(options(), [everywhere], '192.0.2.1'), 'localhost:18883', 'no address of this machine')
    assert.equal(deviceHost(options(), [mqtts(18_883)], 'localhost'), 'localhost:18883')
    assert.equal(deviceHost({ ...named, publicHost: 'iot.example.net' }, [everywhere], 'other.local'), 'iot.example.net:18883')
  })
})
