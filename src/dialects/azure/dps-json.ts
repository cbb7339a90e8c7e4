import type { ErrorCode } from '../../errors.ts'
import type { Failure, OperationView, Registration } from '../../provisioning/dps-port.ts'

/** `errorCode` of a registration that ended in `failed`; whatever the verdict of a flow or person refused is Azure's custom allocation. */
const failures: Partial<Record<ErrorCode, number>> = {
  PROV_DENIED: 400207,
  PROV_HOOK_TIMEOUT: 400207,
  PROV_DISABLED: 401002,
  IDENTITY_DISABLED: 401002,
  PKI_KEY_REUSED: 401002,
  CRED_TAKEN: 401002,
  CRED_UNKNOWN: 401002,
  PROV_QUOTA: 403002,
  PROV_NO_ENROLMENT: 404201,
  IDENTITY_RETIRED: 404201,
}
const badArgument = 400004

const failureCode = ({ code }: Failure): number => failures[code] ?? badArgument
const isoOf = (ms: number): string => new Date(ms).toISOString()

/** Only `assigning`, `assigned` and `failed`: an SDK throws on any other status. */
export function operationJson(view: OperationView): object {
  const { operationId, status } = view
  if (status === 'assigning') return { operationId, status }
  return { operationId, status, registrationState: view.registration ? assignedJson(view.registration) : failedJson(view) }
}

/** DeviceRegistrationResult of an assigned device. */
export function assignedJson(registration: Registration): object {
  const { registrationId, assignedHub, deviceId, substatus, createdAt, updatedAt, etag, payload } = registration
  const group = registration.enrolmentKind === 'group' ? { enrollmentGroupId: registration.enrolmentId } : {}
  return {
    [registration.kind === 'x509' ? 'x509' : 'symmetricKey']: group,
    registrationId,
    createdDateTimeUtc: isoOf(createdAt),
    assignedHub,
    deviceId,
    status: 'assigned',
    substatus,
    lastUpdatedDateTimeUtc: isoOf(updatedAt),
    etag,
    ...(payload !== undefined && { payload }),
  }
}

function failedJson({ registrationId, createdAt, updatedAt, etag, failure }: OperationView): object {
  return {
    registrationId,
    createdDateTimeUtc: isoOf(createdAt),
    status: 'failed',
    ...(failure && { errorCode: failureCode(failure), errorMessage: failure.message }),
    lastUpdatedDateTimeUtc: isoOf(updatedAt),
    etag,
  }
}

/** 202 while it is going on, 200 when it has ended, well or not. */
export const operationStatus = ({ status }: OperationView): 200 | 202 => (status === 'assigning' ? 202 : 200)

/** The JSON of a request's body; undefined if it is empty. `fault`: why it is none. */
export function bodyOf(payload: Uint8Array): { body: unknown } | { fault: string } {
  const text = new TextDecoder().decode(payload).trim()
  if (text === '') return { body: undefined }
  try {
    return { body: JSON.parse(text) }
  } catch {
    return { fault: 'the body is no JSON' }
  }
}
