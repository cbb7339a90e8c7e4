import { LoomError } from '../../errors.ts'
import { deltaOf } from '../../twin/diff.ts'
import type { Twin } from '../../twin/document.ts'
import { nameOfShadow, shadowOfName } from '../../twin/names.ts'
import { twinProfiles } from '../../twin/profiles.ts'
import { readPatch } from '../../twin/read-patch.ts'
import {
  toAwsDeleteAccepted,
  toAwsDelta,
  toAwsDocuments,
  toAwsGetAccepted,
  toAwsUpdateAccepted,
} from '../../twin/shadow-documents.ts'
import { readShadowRequest } from '../../twin/shadow-request.ts'
import type { TwinUpdate } from '../../twin/update.ts'
import type { DeviceNews, TwinAsker, TwinPort } from '../twin-port.ts'

const profile = twinProfiles.aws

/** When it is told, and the named shadow that is the main twin, if the classic one is not. */
export interface ShadowContext {
  now: number
  mainShadow?: string | undefined
}

/** A shadow request of a device over MQTT. What is accepted is told to all who subscribed it: of an update or a deletion by the news of the change. */
export async function askShadow(
  twins: TwinPort,
  { operation, name: shadow, topic }: { operation: string; name?: string; topic: string },
  payload: Uint8Array,
  { deviceId, origin, now, mainShadow }: TwinAsker & ShadowContext,
): Promise<DeviceNews | undefined> {
  const name = nameOfShadow(shadow, mainShadow)
  const who = { deviceId, name, ...(origin !== undefined && { origin }) }
  if (operation === 'twin.update') {
    const { patch, version, clientToken } = readPatch(payload, profile)
    await twins.update({
      ...who,
      patch,
      profile,
      ...(version !== undefined && { version }),
      ...(clientToken !== undefined && { clientToken }),
    })
    return undefined
  }
  const { version, clientToken } = readShadowRequest(payload, profile)
  const token = clientToken === undefined ? {} : { clientToken }
  if (operation === 'twin.delete') {
    await twins.remove({ ...who, ...(version !== undefined && { version }), ...token })
    return undefined
  }
  const twin = await shadowTwin(twins, deviceId, name)
  return { topic: `${topic}/accepted`, payload: JSON.stringify(toAwsGetAccepted(twin, { now, ...token })) }
}

/** TWIN_NOT_FOUND where AWS has none: before the first change and after a deletion. */
export async function shadowTwin(twins: TwinPort, deviceId: string, name: string): Promise<Twin> {
  const twin = await twins.get(deviceId, name)
  if (!twin?.exists) throw new LoomError('TWIN_NOT_FOUND', `"${deviceId}"`)
  return twin
}

/** `$aws/things/{id}/shadow..` of a twin; undefined for one that has no such name. */
export function shadowTopic(deviceId: string, name: string, mainShadow?: string): string | undefined {
  const shadow = shadowOfName(name, mainShadow)
  if (shadow === null) return undefined
  return `$aws/things/${deviceId}/shadow${shadow === undefined ? '' : `/name/${shadow}`}`
}

/**
 * What devices hear of an update: accepted, documents and, if there is one, the delta, whoever made the change. `heard`: somebody subscribed that topic; what nobody
 * hears is not made.
 */
export function* updateNews(
  update: TwinUpdate<Twin>,
  { now, mainShadow, clientToken, heard }: ShadowContext & { clientToken?: string; heard(topic: string): boolean },
): Generator<DeviceNews> {
  const { deviceId, name } = update.doc
  const topic = shadowTopic(deviceId, name, mainShadow)
  if (topic === undefined) return
  const context = { now, ...(clientToken !== undefined && { clientToken }) }
  const say = (end: string, make: () => object | undefined): DeviceNews | undefined => {
    if (!heard(`${topic}/${end}`)) return undefined
    const payload = make()
    return payload && { topic: `${topic}/${end}`, payload: JSON.stringify(payload) }
  }
  const all = [
    say('update/accepted', () => toAwsUpdateAccepted(update, context)),
    say('update/delta', () => update.delta && toAwsDelta(update.doc, context, update.delta)),
    say('update/documents', () => toAwsDocuments(update, context)),
  ]
  for (const news of all) if (news) yield news
}

export function deleteNews(
  before: Twin,
  { now, mainShadow, clientToken }: ShadowContext & { clientToken?: string },
): DeviceNews | undefined {
  const topic = shadowTopic(before.deviceId, before.name, mainShadow)
  if (topic === undefined) return undefined
  const context = { now, ...(clientToken !== undefined && { clientToken }) }
  return { topic: `${topic}/delete/accepted`, payload: JSON.stringify(toAwsDeleteAccepted(before, context)) }
}

/** For a session that comes back: the difference as it is now, once. */
export function deltaNews(twin: Twin, { now, mainShadow }: ShadowContext): DeviceNews | undefined {
  const topic = shadowTopic(twin.deviceId, twin.name, mainShadow)
  const delta = topic === undefined ? undefined : deltaOf(twin)
  return delta && { topic: `${topic}/update/delta`, payload: JSON.stringify(toAwsDelta(twin, { now }, delta)) }
}
