import type { Connection } from '../broker/broker-port.ts'
import { matches } from '../broker/topic-match.ts'
import { askShadow, deleteNews, deltaNews, updateNews } from '../dialects/aws/shadow.ts'
import { askShadowOverHttp } from '../dialects/aws/shadow-http.ts'
import { askAzureTwin } from '../dialects/azure/twin.ts'
import type { HttpAnswer, HttpAsk } from '../dialects/http.ts'
import { askPlainTwin, desiredNews, wholeDesired } from '../dialects/plain/twin.ts'
import { askPlainTwinOverHttp } from '../dialects/plain/twin-http.ts'
import type { DeviceNews, TwinPort } from '../dialects/twin-port.ts'
import { LoomError } from '../errors.ts'
import { patchBetween } from '../twin/merge.ts'
import type { Twin } from '../twin/document.ts'
import type { TwinSection } from '../twin/json.ts'
import type { DeviceRequest, RequestAnswer } from './gate.ts'
import { createGapRepair } from './gap-repair.ts'
import type { Listener, Listening } from './listening.ts'
import type { InTurn } from './turns.ts'
import type { TwinChange } from './twins.ts'

/** As AWS has it; the next ones are refused and may come again. */
const inFlightPerConnection = 10

export interface TwinWireParts {
  twins: TwinPort & { all(deviceId: string): Promise<Twin[]> }
  listening: Listening
  /** Shared with what changes twins. */
  inTurn: InTurn
  mainShadow?: string | undefined
  now: () => number
  failed(error: unknown): void
}

/** Twins as devices see them: their requests, and what they are told of changes, each in its dialect. */
export function createTwinWire({ twins, listening, inTurn, mainShadow, now, failed }: TwinWireParts) {
  /** Requests of a device are answered in the order in which they came, reading ones too: also those of the connection before. */
  const inOrder: TwinPort = { ...twins, get: (deviceId, name) => inTurn(deviceId, () => twins.get(deviceId, name)) }
  const azure = createGapRepair({ twins, listening, inTurn, now, failed })
  const inFlight = new Map<string, number>()
  const limited = async <T>(asker: string, work: () => Promise<T>): Promise<T> => {
    const open = inFlight.get(asker) ?? 0
    if (open >= inFlightPerConnection) throw new LoomError('TWIN_THROTTLED', `${open} requests of this connection are under way`)
    inFlight.set(asker, open + 1)
    try {
      return await work()
    } finally {
      const left = (inFlight.get(asker) ?? 1) - 1
      if (left > 0) inFlight.set(asker, left)
      else inFlight.delete(asker)
    }
  }

  /** Of the shadows that exist. */
  const namesOf = async (deviceId: string): Promise<string[]> =>
    (await twins.all(deviceId)).filter(({ exists }) => exists).map(({ name }) => name)

  const ask = (connection: Connection, request: DeviceRequest, payload: Uint8Array): Promise<RequestAnswer | undefined> => {
    const { module } = connection.principal
    const { leaf: deviceId = connection.principal.deviceId } = request
    const asker = { deviceId, origin: connection.id, now: now() }
    if (request.dialect === 'azure')
      return askAzureTwin(inOrder, request, payload, { ...asker, ...(module !== undefined && { module }) })
    if (request.dialect === 'plain') return askPlainTwin(inOrder, request, payload, asker)
    return askShadow(inOrder, request, payload, { ...asker, mainShadow }).then(news => {
      if (news) listening.tell(deviceId, news)
      return undefined
    })
  }

  /** The patch that devices get, in their own dialects' forms. */
  const tellDesired = (twin: Twin, patch: TwinSection, before: TwinSection): void => {
    listening.tell(twin.deviceId, desiredNews(twin, patch))
    azure.tell(twin, patch, before)
  }

  /** Filters that begin with this one and hear the same; one that a client asks for now is always told. */
  const sameAsk = (listener: Listener, feature: string, topic: string): Listener[] =>
    listener.restored
      ? listening
          .of(listener.deviceId, feature)
          .filter(one => one.restored && one.connection === listener.connection && matches(one.filter, topic))
      : [listener]

  /** What those hear who begin to listen, of each twin that their filter is about. */
  const onBegin = (
    feature: string,
    newsOf: (twin: Twin) => DeviceNews | undefined,
    when: (listener: Listener) => boolean,
  ): void => {
    const tell = async (listener: Listener): Promise<void> => {
      for (const twin of await twins.all(listener.deviceId)) {
        const news = newsOf(twin)
        if (!news || !matches(listener.filter, news.topic)) continue
        const [first, ...others] = sameAsk(listener, feature, news.topic)
        // Filters of a session that was kept begin together: as with any news, one of them tells it for all.
        if (first === listener)
          listening.tellOne({ ...listener, qos: others.some(({ qos }) => qos === 1) ? 1 : listener.qos }, news)
      }
    }
    listening.on(feature, listener => {
      if (when(listener)) tell(listener).catch(failed)
    })
  }
  onBegin('twin.desired', wholeDesired, ({ connection }) => connection.principal.family === 'thing')
  onBegin(
    'twin.delta',
    twin => (twin.exists ? deltaNews(twin, { now: now(), mainShadow }) : undefined),
    ({ restored }) => restored,
  )

  return {
    /** Undefined: no request of a twin. */
    request(connection: Connection, request: DeviceRequest, payload: Uint8Array): Promise<RequestAnswer | undefined> | undefined {
      if (!request.operation.startsWith('twin.')) return undefined
      const asker = request.leaf === undefined ? connection.id : `${connection.id}|${request.leaf}`
      return limited(asker, () => ask(connection, request, payload))
    },

    /** The same over HTTPS, where a device is one asker. */
    http(request: HttpAsk): Promise<HttpAnswer> | undefined {
      const { dialect, operation, deviceId } = request
      if (!operation.startsWith('twin.') || dialect === 'azure') return undefined
      return limited(`https ${deviceId}`, () =>
        dialect === 'aws'
          ? askShadowOverHttp({ ...inOrder, namesOf }, request, { now: now(), mainShadow })
          : askPlainTwinOverHttp(inOrder, request),
      )
    },

    /** A change that is on disk, in the order of the device's changes. */
    changed(change: TwinChange): void {
      const { deviceId, at, clientToken } = change
      const context = { now: at, mainShadow, ...(clientToken !== undefined && { clientToken }) }
      if (change.kind === 'delete') {
        const news = deleteNews(change.before, context)
        if (news) listening.tell(deviceId, news)
        const gone = patchBetween(change.before.desired, {})
        if (Object.keys(gone).length) tellDesired(change.after, gone, change.before.desired)
        return
      }
      const { update } = change
      for (const news of updateNews(update, { ...context, heard: topic => listening.hears(deviceId, topic) }))
        listening.tell(deviceId, news)
      const { desired } = update.accepted.state
      if (desired === undefined) return
      const before = update.documents.previous?.desired ?? {}
      tellDesired(update.doc, desired ?? patchBetween(before, {}), before)
    },
  }
}
