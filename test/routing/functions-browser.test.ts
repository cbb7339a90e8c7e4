import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'

const pathOf = (name: string): string => JSON.stringify(fileURLToPath(new URL(`../../src/routing/${name}`, import.meta.url)))

describe('functions of rules in a browser', () => {
  it('are bundled without anything of Node and work with what the language and the web offer', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: ['functions/sql-functions.ts', 'functions/condition-functions.ts', 'default-ports.ts']
          .map(name => `export * from ${pathOf(name)}`)
          .join('\n'),
        resolveDir: '.',
      },
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      globalName: 'loom',
    })
    const context = createContext({ TextEncoder, TextDecoder, crypto: globalThis.crypto })
    const script = `
      const call = (name, ...args) => loom.sqlFunction(name).call(args, { message: {}, ports: loom.defaultPorts })
      JSON.stringify([
        call('sha256', 'abc').slice(0, 8),
        call('md2', 'abc').slice(0, 8),
        call('decode', call('encode', { a: 'é' }, 'base64'), 'base64'),
        call('regexp_replace', 'a1', '[0-9]', '<$0>'),
        call('regexp_matches', 'aaa', '(a+)+$') === undefined,
        call('parse_time', 'HH z', 0, 'Europe/Berlin'),
        typeof call('rand'),
        typeof call('timestamp'),
        call('newuuid').length,
        loom.conditionFunction('contains').call(['abc', 'b'], {}),
      ])`
    assert.deepEqual(JSON.parse(runInContext(`${outputFiles[0]!.text}\n${script}`, context) as string), [
      'ba7816bf',
      'da853b0d',
      { a: 'é' },
      'a<1>',
      true,
      '01 CET',
      'number',
      'number',
      36,
      true,
    ])
  }).timeout(60_000)
})
