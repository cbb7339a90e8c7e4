import type { Engine } from './engine.ts'
import type { Look, Question } from './question.ts'

const pauseMs = 150

/** Asks what a rule makes of a message whenever something may have changed: one question at a time, the last change last. */
export function liveLook(o: {
  engine: Engine
  /** Nothing to be asked without one. */
  question(): Extract<Question, { kind: 'look' }> | undefined
  tell(asked: Extract<Question, { kind: 'look' }>, look: Look | 'slow'): void
  failed(reason: string): void
}): { soon(ms?: number): void; close(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let [asking, again, closed] = [false, false, false]
  const now = async (): Promise<void> => {
    const question = o.question()
    if (closed || !question) return
    again = asking
    if (asking) return
    asking = true
    try {
      const look = await o.engine.ask(question)
      if (!closed) o.tell(question, look)
    } catch (thrown) {
      if (!closed) o.failed((thrown as Error).message)
    }
    asking = false
    if (again) void now()
  }
  return {
    soon(ms = pauseMs) {
      clearTimeout(timer)
      timer = setTimeout(now, ms)
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
