import { type ExternalCall, externalLimits, MissingAnswer, type RuleHost } from './host.ts'
import { checkedAnswer, type Scope } from './scope.ts'

/** Evaluates again and again until no answer is missing. ROUTE_EXTERNAL if one fails, takes too long, or if there are too many one after another. */
export async function evaluateInRounds<T>(scope: Scope, host: RuleHost | undefined, evaluate: () => T): Promise<T> {
  scope.answers ??= new Map()
  for (let round = 0; ; round++) {
    let missing: MissingAnswer
    try {
      return evaluate()
    } catch (thrown) {
      if (!(thrown instanceof MissingAnswer)) throw thrown
      missing = thrown
    }
    const { key, call, failed } = missing
    if (round === externalLimits.rounds)
      throw failed(new RangeError(`more than ${externalLimits.rounds} calls one after another`))
    try {
      scope.answers.set(key, checkedAnswer(await answerOf(scope, key, call, host)))
    } catch (cause) {
      throw failed(cause)
    }
  }
}

/** Rules that ask the same share the call. */
function answerOf(scope: Scope, key: string, call: ExternalCall, host: RuleHost | undefined): Promise<unknown> {
  const asked = (scope.asked ??= new Map())
  let answer = asked.get(key)
  if (!answer) asked.set(key, (answer = askInTime(call, host)))
  return answer
}

async function askInTime(call: ExternalCall, host: RuleHost | undefined): Promise<unknown> {
  if (!host?.ask) return host?.answer?.(call)
  const answer = host.ask(call)
  if (!host.after) return answer
  const late = new RangeError(`no answer within ${externalLimits.answerMs} ms`)
  let cancel: (() => void) | undefined
  const tooLate = new Promise<never>((_, reject) => {
    cancel = host.after!(externalLimits.answerMs, () => reject(late))
  })
  try {
    return await Promise.race([answer, tooLate])
  } finally {
    cancel?.()
  }
}
