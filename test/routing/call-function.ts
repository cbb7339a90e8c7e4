import assert from 'node:assert/strict'
import { defaultPorts } from '../../src/routing/default-ports.ts'
import { sqlFunction } from '../../src/routing/functions/sql-functions.ts'
import type { RuleMessage } from '../../src/routing/message.ts'
import type { RulePorts } from '../../src/routing/rule-function.ts'
import { nameOf } from './samples.ts'

export const ports: RulePorts = { ...defaultPorts, now: () => 5, random: () => 0.25, uuid: () => 'u-1' }

export function call(name: string, args: readonly unknown[], o: { message?: RuleMessage; ports?: RulePorts } = {}): unknown {
  const found = sqlFunction(name)
  assert.ok(found, `${name} is no function`)
  return found.call(args, { message: {}, ports, ...o })
}

export type Example = readonly [name: string, args: readonly unknown[], result: unknown]

/** One test for each example. */
export function describeExamples(title: string, examples: readonly Example[]): void {
  describe(title, () => {
    for (const [name, args, result] of examples)
      it(`${name}(${args.map(each => nameOf(each).slice(0, 60)).join(', ')}) is ${nameOf(result)?.slice(0, 60)}`, () =>
        assert.deepEqual(call(name, args), result))
  })
}
