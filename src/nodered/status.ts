import type { Node, NodeStatusFill, NodeStatusShape } from 'node-red'

const looks = {
  ok: ['green', 'dot'],
  busy: ['blue', 'dot'],
  waiting: ['yellow', 'ring'],
  warn: ['yellow', 'dot'],
  error: ['red', 'ring'],
} as const satisfies Record<string, readonly [NodeStatusFill, NodeStatusShape]>
export type StatusState = keyof typeof looks
export type Status = (state: StatusState, text: string) => void

/** Shows a state at most once in `gapMs`, the latest always last; repeats cost nothing. */
export function statusOf(node: Node, gapMs = 500): Status {
  let shown = ''
  let wanted: Parameters<Status> | undefined
  let timer: NodeJS.Timeout | undefined
  const show = (): void => {
    timer = undefined
    if (!wanted || wanted.join() === shown) return
    const [fill, shape] = looks[wanted[0]]
    node.status({ fill, shape, text: wanted[1] })
    shown = wanted.join()
    timer = setTimeout(show, gapMs).unref()
  }
  let closed = false
  node.on('close', () => {
    closed = true
    clearTimeout(timer)
  })
  return (...next) => {
    if (closed) return
    wanted = next
    if (!timer) show()
  }
}
