import type { Hub } from './hub.ts'
import { HubThread } from './hub-thread.ts'
import { openHub } from './open-hub.ts'
import { checkedOptions } from './checked-options.ts'
import type { HubOptions } from './options.ts'

/**
 * Starts a hub and resolves when it serves. In a thread of its own unless `threaded: false`; a thread that crashes is started again. Rejects with
 * HUB_CONFIG_INVALID, HUB_NODE_VERSION, STORE_LOCKED, STORE_READ_ONLY, STORE_CORRUPT, HUB_KEY_MISMATCH.
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const checked = checkedOptions(options)
  return checked.threaded === false ? openHub(checked) : HubThread.start(checked)
}
