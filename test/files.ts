import { readdir } from 'node:fs/promises'

/** Paths of files under the folders that exist, with `/`, by the end of their names. */
export async function filesUnder(folders: string[], end: string): Promise<string[]> {
  const found: string[] = []
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (entry.isFile() && entry.name.endsWith(end)) found.push(`${entry.parentPath}/${entry.name}`.replaceAll('\\', '/'))
    }
  }
  return found.sort()
}
