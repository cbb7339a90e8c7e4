import { createPrivateKey } from 'node:crypto'

/** So many characters of a secret in a row are a leak. */
const gramLength = 16
const base = 257
const oldest = power(base, gramLength - 1)

export interface Hit {
  secret: string
  place: string
  /** the text around it */
  around: string
}

/** Secrets to look for, and where they were found. Texts are read byte by byte: binary files count as text. */
export interface Vault {
  /** A text of at least 16 characters; what it is the base64 of counts too. */
  plant(name: string, value: string): void
  /** A short text that people read out, as it is written with and without dashes; it is looked for as a whole. */
  plantCode(name: string, value: string): void
  /** A private key as PEM: what is secret of it, not what its certificate shows too. */
  plantKey(name: string, pem: string): void
  names(): string[]
  search(place: string, content: string | Buffer): Hit[]
}

export function createVault(): Vault {
  const forms = new Map<string, Set<string>>()
  const codes: [text: string, name: string][] = []
  let index: Index | undefined

  const add = (name: string, texts: string[]): void => {
    const known = forms.get(name) ?? new Set()
    for (const text of texts) if (text.length >= gramLength) known.add(text)
    if (!known.size) throw new Error(`${name} is too short to be looked for`)
    forms.set(name, known)
    index = undefined
  }
  return {
    plant(name, value) {
      const bytes = Buffer.from(value)
      const decoded = /^[A-Za-z0-9+/]{22,}={0,2}$/.test(value) ? formsOf(Buffer.from(value, 'base64')) : []
      add(name, [encodeURIComponent(value), JSON.stringify(value).slice(1, -1), ...formsOf(bytes), ...decoded])
    },
    plantCode(name, value) {
      const written = [value, value.replaceAll('-', ''), value.toLowerCase(), value.replaceAll('-', '').toLowerCase()]
      for (const text of new Set(written.flatMap(one => formsOf(Buffer.from(one))))) codes.push([text, name])
    },
    plantKey(name, pem) {
      const { d, p, q } = createPrivateKey(pem).export({ format: 'jwk' })
      for (const part of [d, p, q]) if (part) add(name, formsOf(Buffer.from(part, 'base64url')))
    },
    names: () => [...new Set([...forms.keys(), ...codes.map(([, name]) => name)])],
    search(place, content) {
      index ??= indexOf(forms)
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      const text = bytes.toString('latin1')
      const whole = codes.filter(([code]) => text.includes(code))
      return [
        ...searched(index, place, `${text}\n${listed(text)}`),
        ...new Map(whole.map(([code, secret]) => [secret, { secret, place, around: code }])).values(),
      ]
    },
  }
}

/** Bytes as logs, dumps and encodings show them. */
function formsOf(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  return [
    bytes.toString('latin1'),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap(before => {
      const text = insideBase64(bytes, before)
      return [text, text.replaceAll('+', '-').replaceAll('/', '_'), encodeURIComponent(text)]
    }),
  ]
}

/** Bytes that are listed as numbers, as dumps of buffers are. */
function listed(text: string): string {
  const [hex, decimal] = [/(?:[0-9a-f]{2} ){15,}[0-9a-f]{2}/g, /(?:\d{1,3}, ?){15,}\d{1,3}/g].map(form => text.match(form) ?? [])
  const lines = [
    ...hex!.map(list => Buffer.from(list.replaceAll(' ', ''), 'hex')),
    ...decimal!.map(list => Buffer.from(list.split(',').map(Number))),
  ]
  return lines.map(bytes => bytes.toString('latin1')).join('\n')
}

/** What of base64 depends on these bytes alone, when others are around them. */
function insideBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '')
  return text.slice(Math.ceil((before * 8) / 6), (before + bytes.length) % 3 ? -1 : undefined)
}

interface Index {
  /** gram -> name */
  grams: Map<string, string>
  /** by 24 bits of the hash: whether a gram may be there */
  maybe: Uint8Array
}

function indexOf(forms: ReadonlyMap<string, ReadonlySet<string>>): Index {
  const grams = new Map<string, string>()
  const maybe = new Uint8Array(2 ** 24)
  for (const [name, texts] of forms)
    for (const text of texts)
      for (let at = 0; at + gramLength <= text.length; at++) {
        const gram = text.slice(at, at + gramLength)
        if (!grams.has(gram)) grams.set(gram, name)
        maybe[hashOf(gram) >>> 8] = 1
      }
  return { grams, maybe }
}

/** One hit a secret and place. */
function searched({ grams, maybe }: Index, place: string, text: string): Hit[] {
  const hits = new Map<string, Hit>()
  let hash = hashOf(text.slice(0, gramLength))
  for (let at = 0; at + gramLength <= text.length; at++) {
    if (maybe[hash >>> 8]) {
      const secret = grams.get(text.slice(at, at + gramLength))
      if (secret !== undefined && !hits.has(secret))
        hits.set(secret, { secret, place, around: text.slice(Math.max(0, at - 100), at + 60) })
    }
    hash = (Math.imul(hash - Math.imul(text.charCodeAt(at), oldest), base) + text.charCodeAt(at + gramLength)) | 0
  }
  return [...hits.values()]
}

function hashOf(text: string): number {
  let hash = 0
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, base) + text.charCodeAt(at)) | 0
  return hash
}

function power(of: number, times: number): number {
  let result = 1
  for (let i = 0; i < times; i++) result = Math.imul(result, of)
  return result
}
