import type { CommandHistory, CommandRecord } from '../commands/history.ts'
import type { Inbox, Settled } from '../commands/inbox.ts'
import { outcomes, wants } from '../commands/message.ts'
import type { MethodCalls } from '../commands/method-calls.ts'
import { LoomError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { kinds } from '../journal/journal-port.ts'
import type { Write } from '../storage/state-store.ts'
import type { Deed } from './audit-trail.ts'
import type { DeviceCommandsApi, MessageFeedback } from './hub-commands.ts'
import type { JournalOutbox } from './journal-outbox.ts'

export interface CommandsParts {
  findDevice(id: string): Promise<Pick<Identity, 'id' | 'state' | 'enabled' | 'generation'> | undefined>
  calls: Pick<MethodCalls, 'call'>
  inbox: Inbox
  history: CommandHistory
  /** For the audit log; what devices are told is in the history instead. */
  note(deed: Deed): void
  /** Something waits for the device. */
  waiting(deviceId: string): void
  now: () => number
}

/** Commands as people and flows give them, with their history. */
export function createCommands(parts: CommandsParts): DeviceCommandsApi {
  const { calls, inbox, history, now } = parts

  /** Messages wait for a disabled device, methods do not. */
  const deviceOf = async (id: string, wanted: 'there' | 'live' | 'any') => {
    const device = await parts.findDevice(id)
    if (!device) throw new LoomError('IDENTITY_NOT_FOUND', id)
    if (wanted === 'any') return device
    if (device.state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`)
    if (device.state === 'quarantined') throw new LoomError('DEVICE_QUARANTINED', `"${id}"`)
    if (wanted === 'live' && !device.enabled) throw new LoomError('IDENTITY_DISABLED', `"${id}"`)
    return device
  }

  return {
    async call({ id, method, by = 'hub', ...rest }) {
      await deviceOf(id, 'live')
      const at = now()
      const record: CommandRecord = {
        id: history.idOf(id, at),
        device: id,
        kind: 'method',
        name: String(method).slice(0, 64),
        by,
        at,
      }
      const begun = history.store(record)
      const ended = async (end: Pick<CommandRecord, 'outcome' | 'status'>): Promise<void> => {
        await begun
        await history.store({ ...record, ...end, endedAt: now() })
      }
      // Its failure is told by `ended`; until then nobody may be there to hear of it.
      begun.catch(() => {})
      try {
        const result = await calls.call({ deviceId: id, name: method, ...rest })
        await ended({ outcome: 'answered', status: result.status })
        return result
      } catch (error) {
        await ended({ outcome: error instanceof LoomError ? error.code : 'NODE_FAULT' })
        throw error
      }
    },

    async send({ id, message, by = 'hub' }) {
      const { generation } = await deviceOf(id, 'there')
      const at = now()
      const recordId = history.idOf(id, at)
      const record: CommandRecord = { id: recordId, device: id, kind: 'message', by, at }
      const sent = await inbox.enqueue({
        deviceId: id,
        generation,
        message,
        record: recordId,
        by,
        also: ({ id: messageId, seq }) => [history.write({ ...record, messageId, seq })],
      })
      parts.waiting(id)
      return sent
    },

    async inbox({ id }) {
      await deviceOf(id, 'any')
      return { items: await inbox.list({ deviceId: id }) }
    },

    async purgeInbox({ id, by }) {
      await deviceOf(id, 'any')
      const purged = await inbox.purge(id)
      parts.note({ by, action: 'inbox.purge', target: id, detail: { purged } })
      return { purged }
    },

    async history({ id, ...page }) {
      await deviceOf(id, 'any')
      return history.list({ device: id, ...page })
    },
  }
}

/** What the end of a message writes: its history, and to the journal what its sender wanted to hear. */
export const settledWrites =
  (parts: { history: CommandHistory; outbox: Pick<JournalOutbox, 'write'> }) =>
  ({ deviceId, generation, message, outcome, at, sentBy, record }: Settled): Write[] => {
    const { id, seq, ack, enqueuedAt } = message
    const told: MessageFeedback = {
      device: deviceId,
      generation,
      messageId: id,
      seq,
      outcome,
      statusCode: outcomes[outcome],
      enqueuedAt,
      at,
    }
    return [
      parts.history.write({
        id: record,
        device: deviceId,
        kind: 'message',
        by: sentBy,
        at: enqueuedAt,
        endedAt: at,
        outcome,
        messageId: id,
        seq,
      }),
      ...(wants(ack, outcome) ? [parts.outbox.write({ kind: kinds.feedback, device: deviceId, payload: told })] : []),
    ]
  }
