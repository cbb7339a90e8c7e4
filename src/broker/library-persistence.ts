import { Readable } from 'node:stream'
import type { LibraryClient, LibraryPacket, LibraryPersistence } from './library.ts'
import type { Link } from './link.ts'
import type { Retained } from './retained.ts'
import type { Sessions } from './sessions.ts'

/** A filter that restores nothing: the library calls a session present only if it has filters, and a session may have none. */
export const noFilter = '$SYS/loom/no-filter'

const done = Promise.resolve()
const nobody = Promise.resolve([])

/**
 * The library's persistence on ours. It asks for sessions by client id, which is the session key, and never fails where a failure would
 * stop it: `subscriptionsByTopic` never rejects. Messages are sent by `Outbound` alone, wills are ours.
 */
export function libraryPersistence(o: {
  sessions: Sessions
  retained: Retained
  now: () => number
  linkOf(client: LibraryClient): Link
}): LibraryPersistence {
  const { sessions, retained, linkOf } = o
  const changed = (link: Link): void => {
    if (link.session) sessions.inboundChanged(link.session)
  }

  return {
    async setup() {},

    storeRetained(packet) {
      retained.keep(packet)
      return done
    },

    createRetainedStreamCombi: filters =>
      Readable.from(
        (function* () {
          for (const { topic, payload, qos } of retained.matching(filters))
            yield { cmd: 'publish', topic, payload, qos, retain: true }
        })(),
      ),

    // Called once for each granted filter, with all filters of the packet: the refused ones among them must not be stored.
    addSubscriptions(client, subscriptions) {
      const { session, rulings } = linkOf(client)
      if (!session) return done
      const granted = subscriptions.flatMap(({ topic }) => {
        const qos = rulings.get(topic) ?? 128
        return qos === 128 ? [] : [[topic, qos] as const]
      })
      return sessions.subscribe(session, granted)
    },

    removeSubscriptions(client, filters) {
      const { session } = linkOf(client)
      return session ? sessions.unsubscribe(session, filters) : done
    },

    async subscriptionsByClient({ id }) {
      const session = sessions.get(id)
      if (!session?.present) return []
      const filters = [...session.filters].map(([topic, qos]) => ({ topic, qos }))
      return filters.length ? filters : [{ topic: noFilter, qos: 0 }]
    },

    subscriptionsByTopic(topic) {
      const owners = sessions.match(topic)
      return owners ? Promise.resolve([...owners].map(([clientId, qos]) => ({ clientId, topic, qos }))) : nobody
    },

    // The session of a clean CONNECT was removed before the library heard of it.
    cleanSubscriptions: () => done,

    outgoingEnqueueCombi(subscriptions, { topic, payload }) {
      if (!subscriptions.length) return done
      const message = { topic, payload: Buffer.from(payload), at: o.now() }
      for (const { clientId } of subscriptions) sessions.enqueue(clientId, message)
      return done
    },

    async outgoingUpdate() {
      throw new Error('a PUBREC came for a message that was not sent with QoS 2')
    },

    // PUBACKs of clean sessions too; the other calls, for messages the library was not let send, have no packet id.
    outgoingClearMessageId(client, { messageId }) {
      if (messageId) linkOf(client).outbound?.acknowledged(messageId)
      return none
    },

    outgoingStream: () => Readable.from([]),

    async incomingGetPacket(client, packet) {
      const link = linkOf(client)
      const state = link.inbound.get(packet.messageId!)
      if (packet.cmd === 'publish' && state === 'new') link.inbound.set(packet.messageId!, 'kept')
      else if (state) return packet
      throw new Error('no such packet')
    },

    async incomingStorePacket(client) {
      changed(linkOf(client))
    },

    async incomingDelPacket(client, { messageId }) {
      const link = linkOf(client)
      link.inbound.delete(messageId!)
      changed(link)
    },

    cleanIncoming: () => done,
    putWill: () => done,
    delWill: () => done,
    streamWill: () => Readable.from([]),
  }
}

const none: Promise<LibraryPacket | undefined> = Promise.resolve(undefined)
