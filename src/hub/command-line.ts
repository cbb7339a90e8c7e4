import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LoomError } from '../errors.ts'
import { migrateStore } from '../stores/migrate.ts'

export const usage = `Usage: thingloom <command>

  migrate --data <dir>   moves the JSON stores of a data folder to SQLite; stop the hub first
  --help                 shows this

Ends with 0 when done, 1 when it failed, 2 when the command was not understood.`

/** Runs one command; resolves with the exit code. */
export async function runCommand(
  args: readonly string[],
  { out, err, now }: { out(text: string): void; err(text: string): void; now: () => number },
): Promise<number> {
  const command = commandOf(args)
  if ('help' in command) {
    out(usage)
    return 0
  }
  if ('wrong' in command) {
    err(`${command.wrong}\n\n${usage}`)
    return 2
  }
  try {
    const { collections, documents } = await migrateStore({ dataDir: command.dataDir, now })
    out(
      collections
        ? `Moved ${documents} documents of ${collections} collections to SQLite. Set the store of the hub to sqlite and start it.`
        : `Nothing to do: ${command.dataDir} holds no JSON store.`,
    )
    return 0
  } catch (error) {
    if (!(error instanceof LoomError)) throw error
    err(`${error.code}: ${error.message}`)
    return 1
  }
}

function commandOf(args: readonly string[]): { help: true } | { wrong: string } | { dataDir: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { data: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) return { help: true }
    if (positionals.length !== 1 || positionals[0] !== 'migrate')
      return { wrong: positionals.length ? `Unknown command: ${positionals.join(' ')}` : 'No command given.' }
    return values.data ? { dataDir: resolve(values.data) } : { wrong: 'migrate needs --data <dir>.' }
  } catch (error) {
    return { wrong: (error as Error).message }
  }
}
