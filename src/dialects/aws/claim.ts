import type { Classified, Dialect, FilterRuling } from '../dialect.ts'
import { topicFault } from '../limits.ts'
import { refusalOf } from './refusal.ts'
import { type AwsRequest, certificateRequest, templateRequest } from './requests.ts'

const CERTIFICATES = '$aws/certificates/'
const TEMPLATES = '$aws/provisioning-templates/'
const answers: ReadonlySet<string> = new Set(['accepted', 'rejected', '+'])

/** A connection with a claim certificate: it may get a certificate of its own and nothing else. */
export const awsClaim: Dialect = {
  name: 'aws',

  classify(topic): Classified {
    const fault = topicFault(topic)
    if (fault) return denied(fault)
    const found = provisioningRequest(topic)
    return found ? { kind: 'request', dialect: 'aws', ...found, topic } : denied('a claim only provisions')
  },

  filter: filter => rulingOfAnswers(filter) ?? denied('a claim hears answers to provisioning only'),

  refuse: refusalOf,
}

/** Undefined: no request of provisioning. */
export function provisioningRequest(topic: string): AwsRequest | undefined {
  if (topic.startsWith(CERTIFICATES)) return certificateRequest(topic.slice(CERTIFICATES.length).split('/'))
  return topic.startsWith(TEMPLATES) ? templateRequest(topic.slice(TEMPLATES.length).split('/')) : undefined
}

/** Granted is the filter for the answers of one request: they come on the connection that asked in any case. */
export function rulingOfAnswers(filter: string): FilterRuling | undefined {
  const cut = filter.lastIndexOf('/')
  const asked = answers.has(filter.slice(cut + 1)) ? provisioningRequest(filter.slice(0, cut)) : undefined
  return asked && { kind: 'granted', feature: 'provisioning' }
}

const denied = (reason: string) => ({ kind: 'denied', reason }) as const
