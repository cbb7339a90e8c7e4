import type { Authority } from '../pki/authority.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { PkiApi } from './hub.ts'

/** The hub's authorities; every change is on record, keys are in no answer but the one that makes them. */
export function createPkiApi(parts: {
  authority: Authority
  trail: AuditTrail
  /** Who has a certificate for a key. */
  ownerOfKey(spkiHash: string): Promise<string | undefined>
  /** Certificates of registered authorities may count no more: their sessions are closed. */
  dropVouched(): Promise<void>
  /** The server's certificate may have to come from another authority now. */
  reissued(): Promise<void>
}): PkiApi {
  const { authority, trail } = parts
  const note = async (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => {
    trail.note({ by, action, target, detail })
    await trail.drain()
  }

  return {
    caCertificates: async () => ({ rootPem: authority.rootPem, issuingPem: authority.issuingPem }),
    cas: async () => authority.cas(),
    async ca({ id }) {
      const certificatePem = authority.certificatePem(id)
      const listed = authority.cas().find(one => one.id === id)?.crlNumber !== undefined
      return { certificatePem, ...(listed && { crlPem: await authority.crlPem(id) }) }
    },
    async registerCa({ by, ...request }) {
      const made = await authority.registerCa(request)
      await note(by, 'ca.register', made.id, { trust: request.trust, name: request.name })
      return made
    },
    async verifyCa({ by, ...request }) {
      const view = await authority.verifyCa(request)
      await note(by, 'ca.verify', view.id)
      return view
    },
    async setCaActive({ by, ...request }) {
      const view = await authority.setCaActive(request)
      await note(by, request.active ? 'ca.activate' : 'ca.deactivate', view.id)
      if (!request.active) await parts.dropVouched()
      return view
    },
    async removeCa({ by, id }) {
      await authority.removeCa({ id })
      await note(by, 'ca.remove', id)
      await parts.dropVouched()
    },
    async importIssuing({ by, ...request }) {
      const view = await authority.importIssuing(request)
      await note(by, 'ca.import', view.id, { serves: view.serves })
      await parts.reissued()
      return view
    },
    async exportRootKey({ by, passphrase }) {
      const exported = await authority.exportRootKey({ passphrase })
      await note(by, 'ca.exportRoot', 'root')
      return exported
    },
    async eraseRootKey({ by }) {
      await authority.eraseRootKey()
      await note(by, 'ca.eraseRoot', 'root')
    },
    async restoreRootKey({ by, ...request }) {
      await authority.restoreRootKey(request)
      await note(by, 'ca.restoreRoot', 'root')
    },
    async issue({ by, ...request }) {
      const made = await authority.issueUnnamed({ ...request, ownerOfKey: hash => parts.ownerOfKey(hash) })
      await note(by, 'certificate.issue', made.serial, { fingerprint: made.fingerprint, notAfter: made.notAfter })
      return { ...made, caPem: authority.rootPem }
    },
  }
}
