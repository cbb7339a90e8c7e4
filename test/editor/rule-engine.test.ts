import assert from 'node:assert/strict'
import { type Engine, openEngine, type WorkerLike } from '../../src/editor/rules/engine.ts'

interface Fake extends WorkerLike {
  asked: { id: number; question: { text: string } }[]
  ended: boolean
}

describe('the engine of the page', () => {
  let workers: Fake[]
  let alarms: { ms: number; ring(): void }[]
  let engine: Engine
  const question = (text: string) => ({ kind: 'import', text }) as const
  const say = (worker: Fake, data: unknown) => worker.onmessage?.({ data })
  const turn = () => new Promise(resolve => setImmediate(resolve))

  beforeEach(() => {
    workers = []
    alarms = []
    engine = openEngine({
      start() {
        const worker: Fake = {
          asked: [],
          ended: false,
          onmessage: null,
          onerror: null,
          postMessage: message => void worker.asked.push(message as Fake['asked'][number]),
          terminate: () => void (worker.ended = true),
        }
        workers.push(worker)
        return worker
      },
      after(ms, then) {
        const alarm = { ms, ring: then }
        alarms.push(alarm)
        return () => void alarms.splice(alarms.indexOf(alarm), 1)
      },
    })
  })

  it('asks one question at a time once the worker is there', async () => {
    const answers = [engine.ask(question('a')), engine.ask(question('b'))]
    const [worker] = workers as [Fake]
    assert.deepEqual([workers.length, worker.asked.length, alarms.length], [1, 0, 0])
    say(worker, { ready: true })
    assert.deepEqual([worker.asked.length, alarms.map(({ ms }) => ms)], [1, [1000]])
    say(worker, { id: 1, answer: 'A' })
    say(worker, { id: 2, answer: 'B' })
    assert.deepEqual(await Promise.all(answers), ['A', 'B'])
    assert.deepEqual(alarms, [])
  })

  it('ends a worker that takes too long, and goes on with another', async () => {
    const slow = engine.ask(question('slow'))
    const next = engine.ask(question('next'))
    say(workers[0]!, { ready: true })
    alarms[0]!.ring()
    assert.equal(await slow, 'slow')
    assert.ok(workers[0]!.ended)
    say(workers[0]!, { id: 1, answer: 'too late' })
    say(workers[0]!, { ready: true })
    assert.deepEqual(workers[1]!.asked, [], 'it is not there yet')
    say(workers[1]!, { ready: true })
    say(workers[1]!, { id: 2, answer: 'fine' })
    assert.equal(await next, 'fine')
  })

  it('tells that the worker cannot be loaded, and tries again the next time', async () => {
    const lost = engine.ask(question('a'))
    workers[0]!.onerror?.({ message: 'no such file' })
    await assert.rejects(lost, /no such file/)
    const found = engine.ask(question('b'))
    say(workers[1]!, { ready: true })
    say(workers[1]!, { id: 1, answer: 'B' })
    assert.equal(await found, 'B')
  })

  it('passes on a failure of the engine itself', async () => {
    const failed = engine.ask(question('a'))
    say(workers[0]!, { ready: true })
    say(workers[0]!, { id: 1, failure: 'a fault' })
    await assert.rejects(failed, /a fault/)
  })

  it('ends with its dialog', async () => {
    void engine.ask(question('a'))
    say(workers[0]!, { ready: true })
    engine.close()
    await turn()
    assert.ok(workers[0]!.ended)
    assert.deepEqual([workers.length, alarms.length], [1, 0])
  })
})
