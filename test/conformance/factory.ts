import { type Crafted, craft, usages } from '../pki/craft.ts'

const dayMs = 86_400_000
const now = Date.now()
const valid = { notBefore: now - dayMs, notAfter: now + 30 * dayMs }

/** A CA of somebody else, by itself or below another. */
export const caOf = (name: string, by?: Crafted): Promise<Crafted> =>
  craft({ name, ca: true, keyUsage: 0x06, ...(by && { by }), ...valid })

/** The certificate a device left the factory with; without `by` signed by itself. */
export const leafOf = (name: string, by?: Crafted): Promise<Crafted> =>
  craft({ name, keyUsage: 0x80, extKeyUsage: [usages.client], ...(by && { by }), ...valid })

export const keyPem = ({ privateKey }: Crafted): string => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
