// Writes docs/errors.md from the table of codes. `npm run build` does not need it; a test says when it is stale.
import { mkdir, writeFile } from 'node:fs/promises'
import { codes } from '../src/errors.ts'

/** The page that lists every code. */
export function errorsPage(): string {
  const rows = Object.entries(codes).map(([code, [status, text]]) => `| \`${code}\` | ${status} | ${text} |`)
  return [
    '# Error codes',
    '',
    'A Catch node finds the code in `msg.error.code`, the admin API in `error.code` of its answer. Codes are never renamed.',
    '',
    '| code | HTTP status | meaning |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

if (import.meta.main) {
  await mkdir('docs', { recursive: true })
  await writeFile('docs/errors.md', errorsPage())
}
