import { LoomError } from '../../errors.ts'
import { nameOfPlain } from '../../twin/names.ts'
import { toPlainReported, toPlainTwin } from '../../twin/plain-answers.ts'
import { twinProfiles } from '../../twin/profiles.ts'
import { readPatch } from '../../twin/read-patch.ts'
import { type HttpAnswer, type HttpAsk, json } from '../http.ts'
import type { TwinPort } from '../twin-port.ts'

const profile = twinProfiles.plain

/** `GET /v1/devices/{id}/twin` and `PATCH ../twin/reported`: the answers of the topics. */
export async function askPlainTwinOverHttp(twins: TwinPort, ask: HttpAsk): Promise<HttpAnswer> {
  const { deviceId, operation, request } = ask
  const name = nameOfPlain(ask.name)
  if (operation === 'twin.get') {
    const twin = await twins.get(deviceId, name)
    if (!twin) throw new LoomError('TWIN_NOT_FOUND', `"${name}"`)
    return json(200, toPlainTwin(twin))
  }
  const reportedVersion = expectedIn(request.headers['if-match'])
  const { patch } = readPatch(request.body, profile)
  const made = await twins.update({ deviceId, name, patch, profile, ...(reportedVersion !== undefined && { reportedVersion }) })
  return json(200, toPlainReported(made.doc))
}

/** `If-Match: "{version}"`: what reported is expected to be at. TWIN_INVALID. */
function expectedIn(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const [, version] = /^\s*"?(\d{1,15})"?\s*$/.exec(header) ?? []
  if (version === undefined) throw new LoomError('TWIN_INVALID', `If-Match ${JSON.stringify(header.slice(0, 40))}`)
  return Number(version)
}
