import type { Expression, SelectItem, Statement } from '../../src/routing/ast.ts'

/** A tree with all its brackets: `(+ a (* b 2))`. */
export function treeText(one: Expression): string {
  const list = (head: string, ...parts: (Expression | undefined)[]): string =>
    `(${[head, ...parts.flatMap(part => (part ? [treeText(part)] : []))].join(' ')})`
  switch (one.kind) {
    case 'literal':
      return one.value === undefined ? 'undefined' : JSON.stringify(one.value)
    case 'name':
      return one.name
    case 'variable':
      return `@${one.name}`
    case 'source':
      return one.source === 'system' ? `$sys:${one.name}` : `$${one.source}`
    case 'star':
      return '*'
    case 'member':
      return `${treeText(one.object)}.${one.name}`
    case 'index':
      return `${treeText(one.object)}[${treeText(one.index)}]`
    case 'unary':
      return list(one.operator, one.operand)
    case 'binary':
      return list(one.operator, one.left, one.right)
    case 'call':
      return list(`${one.name}!`, ...one.args)
    case 'cast':
      return list(`cast:${one.type}`, one.operand)
    case 'case':
      return list('case', one.subject, ...one.branches.flatMap(({ when, then }) => [when, then]), one.otherwise)
    case 'array':
      return list('array', ...one.elements)
    case 'object':
      return `(object${one.members.map(({ key, value }) => ` ${key}: ${treeText(value)}`).join('')})`
    case 'select':
      return `(select${one.value ? ':value' : ''} ${itemsText(one.items)} from ${treeText(one.from)}${one.where ? ` where ${treeText(one.where)}` : ''})`
  }
}

const itemsText = (items: readonly SelectItem[]): string =>
  items.map(({ expression, path }) => `${expression ? treeText(expression) : '*'}${path ? `>${path.join('.')}` : ''}`).join(', ')

export function statementText({ set, output, from, where }: Statement): string {
  const parts = set.map(({ name, value }) => `@${name} = ${treeText(value)};`)
  if (output.kind === 'select') parts.push(`select${output.value ? ':value' : ''} ${itemsText(output.items)}`)
  else parts.push(`foreach ${treeText(output.source)} as ${output.name}`)
  if (output.kind === 'foreach' && output.items) parts.push(`do ${itemsText(output.items)}`)
  if (output.kind === 'foreach' && output.condition) parts.push(`incase ${treeText(output.condition)}`)
  if (from.length > 0) parts.push(`from ${from.map(({ filter }) => filter).join(' ')}`)
  if (where) parts.push(`where ${treeText(where)}`)
  return parts.join(' ')
}
