import { LoomError } from '../../errors.ts'
import type { ImportRequest, RegisterCaRequest } from '../../pki/authority.ts'
import { caImport, caPatch, caProof, caRequest, rootExport, rootRestore } from './pki-schemas.ts'
import type { HubRoute } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

const pemType = 'application/x-pem-file'
const admin = 'thingloom.admin.write'
const oneCa = { 200: { description: 'the CA', schema: refTo('Ca') } }

export const caRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/cas',
    id: 'listCas',
    summary: "The hub's own CAs and those it trusts",
    permission: 'thingloom.read',
    answers: { 200: { description: 'all of them', schema: pageOf(refTo('Ca')) } },
    run: async ({ on: hub }) => ({ body: { items: await hub.pki.cas({}) } }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas',
    id: 'registerCa',
    summary: "Registers someone else's CA; it counts once the possession of its key is proved",
    permission: admin,
    body: caRequest,
    answers: { 201: { description: 'its id, and the code to prove with', schema: refTo('RegisteredCa') } },
    secret: true,
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.pki.registerCa({ ...(body as RegisterCaRequest), by }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas/import',
    id: 'importCa',
    summary: 'Imports an issuing CA with its key: certificates come from it from now on',
    permission: admin,
    body: caImport,
    answers: { 201: { description: 'the CA', schema: refTo('Ca') } },
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.pki.importIssuing({ ...(body as ImportRequest), by }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas/root/export',
    id: 'exportRoot',
    summary: "The root's certificate and its key under a passphrase, to be put away",
    permission: admin,
    body: rootExport,
    answers: { 200: { description: 'certificate and encrypted key', schema: refTo('ExportedRoot') } },
    secret: true,
    run: async ({ on: hub, body, by }) => ({
      body: await hub.pki.exportRootKey({ ...(body as { passphrase: string }), by }),
    }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas/root/erase',
    id: 'eraseRoot',
    summary: "Removes the root's key, once it was exported",
    permission: admin,
    answers: { 204: { description: 'erased' } },
    run: async ({ on: hub, by }) => {
      await hub.pki.eraseRootKey({ by })
      return { status: 204 }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas/root/restore',
    id: 'restoreRoot',
    summary: "Brings the root's key back",
    permission: admin,
    body: rootRestore,
    answers: { 204: { description: 'restored' } },
    run: async ({ on: hub, body, by }) => {
      await hub.pki.restoreRootKey({ ...(body as { pem: string; passphrase?: string }), by })
      return { status: 204 }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/cas/{ca}/certificate.pem',
    id: 'getCaCertificate',
    summary: 'Certificate of a CA',
    permission: 'thingloom.read',
    answers: { 200: { description: 'PEM', contentType: pemType } },
    run: async ({ on: hub, args }) => {
      const { certificatePem } = await hub.pki.ca({ id: args.ca as string })
      return { text: { type: pemType, text: certificatePem } }
    },
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/cas/{ca}/crl.pem',
    id: 'getCrl',
    summary: 'Newest revocation list of a CA of the hub',
    permission: 'thingloom.read',
    answers: { 200: { description: 'PEM', contentType: pemType } },
    run: async ({ on: hub, args }) => {
      const { crlPem } = await hub.pki.ca({ id: args.ca as string })
      if (crlPem === undefined)
        throw new LoomError('NOT_FOUND', `a revocation list of "${args.ca}"`, { hint: 'who has its key makes its list' })
      return { text: { type: pemType, text: crlPem } }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/cas/{ca}/verify',
    id: 'verifyCa',
    summary: 'Takes the proof of possession: a certificate with the code as its common name, signed by the CA',
    permission: admin,
    body: caProof,
    answers: oneCa,
    run: async ({ on: hub, args, body, by }) => ({
      body: await hub.pki.verifyCa({ ...(body as { proofPem: string }), id: args.ca as string, by }),
    }),
  },
  {
    method: 'patch',
    path: '/thingloom/{hub}/cas/{ca}',
    id: 'updateCa',
    summary: 'An inactive CA vouches for nobody: sessions of its certificates are closed',
    permission: admin,
    body: caPatch,
    answers: oneCa,
    run: async ({ on: hub, args, body, by }) => ({
      body: await hub.pki.setCaActive({ ...(body as { active: boolean }), id: args.ca as string, by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/cas/{ca}',
    id: 'deleteCa',
    summary: 'Forgets a registered CA; sessions of its certificates are closed',
    permission: admin,
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.pki.removeCa({ id: args.ca as string, by })
      return { status: 204 }
    },
  },
]
