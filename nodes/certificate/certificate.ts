import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { certificateActions } from '../../src/nodered/certificate-actions.ts'
import { type CertificateDefaults, certificateItem } from '../../src/nodered/certificate-item.ts'
import { credentialEvents } from '../../src/nodered/credential-events.ts'
import { defineNode, type Msg, type NewMsg } from '../../src/nodered/define.ts'
import { wordsOf } from '../../src/nodered/hub-options.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { runItems, secretsMsg } from '../../src/nodered/item-runs.ts'
import { overlapOfDays } from '../../src/nodered/overlap.ts'
import { type CertificateConfig, type CertificateCredentials, type } from './config.ts'

export default defineNode<CertificateConfig & NodeDef, Partial<CertificateCredentials>>(
  type,
  async (config, { node, status, emit }) => {
    const defaults = defaultsOf(config)
    const { hub } = await hubOf(config)
    const by = `node ${config.id}`
    const leave = credentialEvents(hub, wordsOf(config.watch), msg => emit([undefined, undefined, msg]))
    status('ok', '')

    return {
      async input(msg) {
        const name = typeof msg.action === 'string' ? msg.action : config.action
        const action = Object.hasOwn(certificateActions, name) ? certificateActions[name] : undefined
        if (!action)
          throw new LoomError('NODE_CONFIG', `action ${name.slice(0, 40)}`, {
            hint: `one of ${Object.keys(certificateActions).join(', ')}`,
          })
        const options = msg.certificate
        const given = (options as { password?: unknown } | undefined)?.password
        const password = typeof given === 'string' && given ? given : node.credentials?.password
        const work = async (entry: unknown, device: unknown) =>
          action.run({ hub, by, password, item: certificateItem(entry, { device, options, label: action.label, defaults }) })

        if (!Array.isArray(msg.payload)) {
          const { payload, device, key, label } = await work(msg.payload, msg.device)
          status('ok', label)
          const of = { ...(device !== undefined && { device }) }
          return [{ ...withoutPassword(msg), ...of, payload }, key && secretsMsg(msg, { ...of, payload: key })]
        }
        const entries: unknown[] = msg.payload
        const { done, results } = await runItems(entries, nameOf, entry => work(entry, undefined))
        const keys = done.flatMap(({ key, device }) => (key ? [{ ...(device !== undefined && { device }), ...key }] : []))
        status(done.length < entries.length ? 'warn' : 'ok', `${done.length} / ${entries.length}`)
        const payload = done.map(({ payload: one, device }) =>
          device === undefined || Buffer.isBuffer(one) ? one : { device, ...one },
        )
        return [{ ...withoutPassword(msg), payload, results }, keys.length ? secretsMsg(msg, { payload: keys }) : undefined]
      },
      stop: leave,
    }
  },
  { credentials: { password: { type: 'password' } } },
)

/** NODE_CONFIG. */
function defaultsOf({ device, keyType, days, overlapDays, reason }: CertificateConfig): CertificateDefaults {
  const validity = days === '' || days === undefined ? undefined : Number(days)
  if (validity !== undefined && !(Number.isInteger(validity) && validity >= 1 && validity <= 3650))
    throw new LoomError('NODE_CONFIG', `days ${String(days).slice(0, 40)}`, { hint: '1 to 3650' })
  return {
    device: device?.trim() || undefined,
    keyType: keyType || undefined,
    days: validity,
    overlapMs: overlapOfDays(overlapDays),
    reason,
  }
}

/** The password is for this node: what follows has no use for it. */
function withoutPassword(msg: Msg): NewMsg {
  const { certificate } = msg
  if (typeof certificate !== 'object' || certificate === null || !('password' in certificate)) return msg
  const { password: _, ...kept } = certificate
  return { ...msg, certificate: kept }
}

function nameOf(entry: unknown): string {
  if (typeof entry === 'string') return entry.includes('-----BEGIN') ? '' : entry
  const { device, id } = (typeof entry === 'object' && entry !== null ? entry : {}) as { device?: unknown; id?: unknown }
  return String(device ?? id ?? '')
}
