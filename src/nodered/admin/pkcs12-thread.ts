import { randomBytes } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { type ErrorData, errorData } from '../../errors.ts'
import { pemBlocks } from '../../pki/pem.ts'
import { createPkcs12 } from '../../pki/pkcs12.ts'

export interface Pkcs12Request {
  /** PEM, the key's own certificate first; each may hold several */
  certificates: string[]
  privateKey: string
  password: string
  friendlyName?: string
}
export type FromThread = { bytes: Uint8Array } | { error: ErrorData }

const { certificates, ...request } = workerData as Pkcs12Request
try {
  const blocks = pemBlocks(certificates.join('\n'), { most: 20, maxBytes: 262_144, code: 'REQUEST_INVALID' })
  const bytes = createPkcs12({ ...request, certificates: blocks.map(({ text }) => text), random: randomBytes })
  parentPort!.postMessage({ bytes } satisfies FromThread)
} catch (thrown) {
  parentPort!.postMessage({ error: errorData(thrown) } satisfies FromThread)
}
