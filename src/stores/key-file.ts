import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { LoomError } from '../errors.ts'
import { closeToOthers, fileError, makeFolder, syncFolder } from './folder.ts'

/**
 * The 32 bytes under which the hub seals its secrets: `key` (base64), else THINGLOOM_KEY, else `{dataDir}/hub.key` (0600), made at the first call.
 * HUB_CONFIG_INVALID for a malformed one; no message shows it.
 */
export async function loadHubKey(o: {
  dataDir: string
  key?: string
  env?: Readonly<Record<string, string | undefined>>
}): Promise<Buffer> {
  const { dataDir, key, env = process.env } = o
  if (key) return keyOf(key, "the hub's key")
  if (env.THINGLOOM_KEY) return keyOf(env.THINGLOOM_KEY, 'THINGLOOM_KEY')
  const path = join(dataDir, 'hub.key')
  const text = (await textOf(path)) ?? (await makeKey(dataDir, path))
  closeToOthers(path)
  return keyOf(text.trim(), path)
}

function keyOf(text: string, where: string): Buffer {
  if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  throw new LoomError('HUB_CONFIG_INVALID', `${where} is not 32 bytes in base64`, {
    hint: 'make one with: openssl rand -base64 32; a key that was in use must be restored, secrets are sealed under it',
  })
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fileError(error, path)
  }
}

/** A link does not replace: of two that start at once one key wins, and both read it. */
async function makeKey(dataDir: string, path: string): Promise<string> {
  makeFolder(dataDir)
  const temporary = `${path}.${randomUUID()}`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${randomBytes(32).toString('base64')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, path).catch(error => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
    await syncFolder(dataDir)
    return await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(error, path)
  } finally {
    await unlink(temporary).catch(() => {})
  }
}
