import { codes, LoomError } from '../../errors.ts'
import type { Attested, Attestor } from '../../provisioning/attest.ts'
import type { Dps } from '../../provisioning/dps-port.ts'
import type { Classified, WireAnswer } from '../dialect.ts'
import {
  type DpsHttpAnswer,
  type DpsHttpRequest,
  dpsHttpAnswer,
  dpsHttpLookup,
  dpsHttpRefusal,
  dpsHttpUnattested,
  readDpsHttp,
} from './dps-http.ts'
import { dpsAnswer, dpsRefusal, readDpsRequest } from './dps-wire.ts'

/** Where a request came from. */
export interface DpsOrigin {
  ip: string
  /** the name the device dialled */
  sniHost?: string
  /** epoch ms */
  now: number
}

/** A request of a provisioning connection, answered. Never rejects. */
export async function handleDps(
  o: DpsOrigin & { dps: Dps; who: Attested; request: Extract<Classified, { kind: 'request' }>; payload: Uint8Array },
): Promise<WireAnswer> {
  const { dps, who, now } = o
  try {
    const request = readDpsRequest(o.request, o.payload)
    const { rid } = request
    if (request.operation === 'status') return dpsAnswer(rid, await dps.status(who, request))
    return dpsAnswer(rid, await dps.register(who, { body: request.body, ...originOf(o) }))
  } catch (error) {
    return dpsRefusal(o.request.rid ?? '', faultOf(error), now)
  }
}

/** A request of the device provisioning API over HTTP, answered; undefined if it is none. Never rejects. */
export async function handleDpsHttp(
  o: DpsOrigin & {
    dps: Dps
    attestor: Attestor
    method: string
    path: string
    body: Uint8Array
    /** header `Authorization`: a SharedAccessSignature */
    authorization?: string
    /** what TLS proved, DER, the leaf first */
    chain?: readonly Uint8Array[]
  },
): Promise<DpsHttpAnswer | undefined> {
  const { now } = o
  try {
    const request = readDpsHttp(o)
    if (!request) return undefined
    const who = await attested(o, request)
    return 'status' in who ? who : await answered(o, who, request)
  } catch (error) {
    return dpsHttpRefusal(faultOf(error), now)
  }
}

async function attested(
  o: Parameters<typeof handleDpsHttp>[0],
  { registrationId, idScope }: DpsHttpRequest,
): Promise<Attested | DpsHttpAnswer> {
  const { attestor, authorization, chain, now } = o
  try {
    return await attestor.attest({
      registrationId,
      idScope,
      ...(authorization !== undefined && { token: authorization }),
      ...(chain && { chain }),
      now,
    })
  } catch (error) {
    return dpsHttpUnattested(faultOf(error), now)
  }
}

async function answered(o: Parameters<typeof handleDpsHttp>[0], who: Attested, request: DpsHttpRequest): Promise<DpsHttpAnswer> {
  if (request.operation === 'lookup') return dpsHttpLookup(await o.dps.lookup(who))
  if (request.operation === 'status') return dpsHttpAnswer(await o.dps.status(who, request))
  return dpsHttpAnswer(await o.dps.register(who, { body: request.body, ...originOf(o) }))
}

const originOf = ({ ip, sniHost }: DpsOrigin) => ({ ip, ...(sniHost !== undefined && { sniHost }) })

/** What a device may hear of a failure: of the hub's own only that there was one. */
function faultOf(error: unknown) {
  if (!(error instanceof LoomError)) return { code: 'NODE_FAULT' as const, message: codes.NODE_FAULT[1] }
  const { code, message } = error
  return { code, message: error.status >= 500 ? codes[code][1] : message }
}
