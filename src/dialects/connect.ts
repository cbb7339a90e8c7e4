import { decodeBag } from './bag.ts'
import type { ConnectForm } from './dialect.ts'

/** A CONNECT that no family admits; `error` is for the audit log, never for the wire, `returnCode` for the CONNACK. */
export interface ConnectRefusal {
  error: string
  returnCode: 2 | 5
}

/** Stands at the place where the query of an Azure user name begins, in clients that leave out the question mark. */
const VERSION = '/api-version='
const ID = /^[A-Za-z0-9:._-]{1,128}$/
const CLIENT_ID_MAX = 256

/**
 * Tells the family of a CONNECT from its user name, in this order: `{scope}/registrations/{id}/api-version=..` (dps),
 * `{host}/{device}[/{module}]/?api-version=..` (iothub; its `/` or `?` may be missing), anything else (thing).
 * The client id must agree with the name, ids of dps in any case.
 */
export function readConnect({ username, clientId = '' }: { username?: string; clientId?: string }): ConnectForm | ConnectRefusal {
  if (clientId.length > CLIENT_ID_MAX) return { error: `client id longer than ${CLIENT_ID_MAX} characters`, returnCode: 2 }
  const name = username ?? ''
  return dpsForm(name, clientId) ?? iothubForm(name, clientId) ?? thingForm(name, clientId)
}

function dpsForm(name: string, clientId: string): ConnectForm | ConnectRefusal | undefined {
  const [idScope, word, id, ...rest] = name.split('/')
  const query = rest.join('/')
  if (!idScope || word !== 'registrations' || !id || !query.startsWith(VERSION.slice(1))) return undefined
  if (!ID.test(id)) return refused('the registration id', id)
  if (id.toLowerCase() !== clientId.toLowerCase()) return mismatch(clientId, id)
  return { family: 'dps', deviceId: id, idScope, query: Object.fromEntries(decodeBag(query)) }
}

function iothubForm(name: string, clientId: string): ConnectForm | ConnectRefusal | undefined {
  const { path, query } = cutQuery(name)
  const [host, deviceId, module, ...more] = path.split('/')
  if (!host || !deviceId || module === '' || more.length > 0 || !('api-version' in query)) return undefined
  if (!ID.test(deviceId)) return refused('the device id', deviceId)
  if (module !== undefined && !ID.test(module)) return refused('the module id', module)
  const expected = module === undefined ? deviceId : `${deviceId}/${module}`
  if (clientId !== expected) return mismatch(clientId, expected)
  return { family: 'iothub', deviceId, ...(module !== undefined && { module }), host: host.toLowerCase(), query }
}

function thingForm(name: string, clientId: string): ConnectForm {
  const cut = name.indexOf('?')
  const username = cut < 0 ? name : name.slice(0, cut)
  const query = cut < 0 ? {} : Object.fromEntries(decodeBag(name.slice(cut + 1)))
  return { family: 'thing', deviceId: clientId, ...(username && { username }), query }
}

/** At the first `?` or `/api-version=`; one `/` before the mark belongs to neither side. */
function cutQuery(name: string): { path: string; query: Record<string, string> } {
  const mark = name.indexOf('?')
  const word = name.indexOf(VERSION)
  if (mark < 0 && word < 0) return { path: name, query: {} }
  const cut = mark < 0 || (word >= 0 && word < mark) ? word : mark
  const path = name.slice(0, cut)
  return {
    path: path.endsWith('/') ? path.slice(0, -1) : path,
    query: Object.fromEntries(decodeBag(name.slice(cut + 1))),
  }
}

const refused = (what: string, value: string): ConnectRefusal => ({
  error: `${what} ${JSON.stringify(value.slice(0, 100))} is not made of 1 to 128 of A-Z a-z 0-9 : . _ -`,
  returnCode: 5,
})
const mismatch = (clientId: string, expected: string): ConnectRefusal => ({
  error: `client id ${JSON.stringify(clientId.slice(0, 100))} where the user name asks for ${JSON.stringify(expected)}`,
  returnCode: 5,
})
