import type { MessageSource } from './message.ts'

/** A rule as it is written: a statement of AWS IoT SQL, or a condition of Azure IoT Hub on messages of one source (telemetry, unless it says otherwise). */
export type RuleText = { name: string; sql: string } | { name: string; condition: string; source?: ConditionSource }

/** Azure's names of what is no telemetry. `DigitalTwinChangeEvents` is not among them: no hub here sends them. */
export const eventSources = [
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
] as const satisfies readonly MessageSource[]

/** Azure's names of what a route reads. */
export const conditionSources = ['DeviceMessages', ...eventSources] as const
export type ConditionSource = (typeof conditionSources)[number]
