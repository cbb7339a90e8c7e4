import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

const names = readdirSync('nodes')

function flat(tree: object, prefix = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' ? flat(value, `${prefix}${key}.`) : [[`${prefix}${key}`, value as string] as [string, string]],
  )
}
const load = (name: string, lang: string): [string, string][] =>
  flat(JSON.parse(readFileSync(`nodes/${name}/locales/${lang}/${name}.json`, 'utf8')))

/** Sections that a help text must have, per language. */
const sections: Record<string, RegExp[]> = {
  'en-US': [/^### Details$/m, /^### Example$/m],
  de: [/^### Einzelheiten$/m, /^### Beispiel$/m],
}

describe('locales', () => {
  for (const name of names) {
    it(`of ${name} have the same keys and placeholders in every language`, () => {
      const english = load(name, 'en-US')
      for (const lang of readdirSync(`nodes/${name}/locales`)) {
        const texts = load(name, lang)
        assert.deepEqual(texts.map(([key]) => key).sort(), english.map(([key]) => key).sort(), lang)
        assert.ok(
          texts.every(([, text]) => text.trim()),
          lang,
        )
        const placeholders = (text: string): string[] => (text.match(/__\w+__/g) ?? []).sort()
        for (const [key, text] of texts)
          assert.deepEqual(placeholders(text), placeholders(new Map(english).get(key)!), `${lang} ${key}`)
      }
    })

    it(`of ${name} come in English and German, texts and help`, () => {
      assert.deepEqual(readdirSync(`nodes/${name}/locales`).sort(), ['de', 'en-US'])
      assert.ok(existsSync(`nodes/${name}/locales/de/help.md`))
      for (const [lang, file] of [
        ['en-US', `nodes/${name}/help.md`],
        ['de', `nodes/${name}/locales/de/help.md`],
      ] as const) {
        for (const section of sections[lang]!) assert.match(readFileSync(file, 'utf8'), section, file)
      }
    })
  }
})
