import { registerHooks } from 'node:module'

const target = /\/stores\/sqlite\/journal\.(js|ts)$/
const original = /export (async )?function openSqliteJournal\(/

/**
 * Replaces `append` of the hub's journal in this process and its threads, for modules loaded from now on. `source` is the text of a function
 * `(append, journal) => (record, committed) => void`. Fails where the journal is not what it was written for, so that no test runs without its fault.
 */
export function replaceAppend(source) {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context)
      if (!target.test(url)) return loaded
      const text = String(loaded.source)
      if (!original.test(text)) throw new Error(`${url} does not export openSqliteJournal`)
      const wrapped = `${text.replace(original, '$1function openUnchanged(')}
export async function openSqliteJournal(options) {
  const journal = await openUnchanged(options)
  const append = (${source})(journal.append.bind(journal), journal)
  return new Proxy(journal, {
    get(target, name) {
      if (name === 'append') return append
      const value = target[name]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
`
      return { ...loaded, source: wrapped }
    },
  })
}
