import { createInterface } from 'node:readline'

/** Everything of an SDK's error that a test may compare. */
const told = error => ({
  name: error?.name,
  message: String(error?.message ?? error),
  ...(error?.result && { body: error.result }),
  ...(error?.modeledError && { body: error.modeledError }),
})

/**
 * Does what the test asks on stdin, a JSON line `{id, name, args}` each, one after the other; answers `reply {id, result | error}` on stdout. A command that
 * fails is an answer, not the end of the client.
 */
export async function obey(commands) {
  process.stdout.write('ready\n')
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, name, args } = JSON.parse(line)
    const answer = await Promise.resolve()
      .then(() => commands[name](...args))
      .then(
        result => ({ id, result: result ?? null }),
        error => ({ id, error: told(error) }),
      )
    process.stdout.write(`reply ${JSON.stringify(answer)}\n`)
  }
  process.exit(0)
}
