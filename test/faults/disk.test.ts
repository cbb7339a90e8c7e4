import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { startHub } from '../../src/hub/start-hub.ts'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { maySkip, tempFolder, until } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { azureTopic, endAll, liveHub } from './live-hub.ts'

const mounted: string[] = []

/** A small file system of its own, or undefined where this user may not mount one. */
function smallDisk(sizeMb: number): string | undefined {
  const folder = tempFolder('disk')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m,mode=0700`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    return undefined
  }
  mounted.push(folder)
  return folder
}

describe('disk faults', function () {
  this.timeout(60_000)
  afterEach(async () => {
    await endAll()
    for (const folder of mounted.splice(0)) execFileSync('umount', ['-l', folder])
  })

  it('refuses a data folder that cannot be written with STORE_READ_ONLY, and starts once it can', async function () {
    const disk = smallDisk(64)
    if (!disk) return void (maySkip('the right to mount') && this.skip())
    const dataDir = join(disk, 'hub')
    const first = await liveHub({ dataDir })
    await first.serves()
    await endAll()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    await assert.rejects(startHub(first.options), { code: 'STORE_READ_ONLY' })
    await assert.rejects(startHub({ ...first.options, dataDir: join(disk, 'new') }), { code: 'STORE_READ_ONLY' })
    execFileSync('mount', ['-o', 'remount,rw', disk])
    await (await liveHub({ dataDir })).serves()
  })

  it('acknowledges nothing on a full disk, keeps what it acknowledged, and goes on when there is room again', async function () {
    const disk = smallDisk(160)
    if (!disk) return void (maySkip('the right to mount') && this.skip())
    const live = await liveHub({ dataDir: join(disk, 'hub'), limits: { maxHoldMs: 1000, storeTelemetry: false } })
    await live.serves()
    const { primaryKey } = await live.register('d1')
    const filler = join(disk, 'filler')
    try {
      execFileSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=64k'], { stdio: 'pipe' })
    } catch {
      // dd reports the full disk, which is what it is for
    }
    const payload = (n: number) => Buffer.from(JSON.stringify({ n, pad: 'x'.repeat(100_000) }))
    const acked: number[] = []
    let n = 0
    await until(
      'a publish stays unacknowledged',
      async () => {
        const { peer, code } = await live.dial(sasLogin('d1', primaryKey!))
        if (code !== 0) return true
        for (let i = 0; i < 1000; i++, n++) {
          peer.send(publishPacket({ topic: azureTopic('d1'), payload: payload(n), qos: 1, id: (n % 60_000) + 1 }))
          const answer = await peer.next(packetTypes.puback, 8000).catch(() => undefined)
          if (!answer) return true
          acked.push(n)
        }
        return false
      },
      40_000,
    )
    const health = await live.hub.health.get({})
    assert.notEqual(health.journal.state, 'ok')
    const kept = async () =>
      (await live.records('d1')).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).n as number)
    const before = new Set(await kept())
    assert.deepEqual(
      acked.filter(one => !before.has(one)),
      [],
    )
    assert.equal((await live.hub.devices.get({ id: 'd1' })).id, 'd1')

    rmSync(filler)
    await until('the hub takes messages again', async () => {
      const { peer, code } = await live.dial(sasLogin('d1', primaryKey!))
      if (code !== 0) return false
      peer.send(publishPacket({ topic: azureTopic('d1'), payload: payload(n), qos: 1, id: 9 }))
      const answer = await peer.next(packetTypes.puback, 2000).catch(() => undefined)
      peer.end()
      return answer && true
    })
    await live.serves()
    await until('the journal is well', async () => (await live.hub.health.get({})).journal.state === 'ok')
    const after = new Set(await kept())
    assert.deepEqual(
      acked.filter(one => !after.has(one)),
      [],
    )
  })

  /** What a power cut would leave: the files as they are while the hub runs. */
  async function crashImage(messages: number) {
    const live = await liveHub()
    const peer = await live.device('d1')
    for (let n = 0; n < messages; n++) {
      peer.send(
        publishPacket({ topic: azureTopic('d1'), payload: JSON.stringify({ n, pad: 'p'.repeat(500) }), qos: 1, id: n + 1 }),
      )
      await peer.next(packetTypes.puback)
    }
    const dataDir = join(tempFolder('image'), 'data')
    cpSync(live.options.dataDir, dataDir, { recursive: true })
    await endAll()
    const segment = readdirSync(join(dataDir, 'journal')).find(name => /^\d+\.db$/.test(name))!
    return { dataDir, segment: join(dataDir, 'journal', segment) }
  }

  const damage = (path: string, at: number, bytes: Buffer) => {
    const file = openSync(path, 'r+')
    writeSync(file, bytes, 0, bytes.length, at)
    closeSync(file)
  }
  const numbers = async (live: Awaited<ReturnType<typeof liveHub>>) =>
    (await live.records('d1')).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).n as number)
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

  it('starts over a torn tail of the write-ahead log with all that was committed before it', async () => {
    const { dataDir, segment } = await crashImage(200)
    const wal = `${segment}-wal`
    const { size } = statSync(wal)
    assert(size > 4096, 'the image has no write-ahead log')
    damage(wal, size, Buffer.alloc(5000, 0xa5))
    const live = await liveHub({ dataDir })
    assert.deepEqual(await numbers(live), upTo(200))
    await live.serves()
  })

  it('loses only the last commits to a write-ahead log that is damaged at its end', async () => {
    const { dataDir, segment } = await crashImage(200)
    const wal = `${segment}-wal`
    const { size } = statSync(wal)
    damage(wal, size - 3000, Buffer.alloc(3000, 0xa5))
    const live = await liveHub({ dataDir })
    const found = await numbers(live)
    assert(found.length >= 150 && found.length < 200, `${found.length} of 200`)
    assert.deepEqual(found, upTo(found.length))
    await live.serves()
  })

  it('serves with what can be read of a journal file whose last pages are damaged, and sets the file aside', async () => {
    const { dataDir, segment } = await crashImage(400)
    // Into the database file itself: checkpoint the log first, as a clean stop would have.
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(segment)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    const { size } = statSync(segment)
    damage(segment, size - 3 * 4096, Buffer.alloc(3 * 4096, 0xa5))
    const live = await liveHub({ dataDir })
    const found = await numbers(live)
    assert(found.length > 100, `only ${found.length} of 400 were readable`)
    assert.deepEqual(
      found,
      upTo(400).filter(n => found.includes(n)),
    )
    assert(
      readdirSync(join(dataDir, 'journal')).some(name => name.includes('.corrupt')),
      'the damaged file is not kept',
    )
    await live.serves()
  })

  it('refuses to start on a state file that is no database, and never makes an empty one of it', async () => {
    const { dataDir } = await crashImage(5)
    for (const name of ['identity.db', 'identity.db-wal'])
      writeFileSync(join(dataDir, name), 'this is no database, only text '.repeat(300))
    const before = statSync(join(dataDir, 'identity.db')).size
    await assert.rejects(liveHub({ dataDir }), { code: 'STORE_CORRUPT' })
    assert.equal(statSync(join(dataDir, 'identity.db')).size, before)
  })
})
