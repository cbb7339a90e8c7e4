export const type = 'loom-gateway'

export const actions = ['telemetry', 'report', 'online', 'offline', 'answer', 'complete', 'reject', 'abandon'] as const
export type GatewayAction = (typeof actions)[number]

export interface GatewayConfig {
  name: string
  hub: string
  /** id of the device that stands for the gateway */
  gateway: string
  /** `msg.action` wins */
  action: GatewayAction
  /** registers devices behind it that the hub does not know */
  register: boolean
}

export const validGateway = (text: string | undefined): boolean => (text ?? '').trim() !== ''
