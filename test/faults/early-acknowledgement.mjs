/**
 * The negative control of the kill test, loaded with `--import`: the hub's journal tells "committed" at once and commits later, as if the PUBACK did not
 * wait for the disk. A kill must then lose acknowledged messages, else the test could not see a loss.
 */
import { registerHooks } from 'node:module'

const target = /\/stores\/sqlite\/journal\.(js|ts)$/
const original = /export (async )?function openSqliteJournal\(/

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!target.test(url)) return loaded
    const source = String(loaded.source)
    if (!original.test(source)) throw new Error(`early-acknowledgement: ${url} does not export openSqliteJournal`)
    const wrapped = `${source.replace(original, '$1function openDurable(')}
export async function openSqliteJournal(options) {
  const journal = await openDurable(options)
  const append = journal.append.bind(journal)
  let early = 1e9
  const wrapper = Object.create(journal)
  for (const name of new Set([...Object.keys(journal), ...Object.getOwnPropertyNames(Object.getPrototypeOf(journal))]))
    if (typeof journal[name] === 'function') Object.defineProperty(wrapper, name, { value: journal[name].bind(journal) })
  Object.defineProperty(wrapper, 'append', { value: (record, committed) => {
    append(record, () => {})
    committed(undefined, early++)
  } })
  return wrapper
}
`
    return { ...loaded, source: wrapped }
  },
})
