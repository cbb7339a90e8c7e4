import { errorData, LoomError } from '../errors.ts'
import { kinds } from '../journal/journal-port.ts'
import type { GatewaysApi, LeafTelemetry } from './hub-gateways.ts'
import type { TwinsApi } from './hub-twins.ts'
import type { Inject } from './inject.ts'
import type { LeafCommands } from './leaf-commands.ts'
import type { Leaves } from './leaves.ts'
import type { LeafPresence } from './leaf-presence.ts'

const maxMessages = 1000
const streamForm = /^[A-Za-z0-9_.-]{0,64}$/

export interface GatewaysParts {
  leaves: Leaves
  inject: Inject
  twins: Pick<TwinsApi, 'report'>
  presence: Pick<LeafPresence, 'said'>
  commands: Pick<LeafCommands, 'attend' | 'answer' | 'settle'>
}

/** What gateways do for the devices behind them: each call asks first whether the device is behind that gateway now. */
export function createGateways({ leaves, inject, twins, presence, commands }: GatewaysParts): GatewaysApi {
  const take = async (
    gateway: string,
    message: LeafTelemetry,
    by: string | undefined,
  ): Promise<{ device: string; seq: number }> => {
    const { device, payload, stream = '', properties = {}, ...rest } = message
    await leaves.check(gateway, device)
    if (!(payload instanceof Uint8Array)) throw new LoomError('REQUEST_INVALID', 'the payload is no bytes')
    if (!streamForm.test(stream)) throw new LoomError('REQUEST_INVALID', `stream ${JSON.stringify(String(stream).slice(0, 80))}`)
    const kind = leaves.book.isQuarantined(device) ? kinds.quarantined : kinds.injected
    const { seq } = await inject({
      ...{ device, payload, stream, kind, ...rest },
      properties: { ...properties, gateway },
      by: by ?? `gateway ${gateway}`,
    })
    return { device, seq }
  }

  return {
    async telemetry({ gateway, messages, by }) {
      if (!Array.isArray(messages) || messages.length > maxMessages)
        throw new LoomError('REQUEST_INVALID', 'messages', { hint: `a list of at most ${maxMessages}` })
      await leaves.settled()
      const results = await Promise.all(
        messages.map(message =>
          take(gateway, message, by).catch(thrown => ({ device: String(message?.device ?? ''), error: errorData(thrown) })),
        ),
      )
      return { results }
    },

    async report({ gateway, device, by = `gateway ${gateway}`, ...change }) {
      await leaves.check(gateway, device)
      return twins.report({ id: device, by, ...change })
    },

    async presence({ gateway, device, online, reason }) {
      await leaves.check(gateway, device)
      if (reason !== undefined && (typeof reason !== 'string' || reason.length > 128))
        throw new LoomError('REQUEST_INVALID', 'reason', { hint: 'a text of at most 128 characters' })
      return { changed: presence.said(gateway, device, { online, ...(reason !== undefined && { reason }) }) }
    },

    async leaves({ gateway }) {
      await leaves.settled()
      return { items: leaves.book.leavesOf(gateway) }
    },

    attend: o => commands.attend(o),
    answer: o => commands.answer(o),
    settle: o => commands.settle(o),
  }
}
