import { LoomError } from '../../errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { pkcs12Of } from './pkcs12.ts'
import { certificateRequest } from './pki-schemas.ts'
import type { HubRoute } from './route.ts'
import { refTo } from './shapes.ts'

type Issue = Parameters<Hub['pki']['issue']>[0]
type Asked = Omit<Issue, 'by'> & { format?: 'pem' | 'p12'; password?: string; friendlyName?: string }

export const certificateRoutes: HubRoute[] = [
  {
    method: 'post',
    path: '/thingloom/{hub}/certificates',
    id: 'issueCertificate',
    summary: 'A certificate that is nobody’s yet: it lets nobody in until it is registered with a device',
    permission: 'thingloom.admin.write',
    body: certificateRequest,
    answers: {
      201: { description: 'the certificate', schema: refTo('Certificate'), or: 'application/x-pkcs12' },
    },
    secret: true,
    run: async ({ on: hub, body, by }) => {
      const { format = 'pem', password, friendlyName, ...request } = body as Asked
      if (format === 'pem') {
        if (password !== undefined || friendlyName !== undefined)
          throw new LoomError('REQUEST_INVALID', 'password and friendlyName', { hint: 'they belong to the format p12' })
        return { status: 201, body: await hub.pki.issue({ ...request, by }) }
      }
      // Looked at before the certificate is made: nobody could use it then.
      for (const [name, value] of Object.entries({ password, friendlyName }))
        if (value !== undefined && (value.includes('\0') || !value.isWellFormed()))
          throw new LoomError('REQUEST_INVALID', `${name} has characters that no p12 file takes`, { position: `body.${name}` })
      if (!password) throw new LoomError('REQUEST_INVALID', 'a p12 file needs a password', { position: 'body.password' })
      if (request.csrPem !== undefined)
        throw new LoomError('REQUEST_INVALID', 'a p12 file of a request', { hint: 'its key is not here: take the format pem' })
      const made = await hub.pki.issue({ ...request, by })
      const bytes = await pkcs12Of({
        certificates: [made.chainPem, made.caPem],
        privateKey: made.privateKeyPem!,
        password,
        ...(friendlyName !== undefined && { friendlyName }),
      })
      return { status: 201, file: { type: 'application/x-pkcs12', name: `${made.serial.slice(0, 40)}.p12`, bytes } }
    },
  },
]
