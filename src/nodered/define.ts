import type { Node, NodeAPI, NodeDef, NodeMessageInFlow } from 'node-red'
import { LoomError } from '../errors.ts'
import { type Status, statusOf } from './status.ts'

export type Msg = NodeMessageInFlow & Record<string, unknown>
/** A message that starts here; the runtime gives it its id. */
export type NewMsg = Partial<NodeMessageInFlow> & Record<string, unknown>
/** Nothing, a message for output 1, or one entry (message, messages, nothing) per output. */
export type Result = NewMsg | (NewMsg | NewMsg[] | undefined)[] | undefined | void
export type Emit = (result: Result) => void

export interface Context<Credentials extends object = object> {
  node: Node<Credentials>
  RED: NodeAPI
  status: Status
  /** Aborted when the node closes, after waiting messages were drained. */
  signal: AbortSignal
  /** Sends what no input caused. */
  emit: Emit
}

export interface Behaviour {
  /** What it returns is sent. `emit` sends ahead of that, for answers of many messages. */
  input?(msg: Msg, emit: Emit): Result | Promise<Result>
  /** Called first when the node stops: end sources here, so that draining ends. */
  stop?(): void
  close?(removed: boolean): void | Promise<void>
}

export interface Options {
  /** serial: arrival order survives awaits; parallel: messages do not depend on each other */
  order?: 'serial' | 'parallel'
  /** Messages waiting or in work; one more fails with NODE_BUSY. */
  limit?: number
  /** Secrets of the node, as `{password: {type: 'password'}}`. */
  credentials?: Record<string, { type: 'text' | 'password' }>
}

type Send = (msg: NodeMessageInFlow | (NodeMessageInFlow | null)[]) => void
type Done = (error?: Error) => void
type Setup<C extends NodeDef, S extends object> = (config: C, context: Context<S>) => Behaviour | Promise<Behaviour>

/**
 * The only place that talks the Node-RED lifecycle. What `input` returns is sent, what it throws or rejects with reaches a Catch node; `done` is called
 * once per message. Messages wait for an async setup; if that fails they fail with its reason.
 */
export function defineNode<C extends NodeDef, S extends object = object>(
  type: string,
  setup: Setup<C, S>,
  options: Options = {},
) {
  const { credentials } = options
  return (RED: NodeAPI): void => {
    function create(this: Node<S>, config: C): void {
      RED.nodes.createNode(this, config)
      attach(RED, this, config, setup, options)
    }
    RED.nodes.registerType(type, create as never, credentials && ({ credentials } as never))
  }
}

function attach<C extends NodeDef, S extends object>(
  RED: NodeAPI,
  node: Node<S>,
  config: C,
  setup: Setup<C, S>,
  { order = 'serial', limit = 1000 }: Options,
): void {
  const stop = new AbortController()
  const status = statusOf(node)
  const drained = Promise.withResolvers<void>()
  const waiting: [Msg, Send, Done][] = []
  let active = 0
  let behaviour: Behaviour | undefined
  let refusal: Error | undefined
  let settled: Promise<void> | undefined

  const run = (msg: Msg, send: Send, done: Done): void => {
    const finish = (result: Result): void => {
      emit(send, result)
      done()
    }
    try {
      const result = behaviour?.input?.(msg, sent => emit(send, sent))
      if (!(result instanceof Promise)) {
        finish(result)
        return
      }
      active++
      result
        .then(finish)
        .catch(thrown => done(LoomError.from(thrown)))
        .finally(() => {
          active--
          next()
        })
    } catch (thrown) {
      done(LoomError.from(thrown))
    }
  }
  const next = (): void => {
    while (behaviour && waiting.length && (order === 'parallel' || !active)) run(...waiting.shift()!)
    if (refusal && !waiting.length && !active) drained.resolve()
  }
  const quiet = async (): Promise<void> => {
    await settled
    behaviour?.stop?.()
    next()
    if (behaviour) await drained.promise
  }
  const refuse = (reason: Error): void => {
    refusal = reason
    for (const [, , done] of waiting.splice(0)) done(reason)
  }
  const ready = async (made: Behaviour): Promise<void> => {
    if (stop.signal.aborted) {
      made.stop?.()
      return made.close?.(false)
    }
    behaviour = made
    next()
  }
  const fail = (thrown: unknown): void => {
    const reason = LoomError.from(thrown)
    if (!(refusal instanceof LoomError && refusal.code === 'NODE_CLOSED')) {
      status('error', reason.message)
      node.error(reason)
    }
    refuse(reason)
  }

  node.on('input', (msg, send, done) => {
    if (refusal) return done(refusal)
    if (active + waiting.length >= limit) return done(new LoomError('NODE_BUSY', `more than ${limit}`))
    waiting.push([msg as Msg, send as Send, done])
    next()
  })

  node.on('close', async (removed: boolean, done: () => void) => {
    // Past nodeCloseTimeout the runtime abandons the node: two waits of a third each.
    const { nodeCloseTimeout = 15_000 } = RED.settings as { nodeCloseTimeout?: number }
    try {
      refusal ??= new LoomError('NODE_CLOSED')
      await atMost(quiet(), nodeCloseTimeout / 3)
      stop.abort()
      refuse(refusal)
      await atMost(behaviour?.close?.(removed), nodeCloseTimeout / 3)
    } catch (thrown) {
      node.error(LoomError.from(thrown)) // the runtime would swallow it
    } finally {
      done()
    }
  })

  try {
    const made = setup(config, { node, RED, status, signal: stop.signal, emit: sent => emit(node.send.bind(node) as Send, sent) })
    if (made instanceof Promise) settled = made.then(ready).catch(fail)
    else void ready(made)
  } catch (thrown) {
    fail(thrown)
  }
}

/** One call per message: within a call the runtime deep-clones every message but the first. */
function emit(send: Send, result: Result): void {
  if (!result) return
  if (!Array.isArray(result)) {
    send(result as NodeMessageInFlow)
    return
  }
  // Results of many outputs are mostly holes.
  for (let output = 0; output < result.length; output++) {
    const entry = result[output]
    if (!entry) continue
    for (const msg of Array.isArray(entry) ? entry : [entry]) {
      if (!msg) continue
      if (output === 0) send(msg as NodeMessageInFlow)
      else {
        const all = new Array<NodeMessageInFlow | null>(output + 1).fill(null)
        all[output] = msg as NodeMessageInFlow
        send(all)
      }
    }
  }
}

async function atMost(work: unknown, ms: number): Promise<void> {
  if (!(work instanceof Promise)) return
  const limit = Promise.withResolvers<void>()
  const timer = setTimeout(limit.resolve, ms).unref()
  try {
    await Promise.race([work, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
