import { replaceAppend } from './journal-hook.mjs'

// The negative control of the kill test, loaded with `--import`: the journal says "committed" at once and commits later, as if the PUBACK did not wait
// for the disk. A kill must then lose acknowledged messages, else the test could not see a loss. The delay makes that sure on a disk of any speed.
replaceAppend(`append => {
  let early = 1e9
  return (record, committed) => {
    setTimeout(() => append(record, () => {}), 250)
    committed(undefined, early++)
  }
}`)
