import { type ErrorCode, LoomError } from '../errors.ts'
import type { JournalEvent } from '../journal/journal-event.ts'
import type { HubEvent } from './hub.ts'
import type { Problems } from './problems.ts'

/** What the journal reports, as problems that health shows until they are over and as live events. */
export function tellOfJournal(event: JournalEvent, problems: Problems, emit: (event: HubEvent) => void): void {
  const { at } = event
  const note = (code: ErrorCode, message: string): void => emit({ type: 'security', at, code, message })
  switch (event.type) {
    case 'deadletter':
      emit({ type: 'deadletter', at, id: event.id, code: event.code, device: event.device })
      break
    case 'full':
      problems.set('journal', new LoomError('JOURNAL_FULL', event.message))
      break
    case 'recovered':
      problems.clear('journal')
      break
    case 'space':
      if (event.low)
        problems.set(
          'disk',
          new LoomError('JOURNAL_FULL', `${event.freeBytes} bytes are free on the volume`, { hint: 'make room' }),
        )
      else problems.clear('disk')
      break
    case 'corrupt':
      problems.set(
        'journal file',
        new LoomError('JOURNAL_CORRUPT', event.file, { hint: `${event.kept} records were saved, the file is kept as .corrupt` }),
      )
      break
    case 'fault':
      note(
        'NODE_FAULT',
        `${event.consumer ?? 'journal'}: ${event.error instanceof Error ? event.error.message : String(event.error)}`,
      )
      break
    case 'stale':
      note('JOURNAL_TRIMMED', `consumer ${event.consumer} was not seen for 7 days and no longer holds the journal`)
      break
    case 'trimmed':
      if (event.reason === 'dropped')
        note('JOURNAL_TRIMMED', `records ${event.from} to ${event.to} were dropped at the size limit`)
  }
}
