import { LoomError } from '../../src/errors.ts'
import type { HubRef } from '../../src/nodered/hubs.ts'
import { templateOf } from '../../src/provisioning/fleet-provisioning-plan.ts'
import type { Enrol } from '../../src/simulator/credentials.ts'
import type { Endpoint } from '../../src/simulator/link.ts'

type Hub = HubRef['hub']

const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Where simulated devices connect: the first TLS listener that is open. SIMULATOR_CONFIG_INVALID without one, HUB_DOWN. */
export async function endpointOf(hub: Hub): Promise<Endpoint> {
  const [{ listeners, status }, { rootPem, issuingPem }] = await Promise.all([hub.health.get({}), hub.pki.caCertificates({})])
  const open = listeners.find(({ kind, state }) => kind === 'mqtts' && state === 'open')
  if (!open) {
    if (status !== 'ok' && status !== 'degraded') throw new LoomError('HUB_DOWN', `it is ${status}`)
    const hint = 'add a listener of the kind mqtts to the hub, or free its port'
    throw new LoomError('SIMULATOR_CONFIG_INVALID', 'the hub has no open TLS listener', { hint })
  }
  return { host: loopback[open.host] ?? open.host, port: open.port, caPem: `${rootPem.trim()}\n${issuingPem}` }
}

/** Registers simulated devices; one that exists gets another credential only if a simulator made it. IDENTITY_EXISTS. */
export const enrolAt =
  (hub: Hub, by: string): Enrol =>
  async ({ id, csrPem }) => {
    const credential = { kind: 'x509', csrPem } as const
    try {
      const { secrets } = await hub.devices.register({ id, credentials: credential, tags: { simulated: true }, by })
      return certificatesOf(secrets!)
    } catch (thrown) {
      if (!(thrown instanceof LoomError && thrown.code === 'IDENTITY_EXISTS')) throw thrown
    }
    const { tags, credentials } = await hub.devices.get({ id })
    if (tags.simulated !== true)
      throw new LoomError('IDENTITY_EXISTS', id, { hint: 'it is a real one: choose another id prefix' })
    try {
      return certificatesOf(await hub.identity.addCredential({ id, credential, by }))
    } catch (thrown) {
      const oldest = credentials
        .filter(c => c.kind === 'x509' && c.status !== 'revoked')
        .sort((a, b) => a.createdAt - b.createdAt)[0]
      if (!(thrown instanceof LoomError && thrown.code === 'CRED_LIMIT') || !oldest) throw thrown
      await hub.identity.revokeCredential({ id, cid: oldest.cid, by })
      return certificatesOf(await hub.identity.addCredential({ id, credential, by }))
    }
  }

/** The provisioning template that a device came by: its certificate is renewed by that. SIMULATOR_CONFIG_INVALID, IDENTITY_NOT_FOUND. */
export async function templateOfDevice(hub: Hub, id: string): Promise<string> {
  const template = templateOf((await hub.devices.get({ id })).enrolmentId)
  if (template !== undefined) return template
  throw new LoomError('SIMULATOR_CONFIG_INVALID', `${id} came by no template`, {
    hint: 'renew it with loom-device or loom-certificate, their second output wired to the simulator',
  })
}

const certificatesOf = ({ certificatePem, chainPem }: { certificatePem?: string; chainPem?: string }) => ({
  certificatePem: certificatePem!,
  ...(chainPem && { chainPem }),
})
