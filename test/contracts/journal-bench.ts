import type { JournalOptions } from '../../src/journal/journal.ts'
import type { JournalEvent } from '../../src/journal/journal-event.ts'
import type { JournalPort } from '../../src/journal/journal-port.ts'
import type { FakeTime } from '../journal/fake-time.ts'

export interface JournalSubject {
  /** Opens over the same content each time; `o` overrides small test limits. */
  open(time: FakeTime, events: JournalEvent[], o: Partial<JournalOptions>): Promise<JournalPort>
  /** Removes the content. */
  dispose(): Promise<void>
}

/** What the parts of the contract work on, fresh for each test. */
export interface JournalBench {
  journal: JournalPort
  time: FakeTime
  events: JournalEvent[]
  subject: JournalSubject
  /** Closes and opens over the same content. */
  reopen(o?: Partial<JournalOptions>): Promise<void>
  /** Begins again with no content and these options. */
  start(o: Partial<JournalOptions>): Promise<void>
  /** Appends that many and sees them committed. */
  write(count: number, device?: string): void
  typesOf(): string[]
}

export const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as { code?: string }).code === wanted
export const dayMs = 86_400_000
