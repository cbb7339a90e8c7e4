import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { errorsPage } from '../../scripts/errors-page.ts'
import { codes } from '../../src/errors.ts'
import { filesUnder } from '../files.ts'

const read = async (folders: string[], end: string): Promise<string[]> =>
  Promise.all((await filesUnder(folders, end)).map(file => readFile(file, 'utf8')))

describe('error codes', () => {
  it('that sources throw or name are in the table', async () => {
    const used = new Set<string>()
    for (const text of await read(['src', 'nodes'], '.ts')) {
      for (const [, code] of text.matchAll(/new LoomError\(\s*'([A-Z_]+)'/g)) used.add(code!)
    }
    assert.ok(used.size > 10)
    assert.deepEqual(
      [...used].filter(code => !Object.hasOwn(codes, code)),
      [],
    )
  })

  it('that a help text names are in the table', async () => {
    // AWS's words for the end of a connection, which are no errors.
    const reasons = new Set(['CLIENT_INITIATED_DISCONNECT', 'CLIENT_ERROR'])
    const families = new Set(Object.keys(codes).map(code => code.split('_')[0]))
    for (const text of [...(await read(['nodes'], 'help.md')), ...(await read(['docs'], '.md'))]) {
      for (const [, code] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)) {
        if (families.has(code!.split('_')[0]!) && !reasons.has(code!)) assert.ok(Object.hasOwn(codes, code!), code)
      }
    }
  })

  it('are all on docs/errors.md, which is current', async () => {
    const page = await readFile('docs/errors.md', 'utf8')
    assert.equal(page, errorsPage(), 'run: node scripts/errors-page.ts')
  })

  it('carry an HTTP status and a text without a full stop', () => {
    for (const [code, [status, text]] of Object.entries(codes)) {
      assert.ok(status >= 400 && status < 600, code)
      assert.doesNotMatch(text, /[.!]$/, code)
    }
  })
})
