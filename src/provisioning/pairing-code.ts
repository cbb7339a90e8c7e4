/** Without 0 and O, 1 and I: 32 characters, 5 bits each. */
const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
const length = 8

/** Eight characters, 40 random bits. */
export function newPairingCode(random: (size: number) => Buffer): string {
  return Array.from(random(length), byte => alphabet[byte % alphabet.length]).join('')
}

/** As it is read out: two groups of four. */
export const shownPairingCode = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`

/** What a person may have made of it: small letters, blanks and dashes between; undefined for what cannot be a code. */
export function readPairingCode(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > 40) return undefined
  const code = text.toUpperCase().replace(/[\s-]/g, '')
  return code.length === length && [...code].every(letter => alphabet.includes(letter)) ? code : undefined
}
