import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { LoomError } from '../errors.ts'

/** Creates the folder, readable by its owner alone. STORE_READ_ONLY if it cannot be made or is no folder. */
export function makeFolder(path: string): void {
  try {
    makeWithParents(resolve(path))
    if (!statSync(path).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
  } catch (error) {
    throw fileError(error, path)
  }
}

/** Not mkdir's own `recursive`: it never returns where a file system refuses with ENOENT, as /proc does. */
function makeWithParents(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeWithParents(parent)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/**
 * Makes sure that the file exists and is closed to others. Never opens an existing file: closing a second descriptor of it would drop the locks that
 * SQLite holds on it in this process (POSIX fcntl locks belong to the process).
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(error, path)
    closeToOthers(path)
  }
}

export function closeToOthers(path: string): void {
  try {
    if (statSync(path).mode & 0o077) chmodSync(path, 0o600)
  } catch (error) {
    throw fileError(error, path)
  }
}

/** Makes a rename or a new file in the folder durable. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders; there a rename is as durable as the file system makes it.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const readOnly: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ENOENT']
const full: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/** The LoomError of a failed file operation; anything unexpected passes. */
export function fileError(error: unknown, path: string): Error {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (readOnly.includes(code))
    return new LoomError('STORE_READ_ONLY', `${path} (${code})`, {
      cause: error,
      hint: 'give the user that runs Node-RED the right to write there, or choose another folder',
    })
  if (full.includes(code))
    return new LoomError('STORE_LIMIT', `no space left for ${path}`, { cause: error, hint: 'free space on that disk' })
  return LoomError.from(error)
}
