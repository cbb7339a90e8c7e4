import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { prometheusText } from '../../src/hub/prometheus.ts'
import { defaultLimits } from '../../src/hub/options.ts'
import { codes } from '../../src/errors.ts'
import { routes } from '../../src/nodered/admin/routes.ts'
import { faultKinds } from '../../src/simulator/fault-spec.ts'
import { modelNames } from '../../src/simulator/models/catalogue.ts'
import { aggregateFns } from '../../src/window/columns.ts'
import { filesUnder } from '../files.ts'
import { brokenLinks, codeOf, missingPaths, type Page, pageOf, pages } from './pages.ts'
import { snippetsOf } from './snippets.ts'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
  bin: Record<string, string>
  dependencies: Record<string, string>
  exports: Record<string, unknown>
  'node-red': { nodes: Record<string, string> }
}
const nodes = Object.keys(manifest['node-red'].nodes).map(name => `loom-${name}`)

/** Words for the end of a connection, some of which look like codes. */
const endReasons = new Set(
  [...readFileSync('src/broker/broker-port.ts', 'utf8').matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map(([, word]) => word!),
)

/** Pages whose snippets are counted by the tests that run them. */
const runElsewhere = ['admin-api', 'https', 'provisioning-own', 'provisioning-dps', 'provisioning-aws', 'certificates'].map(
  name => `docs/${name}.md`,
)

const none = (list: string[]) => assert.deepEqual(list, [])
/** Matches of the first group in a page's text, each once. */
const named = ({ text }: Page, pattern: RegExp): string[] => [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))]

describe('documentation', () => {
  for (const page of pages) {
    describe(page.file, () => {
      it('links to pages, headings and pictures that exist', () => none(brokenLinks(page)))

      it('names files that exist', () => none(missingPaths(page)))

      it('names commands that exist', () => {
        const scripts = named(page, /\bnpm run (?:--\S+ )*([a-z][\w:-]*)/g)
        const short = named(page, /\bnpm (start|test)\b/g)
        none([...scripts, ...short].filter(name => !(name in manifest.scripts)))
        const suites = readFileSync('.ci/run', 'utf8')
        none(named(page, /\.ci\/run ([a-z]+)/g).filter(name => !suites.includes(`suite ${name} `)))
        none(named(page, /\bnpx (thingloom)\b/g).filter(name => !(name in manifest.bin)))
      })

      it('names node types that exist', () =>
        none(named(page, /\b(loom-[a-z][a-z-]*[a-z])\b/g).filter(type => !nodes.includes(type))))

      it('names error codes that exist', () => {
        const families = new Set(Object.keys(codes).map(code => code.split('_')[0]))
        const used = codeOf(page).filter(code => /^[A-Z]+(_[A-Z]+)+$/.test(code) && families.has(code.split('_')[0]))
        none(used.filter(code => !Object.hasOwn(codes, code) && !endReasons.has(code)))
      })

      it('names admin routes that exist', () => {
        const known = new Set(routes.map(({ method, path }) => `${method.toUpperCase()} ${path}`))
        const own = 'GET /thingloom/openapi.json'
        const used = codeOf(page).flatMap(code => /^((?:GET|POST|PUT|PATCH|DELETE) \/[\w{}/.]+)/.exec(code)?.[1] ?? [])
        const isRoute = (route: string) => known.has(route) || known.has(route.replace(' /', ' /thingloom/{hub}/'))
        none(used.filter(route => route !== own && !isRoute(route)))
      })
    })
  }

  it('has pictures that load quickly', async () => {
    const pictures = await filesUnder(['docs/images'], '.png')
    assert.ok(pictures.length > 0)
    none(pictures.filter(file => statSync(file).size > 200_000))
  })

  it('is linked page by page from README.md', () => {
    const { text } = pageOf('README.md')
    none(pages.filter(({ file }) => file.startsWith('docs/') && !text.includes(`](${file})`)).map(({ file }) => file))
  })

  for (const file of ['README.md', 'docs/nodes.md'])
    it(`${file} links to the help of every node`, () => {
      const { text } = pageOf(file)
      none(nodes.filter(type => !new RegExp(`\\[\`${type}\`\\]\\([^)]*nodes/${type.slice(5)}/help\\.md\\)`).test(text)))
    })

  it('every example has its place in docs/nodes.md', async () => {
    const { text } = pageOf('docs/nodes.md')
    none((await filesUnder(['examples'], '.json')).filter(file => !text.includes(`](../${file})`)))
  })

  it('the table of docs/admin-api.md is that of the routes', () => {
    const rows = named(pageOf('docs/admin-api.md'), /^\| ((?:GET|POST|PUT|PATCH|DELETE) `.*)$/gm).map(row => {
      const [route, , permission] = row.split(' | ')
      return `${route} ${permission!.replace(/ \|$/, '')}`
    })
    assert.deepEqual(
      rows.toSorted(),
      routes.map(({ method, path, permission }) => `${method.toUpperCase()} \`${path}\` \`${permission}\``).toSorted(),
    )
  })

  it('docs/operations.md lists the metrics that are there', () => {
    const figures = new Proxy({}, { get: (_, name) => (name === 'consumers' ? [{ name: 'c' }] : 0) }) as never
    const text = prometheusText('demo', {
      broker: figures,
      journal: figures,
      warm: figures,
      devices: 0,
      methods: { open: 0, late: 0 },
      endpoints: [{ id: 'n', resource: 'mqtt' }] as never,
    })
    const served = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
    const listed = named(pageOf('docs/operations.md'), /^\| `(thingloom_\w+)` \|/gm)
    assert.deepEqual(listed.toSorted(), served.toSorted())
  })

  it('docs/limits.md names every limit that the hub reads', async () => {
    const files = (await filesUnder(['src/hub', 'src/broker'], '.ts')).filter(file => file !== 'src/hub/options.ts')
    const sources = files.map(file => readFileSync(file, 'utf8')).join('\n')
    const read = Object.keys(defaultLimits).filter(name => new RegExp(`limits\\.${name}\\b`).test(sources))
    assert.ok(read.length > 10)
    const { text } = pageOf('docs/limits.md')
    none(read.filter(name => !text.includes(`\`${name}\``)))
  })

  it('docs/simulator.md lists models and faults, docs/windows.md the functions', () => {
    const simulator = codeOf(pageOf('docs/simulator.md'))
    none([...modelNames, ...Object.keys(faultKinds)].filter(name => !simulator.includes(name)))
    const windows = codeOf(pageOf('docs/windows.md'))
    none(aggregateFns.filter(name => !windows.includes(name)))
  })

  it('docs/architecture.md names the runtime dependencies', () => {
    const line = pageOf('docs/architecture.md').text.replaceAll('\n', ' ')
    const [, list] = /The runtime dependencies are ([^;]+);/.exec(line)!
    assert.deepEqual(list!.split(/, | and /).toSorted(), Object.keys(manifest.dependencies).toSorted())
  })

  it('README.md names the variables that the start reads', () => {
    const start = readFileSync('scripts/run-node-red.ts', 'utf8')
    const read = new Set([...start.matchAll(/\b(THINGLOOM_[A-Z_]+|PORT)\b/g)].map(([name]) => name))
    const listed = named(pageOf('README.md'), /^\| `([A-Z_]+)` \|/gm)
    assert.deepEqual(listed.toSorted(), [...read].toSorted())
    assert.match(readFileSync('src/stores/key-file.ts', 'utf8'), /env\.THINGLOOM_KEY\b/)
  })

  it('has no named snippet that no test runs', () => {
    const tests = ['test/readme/mosquitto.test.ts', 'test/conformance/readme.test.ts']
      .map(file => readFileSync(file, 'utf8'))
      .join()
    const others = pages.filter(({ file }) => !runElsewhere.includes(file))
    const names = others.flatMap(({ file }) => [...snippetsOf(file).keys()])
    assert.ok(names.length > 3)
    none(names.filter(name => !tests.includes(`'${name.replace(/-(register|run)$/, '')}'`)))
  })
})
