export const type = 'loom-twin'

export const actions = ['get', 'patch', 'replace', 'delete'] as const
export type TwinAction = (typeof actions)[number]

export interface TwinConfig {
  name: string
  hub: string
  action: TwinAction
  /** typed: an id, several parted by commas, or an array of ids */
  device: string
  deviceType: string
  /** name of a named twin or shadow; empty: the main one. `msg.shadow` wins */
  shadow: string
  /** changes only what is still as `msg.twin` says it was read */
  check: boolean
}

/** A name that devices of some dialect can say. */
export const validShadow = (text: string | undefined): boolean => /^[A-Za-z0-9_.-]{0,64}$/.test(text ?? '')
