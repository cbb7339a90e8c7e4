import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'

interface Packed {
  files: { path: string; size: number }[]
  unpackedSize: number
}

describe('package content', function () {
  this.timeout(60_000)
  let files: string[]
  let packed: Packed

  before(async function () {
    if (!existsSync('dist/nodes')) return this.skip()
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      maxBuffer: 64 * 1024 * 1024,
    })
    packed = JSON.parse(stdout.slice(stdout.indexOf('[')))[0]
    files = packed.files.map(({ path }) => path)
  })

  it('holds runtime, editor half, help, texts and icon of every node', () => {
    const { nodes } = JSON.parse(readFileSync('package.json', 'utf8'))['node-red'] as { nodes: Record<string, string> }
    for (const [name, file] of Object.entries(nodes)) {
      const folder = file.slice(0, file.lastIndexOf('/'))
      const wanted = [
        file,
        `${folder}/${name}.html`,
        `${folder}/icons/${name}.svg`,
        `${folder}/locales/en-US/${name}.json`,
        `${folder}/locales/de/${name}.json`,
      ]
      assert.deepEqual(
        wanted.filter(path => !files.includes(path)),
        [],
      )
    }
  })

  it('holds what exports promise, the licence and the examples', () => {
    const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      exports: Record<string, string | { types: string; default: string }>
    }
    for (const target of Object.values(exports).flatMap(entry => (typeof entry === 'string' ? entry : Object.values(entry)))) {
      assert.ok(files.includes(target.slice(2)), target)
    }
    for (const path of ['LICENSE', 'package.json']) assert.ok(files.includes(path), path)
    assert.ok(files.some(path => path.startsWith('examples/') && path.endsWith('.json')))
  })

  it('holds no tests, sources, keys or data', () => {
    const stray = /(^|\/)(test|bench|node_modules|\.thingloom|\.ci)\/|(?<!\.d)\.ts$|\.(pem|key|db|tgz)$/
    assert.deepEqual(
      files.filter(path => stray.test(path)),
      [],
    )
  })

  it('stays below 6 MB unpacked', () => assert.ok(packed.unpackedSize < 6_000_000, String(packed.unpackedSize)))
})
