import { LoomError } from '../errors.ts'
import { wordsOf } from './hub-options.ts'

/** Devices that a node works on with one message. */
const most = 10_000

/** The devices that a field or message names: an id, several parted by commas, or an array of ids. READING_DEVICE. */
export function targetsOf(named: unknown): { ids: string[]; many: boolean } {
  const words = typeof named === 'string' ? wordsOf(named) : []
  const many = Array.isArray(named) || words.length > 1
  const ids: unknown[] = Array.isArray(named) ? named : words
  if (!many && !ids.length)
    throw new LoomError('READING_DEVICE', 'the message', { hint: 'set msg.device, or choose a device in the node' })
  if (ids.length > most)
    throw new LoomError('READING_DEVICE', `${ids.length} devices`, { hint: `at most ${most} in one message` })
  const wrong = ids.findIndex(id => typeof id !== 'string' || !id)
  if (wrong >= 0) throw new LoomError('READING_DEVICE', `item ${wrong}`, { hint: 'an array of device ids' })
  return { ids: ids as string[], many }
}
