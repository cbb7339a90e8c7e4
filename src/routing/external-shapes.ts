import { externalFunction } from './functions/external-functions.ts'

interface ExternalShape {
  readonly arity: readonly [number, number]
}

/** Secrets of the host, for the templates of actions: `get_secret(id[, type][, key][, role])`. The parser refuses it elsewhere. */
export const secretShape: ExternalShape = { arity: [1, 4] }

/** What somebody outside answers, by lower-case name. */
export const externalShape = (name: string): ExternalShape | undefined =>
  name === 'get_secret' ? secretShape : externalFunction(name)
