import type { NodeDef } from 'node-red'
import { errorData, LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type NewMsg, type Result } from '../../src/nodered/define.ts'
import { type ActionAnswer, type ActionDefaults, deviceActions, itemsOf } from '../../src/nodered/device-actions.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { type DeviceConfig, type } from './config.ts'

/** Items of an array that are in work at once; they share the store's commits. */
const atOnce = 32

export default defineNode<DeviceConfig & NodeDef>(type, async (config, { status }) => {
  const { hub } = await hubOf(config)
  const defaults: ActionDefaults = {
    credential: config.credential === 'none' ? undefined : config.credential,
    revokeOld: config.revokeOld,
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
          secrets && secretsOf(msg, { device: record.id, payload: secrets }),
        ]
      }
      const answers: (ActionAnswer | Error)[] = []
      for (let at = 0; at < items.length; at += atOnce) {
        const some = items.slice(at, at + atOnce).map(item => action(hub, item, defaults).catch((thrown: Error) => thrown))
        answers.push(...(await Promise.all(some)))
      }
      const done = answers.filter((answer): answer is ActionAnswer => !(answer instanceof Error))
      const results = answers.map((answer, i) =>
        answer instanceof Error ? { id: items[i]!.id, ok: false, error: errorData(answer) } : { id: items[i]!.id, ok: true },
      )
      const secrets = done.flatMap(answer => (answer.secrets ? [{ device: answer.record.id, ...answer.secrets }] : []))
      status(done.length < items.length ? 'warn' : 'ok', `${done.length} / ${items.length}`)
      return [
        { ...msg, payload: done.map(({ record }) => record), results },
        secrets.length ? secretsOf(msg, { payload: secrets }) : undefined,
        { ...msg, payload: results },
      ]
    },
  }
})

/** Only what names the origin: the rest of the message may go where secrets must not. */
const secretsOf = ({ _msgid, req, res }: Msg, made: NewMsg): NewMsg => ({
  _msgid,
  ...(req !== undefined && { req }),
  ...(res !== undefined && { res }),
  ...made,
})
