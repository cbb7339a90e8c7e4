import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { errorOf, LoomError } from '../../errors.ts'
import type { FromThread, Pkcs12Request } from './pkcs12-thread.ts'

/** A PKCS#12 file, made in a thread of its own: stretching its password takes tens of milliseconds. REQUEST_INVALID for a password that does not fit. */
export function pkcs12Of(request: Pkcs12Request): Promise<Uint8Array> {
  const worker = new Worker(new URL(`./pkcs12-thread${extname(import.meta.url)}`, import.meta.url), { workerData: request })
  return new Promise((resolve, reject) => {
    worker.once('message', (made: FromThread) => ('error' in made ? reject(errorOf(made.error)) : resolve(made.bytes)))
    worker.once('error', cause => reject(new LoomError('NODE_FAULT', 'no PKCS#12 file', { cause })))
    worker.once('exit', () => reject(new LoomError('NODE_FAULT', 'no PKCS#12 file')))
  })
}
