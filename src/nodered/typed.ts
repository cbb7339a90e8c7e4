import type { Node, NodeAPI } from 'node-red'
import { LoomError } from '../errors.ts'
import type { Msg } from './define.ts'

/** A value and its kind as a typed input saves them: the pair `width`, `widthType`. */
export interface Typed {
  value: string
  type: string
}

/** Evaluates a typed input for one message; an empty text of type `str` or `none` is undefined. Throws NODE_CONFIG. */
export async function typedValue(RED: NodeAPI, node: Node, { value, type }: Typed, msg: Msg): Promise<unknown> {
  if (type === 'none' || (value === '' && (type === 'str' || type === 'num' || type === 'msg'))) return undefined
  try {
    return await new Promise((resolve, reject) => {
      RED.util.evaluateNodeProperty(value, type, node, msg, (error, result) => (error ? reject(error) : resolve(result)))
    })
  } catch (cause) {
    throw new LoomError('NODE_CONFIG', `${type} ${String(value).slice(0, 80)}`, { cause, hint: (cause as Error).message })
  }
}
