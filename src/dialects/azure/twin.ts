import { LoomError } from '../../errors.ts'
import { toAzureDesired, toAzureDeviceTwin } from '../../twin/azure-twin.ts'
import type { Twin } from '../../twin/document.ts'
import type { TwinSection } from '../../twin/json.ts'
import { mainTwin, nameOfModule } from '../../twin/names.ts'
import { twinProfiles } from '../../twin/profiles.ts'
import { readPatch } from '../../twin/read-patch.ts'
import { rawValue } from '../bag.ts'
import type { WireAnswer } from '../dialect.ts'
import type { TwinAsker, TwinPort } from '../twin-port.ts'

const profile = twinProfiles.azure

/** A twin request of an Azure device or module, and its answer: the SDK waits for it for ever. */
export async function askAzureTwin(
  twins: TwinPort,
  { operation, rid = '', topic }: { operation: string; rid?: string; topic: string },
  payload: Uint8Array,
  { deviceId, module, origin }: TwinAsker & { module?: string },
): Promise<WireAnswer> {
  const name = azureTwinName(module)
  if (operation === 'twin.get') {
    const twin = await twins.get(deviceId, name)
    if (!twin) throw new LoomError('TWIN_NOT_FOUND', `"${name}"`)
    return { topic: `$iothub/twin/res/200/?$rid=${rid}`, payload: JSON.stringify(toAzureDeviceTwin(twin)), qos: 0 }
  }
  const reportedVersion = versionIn(topic)
  const { patch } = readPatch(payload, profile)
  const { doc } = await twins.update({
    deviceId,
    name,
    patch,
    profile,
    ...(origin !== undefined && { origin }),
    ...(reportedVersion !== undefined && { reportedVersion }),
  })
  return { topic: `$iothub/twin/res/204/?$rid=${rid}&$version=${doc.reportedVersion}`, payload: '', qos: 0 }
}

export const azureTwinName = (module: string | undefined): string => (module === undefined ? mainTwin : nameOfModule(module))

/** `$version` of the topic: what reported is expected to be at. TWIN_INVALID. */
function versionIn(topic: string): number | undefined {
  const text = rawValue(topic.slice(topic.indexOf('/?') + 2), '$version')
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new LoomError('TWIN_INVALID', `$version ${JSON.stringify(text.slice(0, 40))}`)
  return Number(text)
}

/** A change of what is desired. It is not queued: a device asks for its twin when it comes back. */
export const desiredPush = ({ desiredVersion }: Twin, patch: TwinSection): WireAnswer => ({
  topic: `$iothub/twin/PATCH/properties/desired/?$version=${desiredVersion}`,
  payload: JSON.stringify(toAzureDesired({ version: desiredVersion, desired: patch })),
  qos: 0,
})
