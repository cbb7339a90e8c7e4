import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LoomError } from '../errors.ts'
import { type Recording, readRecording } from './recording.ts'

/** Where the package keeps its recordings: `resources/recordings` beside its package.json, from source and from the compiled tree. */
export function packagedRecordings(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder)
  return join(folder, 'resources', 'recordings')
}

/** The file of a recording: a packaged one by name, else a path, relative ones below `baseDir`. SIMULATOR_RECORDING for an unfit name. */
export function recordingPath(o: { recording: string; kind: 'name' | 'path'; baseDir: string; packaged?: string }): string {
  if (o.kind === 'path') return isAbsolute(o.recording) ? o.recording : resolve(o.baseDir, o.recording)
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(o.recording)) {
    throw new LoomError('SIMULATOR_RECORDING', `${JSON.stringify(o.recording.slice(0, 60))} is no name of a recording`, {
      hint: 'choose the kind "path" for a file of your own',
    })
  }
  return join(o.packaged ?? packagedRecordings(), `${o.recording}.csv`)
}

/** Reads a recording from disk, in parts. SIMULATOR_RECORDING when the file cannot be read or is no CSV. */
export async function loadRecording(path: string, timeColumn?: string): Promise<Recording> {
  let handle: Awaited<ReturnType<typeof open>> | undefined
  try {
    handle = await open(path)
    return await readRecording(handle.createReadStream({ encoding: 'utf8' }) as AsyncIterable<string>, {
      name: path,
      ...(timeColumn && { timeColumn }),
    })
  } catch (thrown) {
    if (thrown instanceof LoomError) throw thrown
    const { code = 'unreadable' } = thrown as NodeJS.ErrnoException
    throw new LoomError('SIMULATOR_RECORDING', `${path}: ${code}`, {
      cause: thrown,
      hint: 'check the name and the access rights',
    })
  } finally {
    await handle?.close()
  }
}
