import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { families } from './families.ts'
import { type Found, foundFolder, replay } from './watch.ts'

describe('input that broke something once', function () {
  this.timeout(60_000)

  for (const file of readdirSync(foundFolder).filter(name => name.endsWith('.json')))
    it(`does not any more: ${file}`, async () => {
      const found = JSON.parse(readFileSync(join(foundFolder, file), 'utf8')) as Found
      assert.ok(Object.hasOwn(families, found.target), found.target)
      await replay(found)
    })
})
