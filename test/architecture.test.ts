import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, posix } from 'node:path'
import { filesUnder } from './files.ts'

const domains =
  'identity|pki|provisioning|twin|commands|telemetry|codec|routing|window|anomaly|journal|storage|jobs|topology|guard'
const domain = `src/(${domains})/`

/** Layer -> what it may import besides its own folder, as resolved path or package name. The first layer that matches a file counts. */
const layers: { layer: RegExp; may: RegExp }[] = [
  { layer: /^src\/errors\.ts$/, may: /^$/ },
  { layer: /^src\/codec\/peers\.ts$/, may: /^(src\/errors\.ts|(cbor-x|msgpackr)(\/index-no-eval)?|protobufjs)$/ },
  { layer: /^src\/codec\//, may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:(crypto|zlib)|avsc|protobufjs)$`) },
  { layer: /^src\/pki\//, may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:(crypto|util)|node-forge)$`) },
  { layer: /^src\/storage\//, may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:(crypto|zlib)|avsc)$`) },
  { layer: /^src\/(routing|window)\//, may: new RegExp(`^(src/errors\\.ts|src/(${domains})/.*)$`) },
  { layer: new RegExp(`^${domain}`), may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:(crypto|util))$`) },
  // Files beside the dialects and stores are shared by them or compose them; one dialect or store never sees another.
  { layer: /^src\/dialects\/[^/]+\//, may: new RegExp(`^(src/errors\\.ts|src/dialects/[^/]+\\.ts|${domain}.*|node:crypto)$`) },
  { layer: /^src\/dialects\//, may: new RegExp(`^(src/errors\\.ts|src/dialects/.*|${domain}.*|node:crypto)$`) },
  { layer: /^src\/broker\//, may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:.*|aedes|mqtt|ws|mqtt-packet)$`) },
  {
    layer: /^src\/stores\/[^/]+\//,
    may: new RegExp(`^(src/errors\\.ts|src/stores/[^/]+\\.ts|${domain}.*|node:.*|lowdb(/.*)?|avsc)$`),
  },
  { layer: /^src\/stores\//, may: new RegExp(`^(src/errors\\.ts|src/stores/.*|${domain}.*|node:.*|avsc)$`) },
  {
    layer: /^src\/simulator\//,
    may: new RegExp(
      `^(src/errors\\.ts|src/dialects/(plain/topics|aws/(fleet|client)-topics|azure/client-topics)\\.ts|${domain}.*|node:.*|mqtt)$`,
    ),
  },
  { layer: /^src\/hub\/jwt-verifier\.ts$/, may: /^(src\/errors\.ts|src\/identity\/token-verifier\.ts|jose)$/ },
  {
    layer: /^src\/hub\/ajv-validator\.ts$/,
    may: /^(src\/errors\.ts|src\/runtime\/ajv-parts\.ts|src\/twin\/model\/.*|ajv(\/dist\/2020\.js)?)$/,
  },
  { layer: /^src\/hub\//, may: /^(src\/(?!nodered|simulator).*|node:.*)$/ },
  {
    layer: /^src\/runtime\/(ajv-parts|json-schema-checks)\.ts$/,
    may: new RegExp(`^(src/errors\\.ts|${domain}.*|ajv(/dist/2020\\.js)?)$`),
  },
  // What Node.js and optional packages give the domains, in whichever thread they run.
  { layer: /^src\/runtime\//, may: new RegExp(`^(src/errors\\.ts|${domain}.*|node:.*|re2js)$`) },
  { layer: /^src\/nodered\/route\/jsonata\.ts$/, may: /^(src\/errors\.ts|jsonata)$/ },
  {
    layer: /^src\/nodered\//,
    may: new RegExp(
      `^(src/errors\\.ts|src/hub/(hub|hub-client|start-hub)\\.ts|src/broker/broker-port\\.ts|src/runtime/.*|${domain}.*|node:.*|node-red|express)$`,
    ),
  },
  // What fields of nodes are, for both halves.
  { layer: /^src\/fields\//, may: /^$/ },
  // Halves for the browser: of the domains only what needs no Node.js.
  { layer: /^src\/editor\//, may: /^(src\/errors\.ts|src\/identity\/policy-actions\.ts|src\/(routing|fields)\/.*|node-red)$/ },
  { layer: /^nodes\/[^/]+\/(config|editor|[a-z-]+-tab)\.ts$/, may: /^(src\/(routing|window|editor|fields)\/.*|node-red)$/ },
  {
    layer: /^nodes\/[^/]+\//,
    may: new RegExp(`^(src/errors\\.ts|src/(nodered|fields|simulator|runtime)/.*|${domain}.*|node:.*|node-red)$`),
  },
]

/** Node types and other erased imports may come from the same place as values; only cycles leave them out. */
const importPattern = /(?:^|\n)\s*(import|export)\s+(type\s+)?([^'"]*?from\s+)?'([^']+)'|\bimport\('([^']+)'\)/g

interface Import {
  target: string
  typeOnly: boolean
}

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(importPattern)].map(([, , type, clause = '', fixed, dynamic]) => {
    const name = (fixed ?? dynamic)!
    const target = name.startsWith('.') ? posix.normalize(posix.join(dirname(file), name)) : name
    const named = /^\{([^}]*)\}/.exec(clause.trim())?.[1]
    const allTypes = named?.split(',').every(part => !part.trim() || part.trim().startsWith('type ')) ?? false
    return { target, typeOnly: Boolean(type) || allTypes || dynamic !== undefined }
  })
}

const ownFolder = (file: string, target: string): boolean => {
  const depth = file.startsWith('src/stores/') || file.startsWith('src/dialects/') ? 3 : 2
  const folder = file.split('/').slice(0, depth).join('/')
  return target.startsWith(`${folder}/`) && file.startsWith(`${folder}/`)
}

describe('architecture', () => {
  const texts = new Map<string, string>()
  const imports = new Map<string, Import[]>()

  before(async () => {
    for (const file of await filesUnder(['src', 'nodes'], '.ts')) {
      const text = await readFile(file, 'utf8')
      texts.set(file, text)
      imports.set(file, importsOf(file, text))
    }
  })

  it('has source files to look at', () => assert.ok(texts.size > 20))

  it('every file belongs to a layer', () => {
    assert.deepEqual(
      [...texts.keys()].filter(file => !layers.some(({ layer }) => layer.test(file))),
      [],
    )
  })

  it('imports follow the layers', () => {
    const broken: string[] = []
    for (const [file, list] of imports) {
      const rule = layers.find(({ layer }) => layer.test(file))
      for (const { target } of list) if (!ownFolder(file, target) && !rule?.may.test(target)) broken.push(`${file} -> ${target}`)
    }
    assert.deepEqual(broken, [])
  })

  it('packages that payload formats may do without are imported as types', () => {
    const optional = /^(cbor-x|msgpackr|protobufjs)(\/|$)/
    const broken = [...imports].flatMap(([file, list]) =>
      file.startsWith('src/codec/')
        ? list.filter(({ target, typeOnly }) => optional.test(target) && !typeOnly).map(() => file)
        : [],
    )
    assert.deepEqual(broken, [])
  })

  it('a node imports no other node', () => {
    const broken = [...imports].flatMap(([file, list]) =>
      file.startsWith('nodes/')
        ? list
            .filter(({ target }) => target.startsWith('nodes/') && !ownFolder(file, target))
            .map(({ target }) => `${file} -> ${target}`)
        : [],
    )
    assert.deepEqual(broken, [])
  })

  it('imports form no cycle', () => {
    const state = new Map<string, 'open' | 'done'>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (state.get(file) === 'done') return
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
        return
      }
      state.set(file, 'open')
      for (const { target, typeOnly } of imports.get(file) ?? [])
        if (!typeOnly && imports.has(target)) visit(target, [...path, file])
      state.set(file, 'done')
    }
    for (const file of imports.keys()) visit(file, [])
    assert.deepEqual(cycles, [])
  })

  it('nothing that a node loads awaits at top level, which Node-RED 4 cannot require', () => {
    const broken = [...texts].filter(([, text]) =>
      /^(?:await\b|(?:export\s+)?(?:const|let|var)\s[^=\n]*=\s*await\b|for await\b)/m.test(text),
    )
    assert.deepEqual(
      broken.map(([file]) => file),
      [],
    )
  })

  it('nothing imports build output', () => {
    assert.deepEqual(
      [...imports].flatMap(([file, list]) =>
        list.filter(({ target }) => /^(\.|dist\/|src\/|nodes\/).*(^|\/)dist\/|^dist\//.test(target)).map(() => file),
      ),
      [],
    )
  })

  it('topics of the dialects are spelled in src/dialects only', () => {
    const topics = /['"`](\$aws\/|\$iothub\/|\$dps\/|\/?devices\/(\$\{|\{|\+))/
    const broken = [...texts].filter(([file, text]) => !file.startsWith('src/dialects/') && topics.test(withoutComments(text)))
    assert.deepEqual(
      broken.map(([file]) => file),
      [],
    )
  })

  it('no file has more than 400 lines', () => {
    assert.deepEqual(
      [...texts].filter(([, text]) => text.split('\n').length > 401).map(([file]) => file),
      [],
    )
  })

  it('domain folders read no clock, timer or random source', () => {
    const broken: string[] = []
    for (const [file, text] of texts) {
      // Its ports are where the others get theirs from.
      if (!new RegExp(`^${domain}`).test(file) || file === 'src/routing/default-ports.ts') continue
      const found =
        /\b(Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(|setImmediate\(|performance\.now\(|randomBytes\(|randomUUID\()/.exec(
          withoutComments(text),
        )
      if (found) broken.push(`${file}: ${found[0]}`)
    }
    assert.deepEqual(broken, [])
  })
})

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, '$1')
