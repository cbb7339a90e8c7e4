import type { Sealer } from '../identity/seal.ts'
import type { ActionOrder } from '../routing/action/action.ts'
import type { WaitingOrder } from '../routing/action/waiting.ts'

/** Orders as they lie on disk: sealed under the hub key, since addresses and headers may be secrets, and payloads are nobody else's either. */
export function createActionSeal(sealer: Pick<Sealer, 'seal' | 'open'>, endpoint: string) {
  const place = { owner: 'actions', cid: endpoint, field: 'order' }
  return {
    seal: (waiting: WaitingOrder): Uint8Array => Buffer.from(sealer.seal(packed(waiting), place)),
    open: (content: Uint8Array): WaitingOrder => unpacked(sealer.open(Buffer.from(content).toString(), place)),
  }
}

/** `u32 length, JSON, u32 length, payload, body`. */
function packed({ order, tries }: WaitingOrder): Buffer {
  const { body, ...action } = order.action
  const { payload, ...original } = order.original
  const own = body == null ? (body === null ? 'none' : 'payload') : 'own'
  const head = Buffer.from(JSON.stringify({ tries, body: own, order: { ...order, action, original } }))
  return Buffer.concat([length(head), head, length(payload), payload, body ?? Buffer.alloc(0)])
}

function unpacked(bytes: Buffer): WaitingOrder {
  const headEnd = 4 + bytes.readUInt32BE(0)
  const { tries, body, order } = JSON.parse(bytes.subarray(4, headEnd).toString()) as {
    tries: number
    body: 'none' | 'payload' | 'own'
    order: ActionOrder
  }
  const payloadEnd = headEnd + 4 + bytes.readUInt32BE(headEnd)
  const original = { ...order.original, payload: bytes.subarray(headEnd + 4, payloadEnd) }
  const sent = body === 'none' ? { body: null } : body === 'own' ? { body: bytes.subarray(payloadEnd) } : {}
  return { tries, order: { ...order, original, action: { ...order.action, ...sent } as ActionOrder['action'] } }
}

function length({ byteLength }: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(byteLength)
  return bytes
}
