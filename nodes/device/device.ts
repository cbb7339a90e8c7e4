import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type Result } from '../../src/nodered/define.ts'
import { type ActionDefaults, deviceActions, itemsOf } from '../../src/nodered/device-actions.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { runItems, secretsMsg } from '../../src/nodered/item-runs.ts'
import { overlapOfDays } from '../../src/nodered/overlap.ts'
import { type DeviceConfig, type } from './config.ts'

export default defineNode<DeviceConfig & NodeDef>(type, async (config, { status }) => {
  const overlapMs = overlapOfDays(config.overlapDays)
  const { hub } = await hubOf(config)
  const defaults: ActionDefaults = {
    credential: config.credential === 'none' ? undefined : config.credential,
    revokeOld: config.revokeOld,
    overlapMs,
    slot: config.slot ?? 'primary',
    revokeReason: config.revokeReason,
    telemetry: config.telemetry ?? 'keep',
    by: `node ${config.id}`,
  }
  status('ok', '')

  const list = async (msg: Msg): Promise<Result> => {
    const asked = typeof msg.query === 'string' ? { query: msg.query } : ((msg.query ?? {}) as object)
    const { items, next } = await hub.devices.list(asked)
    status('ok', String(items.length))
    return { ...msg, payload: items, next }
  }

  return {
    async input(msg) {
      const name = typeof msg.action === 'string' ? msg.action : config.action
      if (name === 'list') return list(msg)
      const action = Object.hasOwn(deviceActions, name) ? deviceActions[name] : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of list, ${Object.keys(deviceActions).join(', ')}`,
        })
      const { items, many } = itemsOf(msg)
      if (!many) {
        const { record, secrets } = await action(hub, items[0]!, defaults)
        status('ok', record.id)
        return [
          { ...msg, payload: record, device: record.id },
          secrets && secretsMsg(msg, { device: record.id, payload: secrets }),
        ]
      }
      const { done, results } = await runItems(
        items,
        ({ id }) => id,
        item => action(hub, item, defaults),
      )
      const secrets = done.flatMap(answer => (answer.secrets ? [{ device: answer.record.id, ...answer.secrets }] : []))
      status(done.length < items.length ? 'warn' : 'ok', `${done.length} / ${items.length}`)
      return [
        { ...msg, payload: done.map(({ record }) => record), results },
        secrets.length ? secretsMsg(msg, { payload: secrets }) : undefined,
        { ...msg, payload: results },
      ]
    },
  }
})
