import type { NodeDef } from 'node-red'
import { errorData, LoomError } from '../../src/errors.ts'
import { validAtOnce } from '../../src/fields/target-fields.ts'
import { commandTargetOf } from '../../src/nodered/command-targets.ts'
import { defineNode, type Msg, type NewMsg, type Result } from '../../src/nodered/define.ts'
import { type GroupEnd, GroupRuns, outcomeError } from '../../src/nodered/group-runs.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { type MethodOrder, methodOrderOf } from '../../src/nodered/method-call.ts'
import { OpenCalls } from '../../src/nodered/open-calls.ts'
import { inPool } from '../../src/nodered/pool.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type MethodConfig, type } from './config.ts'

export default defineNode<MethodConfig & NodeDef>(
  type,
  async (config, { node, RED, status, emit }) => {
    const { atOnce = 20, wakes = 'own' } = config
    const { method: name = '', connectTimeoutMs = 0, responseTimeoutMs = 30_000 } = config
    const set: MethodOrder = { name, connectTimeoutMs, responseTimeoutMs }
    if (!validAtOnce(atOnce)) throw new LoomError('NODE_CONFIG', `at once ${atOnce}`, { hint: '1 to 256' })
    const by = `node ${config.id}`
    status('waiting', '')
    const { hub } = await hubOf(config)
    status('ok', '')
    const calls = new OpenCalls()
    /** by method: the hub knows the devices */
    const groupCalls = new OpenCalls()
    const show = (state: 'ok' | 'warn', text: string): void => {
      if (calls.size) status('busy', `${calls.size} open · ${text}`)
      else status(state, text)
    }
    const isOwn = (id: string, method: string): boolean => calls.has(id, method) || groupCalls.has('', method)
    const leave = hub.subscribe(event => {
      if (event.type !== 'wake' || !(wakes === 'all' || isOwn(event.device, event.method))) return
      const { device: id, method, until, token, at: time } = event
      emit([undefined, { device: id, topic: 'wake', time, payload: { method, until, token } }])
    })
    const runs = new GroupRuns({ hub, by, kind: 'commands.method', status, emit, failed: error => node.error(error) })

    const call = async (id: string, { name: method, ...times }: MethodOrder, payload: unknown) => {
      const end = calls.begin(id, method)
      show('ok', method)
      try {
        return await hub.commands.call({ id, method, payload, ...times, by })
      } finally {
        end()
      }
    }
    const callMany = async (msg: Msg, ids: readonly string[], order: MethodOrder): Promise<Result> => {
      const ended = (done: number): void => show('ok', `${done} / ${ids.length}`)
      const answers = await inPool(ids, { atOnce: Number(atOnce), ended }, id => call(id, order, msg.payload))
      const results = answers.map((answer, i) => {
        const id = ids[i]!
        return answer instanceof Error ? { id, ok: false, error: errorData(answer) } : { id, ok: true, status: answer.status }
      })
      const payload = answers.flatMap((answer, i) => (answer instanceof Error ? [] : [{ device: ids[i]!, ...answer }]))
      show(payload.length < ids.length ? 'warn' : 'ok', `${payload.length} / ${ids.length}`)
      return { ...msg, payload, device: ids, method: { name: order.name, status: null }, results }
    }
    const groupMsg = async (msg: NewMsg, method: string, ended: Promise<GroupEnd>): Promise<NewMsg> => {
      const end = groupCalls.begin('', method)
      try {
        const { operation, outcomes } = await ended
        const { done, failed, total } = operation
        show(done - failed < total ? 'warn' : 'ok', `${done - failed} / ${total}`)
        const answers = outcomes.filter(({ ok }) => ok)
        const results = outcomes.map(outcome => {
          const { device: id, ok, status: answered } = outcome
          return ok ? { id, ok, status: answered } : { id, ok, error: outcomeError(outcome) }
        })
        const payload = answers.map(({ device, status: answered, payload }) => ({ device, status: answered, payload }))
        return { ...msg, payload, method: { name: method, status: null }, operation, results }
      } finally {
        end()
      }
    }
    await runs.goOn((ended, { detail }) => groupMsg({}, String(detail.method), ended))

    return {
      async input(msg) {
        const { payload } = msg
        const order = methodOrderOf(msg.method, set)
        const target = await commandTargetOf(config, msg, (value, type) => typedValue(RED, node, { value, type }, msg))
        if (target.targets) {
          const run = runs.run({ ...target.targets, method: { ...order, payload }, concurrency: Number(atOnce) })
          return groupMsg(msg, order.name, run)
        }
        const { ids, many } = target
        if (many) return callMany(msg, ids, order)
        const id = ids[0]!
        try {
          const { status: answered, payload } = await call(id, order, msg.payload)
          show(answered < 400 ? 'ok' : 'warn', `${order.name} ${answered}`)
          return { ...msg, payload, device: id, method: { name: order.name, status: answered } }
        } catch (thrown) {
          show('warn', `${order.name} ${LoomError.from(thrown).message}`)
          throw thrown
        }
      },
      stop: leave,
      close: () => runs.close(),
    }
  },
  // Calls do not depend on each other, and one may take minutes.
  { order: 'parallel' },
)
