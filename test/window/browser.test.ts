import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'

describe('the window engine in a browser', () => {
  it('is bundled without anything of Node and works with what the language and the web offer', async () => {
    const entry = fileURLToPath(new URL('../../src/window/window.ts', import.meta.url))
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      globalName: 'loom',
    })
    const context = createContext({ TextEncoder, TextDecoder })
    const script = `
      const config = { type: 'tumbling', sizeMs: 10, aggregates: [{ name: 'last', fn: 'last', field: '*' }] }
      const first = loom.createWindow(config)
      first.push({ key: 'k', time: 1, values: { v: 1 } })
      const second = loom.createWindow(config)
      second.restore(first.snapshot())
      JSON.stringify(second.flush()[0].values)`
    assert.equal(runInContext(`${outputFiles[0]!.text}\n${script}`, context), '{"last":{"v":1}}')
  })
})
