import type { ConsumerConfig } from '../../src/fields/consumer-fields.ts'

export const type = 'loom-telemetry-in'

export interface TelemetryInConfig extends ConsumerConfig {
  name: string
  hub: string
}
