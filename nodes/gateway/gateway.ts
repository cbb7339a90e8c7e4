import type { NodeDef } from 'node-red'
import { errorOf, LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type NewMsg, type Result } from '../../src/nodered/define.ts'
import { targetsOf } from '../../src/nodered/device-targets.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { runItems } from '../../src/nodered/item-runs.ts'
import { leafOf, leafReadings, settlements } from '../../src/nodered/leaf-actions.ts'
import { LeafListener, type LeafNews } from '../../src/nodered/leaf-listener.ts'
import { actions, type GatewayConfig, type, validGateway } from './config.ts'

export default defineNode<GatewayConfig & NodeDef>(type, async (config, { node, status, emit }) => {
  const { action: chosen = 'telemetry', register = false } = config
  if (!validGateway(config.gateway)) throw new LoomError('NODE_CONFIG', 'gateway', { hint: 'the id of its device' })
  const gateway = config.gateway.trim()
  status('waiting', '')
  const { hub } = await hubOf(config)
  const by = `node ${config.id}`
  if (register) await hub.devices.register({ id: gateway, by }).catch(ignoreKnown)
  const leaves = await LeafListener.open(hub, {
    gateway,
    listener: node.id,
    ports: {
      heard: news => emit(news.kind === 'call' ? [undefined, callMsg(news)] : [undefined, undefined, messageMsg(news)]),
      failed: error => node.warn(error.message),
    },
  })
  const show = (well = true): void => status(well ? 'ok' : 'warn', `${gateway} · ${leaves.size}`)
  show()

  /** Tried once more for a device that was not registered. */
  const known = async <T>(device: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (thrown) {
      if (!register || !isUnknown(thrown)) throw thrown
      await hub.devices.register({ id: device, attributes: { gateway }, by })
      return work()
    }
  }

  const telemetry = async (msg: Msg): Promise<Result> => {
    const { messages, many } = leafReadings(msg)
    const send = async (message: (typeof messages)[number]) => {
      const [result] = (await hub.gateways.telemetry({ gateway, messages: [message], by })).results
      if (!result || 'error' in result) throw errorOf(result!.error)
      return result
    }
    if (!many) {
      const { seq } = await known(messages[0]!.device, () => send(messages[0]!))
      show()
      return { ...msg, jseq: seq }
    }
    const { done, results } = await runItems(
      messages,
      ({ device }) => device,
      message => known(message.device, () => send(message)),
    )
    show(done.length === messages.length)
    return { ...msg, results }
  }
  const presence = async (msg: Msg, online: boolean): Promise<Result> => {
    const { ids, many } = targetsOf(msg.device)
    const reason = typeof msg.reason === 'string' ? msg.reason : undefined
    const say = async (device: string) => ({
      device,
      changed: await known(device, () => (online ? leaves.online(device, reason) : leaves.offline(device, reason))),
    })
    if (!many) {
      const payload = await say(ids[0]!)
      show()
      return { ...msg, payload }
    }
    const { done, results } = await runItems(ids, id => id, say)
    show(done.length === ids.length)
    return { ...msg, payload: done, results }
  }

  return {
    async input(msg) {
      const name = typeof msg.action === 'string' ? msg.action : chosen
      if (name === 'telemetry') return telemetry(msg)
      if (name === 'online' || name === 'offline') return presence(msg, name === 'online')
      if (name === 'report') {
        const device = leafOf(msg.device)
        const shadow = typeof msg.shadow === 'string' && msg.shadow ? { name: msg.shadow } : {}
        const report = { gateway, device, reported: msg.payload as never, by, ...shadow } // the hub checks it
        return { ...msg, payload: await known(device, () => hub.gateways.report(report)) }
      }
      if (name === 'answer') {
        const { rid, status: given = 200 } = membersOf(msg.method)
        const answer = { gateway, device: leafOf(msg.device), rid: rid as string, status: given as number }
        await hub.gateways.answer({ ...answer, payload: msg.payload ?? null })
        return msg
      }
      if (Object.hasOwn(settlements, name)) {
        const { lock } = membersOf(msg.message)
        if (typeof lock !== 'string') throw new LoomError('REQUEST_INVALID', 'no msg.message.lock', { hint: 'keep msg.message' })
        await hub.gateways.settle({
          gateway,
          device: leafOf(msg.device),
          lock,
          as: settlements[name as keyof typeof settlements],
        })
        return msg
      }
      throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, { hint: `one of ${actions.join(', ')}` })
    },
    stop: () => leaves.stop(),
    close: removed => leaves.close({ gone: removed }),
  }
})

const ignoreKnown = (thrown: unknown): void => {
  if (!(thrown instanceof LoomError && thrown.code === 'IDENTITY_EXISTS')) throw thrown
}

const isUnknown = (thrown: unknown): boolean => thrown instanceof LoomError && thrown.code === 'IDENTITY_NOT_FOUND'

const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const callMsg = ({ device, name, rid, payload, at }: Extract<LeafNews, { kind: 'call' }>): NewMsg => ({
  payload,
  topic: name,
  device,
  time: at,
  method: { name, rid },
})

function messageMsg(news: Extract<LeafNews, { kind: 'message' }>): NewMsg {
  const { device, lock, id, seq, body, properties, contentType, enqueuedAt, expiresAt, deliveries } = news
  return {
    payload: contentOf(Buffer.from(body, 'base64'), contentType),
    topic: id,
    device,
    time: enqueuedAt,
    properties,
    ...(contentType !== undefined && { contentType }),
    message: { id, seq, lock, expiresAt, deliveries },
  }
}

/** JSON that says so is parsed; anything else stays bytes. */
function contentOf(bytes: Buffer, contentType: string | undefined): unknown {
  if (!contentType || !/^application\/([\w.+-]+\+)?json\b/i.test(contentType)) return bytes
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return bytes
  }
}
