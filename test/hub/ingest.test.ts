import assert from 'node:assert/strict'
import { createIngest, type Ingest } from '../../src/hub/ingest.ts'
import { flags, type JournalPort } from '../../src/journal/journal-port.ts'
import { openMemoryJournal } from '../../src/stores/memory/journal.ts'
import { FakeTime } from '../journal/fake-time.ts'

const minuteMs = 60_000

describe('ingest of messages that cannot be decoded', () => {
  let time: FakeTime
  let journal: JournalPort
  let ingest: Ingest
  let lost: { device: string; code: string; message: string }[]
  let seqs: number[]

  beforeEach(() => {
    time = new FakeTime()
    journal = openMemoryJournal({ ...time, deadLetters: { waiting: 70 } })
    lost = []
    seqs = []
    ingest = createIngest({
      journal,
      now: time.now,
      lost: (error, device) => lost.push({ device, code: (error as Error & { code: string }).code, message: error.message }),
    })
  })
  afterEach(() => journal.close())

  const send = (deviceId: string, text: string): void =>
    ingest(
      {
        envelope: {
          deviceId,
          stream: '',
          body: Buffer.from(text),
          contentType: 'application/json',
          properties: { a: 'b' },
          system: {},
          topic: `devices/${deviceId}`,
          qos: 1,
          will: false,
          dialect: 'plain',
        },
        context: {},
      },
      (error, seq) => {
        assert.equal(error, undefined)
        seqs.push(seq)
      },
    )
  const sendBad = (deviceId: string, count: number): void => {
    for (let i = 0; i < count; i++) send(deviceId, '{bad')
    time.advance()
  }
  const letters = async () => (await journal.deadLetters({ limit: 1000 })).items
  const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

  it('journals each with its flag and keeps a letter that can be replayed', async () => {
    send('d1', '{bad')
    send('d1', '{"t":1}')
    time.advance()
    const records = await journal.read({ from: 1, limit: 10 })
    assert.deepEqual(
      records.map(record => record.flags & flags.invalid),
      [flags.invalid, 0],
    )
    const [letter, ...more] = await letters()
    assert.deepEqual(more, [])
    assert.deepEqual(
      [letter?.code, letter?.device, letter?.topic, letter?.properties, letter?.jseq, String(Buffer.from(letter!.payload))],
      ['TELEMETRY_UNDECODABLE', 'd1', 'devices/d1', { a: 'b' }, 1, '{bad'],
    )
    const replayed = journal.replayDeadLetter(letter!.id)
    time.advance()
    assert.deepEqual(await replayed, { seq: 3 })
    const [again] = await journal.read({ from: 3, limit: 1 })
    assert.deepEqual(again?.props, records[0]?.props)
    assert.equal(again?.qos, 1)
  })

  it('hands the record over with its letter, so that nothing has to look it up', () => {
    const records: unknown[] = []
    const add = journal.addDeadLetter.bind(journal)
    journal.addDeadLetter = (letter, record) => {
      records.push(record?.props.e.dialect)
      return add(letter, record)
    }
    sendBad('d1', 2)
    assert.deepEqual(records, ['plain', 'plain'])
  })

  it('writes at most 60 letters of a device in a minute and says how many were left out', async () => {
    sendBad('bad', 100)
    sendBad('other', 5)
    assert.equal(seqs.length, 105)
    const records = await journal.read({ from: 1, limit: 1000 })
    assert.ok(records.every(record => record.flags & flags.invalid))
    const devices = (await letters()).map(({ device }) => device)
    assert.deepEqual([devices.filter(id => id === 'bad').length, devices.filter(id => id === 'other').length], [60, 5])
    assert.deepEqual(
      lost.map(({ device, code }) => [device, code]),
      [['bad', 'BROKER_THROTTLED']],
    )

    time.advance(minuteMs)
    send('good', '{"t":1}')
    assert.equal(lost.length, 2)
    assert.match(lost[1]!.message, /40 undecodable or refused messages of "bad"/)
    sendBad('bad', 1)
    assert.equal((await letters())[0]?.device, 'bad')
    assert.equal(lost.length, 2)
  })

  it('begins a new minute when the clock is set back', async () => {
    sendBad('bad', 60)
    time.jump(-3_600_000)
    sendBad('bad', 60)
    assert.equal((await letters()).length, 120)
    assert.deepEqual(lost, [])
  })

  it('counts 10,000 devices one by one and the further ones of that minute together', async () => {
    for (let n = 0; n < 10_000; n += 50) {
      for (let i = n; i < n + 50; i++) send(`d${i}`, '{bad')
      time.advance()
    }
    for (let n = 0; n < 65; n++) sendBad(`late${n}`, 1)
    sendBad('d1', 1)
    const [first] = await letters()
    assert.equal(first?.device, 'd1')
    assert.deepEqual(
      lost.map(({ device, code }) => [device, code]),
      [['', 'BROKER_THROTTLED']],
    )
    time.advance(minuteMs)
    sendBad('late65', 1)
    assert.match(lost[1]!.message, /5 undecodable or refused messages of further devices/)
    assert.equal((await letters())[0]?.device, 'late65')
  })

  it('reports letters that could not be written', async () => {
    for (let n = 0; n < 75; n++) send(`d${n}`, '{bad')
    time.advance()
    await settled()
    assert.equal((await letters()).length, 70)
    assert.deepEqual(
      lost.map(({ device, code }) => [device, code]),
      [70, 71, 72, 73, 74].map(n => [`d${n}`, 'JOURNAL_FULL']),
    )
  })
})
