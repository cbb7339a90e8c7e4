// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what a person may write
import { LoomError } from '../../errors.ts'
import type { Expression } from '../ast.ts'
import { isExternal } from '../expression-facts.ts'
import { templateShapes } from '../languages.ts'
import type { RuleMessage } from '../message.ts'
import { parseTemplate } from '../parse-template.ts'
import { printExpression } from '../print.ts'
import { compileTemplate, type TemplateOptions } from '../template.ts'

export interface TextOptions extends Pick<TemplateOptions, 'ports' | 'accountId'> {
  /** What `get_secret(id)` stands for. */
  secretOf?: (id: string) => string | undefined
}

type Text = (message: RuleMessage) => string

/**
 * The template of a field of an action. `${get_secret('id')}` stands for a secret, and may be no part of a larger expression. `encode` is applied to what comes from
 * the message. Throws the errors of `compileTemplate`; RULE_UNSUPPORTED for other functions that somebody outside answers.
 */
export function compileText(
  text: string,
  { secretOf, ...options }: TextOptions,
  { topic = false, encode = same }: { topic?: boolean; encode?: (value: string) => string } = {},
): Text {
  const parts = parseTemplate(text, { functions: templateShapes, use: 'action' }).map((part): Text => {
    if (typeof part === 'string') return () => part
    const id = secretIn(part)
    if (id !== undefined) return () => known(id, secretOf?.(id))
    if (isExternal(part))
      throw new LoomError('RULE_UNSUPPORTED', printExpression(part).slice(0, 60), {
        position: part.position,
        hint: 'let a node before this one look it up; get_secret stands alone between ${ and }',
      })
    // What was short enough as it was written may be longer as it is printed.
    const of = compileTemplate(`\${${printExpression(part)}}`, {
      ...options,
      topic,
      limits: { textBytes: Number.POSITIVE_INFINITY },
    })
    return message => encode(of(message))
  })
  return message => parts.map(part => part(message)).join('')
}

const same = (value: string): string => value

/** The id that a part of a template asks the secret of. */
function secretIn(expression: Expression): string | undefined {
  if (expression.kind !== 'call' || expression.name !== 'get_secret') return undefined
  const [id] = expression.args
  return id?.kind === 'literal' && typeof id.value === 'string' ? id.value : undefined
}

function known(id: string, secret: string | undefined): string {
  if (!secret) throw new LoomError('ROUTE_TEMPLATE', `get_secret('${id.slice(0, 60)}')`, { hint: 'its value is set in the node' })
  return secret
}
