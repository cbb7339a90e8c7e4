import { typedInputs } from './typed-inputs.ts'

/** Fields of nodes that command devices by name, a group, or what a query finds. Each has its rows, of the class `loom-target-{target}`; `loom-target-many` is for the two others. */
export const targetDefaults = {
  target: { value: 'device' as const },
  device: { value: 'device' },
  deviceType: { value: 'msg' },
  group: { value: 'group' },
  groupType: { value: 'msg' },
  dialect: { value: 'aws' as const },
  query: { value: 'query' },
  queryType: { value: 'msg' },
}

const types = {
  device: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
  group: ['msg', 'str', 'flow', 'global', 'env', 'jsonata'],
  query: ['msg', 'str', 'json', 'flow', 'global', 'env', 'jsonata'],
}

/** Shows the rows of the target that is chosen. `text`: the label of a field. */
export function prepareTargets(text: (field: string) => string): void {
  typedInputs(types, text)
  const target = $('#node-input-target')
  target
    .on('change', () => {
      const chosen = target.val()
      for (const field of Object.keys(types)) $(`.loom-target-${field}`).toggle(chosen === field)
      $('.loom-target-many').toggle(chosen !== 'device')
    })
    .trigger('change')
}
