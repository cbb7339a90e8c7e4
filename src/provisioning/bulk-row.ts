import type { CredentialRequest } from '../identity/credential-types.ts'
import { isDeviceId } from '../identity/device-id.ts'
import { LoomError } from '../errors.ts'
import { attributeMap, isObject, jsonObject, nameList } from './enrolment-values.ts'
import type { BulkDevice } from './bulk-port.ts'

const trees = ['tags', 'attributes', 'desired'] as const
const plain = ['id', 'model', 'enabled', 'groups', 'policies'] as const
const credentialNames = ['kind', 'csr', 'certificate', 'primaryKey', 'secondaryKey', 'username', 'password'] as const
const aliases: Readonly<Record<string, string>> = { deviceId: 'id', thingName: 'id' }
export const memberNames: readonly string[] = [...plain, ...credentialNames]

/** `id`, `tags.site.floor`: the path of a column or member, or undefined if there is none of that name. */
export function pathOf(name: string): string[] | undefined {
  const trimmed = name.trim()
  const known = aliases[trimmed] ?? trimmed
  if (memberNames.includes(known)) return [known]
  const [tree, ...path] = known.split('.')
  const fits = trees.some(word => word === tree) && path.length > 0 && path.length <= 8
  // attributes are flat, so a dot belongs to the name
  if (!fits || path.some(part => part === '' || part === '__proto__')) return undefined
  return tree === 'attributes' ? [tree, path.join('.')] : known.split('.')
}

/** Sets a value deep in an object that nobody else has. */
export function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const there = Object.hasOwn(target, name) ? target[name] : undefined
  const next = isObject(there) ? there : {}
  target[name] = next
  put(next, rest, value)
}

/** A checked row. IDENTITY_INVALID, IMPORT_ROW_INVALID, which name the member. */
export function checkRow(row: number, members: Readonly<Record<string, unknown>>): BulkDevice {
  const { id, enabled, model, tags, attributes, desired, groups, policies } = members
  if (typeof id !== 'string' || !isDeviceId(id))
    throw new LoomError('IDENTITY_INVALID', `id ${JSON.stringify(String(id ?? '').slice(0, 80))}`, {
      hint: 'it has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit',
    })
  if (model !== undefined && (typeof model !== 'string' || !/^[^\p{Cc}]{1,128}$/u.test(model)))
    throw invalid('model', 'it has 1 to 128 characters')
  const on = enabled === undefined ? undefined : flagOf(enabled)
  const credential = credentialOf(members)
  try {
    return {
      row,
      id,
      ...(on !== undefined && { enabled: on }),
      ...(model !== undefined && { model }),
      ...(tags !== undefined && { tags: jsonObject(tags, 'tags') }),
      ...(attributes !== undefined && { attributes: attributeMap(attributes, 'attributes') }),
      ...(desired !== undefined && { desired: jsonObject(desired, 'desired') }),
      ...(groups !== undefined && { groups: nameList(listOf(groups), 'groups') }),
      ...(policies !== undefined && { policies: nameList(listOf(policies), 'policies') }),
      ...(credential && { credential }),
    }
  } catch (error) {
    if (!(error instanceof LoomError)) throw error
    throw invalid(error.message.slice(error.message.indexOf(': ') + 2))
  }
}

/** A request or certificate makes it x509; without any of these members the row says nothing about credentials. */
function credentialOf(members: Readonly<Record<string, unknown>>): CredentialRequest | undefined {
  const [kind, csr, certificate, primaryKey, secondaryKey, username, password] = credentialNames.map(name =>
    textOf(members[name], name),
  )
  const implied = kind ?? ((csr ?? certificate) ? 'x509' : undefined)
  const foreign = (allowed: readonly string[]) =>
    credentialNames.slice(1).find(name => !allowed.includes(name) && members[name] !== undefined)
  const only = (allowed: readonly string[]) => {
    const other = foreign(allowed)
    if (other !== undefined) throw invalid(other, implied ? `it does not belong to kind ${implied}` : 'give a kind')
  }
  switch (implied) {
    case undefined:
      only([])
      return undefined
    case 'sas':
      only(['primaryKey', 'secondaryKey'])
      return { kind: 'sas', ...(primaryKey !== undefined && { primaryKey }), ...(secondaryKey !== undefined && { secondaryKey }) }
    case 'x509':
      only(['csr', 'certificate'])
      if (csr !== undefined && certificate !== undefined) throw invalid('csr', 'give a request or a certificate')
      return {
        kind: 'x509',
        ...(csr !== undefined && { csrPem: pem(csr) }),
        ...(certificate !== undefined && { certificatePem: pem(certificate) }),
      }
    case 'password':
      only(['username', 'password'])
      return { kind: 'password', ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
    default:
      throw invalid('kind', 'it is sas, x509 or password')
  }
}

/** Spreadsheets like PEM on one line, its line breaks written as \n. */
const pem = (text: string): string => text.replaceAll('\\n', '\n')

const listOf = (value: unknown): unknown =>
  typeof value === 'string'
    ? value
        .split(';')
        .map(name => name.trim())
        .filter(Boolean)
    : value

function textOf(value: unknown, member: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw invalid(member, 'it is a text')
}

function flagOf(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === 'false') return value === 'true'
  throw invalid('enabled', 'it is true or false')
}

const invalid = (what: string, hint?: string): LoomError =>
  new LoomError('IMPORT_ROW_INVALID', what, hint === undefined ? {} : { hint })
