import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import type { Verdict } from '../../src/provisioning/provisioning-port.ts'
import { until } from '../processes.ts'

export type Question = HubEvent & { type: 'provisioning-question' }

/** Stands for a flow with a `loom-provision` node, that a test deploys, answers for and takes away. */
export function decidingFlow(hub: Hub) {
  const asked: Question[] = []
  hub.subscribe(event => void (event.type === 'provisioning-question' && asked.push(event)))
  const listen = (on: boolean): Promise<void> => hub.provisioning.listen({ listener: 'flow', on })
  const about = (id: string): Question[] =>
    asked.filter(({ request }) => request.registrationId === id || request.parameters.SerialNumber === id)
  return {
    deploy: () => listen(true),
    remove: () => listen(false),
    /** All that it was asked about a registration id or serial number, oldest first. */
    about,
    /** The newest question about it, when there are more than `before`. */
    question: (id: string, before = 0): Promise<Question> =>
      until(`a question about ${id}`, () => about(id).slice(before).at(-1), 50_000),
    answer: ({ request }: Question, verdict: Verdict): Promise<void> => hub.provisioning.answer({ id: request.id, verdict }),
  }
}

export type DecidingFlow = ReturnType<typeof decidingFlow>
