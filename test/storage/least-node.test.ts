import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { checkNodeVersion } from '../../src/storage/least-node.ts'

describe('the least version of Node.js', () => {
  it('is 22.13', () => {
    for (const version of ['22.13.0', '22.20.1', '24.0.0', '100.1.0']) checkNodeVersion(version)
    for (const version of ['20.19.0', '22.9.0', '22.12.9'])
      assert.throws(() => checkNodeVersion(version), { code: 'HUB_NODE_VERSION' })
  })

  it('is the one that the package asks for', async () => {
    const { engines } = JSON.parse(await readFile('package.json', 'utf8'))
    const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node)!
    checkNodeVersion(`${major}.${minor}.0`)
    assert.throws(() => checkNodeVersion(`${major}.${Number(minor) - 1}.9`), { code: 'HUB_NODE_VERSION' })
  })
})
