import type { CastType } from './ast.ts'
import { toBoolean, toDecimal, toInt, toText } from './values.ts'

/** CAST converts as functions do, and also between Booleans and numbers. */
export function castTo(type: CastType, value: unknown): unknown {
  switch (type) {
    case 'string':
      return toText(value)
    case 'int':
      return typeof value === 'boolean' ? Number(value) : toInt(value)
    case 'decimal':
      return typeof value === 'boolean' ? Number(value) : toDecimal(value)
    case 'boolean':
      return typeof value === 'number' ? (Number.isFinite(value) ? value !== 0 : undefined) : toBoolean(value)
  }
}
