import { randomUUID } from 'node:crypto'
import type { Node, NodeAPI, NodeDef } from 'node-red'
import { LoomError } from '../../errors.ts'
import type { Msg } from '../define.ts'

/** What a Link Out node in the mode `return` calls on the node that the message came from. */
type Caller = Node & { returnLinkMessage?(id: string, msg: Msg): void }

/**
 * Calls of flows behind Link In nodes, as Node-RED's own Link Call node makes them. The node of that name in the same flow comes first, then the only one elsewhere.
 * Answers that come too late are dropped.
 */
export function linkCalls(RED: NodeAPI, node: Node, limitMs: number): (name: string, payload: unknown) => Promise<unknown> {
  const waiting = new Map<string, (payload: unknown) => void>()
  ;(node as Caller).returnLinkMessage = (id, { payload }) => waiting.get(id)?.(payload)
  return async (name, payload) => {
    const target = targetOf(RED, node, name)
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

/** Node-RED 4 keeps its own list of these nodes to itself. */
function targetOf(RED: NodeAPI, { z }: Node, name: string): Node {
  const found: { node: Node; near: boolean }[] = []
  RED.nodes.eachNode(config => {
    const { id, type, name: called } = config as NodeDef
    if (type !== 'link in' || (called !== name && id !== name)) return
    const node = RED.nodes.getNode(id)
    if (node) found.push({ node, near: (config as NodeDef).z === z })
  })
  const near = found.filter(one => one.near)
  const [target, ...others] = near.length > 0 ? near : found
  if (target && others.length === 0) return target.node
  const many = target ? `${others.length + 1} link in nodes` : 'no link in node'
  throw new LoomError('NOT_FOUND', `${many} of the name ${name.slice(0, 60)}`)
}
