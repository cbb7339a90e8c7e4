import { LoomError } from '../../errors.ts'
import { nameOfShadow, shadowOfName } from '../../twin/names.ts'
import { twinProfiles } from '../../twin/profiles.ts'
import { readPatch } from '../../twin/read-patch.ts'
import { toAwsDeleteAccepted, toAwsGetAccepted, toAwsUpdateAccepted } from '../../twin/shadow-documents.ts'
import { type HttpAnswer, type HttpAsk, json } from '../http.ts'
import type { TwinPort } from '../twin-port.ts'
import { type ShadowContext, shadowTwin } from './shadow.ts'

const profile = twinProfiles.aws
const pageSizes = { least: 1, usual: 25, most: 100 } as const

/** AWS's data plane: `/things/{thing}/shadow` and the list of named shadows. Who subscribed hears of changes as if they were asked for over MQTT. */
export async function askShadowOverHttp(
  twins: TwinPort & { namesOf(deviceId: string): Promise<string[]> },
  { operation, name: shadow, deviceId, request }: HttpAsk,
  { now, mainShadow }: ShadowContext,
): Promise<HttpAnswer> {
  if (operation === 'twin.names') return listed(await twins.namesOf(deviceId), request.query, { now, mainShadow })
  const name = nameOfShadow(shadow, mainShadow)
  if (operation === 'twin.get') return json(200, toAwsGetAccepted(await shadowTwin(twins, deviceId, name), { now }))
  if (operation === 'twin.delete') return json(200, toAwsDeleteAccepted(await twins.remove({ deviceId, name }), { now }))
  const { patch, version, clientToken } = readPatch(request.body, profile)
  const token = clientToken === undefined ? {} : { clientToken }
  const made = await twins.update({ deviceId, name, patch, profile, ...(version !== undefined && { version }), ...token })
  return json(200, toAwsUpdateAccepted(made, { now, ...token }))
}

/** A page goes on behind the last name of the one before, which its token is. */
function listed(names: readonly string[], query: string, { now, mainShadow }: ShadowContext): HttpAnswer {
  const asked = new URLSearchParams(query)
  const size = pageSizeOf(asked.get('pageSize'))
  const token = asked.get('nextToken')
  const after = token === null ? '' : nameIn(token)
  const shadows = names
    .map(name => shadowOfName(name, mainShadow))
    .filter(shadow => typeof shadow === 'string')
    .sort()
    .filter(shadow => shadow > after)
  const results = shadows.slice(0, size)
  const more = shadows.length > size && { nextToken: Buffer.from(results.at(-1)!).toString('base64url') }
  return json(200, { results, ...more, timestamp: Math.floor(now / 1000) })
}

function pageSizeOf(text: string | null): number {
  if (text === null) return pageSizes.usual
  const size = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (size < pageSizes.least || size > pageSizes.most)
    throw new LoomError('TWIN_INVALID', `pageSize ${JSON.stringify(text.slice(0, 20))}, of 1 to 100`)
  return size
}

function nameIn(token: string): string {
  const name = Buffer.from(token, 'base64url').toString()
  if (!/^[$A-Za-z0-9:_-]{1,64}$/.test(name) || Buffer.from(name).toString('base64url') !== token)
    throw new LoomError('TWIN_INVALID', 'nextToken is none of ours')
  return name
}
