import { base64Of } from '../base64.ts'

export interface Failure {
  /** `Rule`, `Webhook`, `Republish`, .. */
  failedAction: string
  failedResource: string
  errorMessage: string
}

/** What an error action gets: the form that AWS IoT has for it. `cloudwatchTraceId` is the trace id of the message. */
export interface FailureReport {
  ruleName: string
  topic: string
  cloudwatchTraceId: string
  clientId: string
  base64OriginalPayload: string
  failures: Failure[]
}

export const failureReport = (o: {
  rule?: string | undefined
  topic?: string | undefined
  traceId?: string | undefined
  clientId?: string | undefined
  payload: Uint8Array
  failures: Failure[]
}): FailureReport => ({
  ruleName: o.rule ?? '',
  topic: o.topic ?? '',
  cloudwatchTraceId: o.traceId ?? '',
  clientId: o.clientId ?? 'n/a',
  base64OriginalPayload: base64Of(o.payload),
  failures: o.failures,
})
