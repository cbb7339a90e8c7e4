import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as pki from '../../src/pki/pki.ts'
import { run, tempFolder } from '../processes.ts'

const page = readFileSync('docs/certificates.md', 'utf8')

describe('docs/certificates.md', () => {
  it('has an example that runs as it stands', async () => {
    const [, code] = /```js\n([\s\S]*?)```/.exec(page)!
    const file = join(tempFolder('pki-docs'), 'example.mjs')
    writeFileSync(file, code!.replace('@thingloom/node-red-iot/pki', pathToFileURL(resolve('src/pki/pki.ts')).href))
    const text = await run(process.execPath, [file])
    assert.match(text, /^pump-1 is vouched for until \d{4}-/)
    assert.match(text, /\d+ bytes of PKCS#12, \d+ of CRL/)
  }).timeout(60_000)

  it('lists every function of the package subpath, and none besides', () => {
    const rows = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, cell]) => cell!.replaceAll('`', '').split(', '))
    const functions = Object.entries(pki).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
    const minor = ['codeHashOf']
    assert.deepEqual(
      rows.filter(name => /^[a-z]+[A-Z]|^issuer$/.test(name)).toSorted(),
      functions.filter(name => !minor.includes(name)).toSorted(),
    )
  })
})
