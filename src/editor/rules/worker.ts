import { answerOf } from './answer.ts'
import type { Question } from './question.ts'

// Of a worker; the library of types knows pages only.
declare const self: {
  postMessage(message: unknown): void
  addEventListener(name: 'message', listener: (event: { data: { id: number; question: Question } }) => void): void
}

self.addEventListener('message', ({ data: { id, question } }) => {
  try {
    self.postMessage({ id, answer: answerOf(question) })
  } catch (thrown) {
    self.postMessage({ id, failure: String((thrown as Error).stack ?? thrown) })
  }
})
self.postMessage({ ready: true })
