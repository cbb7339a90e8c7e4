import { Courier } from '../../routing/action/courier.ts'
import { sendWebhook } from '../../runtime/webhook.ts'

/** Carries webhooks out in this thread, for a node without a hub: there are tries, and no place to wait. */
export const localCourier = (): Courier =>
  new Courier({
    send: (order, signal) =>
      order.action.kind === 'webhook'
        ? sendWebhook(order.action, order, { signal, now: Date.now() })
        : Promise.resolve({ ok: false, kind: 'final', code: 'HUB_MISSING', message: '' }),
    bury: async () => undefined,
    schedule(ms, fn) {
      const timer = setTimeout(fn, ms)
      return () => clearTimeout(timer)
    },
    now: Date.now,
    random: Math.random,
    changed: () => {},
    fault: () => {},
  })
