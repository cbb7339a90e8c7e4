import type { Twin, TwinDocument } from './document.ts'
import { isSection, own, type TwinSection } from './json.ts'
import type { Stamp } from './stamp.ts'

/** What a device gets when it asks for its twin: both sections with `$version`, neither tags nor metadata. */
export const toAzureDeviceTwin = ({ desired, reported, desiredVersion, reportedVersion }: TwinDocument) => ({
  desired: { ...desired, $version: desiredVersion },
  reported: { ...reported, $version: reportedVersion },
})

/** What a back end sees: also tags, and times per member and level, in desired with the version that changed it. */
export function toAzureTwin(twin: Twin) {
  const { deviceId, name, etag, version, tags, desired, reported, meta, desiredVersion, reportedVersion } = twin
  return {
    deviceId,
    ...(name.startsWith('module:') && { moduleId: name.slice('module:'.length) }),
    etag,
    version,
    tags,
    properties: {
      desired: { ...desired, $metadata: metadataOf(desired, meta.desired, true), $version: desiredVersion },
      reported: { ...reported, $metadata: metadataOf(reported, meta.reported, false), $version: reportedVersion },
    },
  }
}

/** A desired patch as it is pushed: nulls for what is gone. */
export const toAzureDesired = ({ version, desired }: { version: number; desired: TwinSection }) => ({
  ...desired,
  $version: version,
})

interface AzureMetadata {
  /** ISO 8601 */
  $lastUpdated: string
  $lastUpdatedVersion?: number
  [member: string]: unknown
}

function metadataOf(value: unknown, stamp: Stamp, versions: boolean): AzureMetadata {
  const metadata: AzureMetadata = {
    $lastUpdated: new Date(stamp.t).toISOString(),
    ...(versions && { $lastUpdatedVersion: stamp.v }),
  }
  if (isSection(value))
    for (const key of Object.keys(value)) metadata[key] = metadataOf(value[key], own(stamp.of, key) ?? stamp, versions)
  return metadata
}
