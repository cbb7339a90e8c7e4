import { errorData, LoomError } from '../../errors.ts'
import { importTopicRule } from '../../routing/topic-rule-file.ts'
import { look, stateOf } from './look.ts'
import type { Answers, Question } from './question.ts'
import { vocabulary } from './vocabulary.ts'

/** What the worker says to a question. */
export function answerOf(question: Question): Answers[Question['kind']] {
  switch (question.kind) {
    case 'look':
      return look(question)
    case 'check':
      return question.rows.map(row => stateOf(row, question.strict))
    case 'import':
      try {
        return { rule: importTopicRule(question.text) }
      } catch (thrown) {
        if (!(thrown instanceof LoomError)) throw thrown
        return { fault: errorData(thrown) }
      }
    case 'words':
      return vocabulary()
  }
}
