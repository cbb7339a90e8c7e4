import type { NewMsg } from '../define.ts'

/** Of one message; larger and deeper ones are left to the general way, and so are those that hold themselves. */
const mostObjects = 500
const deepest = 16

/**
 * A copy that shares nothing with the message which somebody could change. Plain data is copied here, at a small part of what `clone`, the runtime's own way, costs; that
 * takes everything else: bytes, dates, `req` and `res`, objects of a class or of the sandbox of a Function node.
 */
export function copyOfMessage(msg: NewMsg, clone: (msg: NewMsg) => NewMsg): NewMsg {
  const copy = plainCopy(msg, { left: mostObjects }, deepest)
  return copy === notPlain ? clone(msg) : (copy as NewMsg)
}

const notPlain = Symbol('not plain')

function plainCopy(value: unknown, budget: { left: number }, levels: number): unknown {
  if (typeof value === 'function') return notPlain
  if (typeof value !== 'object' || value === null) return value
  if (levels === 0 || budget.left-- === 0) return notPlain
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return objectCopy(value as Record<string, unknown>, budget, levels - 1)
  return prototype === Array.prototype ? arrayCopy(value as unknown[], budget, levels - 1) : notPlain
}

function objectCopy(object: Record<string, unknown>, budget: { left: number }, levels: number): unknown {
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(object)) {
    const member = plainCopy(object[key], budget, levels)
    // Assigned, such a member would be the prototype.
    if (member === notPlain || key === '__proto__') return notPlain
    copy[key] = member
  }
  return copy
}

function arrayCopy(array: readonly unknown[], budget: { left: number }, levels: number): unknown {
  const copy: unknown[] = []
  for (const element of array) {
    const each = plainCopy(element, budget, levels)
    if (each === notPlain) return notPlain
    copy.push(each)
  }
  return copy
}
