import type { LetterFilter } from '../../journal/journal-port.ts'
import { type HubRoute, paging } from './route.ts'
import type { Schema } from './schema.ts'
import { count, flag, object, pageOf, refTo, text, time } from './shapes.ts'

/** Conditions on dead letters, all of which hold. */
const letterFilter: Record<string, Schema> = {
  reason: { ...text, description: 'such as `undecodable`, `schema-unknown`, `action`' },
  device: text,
  rule: text,
  node: { ...text, description: 'id of the node that failed' },
  key: { ...text, description: 'what letters of one cause share, such as the fingerprint of an unknown schema' },
  from: time,
  to: time,
}

export const letterRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/deadletters',
    id: 'listDeadLetters',
    summary: 'Messages that could not be processed, newest first',
    permission: 'thingloom.read',
    query: { ...paging, state: { type: 'string', enum: ['open', 'replayed', 'discarded'] }, ...letterFilter },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('DeadLetter')) } },
    run: async ({ on: hub, args }) => {
      const page = await hub.journal.deadLetters({ limit: 100, ...args } as Parameters<typeof hub.journal.deadLetters>[0])
      const items = page.items.map(letter => ({ ...letter, payload: Buffer.from(letter.payload).toString('base64') }))
      return { body: { ...page, items } }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/deadletters/replay',
    id: 'replayDeadLetters',
    summary: 'Replays the open dead letters that fit, the oldest first',
    permission: 'thingloom.write',
    body: object(letterFilter, []),
    answers: {
      200: {
        description: 'how many; `more`: others wait, ask again',
        schema: object({ replayed: count, more: flag }, ['replayed', 'more']),
      },
    },
    run: async ({ on: hub, body: filter, by }) => {
      const body = await hub.journal.replayDeadLetters(filter as LetterFilter)
      await hub.audit.note({ action: 'deadletter.replay', target: 'many', detail: { ...(filter as LetterFilter), ...body }, by })
      return { body }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/deadletters/{letter}/replay',
    id: 'replayDeadLetter',
    summary: 'Hands a dead letter to its consumer again',
    permission: 'thingloom.write',
    answers: {
      200: {
        description: 'journal sequence of the new record',
        schema: { type: 'object', properties: { seq: { type: 'integer' } } },
      },
    },
    run: async ({ on: hub, args, by }) => {
      const body = await hub.journal.replayDeadLetter({ id: args.letter as number })
      await hub.audit.note({ action: 'deadletter.replay', target: String(args.letter), detail: body, by })
      return { body }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/deadletters/{letter}',
    id: 'discardDeadLetter',
    summary: 'Marks a dead letter as discarded',
    permission: 'thingloom.write',
    answers: { 204: { description: 'discarded' } },
    run: async ({ on: hub, args, by }) => {
      await hub.journal.discardDeadLetter({ id: args.letter as number })
      await hub.audit.note({ action: 'deadletter.discard', target: String(args.letter), by })
      return { status: 204 }
    },
  },
]
