import type { NodeDef } from 'node-red'
import { errorData, LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type Result } from '../../src/nodered/define.ts'
import { targetsOf } from '../../src/nodered/device-targets.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { type MethodOrder, methodOrderOf } from '../../src/nodered/method-call.ts'
import { OpenCalls } from '../../src/nodered/open-calls.ts'
import { inPool } from '../../src/nodered/pool.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type MethodConfig, type, validAtOnce } from './config.ts'

export default defineNode<MethodConfig & NodeDef>(
  type,
  async (config, { node, RED, status, emit }) => {
    const { device = 'device', deviceType = 'msg', atOnce = 20, wakes = 'own' } = config
    const { method: name = '', connectTimeoutMs = 0, responseTimeoutMs = 30_000 } = config
    const set: MethodOrder = { name, connectTimeoutMs, responseTimeoutMs }
    if (!validAtOnce(atOnce)) throw new LoomError('NODE_CONFIG', `at once ${atOnce}`, { hint: '1 to 500' })
    status('waiting', '')
    const { hub } = await hubOf(config)
    status('ok', '')
    const calls = new OpenCalls()
    const show = (state: 'ok' | 'warn', text: string): void => {
      if (calls.size) status('busy', `${calls.size} open · ${text}`)
      else status(state, text)
    }
    const leave = hub.subscribe(event => {
      if (event.type !== 'wake' || !(wakes === 'all' || calls.has(event.device, event.method))) return
      const { device: id, method, until, token, at: time } = event
      emit([undefined, { device: id, topic: 'wake', time, payload: { method, until, token } }])
    })

    const call = async (id: string, { name: method, ...times }: MethodOrder, payload: unknown) => {
      const end = calls.begin(id, method)
      show('ok', method)
      try {
        return await hub.commands.call({ id, method, payload, ...times, by: `node ${config.id}` })
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

    return {
      async input(msg) {
        const order = methodOrderOf(msg.method, set)
        const { ids, many } = targetsOf(await typedValue(RED, node, { value: device, type: deviceType }, msg))
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
    }
  },
  // Calls do not depend on each other, and one may take minutes.
  { order: 'parallel' },
)
