import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { editorScript } from '../scripts/build-node.ts'

interface Definition {
  category: string
  icon: string
  color: string
  inputs?: number
  outputs?: number
  defaults: Record<string, { value: unknown; validate?: (this: object, value: unknown) => unknown }>
  credentials?: Record<string, { type: string }>
}

const names = readdirSync('nodes').filter(name => existsSync(`nodes/${name}/editor.ts`))
const isAnchor = (key: string): boolean => /^node-red:|^common\./.test(key)

function flatKeys(tree: object, prefix = ''): string[] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === 'object' ? flatKeys(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  )
}

/** Runs the bundle against an editor that only knows registerType. */
async function registered(name: string): Promise<[string, Definition][]> {
  const seen: [string, Definition][] = []
  const RED = { nodes: { registerType: (...args: [string, Definition]) => seen.push(args) } }
  new Function('RED', '$', await editorScript(name))(RED, undefined)
  return seen
}

describe('editor halves', () => {
  it('exist', () => assert.ok(names.length > 0))

  for (const name of names) {
    describe(name, () => {
      const form = readFileSync(`nodes/${name}/form.html`, 'utf8')
      const source = readFileSync(`nodes/${name}/editor.ts`, 'utf8')
      const langs = readdirSync(`nodes/${name}/locales`)
      let definition: Definition
      let type: string

      before(async () => {
        const all = await registered(name)
        assert.equal(all.length, 1)
        ;[[type, definition]] = all as [[string, Definition]]
      })

      it('register the type of the config', async () => {
        const config = (await import(`../nodes/${name}/config.ts`)) as { type: string }
        assert.equal(type, config.type)
        assert.equal(type, `loom-${name}`)
      })

      it('have form fields for exactly the defaults and credentials', () => {
        const fields = [...form.matchAll(/id="node-(?:config-)?input-([^"]+)"/g)].map(([, field]) =>
          field!.replace(/-container$/, ''),
        )
        const wanted = [...Object.keys(definition.defaults), ...Object.keys(definition.credentials ?? {})]
        const typed = wanted.filter(
          field => field.endsWith('Type') && wanted.includes(field.slice(0, -4)) && !fields.includes(field),
        )
        assert.deepEqual(fields.sort(), wanted.filter(field => !typed.includes(field)).sort())
      })

      it('keep lists away from ids that the editor itself reads and writes as text', () => {
        for (const [, tag, id] of form.matchAll(/<(\w+)\b[^>]*\bid="(node-(?:config-)?input-[^"]+)"/g)) {
          assert.equal(id!.endsWith('-container'), !['input', 'select', 'textarea'].includes(tag!), id)
        }
        for (const [field, { value }] of Object.entries(definition.defaults)) {
          const isText = typeof value !== 'object' || new RegExp(`<select[^>]*id="node-input-${field}"[^>]*multiple`).test(form)
          assert.equal(new RegExp(`-input-${field}-container"`).test(form), !isText, field)
        }
      })

      it('use the ids of config nodes only if they are one', () => {
        const prefix = definition.category === 'config' ? 'node-config-input-' : 'node-input-'
        for (const [, id] of form.matchAll(/id="(node-[^"]+)"/g)) assert.ok(id!.startsWith(prefix), id)
      })

      it('label every input', () => {
        const labelled = new Set([...form.matchAll(/<label[^>]*\bfor="([^"]+)"/g)].map(([, id]) => id))
        for (const [tag, id] of form.matchAll(/<(?:input|select|textarea|ol)\b[^>]*\bid="([^"]+)"[^>]*>/g)) {
          assert.ok(/type="hidden"/.test(tag) || labelled.has(id!), `no label for ${id}`)
        }
      })

      it('take every text from the locales, which exist in each language', () => {
        const used = [
          ...[...form.matchAll(/data-i18n="(?:\[[a-z-]+\])?([^"]+)"/g)].map(([, key]) => key!),
          ...[...source.matchAll(/\b_\(['"]([^'"]+)['"]/g)].map(([, key]) => key!),
        ].filter(key => !isAnchor(key))
        assert.ok(used.length > 0)
        for (const lang of langs) {
          const known = new Set(flatKeys(JSON.parse(readFileSync(`nodes/${name}/locales/${lang}/${name}.json`, 'utf8'))))
          assert.deepEqual(
            used.filter(key => !known.has(key)),
            [],
            lang,
          )
        }
        const literal = form.replace(/<[^>]*>/g, ' ').trim()
        assert.equal(literal, '')
      })

      it('accept their own defaults', () => {
        for (const [field, { value, validate }] of Object.entries(definition.defaults)) {
          if (!validate || value === '') continue
          assert.equal(Boolean(validate.call({ ...valuesOf(definition) }, value)), true, field)
        }
      })

      it('have an icon of 40 x 60', () => {
        assert.equal(definition.icon, `${name}.svg`)
        const icon = readFileSync(`nodes/${name}/icon.svg`, 'utf8')
        assert.match(icon, /width="40" height="60"/)
        assert.doesNotMatch(icon.replaceAll('#fff', ''), /#[0-9a-f]{3}/i)
      })

      it('sit in the palette of the suite', () => {
        assert.ok(['config', 'IoT things', 'IoT insights', 'IoT actions'].includes(definition.category), definition.category)
      })
    })
  }
})

const valuesOf = (definition: Definition): object =>
  Object.fromEntries(Object.entries(definition.defaults).map(([field, { value }]) => [field, value]))
