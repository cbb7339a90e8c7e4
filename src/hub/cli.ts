#!/usr/bin/env node
import { runCommand } from './command-line.ts'

runCommand(process.argv.slice(2), { out: console.log, err: console.error, now: Date.now }).then(code => {
  process.exitCode = code
})
