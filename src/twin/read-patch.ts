import { LoomError } from '../errors.ts'
import { checkedPatch } from './check.ts'
import { isSection } from './json.ts'
import type { TwinProfile } from './profiles.ts'
import { readJson, textOf } from './read-json.ts'
import { type ShadowRequest, readShadowUpdate } from './shadow-request.ts'
import type { TwinPatch } from './update.ts'

/** What a device asks to change; `version` and `clientToken` as its payload says them. */
export interface TwinRequest extends ShadowRequest {
  patch: TwinPatch
}

/**
 * The payload of an update, checked: for AWS a shadow's request document, for Azure and plain devices a merge patch of reported (Azure's `$version` and `$metadata` at its root
 * are left out). TWIN_INVALID, TWIN_LIMIT; for AWS with the texts of its service, and REQUEST_TYPE for bytes that are no UTF-8.
 */
export function readPatch(bytes: Uint8Array, profile: TwinProfile): TwinRequest {
  if (profile.name === 'aws') return readShadowUpdate(bytes, profile)
  const value = readJson(textOf(bytes, profile.requestBytes))
  if (!isSection(value)) throw new LoomError('TWIN_INVALID', 'a patch of reported must be an object')
  if (profile.name !== 'azure') return { patch: { reported: checkedPatch(value, 'reported', profile) } }
  const { $version, $metadata, ...reported } = value
  return { patch: { reported: checkedPatch(reported, 'reported', profile) } }
}
