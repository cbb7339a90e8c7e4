/** The package's `./twin` subpath: desired and reported state of devices as pure functions; time is an argument. */
export { toAzureDesired, toAzureDeviceTwin, toAzureTwin } from './azure-twin.ts'
export { checkedPatch, checkedSection } from './check.ts'
export { deleteDocument } from './delete.ts'
export { type DesiredChange, desiredPatchBetween, withDesired } from './desired-change.ts'
export { type Delta, deltaOf, diff } from './diff.ts'
export { newTwin, type Twin, type TwinDocument } from './document.ts'
export type { TwinSection } from './json.ts'
export { checkLimits } from './limits.ts'
export { mergeSection, patchBetween } from './merge.ts'
export { mainTwin, nameOfModule, nameOfPlain, nameOfShadow, nameOfTwin, shadowOfName, twinId } from './names.ts'
export { toPlainError, toPlainReported, toPlainTwin } from './plain-answers.ts'
export { namedTwins, type TwinProfile, twinProfiles } from './profiles.ts'
export { readPatch, type TwinRequest } from './read-patch.ts'
export {
  type AnswerContext,
  type ShadowDocument,
  type ShadowMetadata,
  toAwsDeleteAccepted,
  toAwsDelta,
  toAwsDocuments,
  toAwsGetAccepted,
  toAwsShadow,
  toAwsUpdateAccepted,
} from './shadow-documents.ts'
export { toAwsRejected } from './shadow-error.ts'
export { readShadowRequest, type ShadowRequest } from './shadow-request.ts'
export { resetDocument } from './reset.ts'
export type { Stamp } from './stamp.ts'
export { type PackedStamps, packTwin, type StoredTwin, unpackTwin } from './stored-twin.ts'
export { applyTags } from './tags.ts'
export { updateBetween } from './update-between.ts'
export {
  type Accepted,
  applyUpdate,
  type ExpectedVersions,
  type TwinPatch,
  type TwinUpdate,
  type UpdateOptions,
} from './update.ts'
