import type { Answers, Question } from './question.ts'

/** The part of a browser's Worker that is used. */
export interface WorkerLike {
  postMessage(message: unknown): void
  terminate(): void
  onmessage: ((event: { data: unknown }) => void) | null
  onerror: ((event: { message?: string }) => void) | null
}

export interface Engine {
  /** `slow`: the time was over, and the worker was ended and begun anew. Rejects if the engine cannot be loaded or fails. */
  ask<Q extends Question>(question: Q): Promise<Answers[Q['kind']] | 'slow'>
  close(): void
}

interface Waiting {
  question: Question
  resolve(answer: never): void
  reject(reason: Error): void
}

/** Where rules are tried: patterns and nested queries may take as long as they like, and nothing but ending their thread stops them. */
export function openEngine(o: {
  start(): WorkerLike
  limitMs?: number
  after?(ms: number, then: () => void): () => void
}): Engine {
  const { start, limitMs = 1000, after = afterTimeout } = o
  const queue: Waiting[] = []
  let worker: WorkerLike | undefined
  let ready = false
  let current: Waiting | undefined
  let id = 0
  let cancel = (): void => {}

  /** Ends the thread; the next question begins another. */
  const end = (): void => {
    cancel()
    worker?.terminate()
    worker = undefined
    ready = false
  }
  const settle = (finish: (waiting: Waiting) => void): void => {
    cancel()
    const waiting = current
    current = undefined
    if (waiting) finish(waiting)
    next()
  }
  const failed = (reason: string): void => {
    end()
    current ??= queue.shift()
    settle(({ reject }) => reject(new Error(reason)))
  }
  const begin = (): void => {
    const begun = start()
    worker = begun
    begun.onerror = event => {
      if (worker === begun) failed(event.message ?? '')
    }
    begun.onmessage = ({ data }) => {
      if (worker !== begun) return
      const said = data as { ready?: true; id?: number; answer?: never; failure?: string }
      if (said.ready) {
        ready = true
        next()
      } else if (said.id === id) {
        settle(({ resolve, reject }) => (said.failure === undefined ? resolve(said.answer!) : reject(new Error(said.failure))))
      }
    }
  }
  const next = (): void => {
    if (current || !queue.length) return
    if (!worker) begin()
    if (!ready || current) return
    current = queue.shift()!
    worker!.postMessage({ id: ++id, question: current.question })
    cancel = after(limitMs, () => {
      end()
      settle(({ resolve }) => resolve('slow' as never))
    })
  }

  return {
    ask: question =>
      new Promise((resolve, reject) => {
        queue.push({ question, resolve, reject })
        next()
      }),
    close() {
      end()
      queue.length = 0
      current = undefined
    },
  }
}

/** Relative, so that it is found below any admin root. */
const workerUrl = 'resources/@thingloom/node-red-iot/rules-worker.js'

export const startRulesWorker = (): WorkerLike => new Worker(workerUrl) as WorkerLike

function afterTimeout(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms)
  return () => clearTimeout(timer)
}
