import { codes, type ErrorCode } from '../../errors.ts'

/** A refused provisioning request as AWS words it. */
export interface Rejection {
  statusCode: number
  errorCode: string
  errorMessage: string
}

const accessDenied = [403, 'AccessDenied'] as const
const badCsr = [400, 'InvalidCertificateSigningRequest'] as const
const badParameters = [400, 'InvalidParameters'] as const

/** Codes whose HTTP status does not say enough. */
const byCode: Partial<Record<ErrorCode, readonly [number, string]>> = {
  PROV_TOKEN_INVALID: [400, 'InvalidCertificateOwnershipToken'],
  PKI_CSR_INVALID: badCsr,
  PKI_KEY_REFUSED: badCsr,
  PKI_SUBJECT_MISMATCH: badCsr,
  PKI_SUBJECT_TOO_LONG: badCsr,
  PROV_PARAMETER_MISSING: badParameters,
  PROV_PARAMETER_INVALID: badParameters,
  PROV_TEMPLATE_INVALID: badParameters,
  IDENTITY_INVALID: badParameters,
  IDENTITY_NOT_FOUND: accessDenied,
  IDENTITY_RETIRED: accessDenied,
  PROV_NO_CLAIM: accessDenied,
  PROV_HOOK_TIMEOUT: accessDenied,
}
const byStatus: Readonly<Record<number, readonly [number, string]>> = {
  400: [400, 'InvalidPayload'],
  401: accessDenied,
  403: accessDenied,
  404: [404, 'ResourceNotFound'],
  409: [409, 'ResourceConflict'],
  413: [400, 'InvalidPayload'],
  429: [429, 'Throttled'],
}

export function rejectionOf({ code, message }: { code: ErrorCode; message: string }): Rejection {
  const [statusCode, errorCode] = byCode[code] ?? byStatus[codes[code][0]] ?? [500, 'InternalError']
  return { statusCode, errorCode, errorMessage: message }
}
