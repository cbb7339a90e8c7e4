import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { reasons } from '../../src/editor/admin-api.ts'
import { filesUnder } from '../files.ts'

/** Keys that are passed on by a name, and where they are written. */
const passedOn = ['unnamed', 'sameName', 'payload', 'twin', 'import.action', 'import.errorAction']

const flatKeys = (tree: object, before = ''): string[] =>
  Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' ? flatKeys(value, `${before}${key}.`) : [`${before}${key}`],
  )

describe('words of the editor of rules', () => {
  it('are all in the catalogue, which has no other', async () => {
    const known = flatKeys(JSON.parse(readFileSync('nodes/route/locales/en-US/route.json', 'utf8')).route.editor)
    const asked: string[] = [...reasons, ...passedOn]
    const begun: string[] = []
    for (const file of [
      ...(await filesUnder(['src/editor/rules'], '.ts')),
      'nodes/route/rules-tab.ts',
      'nodes/route/editor.ts',
    ]) {
      const source = readFileSync(file, 'utf8')
      for (const [, inside] of source.matchAll(/\bwords\(([^(){]*)/g)) {
        asked.push(...Array.from(inside!.matchAll(/'([\w.]+)'/g), ([, key]) => key!).filter(key => key !== 'sql'))
        begun.push(...Array.from(inside!.matchAll(/`([\w.]+\.)\$/g), ([, start]) => start!))
      }
      asked.push(
        ...Array.from(source.matchAll(/'(?:route\.editor|state)\.[a-zA-Z]+'/g), ([text]) =>
          text.slice(1, -1).replace('route.editor.', ''),
        ),
      )
    }
    const form = readFileSync('nodes/route/form.html', 'utf8')
    asked.push(...Array.from(form.matchAll(/data-i18n="(?:\[\w+\])?route\.editor\.([\w.]+)"/g), ([, key]) => key!))
    assert.deepEqual(
      asked.filter(key => !known.includes(key)),
      [],
    )
    assert.deepEqual(
      known.filter(key => !asked.includes(key) && !begun.some(start => key.startsWith(start))),
      [],
    )
  })
})
