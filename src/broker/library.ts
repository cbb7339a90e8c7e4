import type { Duplex, Readable } from 'node:stream'

/**
 * What the broker uses of the library beyond its published types. The members with an underscore are private there: `guardFires` checks
 * at every start that they still do what they did.
 */
export interface LibraryClient {
  id: string
  clean: boolean
  closed: boolean
  connected: boolean
  conn: Duplex
  /** counters of packets delivered, by broker id */
  duplicates: object
  readonly _parser: LibraryParser
  /** packets in work; the library queues what comes while the first is */
  _parsingBatch: number
  _nextBatch: (error?: Error | null) => void
  /** set when a DISCONNECT came */
  readonly _disconnected?: boolean
  readonly _keepaliveTimer?: NodeJS.Timeout | null
  /** Without a message id: nobody asked, nothing is answered. */
  unsubscribe(packet: { unsubscriptions: string[] }, done: (error?: Error | null) => void): void
  waitForDrain(done: (error?: Error | null) => void): void
  emit(event: 'error', error: Error): boolean
  once(event: 'connected', listener: () => void): void
}

export interface LibraryParser {
  packet: { cmd: string; length: number }
  error: Error | null
  readonly _list: { length: number; readUInt8(at: number): number; slice(from: number, to: number): Buffer }
  /** 0: between two packets, if nothing waits in the list either */
  readonly _stateCounter: number
  _pos: number
  _parseHeader(): boolean | undefined
  _parseLength(): boolean
  _parseString(): string | null
  _emitError(error: Error): void
  parse(chunk: Buffer): number
  prependListener(event: 'packet', listener: (packet: LibraryPacket) => void): void
}

export interface LibraryPacket {
  cmd: string
  messageId?: number
  topic: string
  payload: Buffer
  qos: 0 | 1 | 2
  retain: boolean
  dup: boolean
  brokerId?: string | null
  brokerCounter?: number
  subscriptions?: { topic: string; qos: number }[]
}

export interface LibraryConnect {
  protocolVersion: number
  clientId: string
  clean: boolean
  keepalive: number
  username?: string
  password?: Buffer
  will?: { topic: string; payload: Buffer; qos: 0 | 1 | 2; retain: boolean }
}

/** The part of the library's persistence interface (version 11) that it calls. All of it is asked for by client. */
export interface LibraryPersistence {
  setup(): Promise<void>
  storeRetained(packet: LibraryPacket): Promise<void>
  createRetainedStreamCombi(filters: string[]): Readable
  addSubscriptions(client: LibraryClient, subscriptions: { topic: string }[]): Promise<void>
  removeSubscriptions(client: LibraryClient, filters: string[]): Promise<void>
  subscriptionsByClient(client: { id: string }): Promise<{ topic: string; qos: number }[]>
  subscriptionsByTopic(topic: string): Promise<{ clientId: string; topic: string; qos: number }[]>
  cleanSubscriptions(client: { id: string }): Promise<void>
  outgoingEnqueueCombi(subscriptions: { clientId: string }[], packet: LibraryPacket): Promise<void>
  outgoingUpdate(client: LibraryClient, packet: LibraryPacket): Promise<void>
  outgoingClearMessageId(client: LibraryClient, packet: LibraryPacket): Promise<LibraryPacket | undefined>
  outgoingStream(client: LibraryClient): Readable
  incomingStorePacket(client: LibraryClient, packet: LibraryPacket): Promise<void>
  incomingGetPacket(client: LibraryClient, packet: LibraryPacket): Promise<LibraryPacket>
  incomingDelPacket(client: LibraryClient, packet: LibraryPacket): Promise<void>
  cleanIncoming(client: LibraryClient): Promise<void>
  putWill(): Promise<void>
  delWill(): Promise<void>
  streamWill(): Readable
}
