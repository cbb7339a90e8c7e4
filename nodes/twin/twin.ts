import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { targetsOf } from '../../src/nodered/device-targets.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { runItems } from '../../src/nodered/item-runs.ts'
import { readVersion, twinActions, twinNote } from '../../src/nodered/twin-actions.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type TwinConfig, type, validShadow } from './config.ts'

export default defineNode<TwinConfig & NodeDef>(type, async (config, { node, RED, status }) => {
  const { action: chosen = 'get', device = 'device', deviceType = 'msg', check = true } = config
  status('waiting', '')
  const { hub } = await hubOf(config)
  status('ok', '')
  const by = `node ${config.id}`

  return {
    async input(msg) {
      const name = typeof msg.action === 'string' ? msg.action : chosen
      const action = Object.hasOwn(twinActions, name) ? twinActions[name]! : undefined
      if (!action)
        throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
          hint: `one of ${Object.keys(twinActions).join(', ')}`,
        })
      const shadow = shadowOf(msg, config)
      const { ids, many } = targetsOf(await typedValue(RED, node, { value: device, type: deviceType }, msg))
      const order = { payload: msg.payload, by, ...(shadow && { name: shadow }) }
      if (!many) {
        const id = ids[0]!
        const read = check ? readVersion(msg.twin, { id, name: shadow }) : {}
        const payload = await action(hub.twins, { ...order, id, ...read })
        const known = 'etag' in payload
        status('ok', known ? `${id} · ${payload.version}` : id)
        return { ...msg, payload, device: id, twin: known ? twinNote(payload) : undefined }
      }
      const { done, results } = await runItems(
        ids,
        id => id,
        id => action(hub.twins, { ...order, id }),
      )
      status(done.length < ids.length ? 'warn' : 'ok', `${done.length} / ${ids.length}`)
      return { ...msg, payload: done, device: ids, twin: undefined, results }
    },
  }
})

/** `''` for the main twin. NODE_CONFIG. */
function shadowOf({ shadow }: Msg, config: TwinConfig): string {
  const name = shadow ?? config.shadow?.trim() ?? ''
  if (typeof name === 'string' && validShadow(name)) return name
  throw new LoomError('NODE_CONFIG', `shadow ${JSON.stringify(name)?.slice(0, 70)}`, { hint: '1 to 64 of A-Z a-z 0-9 _ . -' })
}
