import { execFileSync } from 'node:child_process'

/** Mounts an empty volume in memory there; the reason if this machine does not let us. */
export function mountVolume(folder: string, options: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return String((error as Error).message).split('\n')[1] ?? String(error)
  }
}

export const remountReadOnly = (folder: string): Buffer => execFileSync('mount', ['-o', 'remount,ro', folder], { stdio: 'pipe' })
export const unmountVolume = (folder: string): Buffer => execFileSync('umount', [folder], { stdio: 'pipe' })
