import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { modelActions, type ModelSettings } from '../../src/nodered/model-actions.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type ModelConfig, type } from './config.ts'

export default defineNode<ModelConfig & NodeDef>(type, async (config, { node, RED, status }) => {
  const { action: chosen = 'validate', model: value = 'model', modelType = 'msg' } = config
  const { source = 'auto', mode = 'keep', closed = false, about = 'telemetry', method = '' } = config
  const settings: ModelSettings = {
    source: source === 'auto' ? undefined : source,
    mode: mode === 'keep' ? undefined : mode,
    ...{ closed, about, method, by: `node ${config.id}` },
  }
  status('waiting', '')
  const { hub } = await hubOf(config)
  status('ok', '')

  return {
    async input(msg) {
      const name = typeof msg.action === 'string' ? msg.action : chosen
      const action = Object.hasOwn(modelActions, name) ? modelActions[name] : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of ${Object.keys(modelActions).join(', ')}`,
        })
      const named = await typedValue(RED, node, { value, type: modelType }, msg)
      const { payload, device, component, query } = msg
      const order = { named, payload, device, component, query, about: msg.about, method: msg.method }
      const { model, next, faults, label, ...answer } = await action({ hub, settings, order })
      status(faults?.length ? 'warn' : 'ok', label)
      if (!faults) return { ...msg, payload: answer.payload, model, next }
      const told = { ...msg, model, checked: payload }
      return [{ ...told, payload: answer.payload }, faults.length ? { ...told, payload: faults } : undefined]
    },
  }
})
