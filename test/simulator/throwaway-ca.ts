import { createPublicKey, randomBytes } from 'node:crypto'
import { readCsr } from '../../src/pki/csr.ts'
import { createRoot, issuer } from '../../src/pki/issuer.ts'
import { generateKey, pkcs8Pem, spkiOf } from '../../src/pki/keys.ts'
import type { Certificates, EnrolRequest } from '../../src/simulator/credentials.ts'

/** An authority for one test: a server certificate for this machine, device certificates for requests. */
export async function throwawayCa(hubId = 'test') {
  const now = Date.now()
  const root = await createRoot({ hubId, now, random: randomBytes })
  const { issue } = issuer(root)
  const { publicKey, privateKey } = await generateKey()
  const names = ['localhost', '127.0.0.1']
  const server = issue({ profile: 'server', names, spki: spkiOf(publicKey), now, random: randomBytes })
  const enrolled: string[] = []
  const enrol = async ({ id, csrPem }: EnrolRequest): Promise<Certificates> => {
    enrolled.push(id)
    const { spki } = await readCsr(csrPem, { id })
    const { pem } = issue({ profile: 'device', hubId, id, spki, now: Date.now(), random: randomBytes })
    return { certificatePem: pem, chainPem: pem + root.pem }
  }
  return {
    caPem: root.pem,
    caKey: createPublicKey(root.privateKey),
    server: { cert: server.pem, key: pkcs8Pem(privateKey) },
    enrol,
    enrolled,
  }
}
