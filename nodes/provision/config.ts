export const type = 'loom-provision'

/** How a device asks for an identity. */
export const kindChoices = ['dps', 'claim', 'trusted-user', 'jitp', 'pairing', 'rotation'] as const

export interface ProvisionConfig {
  name: string
  hub: string
  /** none chosen: all */
  kinds: string[]
  /** names, parted by commas; empty here and in `enrolments`: all */
  templates: string
  enrolments: string
}

const words = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter(Boolean)

export const validTemplates = (text: string): boolean => words(text).every(word => /^[0-9A-Za-z_-]{1,36}$/.test(word))
export const validEnrolments = (text: string): boolean =>
  words(text).every(word => /^[A-Za-z0-9][A-Za-z0-9:._-]{0,127}$/.test(word))
export const validKinds = (kinds: string[]): boolean => kinds.every(kind => (kindChoices as readonly string[]).includes(kind))
