export const factNames = ['tags', 'attributes', 'desired', 'reported', 'groups', 'gateway'] as const
export type FactName = (typeof factNames)[number]

/** What is known of a device, besides what it sends. */
export interface DeviceFacts {
  tags?: Readonly<Record<string, unknown>>
  attributes?: Readonly<Record<string, unknown>>
  /** of its main twin */
  desired?: Readonly<Record<string, unknown>>
  reported?: Readonly<Record<string, unknown>>
  /** static groups and those above them, dynamic groups; by name */
  groups?: readonly string[]
  /** the device it is behind */
  gateway?: string
}
