import { registerHooks } from 'node:module'

const target = /\/stores\/sqlite\/state-store\.(js|ts)$/
const original = /export (async )?function openSqliteStateStore\(/

/**
 * Loaded with `--import`: the write that puts the step `HELD_STEP` (`archive:before`, `archive:after`) of a decommission on record is held for ever, before it
 * is made or after it, and `HELD {step}` is printed. Fails where the store is not what this was written for, so that no test runs without its fault.
 */
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!target.test(url)) return loaded
    const text = String(loaded.source)
    if (!original.test(text)) throw new Error(`${url} does not export openSqliteStateStore`)
    const source = `${text.replace(original, '$1function openUnheld(')}
import { writeSync } from 'node:fs'
const hold = () => {
  writeSync(1, 'HELD ' + process.env.HELD_STEP + '\\n')
  return new Promise(() => {})
}
export async function openSqliteStateStore(options) {
  const store = await openUnheld(options)
  const [step, when] = (process.env.HELD_STEP ?? '').split(':')
  const tx = async (writes, o) => {
    const held = step && writes.some(({ coll, doc }) => coll === 'decommissions' && doc?.steps.at(-1).step === step)
    if (held && when === 'before') return hold()
    const result = await store.tx(writes, o)
    return held ? hold() : result
  }
  return new Proxy(store, {
    get(target, name) {
      if (name === 'tx') return tx
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
`
    return { ...loaded, source }
  },
})
