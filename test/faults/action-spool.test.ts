import assert from 'node:assert/strict'
import { join } from 'node:path'
import { root } from '../node-red-process.ts'
import { type Child, start, stopAll, tempFolder } from '../processes.ts'
import { type WebhookServer, webhookServer } from '../webhook-server.ts'

const limitMs = 240_000

describe('a webhook whose receiver fails and recovers, and a hub that is killed meanwhile', function () {
  this.timeout(600_000)
  let server: WebhookServer
  beforeEach(async () => {
    server = await webhookServer()
  })
  afterEach(async () => {
    await stopAll()
    await server.close()
  })
  const run = (folder: string, count: number): Child =>
    start(process.execPath, [join(root, 'test', 'faults', 'acting-hub.ts'), folder, `${server.url}/in`, String(count)], {
      cwd: root,
    })
  const takenBy = (child: Child): number[] => [...child.output().matchAll(/TAKEN (\d+) /g)].map(([, n]) => Number(n))
  const arrived = (): number[] => server.taken.map(({ body }) => Number(body))
  /** The first arrivals, without those that came again: at least once, and in order, is the promise. */
  const firsts = (): number[] => [...new Set(arrived())]

  it('loses nothing that it took, and keeps the order', async () => {
    const folder = join(tempFolder('acting'), 'hub')
    const first = run(folder, 1_000_000)
    await first.says(/TAKEN 20 done/, limitMs)
    server.status = 503
    await first.says(/TAKEN \d+ spooled/, limitMs)
    const from = takenBy(first).length
    await first.says(new RegExp(`TAKEN ${from + 300} spooled`), limitMs)
    await first.stop('SIGKILL')
    const taken = takenBy(first)
    const before = arrived().length

    // Down once more while nothing gets through.
    const second = run(folder, 0)
    const [, waited] = await second.says(/WAITING (\d+)/, limitMs)
    assert.ok(Number(waited) >= 300, `${waited} waited`)
    await second.stop('SIGKILL')
    assert.equal(arrived().length, before)

    server.status = 200
    const third = run(folder, 0)
    const [, letters] = await third.says(/EMPTY (\d+)/, limitMs)
    await third.exited
    assert.equal(letters, '0')
    const numbers = firsts()
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      numbers,
      'in order',
    )
    // One more may have come to the disk just before the kill, without a word.
    const last = taken.at(-1)!
    assert.ok(numbers.length === last || numbers.length === last + 1, `${numbers.length} of ${last}`)
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, i) => i + 1),
    )
    assert.ok(server.taken.every(({ headers }) => headers.authorization === 'Bearer of-the-node'))
    const ids = new Map(server.taken.map(({ body, headers }) => [body, headers['idempotency-key']]))
    for (const { body, headers } of server.taken) assert.equal(headers['idempotency-key'], ids.get(body), 'one id for all tries')
  })

  it('killed while it drains, it sends the rest after the next start', async () => {
    const folder = join(tempFolder('draining'), 'hub')
    server.status = 503
    const first = run(folder, 600)
    await first.says(/TAKEN 600 spooled/, limitMs)
    await first.stop('SIGKILL')
    server.status = 200
    const second = run(folder, 0)
    for (const end = performance.now() + limitMs; arrived().length < 100; ) {
      assert.ok(performance.now() < end, `${arrived().length} arrived`)
      await new Promise(setImmediate)
    }
    await second.stop('SIGKILL')
    const cut = arrived().length
    assert.ok(cut < 600, `it was cut off at ${cut}`)
    const third = run(folder, 0)
    await third.says(/EMPTY 0/, limitMs)
    await third.exited
    assert.deepEqual(
      firsts(),
      Array.from({ length: 600 }, (_, i) => i + 1),
    )
    assert.ok(arrived().length - 600 <= 1, `${arrived().length - 600} came twice`)
  })
})
