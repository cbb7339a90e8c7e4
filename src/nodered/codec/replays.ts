import { flags } from '../../journal/journal-port.ts'
import { replayedOf } from '../../journal/letter-record.ts'
import type { Msg } from '../define.ts'
import { Feed } from '../feed.ts'
import type { HubRef } from '../hubs.ts'
import { bytesOf } from '../record-messages.ts'

const inFlight = 64

/** Dead letters of a node that come back to it, one by one and in order, as messages with bytes and with `delivery`. */
export const openReplays = (hub: HubRef, name: string, take: (msg: Msg) => void): Promise<Feed> =>
  Feed.open({
    hub,
    spec: { name, filter: { only: 'replays' }, window: inFlight, strictOrder: true },
    ack: 'flow',
    max: 1,
    messagesOf: records => {
      const erased = records.filter(record => record.flags & flags.erased)
      return {
        shares: records
          .filter(record => !(record.flags & flags.erased))
          .map(record => ({ seqs: [record.seq], messages: [{ ...bytesOf(record), replayed: replayedOf(record) }] })),
        notices: [],
        done: erased.map(({ seq }) => seq),
      }
    },
    gapOf: () => undefined,
    emit: result => {
      for (const msg of ((result as Msg[][] | undefined)?.[0] ?? []) as Msg[]) take(msg)
    },
  })
