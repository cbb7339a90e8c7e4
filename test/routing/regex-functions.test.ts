import assert from 'node:assert/strict'
import type { PatternMaker } from '../../src/runtime/guarded-regex.ts'
import { loadLinearRegex } from '../../src/runtime/linear-regex.ts'
import { createRulePorts } from '../../src/runtime/rule-ports.ts'
import { longestPatternChars, safePattern } from '../../src/routing/safe-pattern.ts'
import { call, describeExamples, type Example, ports } from './call-function.ts'

const _ = undefined

const examples: Example[] = [
  ['regexp_matches', ['aaaa', 'a{2,}'], true],
  ['regexp_matches', ['aaaa', 'b'], false],
  ['regexp_matches', ['xaay', '^a+$'], false],
  ['regexp_matches', ['', ''], true],
  ['regexp_matches', ['a.b', '.b'], true],
  ['regexp_matches', ['Ärger', '(?i)äRGER'], true],
  ['regexp_matches', ['a\nb', 'a.b'], false],
  ['regexp_matches', ['a\nb', '(?s)a.b'], true],
  ['regexp_matches', ['a\nb', '(?m)^b$'], true],
  ['regexp_matches', ['12-34', '\\d+\\-\\d+'], true],
  ['regexp_matches', ['a_b.c-d', '^[\\w-.]+$'], true],
  ['regexp_matches', ['a:b', 'a\\:b'], true],
  ['regexp_matches', ['{x}', '^\\{x}$'], true],
  ['regexp_matches', ['[x]', '^\\[x]$'], true],
  ['regexp_matches', ['abc', '\\Aabc\\z'], true],
  ['regexp_matches', ['𝄞', '^.$'], true],
  ['regexp_matches', ['é', '^\\p{L}$'], true],
  ['regexp_matches', [12345, '^1.*5$'], true],
  ['regexp_matches', ['abc', '('], _],
  ['regexp_matches', ['abc', '[a'], _],
  ['regexp_matches', ['abc', 'a{2'], _],
  ['regexp_matches', ['abc', '\\'], _],
  ['regexp_matches', ['abc', '*'], _],
  ['regexp_substr', ['hihihello', '(hi)*'], 'hihi'],
  ['regexp_substr', ['hihihello', '(hi)*hello'], 'hihihello'],
  ['regexp_substr', ['hihihello', '(hi)*(hello)?'], 'hihihello'],
  ['regexp_substr', ['hihihello', 'xyz'], _],
  ['regexp_substr', ['hihihello', 'x+'], _],
  ['regexp_substr', ['a12b34', '\\d+'], '12'],
  ['regexp_substr', ['abc', 'x*'], ''],
  ['regexp_substr', ['abc', 'b'], 'b'],
  ['regexp_replace', ['abcd', 'bc', 'x'], 'axd'],
  ['regexp_replace', ['abcd', 'b(.*)d', '$1'], 'ac'],
  ['regexp_replace', ['a1b22', '\\d+', '<$0>'], 'a<1>b<22>'],
  ['regexp_replace', ['john smith', '(\\w+) (\\w+)', '$2, $1'], 'smith, john'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: groups by name
  ['regexp_replace', ['john smith', '(?<first>\\w+) (?<last>\\w+)', '${last} ${first}'], 'smith john'],
  ['regexp_replace', ['abc', '(a)|(b)', '[$1$2]'], '[a][b]c'],
  ['regexp_replace', ['abc', 'b(x)?', '[$1]'], 'a[]c'],
  ['regexp_replace', ['abc', '(b)', '$10'], 'ab0c'],
  ['regexp_replace', ['abc', 'b', '\\$1 \\\\ \\n'], 'a$1 \\ nc'],
  // No replacement of Java: groups that do not exist, a bare $, a backslash at the end
  ['regexp_replace', ['abc', '(b)', '$7'], _],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: groups by name
  ['regexp_replace', ['abc', '(?<x>b)', '${none}'], _],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: groups by name
  ['regexp_replace', ['abc', 'b', '${x}'], _],
  ['regexp_replace', ['abc', 'b', 'x$'], _],
  ['regexp_replace', ['abc', 'b+', '$&'], _],
  ['regexp_replace', ['abc', 'b', 'x\\'], _],
  ['regexp_replace', ['abc', 'x', '$7'], 'abc'],
  ['regexp_replace', ['abc', '', '-'], '-a-b-c-'],
  ['regexp_replace', ['a𝄞', 'x*', '-'], '-a-𝄞-'],
  ['regexp_replace', ['aXbX', 'X', '\\$&'], 'a$&b$&'],
  ['regexp_replace', ['abc', 'x', 'y'], 'abc'],
  ['regexp_replace', ['abc', '(', 'y'], _],
]
describeExamples('functions of patterns', examples)

describe('a pattern', () => {
  const kinds: [kind: string, ...patterns: string[]][] = [
    ['plain', '', 'abc', 'a-b c/d', 'é"'],
    ['safe', 'a+b', '^\\d{3}-\\d{4}$', 'red|green', '(?:ab)+', '(?i)warn.*fan', '[a-z]*x', '.', 'a{2,500}'],
    [
      'guarded',
      '(a+)+$',
      '(a*)*b',
      '(a|a)*b',
      '(a|ab)*c',
      '(.*a){20}',
      '(a)\\1',
      '(?<x>a)\\k<x>',
      '(?=a)b',
      '(?!a)b',
      '(?<=a)b',
      '(?<!a)b',
      '.*.*.*.*.*=',
      'a{5000}',
      `a+${'b'.repeat(300)}`,
    ],
    ['invalid', '(', ')', '[', 'a**', 'a{2,1}', '\\', '(?<a', 'a++', '(?>a)', `a+${'b'.repeat(longestPatternChars)}`],
  ]
  for (const [kind, ...patterns] of kinds)
    for (const pattern of patterns) it(`${pattern.slice(0, 40)} is ${kind}`, () => assert.equal(safePattern(pattern).kind, kind))

  it('is compiled once while it is among the 256 used last', () => {
    const first = safePattern('once+')
    assert.equal(safePattern('once+'), first)
    for (let i = 0; i < 256; i++) safePattern(`other+${i}`)
    assert.notEqual(safePattern('once+'), first)
  })

  it('goes to the guard when it is not safe, or the text is long, and never when it is invalid', () => {
    const asked: string[] = []
    const guardedRegex = {
      matches: (pattern: string) => Boolean(asked.push(`matches ${pattern}`)),
      first: (pattern: string) => (asked.push(`first ${pattern}`) > 0 && pattern === 'a+' ? 'found' : null),
      replace: (pattern: string) => (asked.push(`replace ${pattern}`) > 0 ? 'replaced' : undefined),
    }
    const guarded = (name: string, ...args: unknown[]): unknown => call(name, args, { ports: { ...ports, guardedRegex } })
    assert.equal(guarded('regexp_matches', 'a', '(a+)+'), true)
    assert.equal(guarded('regexp_substr', 'a', '(a+)+'), undefined)
    assert.equal(guarded('regexp_replace', 'a', '(a+)+', ''), 'replaced')
    assert.equal(guarded('regexp_substr', 'a'.repeat(4097), 'a+'), 'found')
    assert.equal(guarded('regexp_substr', 'a'.repeat(1000), 'a+'), 'a'.repeat(1000))
    assert.equal(guarded('regexp_substr', 'b'.repeat(65_536), 'b'), 'b')
    assert.equal(guarded('regexp_matches', 'a', '((a+)+'), undefined)
    assert.deepEqual(asked, ['matches (a+)+', 'first (a+)+', 'replace (a+)+', 'first a+'])
  })

  it('that is not safe is Undefined where there is no guard', () => {
    for (const name of ['regexp_matches', 'regexp_substr']) assert.equal(call(name, ['aaa', '(a+)+']), undefined)
    assert.equal(call('regexp_replace', ['aaa', '(a+)+', '']), undefined)
  })
})

describe('guards of patterns', () => {
  const attack = `${'a'.repeat(65_535)}!`
  for (const [name, load] of [
    ['of V8', async () => undefined],
    ['of re2js', loadLinearRegex],
  ] as const)
    describe(name, () => {
      let linear: PatternMaker | undefined
      /** With time enough, also where the machine is busy. */
      let made: ReturnType<typeof createRulePorts>
      before(async () => {
        linear = await load()
        made = createRulePorts({ linear, timeMs: 30_000 })
      })

      it('answer as the safe way does', () => {
        const guard = made.guardedRegex
        for (const [name, [text, pattern, replacement], result] of examples) {
          const label = `${name} ${text} ${pattern}`
          const [t, p] = [String(text), String(pattern)]
          if (name === 'regexp_matches') assert.equal(guard.matches(p, t), result, label)
          else if (name === 'regexp_substr') assert.equal(guard.first(p, t) ?? undefined, result, label)
          else assert.equal(guard.replace(p, t, String(replacement)), result, label)
        }
      })
      it('also look back and around', () => {
        const guard = made.guardedRegex
        assert.equal(guard.first('(a)\\1', 'xaay'), 'aa')
        assert.equal(guard.first('b(?=c)', 'abbc'), 'b')
        assert.equal(guard.replace('(?<=a)b', 'abb', 'x'), 'axb')
        assert.equal(guard.first('(b)\\1', 'abc'), null)
      })
      it('come to an end on hostile patterns and texts of 64 KiB', () => {
        const guard = createRulePorts({ linear }).guardedRegex
        for (const pattern of [
          '(a+)+$',
          '(a|a)*b',
          '(a*)*b',
          '(a?){50}a{50}b',
          '(.*)(.*)(.*)(.*)(.*)=',
          '([a-z]+)+\\d',
          'a.*?b|a',
        ]) {
          assert.ok(['boolean', 'undefined'].includes(typeof guard.matches(pattern, attack)))
          assert.ok(['string', 'object', 'undefined'].includes(typeof guard.first(pattern, attack)))
          assert.ok((guard.replace(pattern, attack, '$0$0') ?? attack).length >= attack.length)
        }
      }).timeout(60_000)
      it('give up texts beyond their limit, and count it', () => {
        const guard = made.guardedRegex
        const before = guard.timeouts()
        assert.equal(guard.matches('(a+)+b', 'a'.repeat(262_145)), undefined)
        assert.equal(guard.timeouts(), before + 1)
      })
      it('are Undefined for what is no pattern', () => {
        for (const pattern of ['(', 'a**', 'x'.repeat(2000)]) assert.equal(made.guardedRegex.matches(pattern, 'a'), undefined)
      })
    })

  it('stop V8 inside a match and count it', () => {
    const { guardedRegex } = createRulePorts()
    assert.equal(guardedRegex.matches('(a+)+$', `${'a'.repeat(60)}!`), undefined)
    assert.equal(guardedRegex.first('(a+)+$', `${'a'.repeat(60)}!`), undefined)
    assert.equal(guardedRegex.replace('(a+)+$', `${'a'.repeat(60)}!`, ''), undefined)
    assert.equal(guardedRegex.timeouts(), 3)
  })
  it('of re2js need no time for what V8 backtracks over', async () => {
    const { guardedRegex } = createRulePorts({ linear: await loadLinearRegex() })
    assert.equal(guardedRegex.matches('(a+)+$', `${'a'.repeat(60)}!`), false)
    assert.equal(guardedRegex.matches('(a{0,200})([^b]{0,200})c?d', attack), undefined)
    assert.equal(guardedRegex.timeouts(), 1)
  })
  it('of re2js do without it where it is not installed', async () =>
    assert.equal(await loadLinearRegex(() => Promise.reject(new Error('not found'))), undefined))
})

describe('ports of Node.js', () => {
  const made = createRulePorts()
  it('hash as the pure ones, MD2 too', () => {
    for (const name of ['md2', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const)
      assert.equal(made.hash(name, Uint8Array.of(1, 2, 3)), ports.hash(name, Uint8Array.of(1, 2, 3)))
  })
  it('know time, chance and names', () => {
    assert.ok(Number.isSafeInteger(made.now()))
    assert.ok(made.random() < 1)
    assert.match(made.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
