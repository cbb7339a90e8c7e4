import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Issued {
  certPem: string
  keyPem: string
}

/** A CA of one test run: EC P-256, made with the openssl command. */
export function throwAwayCa(): { caPem: string; issue(cn: string, extensions?: string): Issued; selfSigned(cn: string): Issued } {
  const folder = mkdtempSync(join(tmpdir(), 'throw-away-ca-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const key = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
  const read = (name: string): Issued => ({
    certPem: readFileSync(join(folder, `${name}.pem`), 'utf8'),
    keyPem: readFileSync(join(folder, `${name}.key`), 'utf8'),
  })
  let serial = 0
  const selfSigned = (cn: string): Issued => {
    const name = `s${++serial}`
    key(name)
    openssl('req', '-x509', '-new', '-key', `${name}.key`, '-subj', `/CN=${cn}`, '-days', '2', '-out', `${name}.pem`)
    return read(name)
  }
  const { certPem: caPem } = selfSigned('throw-away CA')
  return {
    caPem,
    selfSigned,
    issue(cn, extensions = 'basicConstraints=CA:FALSE') {
      const name = `i${++serial}`
      key(name)
      writeFileSync(join(folder, `${name}.ext`), extensions)
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${cn}`, '-out', `${name}.csr`)
      openssl(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 's1.pem', '-CAkey', 's1.key', '-set_serial', String(serial)],
        ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
      )
      return read(name)
    },
  }
}

export const serverExtensions = 'subjectAltName=IP:127.0.0.1,DNS:localhost'
