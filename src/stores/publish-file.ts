import { open, readFile, rename } from 'node:fs/promises'

/** Writes a public text (mode 0644) so that a reader sees the old or the new one, never a part; an equal file stays untouched. */
export async function publishFile(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o644)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
