import { randomUUID } from 'node:crypto'
import type { Node, NodeAPI } from 'node-red'
import { LoomError } from '../../errors.ts'
import type { Msg } from '../define.ts'

interface LinkTargets {
  getTargetNode(source: Node, target: string, byName: boolean): Node
}
/** What a Link Out node in the mode `return` calls on the node that the message came from. */
type Caller = Node & { returnLinkMessage?(id: string, msg: Msg): void }

/**
 * Calls of flows behind Link In nodes, as Node-RED's own Link Call node makes them. The node of that name in the same flow comes first, then the only one elsewhere.
 * Answers that come too late are dropped.
 */
export function linkCalls(RED: NodeAPI, node: Node, limitMs: number): (name: string, payload: unknown) => Promise<unknown> {
  const waiting = new Map<string, (payload: unknown) => void>()
  const { linkcallTargets } = RED.nodes as unknown as { linkcallTargets?: LinkTargets }
  ;(node as Caller).returnLinkMessage = (id, { payload }) => waiting.get(id)?.(payload)
  return async (name, payload) => {
    if (!linkcallTargets) throw new LoomError('NOT_FOUND', 'this Node-RED has no link calls')
    const target = linkcallTargets.getTargetNode(node, name, true)
    const id = randomUUID()
    const answer = Promise.withResolvers<unknown>()
    const timer = setTimeout(() => answer.reject(new RangeError(`${name} gave no answer in ${limitMs} ms`)), limitMs).unref()
    waiting.set(id, answer.resolve)
    try {
      // The message of the flow goes on with what the arguments are made of.
      target.receive(RED.util.cloneMessage({ payload, _linkSource: [{ id, node: node.id }] } as never))
      return await answer.promise
    } finally {
      clearTimeout(timer)
      waiting.delete(id)
    }
  }
}
