import type { ConsumerState } from './journal-port.ts'

/** Of a consumer that is not live. */
export const idleState = (place: { name: string; cursor: number; seen: number }, headSeq: number): ConsumerState => ({
  name: place.name,
  cursor: place.cursor,
  inFlight: 0,
  lag: Math.max(0, headSeq - place.cursor),
  delivered: 0,
  passedOver: 0,
  redelivered: 0,
  dead: 0,
  gaps: 0,
  live: false,
  seen: place.seen,
})
