import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { connectPacket, packetTypes, pingPacket, publishPacket, talk } from '../mqtt-wire.ts'
import { start, stopAll, tempFolder, until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { azureTopic, endAll, liveHub } from './live-hub.ts'

describe('the PUBACK and the commit', function () {
  this.timeout(30_000)
  afterEach(async () => {
    await endAll()
    await stopAll()
  })

  async function heldHub() {
    const options = {
      hubId: 'held',
      dataDir: join(tempFolder('held'), 'data'),
      store: 'sqlite',
      broker: 'embedded',
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      threaded: false,
    }
    const here = import.meta.dirname
    const child = start(process.execPath, [
      '--import',
      join(here, 'held-commit.mjs'),
      join(here, 'hub-host.ts'),
      JSON.stringify(options),
    ])
    const { port, key } = JSON.parse((await child.says(/READY (\{.*\})/))[1]!) as { port: number; key: string }
    const dial = async () => {
      const peer = talk(connect(port, '127.0.0.1'))
      peer.send(connectPacket({ ...sasLogin('d1', key), clean: false }))
      assert.equal((await peer.next(packetTypes.connack)).body[1], 0)
      return peer
    }
    const publish = (ids: number[]) =>
      Buffer.concat(ids.map(id => publishPacket({ topic: azureTopic('d1'), payload: `{"n":${id}}`, qos: 1, id })))
    const held = (count: number) =>
      until(`the journal is asked for ${count} commits`, async () => {
        const from = child.output().length
        child.write('held\n')
        const told = await until('an answer', () => /HELD (\d+)\n/.exec(child.output().slice(from)))
        return Number(told[1]) === count
      })
    return { child, dial, publish, held }
  }

  it('none leaves while the commit is held; all leave in order once it has happened', async () => {
    const { child, dial, publish, held } = await heldHub()
    const peer = await dial()
    peer.send(publish([1, 2, 3]))
    await held(3)
    peer.send(pingPacket)
    await peer.next(packetTypes.pingresp)
    assert.deepEqual(
      peer.received.filter(({ type }) => type === packetTypes.puback),
      [],
    )
    child.write('commit\n')
    for (const id of [1, 2, 3]) assert.equal((await peer.next(packetTypes.puback)).body.readUInt16BE(0), id)
    child.write('count\n')
    await child.says(/COUNT 3\b/)
    peer.end()
    await child.stop()
  })

  it('none ever leaves for a commit that fails; the connection is closed, and the repeat is acknowledged', async () => {
    const { child, dial, publish, held } = await heldHub()
    const peer = await dial()
    peer.send(publish([1, 2]))
    await held(2)
    child.write('fail\n')
    await peer.closed()
    assert.deepEqual(
      peer.received.filter(({ type }) => type === packetTypes.puback),
      [],
    )
    const again = await dial()
    again.send(publish([1, 2]))
    await held(2)
    child.write('commit\n')
    for (const id of [1, 2]) assert.equal((await again.next(packetTypes.puback)).body.readUInt16BE(0), id)
    child.write('count\n')
    await child.says(/COUNT 2\b/)
    again.end()
    await child.stop()
  })

  it('every journal segment is written with synchronous=FULL', async () => {
    // The setting belongs to a connection and is not in the file: ask the hub's own connections, seen at their first statement.
    const connections = new Set<DatabaseSync>()
    const { exec, prepare } = DatabaseSync.prototype
    DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
      connections.add(this)
      return exec.call(this, sql)
    }
    DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...args: Parameters<typeof prepare>) {
      connections.add(this)
      return prepare.apply(this, args)
    }
    const checked = new Set<string>()
    const check = () => {
      for (const db of connections) {
        if (!db.isOpen) continue
        const [main] = prepare.call(db, 'PRAGMA database_list').all() as { file: string }[]
        const name = /journal\/(\d+\.db)$/.exec(main?.file ?? '')?.[1]
        if (!name) continue
        const [mode] = prepare.call(db, 'PRAGMA query_only').all() as { query_only: number }[]
        const [{ synchronous }] = prepare.call(db, 'PRAGMA synchronous').all() as [{ synchronous: number }]
        if (!mode?.query_only) assert.equal(synchronous, 2, `${name} runs synchronous=${synchronous}`)
        checked.add(name)
      }
    }
    try {
      const live = await liveHub({ limits: { segmentBytes: 256 * 1024 } })
      const peer = await live.device('d1')
      for (let n = 0; n < 120; n++) {
        peer.send(
          publishPacket({ topic: azureTopic('d1'), payload: JSON.stringify({ n, pad: 'x'.repeat(8000) }), qos: 1, id: n + 1 }),
        )
        await peer.next(packetTypes.puback)
        check()
      }
      assert(checked.size >= 3, `only ${checked.size} segments were seen`)
    } finally {
      Object.assign(DatabaseSync.prototype, { exec, prepare })
    }
  })
})
