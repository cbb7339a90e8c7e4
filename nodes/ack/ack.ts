import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { deliveries, type Settlement, tokenOf } from '../../src/nodered/delivery.ts'
import { type AckConfig, actions, type } from './config.ts'

/** What the message asks for, as `msg.ack`: an action, or an object of it. */
interface Asked {
  do?: unknown
  retryDelayMs?: unknown
  code?: unknown
  message?: unknown
}

function settlementOf(config: AckConfig & NodeDef, msg: Msg): Settlement {
  const asked: Asked = typeof msg.ack === 'object' && msg.ack !== null ? msg.ack : { do: msg.ack }
  const action = actions.find(one => one === (asked.do ?? config.do))
  if (!action)
    throw new LoomError('NODE_CONFIG', `msg.ack ${String(asked.do).slice(0, 40)}`, { hint: `one of ${actions.join(', ')}` })
  if (action === 'ack') return { do: action }
  if (action === 'retry') {
    const delayMs = Number(asked.retryDelayMs ?? config.retryDelayMs)
    if (!(delayMs >= 0))
      throw new LoomError('NODE_CONFIG', `retry delay ${String(asked.retryDelayMs ?? config.retryDelayMs).slice(0, 40)}`)
    return { do: action, delayMs }
  }
  const caught = (msg.error ?? {}) as { code?: unknown; message?: unknown }
  const reason = new LoomError('DELIVERY_REJECTED')
  return {
    do: action,
    code: String(asked.code ?? caught.code ?? reason.code),
    message: String(asked.message ?? caught.message ?? reason.message),
    node: config.id,
  }
}

export default defineNode<AckConfig & NodeDef>(type, (config, { status }) => {
  let count = 0
  return {
    async input(msg) {
      const token = tokenOf(msg.delivery)
      if (!token)
        throw new LoomError('DELIVERY_INVALID', 'msg.delivery is missing', {
          hint: 'let the input node acknowledge when the flow says so, and pass msg.delivery on',
        })
      await deliveries.settle(token, settlementOf(config, msg))
      status('ok', String(++count))
      return msg
    },
  }
})
