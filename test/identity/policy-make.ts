import { type Access, compileAccess } from '../../src/identity/policy-access.ts'
import { readPolicy } from '../../src/identity/policy-document.ts'
import type { AccessContext } from '../../src/identity/policy-variables.ts'

export const noon = Date.UTC(2026, 4, 1, 12)

export const accessOf = (texts: readonly string[], context: AccessContext = {}, now: () => number = () => noon): Access =>
  compileAccess({ documents: texts.map(readPolicy), context, now })

/** A document of these statements. */
export const documentOf = (...Statement: readonly object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })

type Texts = string | readonly string[]

export const allow = (Resource: Texts, Action: Texts = 'iot:Publish', Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
})

export const deny = (Resource: Texts, Action: Texts = 'iot:Publish', Condition?: object) => ({
  ...allow(Resource, Action, Condition),
  Effect: 'Deny',
})
