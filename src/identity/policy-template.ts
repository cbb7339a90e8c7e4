import { type Glob, globOf, type GlobPart, wildParts } from './policy-glob.ts'
import { type JsonNode, placeOf } from './policy-json.ts'
import { type Place, policyFault, shownText } from './policy-fault.ts'
import { isTimeKey, isVariable, knownVariables, type Resolve } from './policy-variables.ts'

export type TemplatePart = GlobPart | { variable: string }

/** A text of a policy, with wildcards and variables taken apart. */
export type Template = readonly TemplatePart[]

const braces = /\$\{([^{}]*)\}/g
/** `${*}`, `${?}`, `${$}` stand for the character itself, as in IAM. */
const literals: ReadonlySet<string> = new Set(['*', '?', '$'])

/**
 * `from`: where in the node's value it begins; `wild`: whether `*` and `?` mean something. POLICY_INVALID for unbalanced or unknown variables.
 */
export function readTemplate(text: string, node: JsonNode & { type: 'string' }, o: { from?: number; wild: boolean }): Template {
  const { from = 0, wild } = o
  const parts: TemplatePart[] = []
  const plain = (piece: string, at: number): void => {
    const open = piece.indexOf('${')
    if (open >= 0) throw policyFault(placeOf(text, node, from + at + open), 'a variable is not closed', 'a closing } is missing')
    if (piece) parts.push(...(wild ? wildParts(piece) : [piece]))
  }
  const value = node.value.slice(from)
  let end = 0
  for (const found of value.matchAll(braces)) {
    const [whole, name = ''] = found
    plain(value.slice(end, found.index), end)
    end = found.index + whole.length
    if (literals.has(name)) parts.push(name)
    else parts.push({ variable: knownName(name, placeOf(text, node, from + found.index)) })
  }
  plain(value.slice(end), end)
  return parts
}

function knownName(name: string, place: Place): string {
  if (isVariable(name)) return name
  if (isTimeKey(name)) throw policyFault(place, `the variable ${shownText(name)} is for conditions only`)
  if (/,\s*'/.test(name))
    throw policyFault(
      place,
      `a default value in \${${name.slice(0, 80)}}`,
      'AWS IoT policies have none; write one statement for each case',
    )
  throw policyFault(place, `the variable ${shownText(name)} is not known`, `known are ${knownVariables}`)
}

export const variablesOf = (template: Template): string[] =>
  template.flatMap(part => (typeof part === 'object' && 'variable' in part ? [part.variable] : []))

/**
 * The template with its values. In an Allow undefined if a value is missing, manifold or holds `* ? + # /`: a client called `#` shall not open everything. In a
 * Deny such a value becomes `*`.
 */
export function filledIn(template: Template, resolve: Resolve, effect: 'Allow' | 'Deny'): GlobPart[] | undefined {
  const parts: GlobPart[] = []
  for (const part of template) {
    if (typeof part === 'string' || 'wild' in part) {
      parts.push(part)
      continue
    }
    const value = resolve(part.variable)
    if (typeof value === 'string' && value !== '' && !/[*?+#/]/.test(value)) parts.push(value)
    else if (effect === 'Allow') return undefined
    else parts.push({ wild: '*' })
  }
  return parts
}

/** What a filled-in pattern is for a table: the cheapest form that says the same. */
export type Pattern = { exact: string } | { prefix: string } | { glob: Glob }

export function patternOf(parts: readonly GlobPart[]): Pattern {
  let text = ''
  for (const [at, part] of parts.entries()) {
    if (typeof part === 'string') text += part
    else if (part.wild === '*' && parts.slice(at).every(rest => typeof rest === 'object' && rest.wild === '*'))
      return { prefix: text }
    else return { glob: globOf(parts) }
  }
  return { exact: text }
}
