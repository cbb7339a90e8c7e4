import type { TargetConfig } from '../../src/fields/target-fields.ts'

export const type = 'loom-method'

export interface MethodConfig extends TargetConfig {
  name: string
  hub: string
  /** name of the method; `msg.method` wins */
  method: string
  connectTimeoutMs: number
  responseTimeoutMs: number
  /** which wake-ups are told: of this node's calls, or of all calls of the hub */
  wakes: 'own' | 'all'
}
