/** What each output of a route is, in order: ids of rules, then these two. */
export const unmatchedOutput = 'unmatched'
export const errorOutput = 'error'

export interface OutputFields {
  outputRules: readonly string[]
  unmatched: boolean
  errors: boolean
}

export const outputsIn = ({ outputRules, unmatched, errors }: OutputFields): string[] => [
  ...outputRules.map(id => `rule ${id}`),
  ...(unmatched ? [unmatchedOutput] : []),
  ...(errors ? [errorOutput] : []),
]

/** Ports that did not exist before count from here on: the editor tells moved wires from new ports by numbers alone. */
const firstNew = 100_000

/** Old port -> new port, -1 for one that is gone: what the editor's field `outputs` takes so that wires follow what they belong to. */
export function outputMap(before: readonly string[], after: readonly string[]): Record<string, number> {
  const map: Record<string, number> = {}
  before.forEach((output, port) => {
    map[port] = after.indexOf(output)
  })
  after.forEach((output, port) => {
    if (!before.includes(output)) map[firstNew + port] = port
  })
  return map
}
