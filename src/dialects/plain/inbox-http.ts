import type { Taken } from '../../commands/inbox.ts'
import { LoomError } from '../../errors.ts'
import { type HttpAnswer, json } from '../http.ts'

const limits = { max: { least: 1, otherwise: 1, most: 50 }, wait: { least: 0, otherwise: 0, most: 60 } } as const

/** `max=1..50&wait=0..60`, the latter in seconds. REQUEST_INVALID. */
export function inboxQuery(query: string): { max: number; waitMs: number } {
  const given = new URLSearchParams(query)
  const number = (name: keyof typeof limits): number => {
    const text = given.get(name)
    const { least, otherwise, most } = limits[name]
    if (text === null) return otherwise
    const value = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new LoomError('REQUEST_INVALID', `${name} ${JSON.stringify(text.slice(0, 20))}`, { hint: `${least} to ${most}` })
  }
  return { max: number('max'), waitMs: number('wait') * 1000 }
}

/** The messages, oldest first; bodies as base64. */
export const inboxAnswer = (messages: readonly Taken[]): HttpAnswer =>
  json(
    200,
    messages.map(({ lock: _, body, ...message }) => ({ ...message, body: Buffer.from(body).toString('base64') })),
  )
