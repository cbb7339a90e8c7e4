import { replaceAppend } from './journal-hook.mjs'

// Loaded with `--import`: commits of messages wait in `heldCommits` until the host lets them happen or fail.
globalThis.heldCommits = []
replaceAppend(`append => (record, committed) =>
  record.kind === 1
    ? void globalThis.heldCommits.push({ commit: () => append(record, committed), fail: error => committed(error, 0) })
    : append(record, committed)`)
