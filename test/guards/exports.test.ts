import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, string | { default: string }> }

/** What each public subpath offers; removing a name is a breaking change. */
const faces: Record<string, string[]> = {
  './window': ['createWindow'],
  './pki': [
    'createCsr',
    'createIntermediate',
    'createRoot',
    'fingerprintOf',
    'generateKey',
    'issuer',
    'readCertificate',
    'readCsr',
  ],
  './routing': [
    'compileCondition',
    'compileRule',
    'compileTemplate',
    'createRoutes',
    'createRuleSet',
    'enrich',
    'explain',
    'importTopicRule',
  ],
  './twin': ['applyUpdate', 'checkLimits', 'deleteDocument', 'desiredPatchBetween', 'diff', 'newTwin', 'readPatch'],
  './codec': [
    'binaryEvent',
    'codecOfType',
    'compressed',
    'compressionByMagic',
    'compressionOf',
    'detectCodec',
    'inflated',
    'openCodec',
    'plainOf',
    'readingsOfSenml',
  ],
  './hub': ['startHub'],
}

describe('public subpaths', () => {
  it('are the ones that are known', () =>
    assert.deepEqual(Object.keys(exports).sort(), ['./package.json', ...Object.keys(faces)].sort()))

  for (const [subpath, names] of Object.entries(faces)) {
    it(`${subpath} offers ${names.join(', ')}`, async () => {
      const entry = exports[subpath] as { default: string }
      const source = entry.default.replace('./dist/', '../../').replace(/\.js$/, '.ts')
      const face = (await import(source)) as Record<string, unknown>
      assert.deepEqual(
        names.filter(name => typeof face[name] !== 'function'),
        [],
      )
    })
  }
})
