import type { BrokerPort, Connection } from '../broker/broker-port.ts'
import { openCommandHistory } from '../commands/history.ts'
import { openInbox } from '../commands/inbox.ts'
import { createMethodCalls } from '../commands/method-calls.ts'
import { createWakeKey } from '../commands/wake-token.ts'
import type { CommandTopics } from '../dialects/aws/command-topics.ts'
import type { HttpAnswer, HttpAsk } from '../dialects/http.ts'
import type { Registry } from '../identity/registry.ts'
import type { Sealer } from '../identity/seal.ts'
import type { StateStore } from '../storage/state-store.ts'
import type { AuditTrail } from './audit-trail.ts'
import { createCommandWire } from './command-wire.ts'
import { createCommands, settledWrites } from './commands.ts'
import type { DeviceRequest } from './gate.ts'
import type { HubEvent } from './hub.ts'
import { createInboxHttp } from './inbox-http.ts'
import { createInboxWire } from './inbox-wire.ts'
import type { JournalOutbox } from './journal-outbox.ts'
import { createLeafCommands } from './leaf-commands.ts'
import type { Leaves } from './leaves.ts'
import type { Listening } from './listening.ts'
import { mayHear } from './may-hear.ts'
import type { Models } from './open-models.ts'
import type { Problems } from './problems.ts'
import type { SessionRights } from './rights.ts'
import { createTurns } from './turns.ts'

export interface CommandsHouse {
  state: StateStore
  registry: Pick<Registry, 'find'>
  rights: Pick<SessionRights, 'of' | 'strict' | 'actsFor' | 'isQuarantined'>
  sealer: Pick<Sealer, 'subkey'>
  trail: Pick<AuditTrail, 'note'>
  outbox: JournalOutbox
  listening: Listening
  commandTopics?: CommandTopics | undefined
  leaves: Leaves
  /** The flow of a gateway has ended. */
  gatewayLeft(gateway: string): void
  problems: Problems
  models: Pick<Models, 'checks'>
  broker(): BrokerPort
  emit(event: HubEvent): void
  schedule(ms: number, fn: () => void): () => void
  now: () => number
  random: (size: number) => Buffer
}

/** A token is good at least so long: who is woken by a text message takes its time. */
const wakeTokenMs = 300_000

/** Methods and messages: on disk, on the wire, over HTTPS. */
export async function openCommands(house: CommandsHouse) {
  const { state, registry, listening, problems, broker, now, random, schedule } = house
  const history = await openCommandHistory({ store: state, now, random })
  const endedWrites = settledWrites({ history, outbox: house.outbox })
  let told = false
  const inbox = await openInbox({
    store: state,
    settled(what) {
      told = true
      return endedWrites(what)
    },
    inTurn: createTurns(),
    now,
    random,
  })
  const wakeKey = createWakeKey(house.sealer.subkey('wake'))
  const calls = createMethodCalls({
    deliver: async call => {
      const outcome = await wire.deliver(call)
      return outcome !== 'sent' && carried.deliver(call) ? 'sent' : outcome
    },
    wake({ deviceId, name, until }) {
      const at = now()
      const exp = Math.ceil(Math.max(until, at + wakeTokenMs) / 1000)
      const token = wakeKey.sign({ d: deviceId, exp, n: random(12).toString('hex') })
      house.emit({ type: 'wake', at, device: deviceId, method: name, until, token })
    },
    schedule,
    now,
    random,
  })
  const hears = mayHear(house.rights)
  const generationOf = async (deviceId: string): Promise<string | undefined> => {
    const device = await registry.find(deviceId)
    return device?.enabled && device.state === 'active' ? device.generation : undefined
  }
  const failed = (error: unknown): void => problems.watch('messages to devices', Promise.reject(error))
  const wire = createCommandWire({ calls, listening, mayHear: hears, broker, topics: house.commandTopics })
  const onWire = createInboxWire({ inbox, listening, mayHear: hears, generationOf, broker, schedule, now, failed })
  const carried = createLeafCommands({
    ...{ calls, inbox, listening, generationOf, now, failed },
    leaves: house.leaves,
    emit: event => house.emit(event),
    left: gateway => house.gatewayLeft(gateway),
  })
  house.leaves.on(leaves => {
    for (const leaf of leaves) carried.moved(leaf)
  })
  const wake = (deviceId: string): void => {
    onWire.wake(deviceId)
    carried.wake(deviceId)
    overHttp.wake(deviceId)
  }
  const overHttp = createInboxHttp({ inbox, generationOf, returned: wake, schedule, now })
  const commands = createCommands({
    findDevice: id => registry.find(id),
    calls: { call: house.models.checks.calls(calls) },
    inbox,
    history,
    note: deed => house.trail.note(deed),
    waiting: wake,
    now,
  })

  return {
    api: commands,
    /** For devices behind gateways. */
    leaves: carried,
    /** calls under way, and answers that came too late */
    get methods() {
      return { open: calls.open, late: wire.late }
    },
    /** Undefined: no operation of commands. */
    request: (connection: Connection, request: DeviceRequest, payload: Uint8Array) => wire.request(connection, request, payload),
    http: (ask: HttpAsk, idle: <T>(of: Promise<T>) => Promise<T>): Promise<HttpAnswer> | undefined => overHttp.request(ask, idle),
    gone(connection: Connection): void {
      for (const deviceId of onWire.gone(connection)) carried.wake(deviceId)
    },
    listensNoMore(connection: Connection, filter: string): void {
      const deviceId = onWire.listensNoMore(connection, filter)
      if (deviceId !== undefined) carried.wake(deviceId)
    },
    /** The device may have what waits for it. */
    wake,
    /** A retired device gets nothing any more. */
    purge: (deviceId: string) => inbox.purge(deviceId),
    /** A deleted one neither, and its numbers begin anew. */
    forget: (deviceId: string) => inbox.forget(deviceId),
    /** Ends what is past its time; due each few seconds. */
    async sweep(): Promise<void> {
      for (const deviceId of [...(await inbox.expire()), ...inbox.unlocked()]) wake(deviceId)
      onWire.sweep()
      if (!told) return
      told = false
      await house.outbox.drain()
    },
    forgetOld: () => history.sweep(),
    close(): void {
      calls.close()
      overHttp.close()
    },
  }
}

export type OpenCommands = Awaited<ReturnType<typeof openCommands>>
