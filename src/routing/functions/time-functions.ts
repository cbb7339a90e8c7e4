import type { RuleFunction } from '../rule-function.ts'
import { formatTime } from '../time/format-time.ts'
import { readTime } from '../time/read-time.ts'
import { zoneOf } from '../time/zone.ts'
import { ruleFunction } from './define.ts'

export const timeFunctions: readonly RuleFunction[] = [
  ruleFunction(
    'parse_time',
    ['S', 'I', 'S?'],
    ([pattern, ms, id = 'UTC']) => {
      const zone = zoneOf(id)
      return zone && formatTime(pattern, ms, zone)
    },
    { signature: 'parse_time(pattern, ms[, zone])' },
  ),
  ruleFunction('time_to_epoch', ['S', 'S'], ([text, pattern]) => readTime(text, pattern), {
    signature: 'time_to_epoch(text, pattern)',
  }),
]
