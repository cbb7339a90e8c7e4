import { LoomError } from '../../errors.ts'
import type { Twin } from '../../twin/document.ts'
import type { TwinSection } from '../../twin/json.ts'
import { mainTwin, nameOfPlain } from '../../twin/names.ts'
import { toPlainReported, toPlainTwin } from '../../twin/plain-answers.ts'
import { twinProfiles } from '../../twin/profiles.ts'
import { readPatch } from '../../twin/read-patch.ts'
import { rawValue } from '../bag.ts'
import type { WireAnswer } from '../dialect.ts'
import type { DeviceNews, TwinAsker, TwinPort } from '../twin-port.ts'
import { answerTopic } from './bootstrap.ts'

const profile = twinProfiles.plain

/** A twin request of a plain device, and its answer. */
export async function askPlainTwin(
  twins: TwinPort,
  request: { operation: string; name?: string; rid?: string; topic: string },
  payload: Uint8Array,
  { deviceId, origin }: TwinAsker,
): Promise<WireAnswer> {
  const name = nameOfPlain(request.name)
  const answer = (body: object): WireAnswer => ({
    topic: answerTopic(request.topic, request.rid),
    payload: JSON.stringify(body),
    qos: 1,
  })
  if (request.operation === 'twin.get') {
    const twin = await twins.get(deviceId, name)
    if (!twin) throw new LoomError('TWIN_NOT_FOUND', `"${name}"`)
    return answer(toPlainTwin(twin))
  }
  const reportedVersion = versionIn(request.topic)
  const { patch } = readPatch(payload, profile)
  const { doc } = await twins.update({
    deviceId,
    name,
    patch,
    profile,
    ...(origin !== undefined && { origin }),
    ...(reportedVersion !== undefined && { reportedVersion }),
  })
  return answer(toPlainReported(doc))
}

/** The expected version of `reported` in the bag of a topic. TWIN_INVALID. */
function versionIn(topic: string): number | undefined {
  const bagAt = topic.indexOf('/?')
  const text = bagAt < 0 ? undefined : rawValue(topic.slice(bagAt + 2), 'version')
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new LoomError('TWIN_INVALID', `version ${JSON.stringify(text.slice(0, 40))}`)
  return Number(text)
}

export const desiredTopic = (deviceId: string, name: string): string =>
  name === mainTwin ? `devices/${deviceId}/twin/desired` : `devices/${deviceId}/twins/${name}/desired`

/** All that is desired, for who begins to listen. */
export const wholeDesired = ({ deviceId, name, desired, desiredVersion }: Twin): DeviceNews => ({
  topic: desiredTopic(deviceId, name),
  payload: JSON.stringify({ version: desiredVersion, full: true, desired }),
})

/** A change of what is desired: nulls for what is gone. */
export const desiredNews = ({ deviceId, name, desiredVersion }: Twin, patch: TwinSection): DeviceNews => ({
  topic: desiredTopic(deviceId, name),
  payload: JSON.stringify({ version: desiredVersion, full: false, desired: patch }),
})
