import assert from 'node:assert/strict'
import { LoomError, type TextPosition } from '../../src/errors.ts'
import { withCaret } from '../../src/routing/caret.ts'
import { lintCondition, lintStatement } from '../../src/routing/lint.ts'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import { parseTemplate } from '../../src/routing/parse-template.ts'
import { printExpression, printStatement } from '../../src/routing/print.ts'
import { seeded } from '../seeded.ts'
import { randomCondition, randomStatement, unplaced } from './random-rules.ts'

/** Reads a text as a rule: it becomes a tree, or one of the errors of rules with a place inside the text. */
function survives(text: string): 'tree' | 'error' {
  let trees = 0
  const attempt = (parse: () => void): void => {
    try {
      parse()
      trees++
    } catch (error) {
      if (!(error instanceof LoomError)) throw new Error(`${JSON.stringify(text.slice(0, 500))}: ${error}`, { cause: error })
      assert.match(error.code, /^RULE_/)
      const { offset, length, line, column } = error.position as TextPosition
      assert.ok(offset >= 0 && length >= 0 && offset + length <= text.length, JSON.stringify(text))
      assert.equal(line, text.slice(0, offset).split('\n').length, JSON.stringify(text))
      assert.equal(column, offset - text.lastIndexOf('\n', offset - 1), JSON.stringify(text))
      assert.ok(withCaret(error, text).startsWith(error.message))
    }
  }
  const limits = { textBytes: 65_536 }
  attempt(() => {
    const statement = parseStatement(text)
    lintStatement(statement, { publishTopic: text })
    const { extensions: _, ...again } = parseStatement(printStatement(statement), { limits })
    const { extensions: __, ...first } = statement
    assert.deepEqual(unplaced(again), unplaced(first), text)
  })
  attempt(() => {
    const condition = parseCondition(text)
    lintCondition(condition)
    assert.deepEqual(unplaced(parseCondition(printExpression(condition, 'condition'), { limits })), unplaced(condition), text)
  })
  const outcome = trees > 0 ? 'tree' : 'error'
  attempt(() => parseTemplate(text))
  return outcome
}

const pieces = [
  ...[
    "'",
    '"',
    '`',
    '\\',
    '\\u',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    '.',
    ':',
    '@',
    '$',
    '$' + '{',
    '$$',
    '*',
    '-',
    '--',
    '/*',
    '#',
    ';',
    '!',
    '=',
  ],
  ...['\n', '\r', '\t', '\u0000', '\u00a0', '\ufeff', '🙂', '\ud800', 'é', '0', '0x', '1e', '1e999', '.5', '9'.repeat(30)],
  ...[
    'SELECT',
    ' VALUE ',
    ' FROM ',
    ' WHERE ',
    ' AS ',
    ' CASE ',
    ' WHEN ',
    ' THEN ',
    ' END ',
    ' NOT ',
    ' IN ',
    ' AND ',
    'SET',
    ' FOREACH ',
  ],
  ...[
    ' DO ',
    ' INCASE ',
    ' CAST(',
    ' NULL ',
    '__proto__',
    'constructor',
    '$body',
    '$twin',
    '$sys.',
    '(SELECT ',
    ' LIKE ',
    ' DISTINCT ',
  ],
]

describe('a hostile text', function () {
  this.timeout(60_000)

  it('made of mutated rules is read or refused', () => {
    const random = seeded(11)
    const outcomes = { tree: 0, error: 0 }
    for (let i = 0; i < 3000; i++) {
      let text =
        i % 2
          ? printStatement({ ...randomStatement(random), extensions: [] })
          : printExpression(randomCondition(random, 4), 'condition')
      for (let edits = random.below(5); edits >= 0; edits--) {
        const at = random.below(text.length + 1)
        const cut = random.below(3) === 0 ? random.below(8) : 0
        text = text.slice(0, at) + (random.below(4) ? random.pick(pieces) : '') + text.slice(at + cut)
      }
      outcomes[survives(text)]++
    }
    assert.ok(outcomes.tree > 200 && outcomes.error > 200, JSON.stringify(outcomes))
  })

  it('made of random pieces is read or refused', () => {
    const random = seeded(12)
    for (let i = 0; i < 6000; i++)
      survives(
        `${random.below(2) ? 'SELECT ' : ''}${Array.from({ length: random.below(20) }, () => random.pick(pieces)).join('')}`,
      )
  })

  it('that repeats one thing as long as it may is read or refused', () => {
    const repeated = [
      ...pieces,
      'a.',
      'a+',
      'a-',
      '-',
      'a OR ',
      'a = 1 AND ',
      'NOT ',
      'f(',
      'a[',
      '[',
      '[1,',
      '{a:',
      '(SELECT a FROM ',
      'a IN ',
      'a<',
    ]
    for (const piece of [
      ...repeated,
      'CASE a WHEN ',
      'CAST(',
      '@a',
      'a,',
      "'a',",
      '$' + '{a}',
      'a AND NOT (',
      '- (',
      'a\n',
      "''",
      '\\\\',
      '1.',
    ]) {
      const many = piece.repeat(Math.floor(16_300 / new TextEncoder().encode(piece).length))
      for (const text of [
        many,
        `SELECT ${many}`,
        `SELECT ${many}1`,
        `SELECT a WHERE ${many}1`,
        `SELECT '${many}`,
        `SELECT '${many}'`,
      ])
        survives(text)
    }
  })

  it('of nested things as high as allowed can be printed and looked through', () => {
    const chain = `${'1+'.repeat(500)}1`
    const deep = Array.from({ length: 10 }).reduce((inner: string) => `(${inner}${'+1'.repeat(45)})`, 'a')
    for (const text of [
      `SELECT ${chain}`,
      `SELECT ${deep}`,
      `SELECT a WHERE ${'NOT '.repeat(60)}a = 1`,
      `SELECT ${'('.repeat(64)}a${')'.repeat(64)}`,
    ])
      assert.equal(survives(text), 'tree')
  })

  it('that names what every object has makes only data of it', () => {
    const { output } = parseStatement('SELECT {__proto__: 1, constructor: 2} AS __proto__.x, toString, a.__proto__')
    assert.ok(output.kind === 'select')
    const [first] = output.items
    assert.deepEqual(first?.path, ['__proto__', 'x'])
    assert.ok(first?.expression?.kind === 'object')
    assert.deepEqual(
      first.expression.members.map(({ key }) => key),
      ['__proto__', 'constructor'],
    )
    assert.throws(() => parseStatement('SELECT toString(a)', { functions: new Map() }), { code: 'RULE_FUNCTION' })
  })
})
