// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of rules
import assert from 'node:assert/strict'
import { type LintInfo, lintCondition, lintStatement } from '../../src/routing/lint.ts'
import type { LintFinding } from '../../src/routing/lint-finding.ts'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import { parseStatement } from '../../src/routing/parse-statement.ts'

const info: LintInfo = {
  functions: new Map([
    ['abs', { arity: [1, 1] }],
    ['substring', { arity: [2, 3] }],
    ['rand', { arity: [0, 0] }],
    ['concat', { arity: [1, Number.POSITIVE_INFINITY] }],
    ...['isundefined', 'is_defined', 'as_number'].map((name): [string, { arity: [number, number] }] => [name, { arity: [1, 1] }]),
    ...['regexp_matches', 'regexp_substr'].map((name): [string, { arity: [number, number] }] => [name, { arity: [2, 2] }]),
  ]),
  isSafePattern: pattern => pattern !== '(a+)+$',
}

/** `code@what stands there` and, behind `=>`, the text with the fix applied. */
function shown(text: string, found: LintFinding[]): string[] {
  return found.map(({ code, position: { offset, length, line, column }, fix, message }) => {
    assert.doesNotMatch(message, /[.]$/)
    const lines = text.slice(0, offset).split('\n')
    assert.deepEqual({ line, column }, { line: lines.length, column: lines.at(-1)!.length + 1 })
    const fixed = fix && text.slice(0, fix.offset) + fix.text + text.slice(fix.offset + fix.length)
    return `${code}@${text.slice(offset, offset + length)}${fixed === undefined ? '' : ` => ${fixed}`}`
  })
}

describe('a rule in SQL is warned about', () => {
  /** WHERE of `SELECT *` -> what is found, without `not-indexed` */
  const wheres: [string, string[]][] = [
    ['a = 1', []],
    ['a <> 1', ['missing-key@a <> 1 => a <> 1 OR isundefined(a)']],
    ['a.b[0] <> 1 AND c = 2', ['missing-key@a.b[0] <> 1 => (a.b[0] <> 1 OR isundefined(a.b[0])) AND c = 2']],
    ['NOT a = 1', ['missing-key@NOT a = 1 => NOT a = 1 OR isundefined(a)']],
    ['NOT (a = 1) AND b', ['missing-key@NOT (a = 1) => (NOT a = 1 OR isundefined(a)) AND b']],
    ['1 <> a', ['missing-key@1 <> a => 1 <> a OR isundefined(a)']],
    ['a <> 1 OR isundefined(a)', []],
    ['a <> 1 OR isundefined(b)', ['missing-key@a <> 1 => (a <> 1 OR isundefined(a)) OR isundefined(b)']],
    ['abs(a) <> 1', []],
    ["a = '5'", ["numeric-string@'5' => a = 5"]],
    ["'-1.5' = a.b", ["numeric-string@'-1.5' => -1.5 = a.b"]],
    ["a IN [1, '2']", ["numeric-string@'2' => a IN [1, 2]"]],
    ["a = '007'", []],
    ["abs(a) = '5'", []],
    ["a > '2024-01-01'", ["date-compare@a > '2024-01-01'"]],
    ["'x' <= a", ["date-compare@'x' <= a"]],
    ['a < TRUE', ['date-compare@a < TRUE']],
    ["a > '5'", []],
    ['TRUE', ['constant-condition@TRUE']],
    ['1 = 1', ['constant-condition@1 = 1']],
    ['a = 1 AND NOT 1 > 2', ['constant-condition@NOT 1 > 2']],
    ["a = 'x' OR 'y'", ["constant-condition@'y' => a = 'x' OR a = 'y'"]],
    ['a = UNDEFINED', ['constant-condition@a = UNDEFINED => isundefined(a)']],
    ['a <> UNDEFINED', ['constant-condition@a <> UNDEFINED => NOT isundefined(a)']],
    ['1 < a < 3', ['chained-comparison@1 < a < 3 => 1 < a AND a < 3']],
    ['b AND a = b = 3', ['chained-comparison@a = b = 3 => b AND (a = b AND b = 3)']],
    ['(1 < a) = TRUE', []],
    ['abs(a, 1) = 1', ['arity@abs(a, 1)']],
    ["regexp_matches(a, '[')", ["regex-invalid@'['"]],
    ["regexp_matches(a, '(a+)+$')", ["regex-guarded@'(a+)+$'"]],
    ["regexp_matches(a, '^\\d+$')", []],
    ["regexp_replace(a, 'b', '$1') = c", ["regex-invalid@'$1'"]],
    ["regexp_replace(a, '(b)', '${x}') = c", ["regex-invalid@'${x}'"]],
    ["regexp_replace(a, '(?<x>b)(c)?', '${x}$2$0') = c", []],
    ["regexp_replace(a, 'b|', '\\$5') = c", []],
    ['a = 9007199254740993', ['precision@9007199254740993']],
    ['a = 9007199254740991', []],
    ['a != 1 OR isundefined(a)', ['not-portable@!= => a <> 1 OR isundefined(a)']],
  ]
  for (const [where, found] of wheres)
    it(where, () => {
      const prefix = "SELECT * FROM 't'\nWHERE "
      const list = lintStatement(parseStatement(prefix + where), info)
      const rest = list.filter(
        ({ code }) => code !== 'not-indexed' && !(code === 'not-portable' && !found.some(one => one.startsWith(code))),
      )
      assert.deepEqual(
        shown(prefix + where, rest).map(one => one.replace(prefix, '')),
        found,
      )
    })

  const statements: [string, string[]][] = [
    ["SELECT a, b.c, abs(d) AS e FROM 't'", []],
    ['SELECT a + 1, b', ['unnamed-item@a + 1 => SELECT a + 1 AS expr1, b']],
    ['SELECT a, b.a', ['duplicate-name@b.a']],
    ['SELECT a AS x.y, b AS x.y, c AS x.z', ['duplicate-name@b AS x.y']],
    ['SELECT VALUE a + 1', []],
    ['SELECT (SELECT a + 1, b FROM c) AS d', ['unnamed-item@a + 1 => SELECT (SELECT a + 1 AS expr1, b FROM c) AS d']],
    [
      'SELECT (SELECT VALUE a FROM c WHERE b <> 1) AS d',
      ['missing-key@b <> 1 => SELECT (SELECT VALUE a FROM c WHERE b <> 1 OR isundefined(b)) AS d'],
    ],
    ['SELECT a * 2 AS twice WHERE twice = 4', ['alias-in-where@twice => SELECT a * 2 AS twice WHERE (a * 2) = 4']],
    ['SELECT a AS b WHERE b = 4', ['alias-in-where@b => SELECT a AS b WHERE a = 4']],
    ['SELECT a AS x.y WHERE x.y.z = 4', ['alias-in-where@x.y.z']],
    ['SELECT b.v AS b WHERE b.v = 4', []],
    ['SELECT a AS x.y WHERE x = 4', []],
    ['SELECT a WHERE b', ['not-indexed@b']],
    ['SELECT a WHERE abs(b) = 1 AND abs(c) > 2', ['not-indexed@abs(b) = 1 AND abs(c) > 2']],
    ['SELECT a WHERE b = 1 AND abs(c) > 2', []],
    ['SELECT rand(1) AS a, substring(b) AS c, concat() AS d', ['arity@rand(1)', 'arity@substring(b)', 'arity@concat()']],
    ['SET @a = abs() SELECT @a', ['arity@abs()']],
    ["SELECT a[0] FROM 'x', 'y'", ['not-portable@[', "not-portable@'y'"]],
    [
      'FOREACH a DO item.b INCASE item.c <> 1',
      ['not-portable@FOREACH', 'missing-key@item.c <> 1 => FOREACH a DO item.b INCASE item.c <> 1 OR isundefined(item.c)'],
    ],
  ]
  for (const [text, found] of statements)
    it(text, () => assert.deepEqual(shown(text, lintStatement(parseStatement(text), info)), found))

  it('of the number of arguments in words', () => {
    const messages = lintStatement(parseStatement('SELECT rand(1) AS a, substring(b) AS c, concat() AS d, abs() AS e'), info).map(
      ({ message }) => message,
    )
    assert.deepEqual(messages, [
      'rand() takes no arguments, not 1; it is always Undefined',
      'substring() takes 2 to 3 arguments, not 1; it is always Undefined',
      'concat() takes at least 1 argument, not 0; it is always Undefined',
      'abs() takes 1 argument, not 0; it is always Undefined',
    ])
  })

  it('when its output reaches its own FROM', () => {
    const loops: [filter: string, topic: string, loop: boolean][] = [
      ['a/#', 'a/b', true],
      ['a/+/c', 'a/${x}/c', true],
      ['a/+', 'a/b/c', false],
      ['a/+', 'b/${x}', false],
      ['a/#', 'a', true],
      ['#', 'anything', true],
      ['#', '$$aws/things/x', false],
      ['$aws/#', '$$aws/things/x', true],
      ['a/b', 'a/${', false],
      ['+/b', '${clientid()}-x/b', true],
    ]
    for (const [filter, publishTopic, loop] of loops) {
      const text = `SELECT * FROM 'z/z', '${filter}'`
      const found = lintStatement(parseStatement(text), { publishTopic }).filter(({ code }) => code === 'loop')
      assert.deepEqual(shown(text, found), loop ? [`loop@'${filter}'`] : [], `${filter} ${publishTopic}`)
    }
  })
})

describe('a condition is warned about', () => {
  const conditions: [string, string[]][] = [
    ['true', []],
    ['false', ['constant-condition@false', 'not-indexed@false']],
    ["level = 'hot'", []],
    ["level <> 'hot' AND a = 'b'", ["missing-key@level <> 'hot' => (level <> 'hot' OR NOT is_defined(level)) AND a = 'b'"]],
    ['$body.a != 1 OR NOT is_defined($body.a)', ['not-indexed@$body.a != 1 OR NOT is_defined($body.a)']],
    ["$body.a = '5'", ["numeric-string@'5' => $body.a = 5"]],
    ["severity = '5'", []],
    ['severity <= 5', ['numeric-string@severity => as_number(severity) <= 5']],
    ['5 = $enqueuedTime', ['numeric-string@$enqueuedTime => 5 = as_number($enqueuedTime)']],
    ['as_number(severity) <= 5', ['not-indexed@as_number(severity) <= 5']],
    ["$body.at > '2024-01-01'", ["not-indexed@$body.at > '2024-01-01'"]],
    ["$body.a > null AND b = 'x'", ['constant-condition@$body.a > null']],
    ["$body.a = undefined AND b = 'x'", ["constant-condition@$body.a = undefined => NOT is_defined($body.a) AND b = 'x'"]],
    ["a = 'x' OR 'y'", ["not-indexed@a = 'x' OR 'y'", "constant-condition@'y' => a = 'x' OR a = 'y'"]],
  ]
  for (const [text, found] of conditions)
    it(text, () => assert.deepEqual(shown(text, lintCondition(parseCondition(text), info)), found))
})
