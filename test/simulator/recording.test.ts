import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyRecordings } from '../../scripts/copy-recordings.ts'
import { readRecording, recordedTime, recordedValue } from '../../src/simulator/recording.ts'
import { loadRecording, packagedRecordings, recordingPath } from '../../src/simulator/recording-file.ts'

const read = (text: string, timeColumn?: string) =>
  readRecording([text], { name: '/data/x.csv', ...(timeColumn && { timeColumn }) })

describe('recording', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recording-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('finds the time column by name, by content, or as told', async () => {
    const rows = [{ time: Date.UTC(2020, 0, 1), values: { a: 1 } }]
    assert.deepEqual((await read('a,Date\n1,2020-01-01\n')).rows, rows)
    assert.deepEqual((await read('a,when\n1,2020-01-01T00:00Z\n')).rows, rows)
    assert.deepEqual(await read('time,x\n7,1577836800\n', 'x'), {
      points: ['time'],
      rows: [{ time: Date.UTC(2020, 0, 1), values: { time: 7 } }],
    })
  })

  it('reads ISO times, UTC when they name no zone, and epochs in seconds and milliseconds', () => {
    assert.equal(recordedTime('2020-01-02'), Date.UTC(2020, 0, 2))
    assert.equal(recordedTime('2020-01-02 03:04'), Date.UTC(2020, 0, 2, 3, 4))
    assert.equal(recordedTime('2020-01-02T03:04:05.6'), Date.UTC(2020, 0, 2, 3, 4, 5, 600))
    assert.equal(recordedTime('2020-01-02T03:04:05+02:00'), Date.UTC(2020, 0, 2, 1, 4, 5))
    assert.equal(recordedTime('1600000000'), 1_600_000_000_000)
    assert.equal(recordedTime('1600000000.25'), 1_600_000_000_250)
    assert.equal(recordedTime('1600000000123'), 1_600_000_000_123)
    for (const bad of ['', 'noon', '2020-13-01', '20/01/2020']) assert.equal(recordedTime(bad), undefined)
  })

  it('reads numbers, truth values and words; an empty field is no value', () => {
    assert.deepEqual(['1.5', '-2e3', 'TRUE', ' rain ', '', '0x10', '.5'].map(recordedValue), [
      1.5,
      -2000,
      true,
      'rain',
      undefined,
      '0x10',
      0.5,
    ])
  })

  it('names file, line and column of what is wrong', async () => {
    for (const [text, position] of [
      ['time,a\n2020-01-01,1\nsoon,2\n', 'line 3, column "time"'],
      ['time,a\n2020-01-01,1,2\n', 'line 2'],
      ['time,a\n2020-01-02,1\n2020-01-01,2\n', 'line 3'],
      ['time,a\n2020-01-02,"1\n', 'line 3, column 2'],
      ['time,a,a\n', 'line 1, column 3'],
      ['time,\n', 'line 1, column 2'],
      ['time\n', 'line 1'],
      ['a,b\n1,2\n', 'line 2'],
      ['time,a\n', 'line 1'],
      ['', 'line 1'],
    ] as const) {
      await assert.rejects(read(text), (error: any) => {
        assert.equal(error.code, 'SIMULATOR_RECORDING', text)
        assert.equal(error.position, position, text)
        return /x\.csv line/.test(error.message)
      })
    }
    await assert.rejects(read('time,a\n2020-01-01,1\n', 'when'), { code: 'SIMULATOR_RECORDING' })
  })

  it('refuses more rows than it may keep', async () => {
    await assert.rejects(readRecording(['time,a\n1,1\n2,2\n3,3\n'], { name: 'x', rowLimit: 2 }), /more than 2 rows/)
  })

  it('comes from the data package with source and licence, and is found by name', async () => {
    const copied = await copyRecordings(folder)
    assert.deepEqual(copied, ['seattle-weather.csv', 'seattle-weather-hourly-normals.csv'])
    const attribution = await readFile(join(folder, 'ATTRIBUTION.md'), 'utf8')
    assert.match(attribution, /National Climatic Data Center/)
    assert.match(attribution, /U\.S\. Government/)
    const daily = await loadRecording(
      recordingPath({ recording: 'seattle-weather', kind: 'name', baseDir: '/', packaged: folder }),
    )
    assert.equal(daily.rows.length, 1461)
    assert.deepEqual(daily.rows[0], {
      time: Date.UTC(2012, 0, 1),
      values: { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle' },
    })
    const hourly = await loadRecording(join(folder, 'seattle-weather-hourly-normals.csv'))
    assert.equal(hourly.rows.length, 8759)
    assert.deepEqual(hourly.points, ['pressure', 'temperature', 'wind'])
  })

  it('is looked for in the package by name, below the base folder by path, and nowhere else by name', async () => {
    assert.equal(recordingPath({ recording: 'x', kind: 'name', baseDir: '/b' }), join(packagedRecordings(), 'x.csv'))
    assert.equal(recordingPath({ recording: 'my/x.csv', kind: 'path', baseDir: '/b' }), '/b/my/x.csv')
    assert.equal(recordingPath({ recording: '/a/x.csv', kind: 'path', baseDir: '/b' }), '/a/x.csv')
    assert.throws(() => recordingPath({ recording: '../x', kind: 'name', baseDir: '/b' }), { code: 'SIMULATOR_RECORDING' })
    assert.match(packagedRecordings(), /resources.recordings$/)
    await readFile(join(packagedRecordings(), '../../package.json'))
  })

  it('that is missing is said so', async () => {
    await assert.rejects(loadRecording(join(folder, 'none.csv')), { code: 'SIMULATOR_RECORDING' })
    await writeFile(join(folder, 'bad.csv'), 'time,a\nnever,1\n')
    await assert.rejects(loadRecording(join(folder, 'bad.csv')), /bad\.csv line 2, column "time"/)
  })
})
