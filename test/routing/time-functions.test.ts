import assert from 'node:assert/strict'
import { seeded } from '../seeded.ts'
import { call, describeExamples } from './call-function.ts'

const _ = undefined
const at = (text: string): number => Date.parse(text)
const date = at('2024-03-05T14:07:09.083Z')

describeExamples('times as texts', [
  ['parse_time', ["yyyy.MM.dd G 'at' HH:mm:ss z", 1235813134, 'America/Belize'], '1970.01.15 AD at 01:16:53 CST'],
  ['parse_time', ['yyyy-MM-dd HH:mm:ss', date], '2024-03-05 14:07:09'],
  ['parse_time', ["yyyy-MM-dd'T'HH:mm:ss.SSSZZ", `${date}`, 'Europe/Berlin'], '2024-03-05T15:07:09.083+01:00'],
  ['parse_time', ['y yy yyy yyyyy', date], '2024 24 2024 02024'],
  ['parse_time', ['Y YY x xx', date], '2024 24 2024 24'],
  ['parse_time', ['C G', date], '20 AD'],
  ['parse_time', ['y Y G', at('0000-06-01T00:00:00Z')], '0 1 BC'],
  ['parse_time', ['y yyyy Y G', at('-000043-06-01T00:00:00Z')], '-43 -0043 44 BC'],
  ['parse_time', ['M MM MMM MMMM', date], '3 03 Mar March'],
  ['parse_time', ['d dd D DDD', date], '5 05 65 065'],
  ['parse_time', ['e E EE EEE EEEE', date], '2 Tue Tue Tue Tuesday'],
  ['parse_time', ['w ww x', at('2024-12-30T00:00:00Z')], '1 01 2025'],
  ['parse_time', ['w x e', at('2021-01-03T00:00:00Z')], '53 2020 7'],
  ['parse_time', ['H k K h a', date], '14 14 2 2 PM'],
  ['parse_time', ['HH kk KK hh a', at('2024-03-05T00:00:00Z')], '00 24 00 12 AM'],
  ['parse_time', ['hh KK a', at('2024-03-05T12:00:00Z')], '12 00 PM'],
  ['parse_time', ['m mm s ss', date], '7 07 9 09'],
  ['parse_time', ['S SS SSS SSSSSS', date], '0 08 083 083000'],
  ['parse_time', ['z zzzz Z ZZ ZZZ', date], 'UTC Coordinated Universal Time +0000 +00:00 UTC'],
  ['parse_time', ["'it''s' '' d", date], "it's ' 5"],
  ['parse_time', ["d 'open", date], '5 open'],
  ['parse_time', ['', date], ''],
  ['parse_time', ['[d] #{1}!', date], '[5] #{1}!'],
  ['parse_time', ['yyyy-MM-dd', date, 'Asia/Tokyo'], '2024-03-05'],
  ['parse_time', ['HH:mm', date, '+05:30'], '19:37'],
  ['parse_time', ['HH:mm Z', date, 'UTC-3'], '11:07 -0300'],
  ['parse_time', ['HH:mm z', date, 'PST'], '06:07 PST'],
  ['parse_time', ['Z ZZZ', at('2024-07-01T00:00:00Z'), 'CET'], '+0200 CET'],
  ['parse_time', ['T', date], _],
  ['parse_time', ['yyyy b', date], _],
  ['parse_time', ['y'.repeat(33), date], _],
  ['parse_time', ['d '.repeat(200), date], _],
  ['parse_time', ['yyyy', 8.64e15 + 1], _],
  ['parse_time', ['yyyy', -8.64e15, 'America/New_York'], _],
  ['parse_time', ['yyyy', 1e300], _],
  ['parse_time', ['yyyy', date, 'Mars/Olympus'], _],
  ['parse_time', ['yyyy', date, '+25:00'], _],
  ['parse_time', ['yyyy', date, ''], _],
  ['parse_time', ['yyyy', date, 'x'.repeat(65)], _],
  ['parse_time', ['yyyy', 'today'], _],
])

describe('names of zones', () => {
  const [winter, summer] = [at('2024-01-15T12:00:00Z'), at('2024-07-15T12:00:00Z')]
  const names: [zone: string, winter: string, summer: string][] = [
    ['Europe/Berlin', 'CET +0100', 'CEST +0200'],
    ['Europe/Paris', 'CET +0100', 'CEST +0200'],
    ['Europe/London', 'GMT +0000', 'BST +0100'],
    ['Europe/Athens', 'EET +0200', 'EEST +0300'],
    ['Europe/Lisbon', 'WET +0000', 'WEST +0100'],
    ['Europe/Moscow', 'MSK +0300', 'MSK +0300'],
    ['America/New_York', 'EST -0500', 'EDT -0400'],
    ['America/Los_Angeles', 'PST -0800', 'PDT -0700'],
    ['America/St_Johns', 'NST -0330', 'NDT -0230'],
    ['Asia/Tokyo', 'JST +0900', 'JST +0900'],
    ['Asia/Kolkata', 'IST +0530', 'IST +0530'],
    ['Asia/Kathmandu', 'NPT +0545', 'NPT +0545'],
    ['Australia/Sydney', 'AEDT +1100', 'AEST +1000'],
    ['Pacific/Auckland', 'NZDT +1300', 'NZST +1200'],
    ['Etc/GMT+3', '-03:00 -0300', '-03:00 -0300'],
    ['UTC', 'UTC +0000', 'UTC +0000'],
  ]
  for (const [zone, ...expected] of names)
    it(`of ${zone} are ${expected.join(' and ')}`, () =>
      assert.deepEqual(
        [winter, summer].map(ms => call('parse_time', ['z Z', ms, zone])),
        expected,
      ))
})

describeExamples('texts as times', [
  ['time_to_epoch', ['2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV'], 1585903518000],
  ['time_to_epoch', ['18 December 2015', 'dd MMMM yyyy'], 1450396800000],
  ['time_to_epoch', ['2007-12-03 10:15:30.592 America/Los_Angeles', 'yyyy-MM-dd HH:mm:ss.SSS z'], 1196705730592],
  ['time_to_epoch', ['2024-03-05', 'yyyy-MM-dd'], at('2024-03-05')],
  ['time_to_epoch', ['2024-03-05', 'uuuu-MM-dd'], at('2024-03-05')],
  ['time_to_epoch', ['202403051407', 'yyyyMMddHHmm'], at('2024-03-05T14:07Z')],
  ['time_to_epoch', ['907 2024-03-05', 'Hmm yyyy-MM-dd'], at('2024-03-05T09:07Z')],
  ['time_to_epoch', ['5/3/24', 'd/M/yy'], at('2024-03-05')],
  ['time_to_epoch', ['5/3/99', 'd/M/yy'], at('2099-03-05')],
  ['time_to_epoch', ['Tue, 05 Mar 2024', 'E, dd MMM yyyy'], at('2024-03-05')],
  ['time_to_epoch', ['Tuesday 5 March 2024', 'EEEE d MMMM y'], at('2024-03-05')],
  ['time_to_epoch', ['Wed, 05 Mar 2024', 'E, dd MMM yyyy'], _],
  ['time_to_epoch', ['05 mar 2024', 'dd MMM yyyy'], _],
  ['time_to_epoch', ['2024-03-05 02:07 PM', 'yyyy-MM-dd hh:mm a'], at('2024-03-05T14:07Z')],
  ['time_to_epoch', ['2024-03-05 12:07 AM', 'yyyy-MM-dd hh:mm a'], at('2024-03-05T00:07Z')],
  ['time_to_epoch', ['2024-03-05 0:07 PM', 'yyyy-MM-dd K:mm a'], at('2024-03-05T12:07Z')],
  ['time_to_epoch', ['2024-03-05 24', 'yyyy-MM-dd kk'], at('2024-03-05T00:00Z')],
  ['time_to_epoch', ['2024-03-05 24:00', 'yyyy-MM-dd HH:mm'], at('2024-03-06')],
  ['time_to_epoch', ['2024-03-05 24:01', 'yyyy-MM-dd HH:mm'], _],
  ['time_to_epoch', ['2024-03-05 02:07', 'yyyy-MM-dd hh:mm'], _],
  ['time_to_epoch', ['2024-03-05 14 AM', 'yyyy-MM-dd HH a'], _],
  ['time_to_epoch', ['2024-03-05T14:07:09.083921', "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"], date],
  ['time_to_epoch', ['2024-03-05 14:07:09 83000000', 'yyyy-MM-dd HH:mm:ss n'], date],
  ['time_to_epoch', ['2024-03-05 14:07:09.08', 'yyyy-MM-dd HH:mm:ss.SSS'], _],
  ['time_to_epoch', ['44-03-15 BC', 'y-MM-dd G'], at('-000043-03-15T00:00:00Z')],
  ['time_to_epoch', ['0044-03-15 AD', 'yyyy-MM-dd G'], at('0044-03-15T00:00:00Z')],
  ['time_to_epoch', ['-0043-03-15', 'uuuu-MM-dd'], at('-000043-03-15T00:00:00Z')],
  ['time_to_epoch', ['0-03-15 AD', 'y-MM-dd G'], _],
  ['time_to_epoch', ['2023-02-31', 'yyyy-MM-dd'], at('2023-02-28')],
  ['time_to_epoch', ['2024-02-31', 'yyyy-MM-dd'], at('2024-02-29')],
  ['time_to_epoch', ['2024-02-32', 'yyyy-MM-dd'], _],
  ['time_to_epoch', ['2024-13-01', 'yyyy-MM-dd'], _],
  ['time_to_epoch', ['2024-03-05 25:00', 'yyyy-MM-dd HH:mm'], _],
  ['time_to_epoch', ['2024-03-05 10:60', 'yyyy-MM-dd HH:mm'], _],
  ['time_to_epoch', ['2024-3-5', 'yyyy-MM-dd'], _],
  ['time_to_epoch', ['12024-03-05', 'yyyy-MM-dd'], _],
  ['time_to_epoch', ['2024-03-05x', 'yyyy-MM-dd'], _],
  ['time_to_epoch', ['2024-03', 'yyyy-MM'], _],
  ['time_to_epoch', ['10:00', 'HH:mm'], _],
  ['time_to_epoch', ['', ''], _],
  ['time_to_epoch', ['2024-03-05', 'yyyy-MM-dd b'], _],
  ['time_to_epoch', ['2024-03-05', "yyyy-MM-dd'"], _],
  ['time_to_epoch', ['2024-03-05', 'yyyy-MM-dd[ HH]'], _],
  ['time_to_epoch', ['2024-03-05', 'yyyy-MM-ddd'], _],
  ['time_to_epoch', ["2024-03-05 o'clock", "yyyy-MM-dd 'o''clock'"], at('2024-03-05')],
  ['time_to_epoch', ['2024-03-05 2024', 'yyyy-MM-dd yyyy'], at('2024-03-05')],
  ['time_to_epoch', ['2024-03-05 2025', 'yyyy-MM-dd yyyy'], _],
  ['time_to_epoch', ['1'.repeat(600), 'yyyy'], _],
  ['time_to_epoch', ['999999999-01-01', 'y-MM-dd'], _],
  ...(
    [
      ['Z', 'X', 'Z'],
      ['+01', 'X', '+01:00'],
      ['+0130', 'X', '+01:30'],
      ['+0100', 'XX', '+01:00'],
      ['-05:30', 'XXX', '-05:30'],
      ['Z', 'XXX', 'Z'],
      ['+01:00:00', 'XXXXX', '+01:00'],
      ['+00', 'x', 'Z'],
      ['+01:00', 'xxx', '+01:00'],
      ['+0100', 'Z', '+01:00'],
      ['-0800', 'ZZZ', '-08:00'],
      ['GMT+8', 'ZZZZ', '+08:00'],
      ['GMT', 'ZZZZ', 'Z'],
      ['-01:00', 'ZZZZZ', '-01:00'],
      ['Z', 'VV', 'Z'],
      ['+02:00', 'VV', '+02:00'],
      ['UTC+01:00', 'VV', '+01:00'],
      ['Europe/Berlin', 'VV', '+01:00'],
      ['America/Argentina/Buenos_Aires', 'VV', '-03:00'],
      ['Etc/GMT+3', 'z', '-03:00'],
      ['GMT', 'z', 'Z'],
      ['CET', 'z', '+01:00'],
      ['CEST', 'z', '+02:00'],
      ['IST', 'z', '+05:30'],
      ['PST', 'z', '-08:00'],
      ['Pacific Standard Time', 'zzzz', '-08:00'],
    ] as const
  ).map(([zone, letters, offset]): [string, unknown[], unknown] => [
    'time_to_epoch',
    [`2024-01-15 10:00 ${zone}`, `yyyy-MM-dd HH:mm ${letters}`],
    at(`2024-01-15T10:00${offset}`),
  ]),
  ['time_to_epoch', ['2024-01-15 Z', 'yyyy-MM-dd x'], _],
  ['time_to_epoch', ['2024-01-15 +0100', 'yyyy-MM-dd XXX'], _],
  ['time_to_epoch', ['2024-01-15 +19:00', 'yyyy-MM-dd XXX'], _],
  ['time_to_epoch', ['2024-01-15 Mars/Olympus', 'yyyy-MM-dd VV'], _],
  ['time_to_epoch', ['2024-01-15 XYZ', 'yyyy-MM-dd z'], _],
  ['time_to_epoch', ['2024-01-15 Z', 'yyyy-MM-dd V'], _],
])

describe('clocks that change', () => {
  const epoch = (text: string): unknown => call('time_to_epoch', [text, 'yyyy-MM-dd HH:mm VV'])
  it('show an hour twice: the earlier one is meant', () => {
    assert.equal(epoch('2024-10-27 02:30 Europe/Berlin'), at('2024-10-27T02:30+02:00'))
    assert.equal(epoch('2024-10-27 03:00 Europe/Berlin'), at('2024-10-27T03:00+01:00'))
    assert.equal(epoch('2024-11-03 01:30 America/New_York'), at('2024-11-03T01:30-04:00'))
  })
  it('leave an hour out: it is moved forward', () => {
    assert.equal(epoch('2024-03-31 02:30 Europe/Berlin'), at('2024-03-31T03:30+02:00'))
    assert.equal(epoch('2024-03-31 01:59 Europe/Berlin'), at('2024-03-31T01:59+01:00'))
    assert.equal(epoch('2024-03-31 03:00 Europe/Berlin'), at('2024-03-31T03:00+02:00'))
    assert.equal(epoch('2024-03-10 02:30 America/New_York'), at('2024-03-10T03:30-04:00'))
    assert.equal(epoch('2024-10-06 02:15 Australia/Lord_Howe'), at('2024-10-06T02:45+11:00'))
  })
  it('leave a day out', () => assert.equal(epoch('2011-12-30 10:00 Pacific/Apia'), at('2011-12-31T10:00+14:00')))

  const zones = [
    'Europe/Berlin',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/St_Johns',
    'Pacific/Apia',
    'UTC',
  ]
  it('read as Intl does, for 3,000 moments from 1900 to 2100', () => {
    const { below, pick } = seeded(41)
    const formats = new Map(
      zones.map(zone => [
        zone,
        new Intl.DateTimeFormat('sv-SE', {
          timeZone: zone,
          dateStyle: 'short',
          timeStyle: 'medium',
        }),
      ]),
    )
    const [from, span] = [at('1900-01-01'), at('2100-01-01') - at('1900-01-01')]
    for (let i = 0; i < 3000; i++) {
      const zone = pick(zones)
      const ms = Math.floor((from + (below(1e9) / 1e9) * span) / 1000) * 1000
      assert.equal(call('parse_time', ['yyyy-MM-dd HH:mm:ss', ms, zone]), formats.get(zone)!.format(ms), `${zone} ${ms}`)
    }
  }).timeout(60_000)
  it('come back to the same moment with the offset beside, for 3,000 moments', () => {
    const { below, pick } = seeded(42)
    for (let i = 0; i < 3000; i++) {
      const ms = below(4e9) * 1000 + below(1000)
      const text = call('parse_time', ["yyyy-MM-dd'T'HH:mm:ss.SSSZZ", ms, pick(zones)])
      assert.equal(call('time_to_epoch', [text, "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"]), ms, String(text))
      assert.equal(Date.parse(String(text)), ms)
    }
  }).timeout(60_000)
})
