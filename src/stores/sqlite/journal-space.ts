import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import type { DiskSpace } from '../../journal/segment-port.ts'

const chunkBytes = 1024 * 1024
const minFree = 512 * 1024 * 1024
const minFreeShare = 0.05
const mostBytes = 2 * 1024 ** 3
const share = 0.2

/** The volume of a folder, with a reserve of real blocks (a sparse file would keep no room). */
export function volumeSpace(o: {
  folder: string
  reserveFile: string
  reserveBytes: number
  minFreeBytes?: number | undefined
}): DiskSpace {
  const { folder, reserveFile, reserveBytes } = o
  return {
    reserveBytes,
    minFreeBytes: o.minFreeBytes ?? Math.max(minFree, volumeBytes(folder) * minFreeShare),
    freeBytes() {
      const { bavail, bsize } = statfsSync(folder)
      return bavail * bsize
    },
    makeReserve() {
      if (reserveBytes === 0 || statSync(reserveFile, { throwIfNoEntry: false })?.size === reserveBytes) return true
      try {
        fill(reserveFile, reserveBytes)
        return true
      } catch {
        rmSync(reserveFile, { force: true })
        return false
      }
    },
    releaseReserve: () => rmSync(reserveFile, { force: true }),
  }
}

/** 2 GiB or 20 % of the volume, the smaller; 2 GiB on a volume that does not tell its size, as some network ones. */
export const defaultMaxBytes = (volume: number): number =>
  volume > 0 ? Math.min(mostBytes, Math.floor(volume * share)) : mostBytes

export function volumeBytes(folder: string): number {
  const { blocks, bsize } = statfsSync(folder)
  return blocks * bsize
}

function fill(path: string, bytes: number): void {
  const handle = openSync(path, 'w', 0o600)
  try {
    const chunk = new Uint8Array(chunkBytes)
    for (let left = bytes; left > 0; ) left -= writeSync(handle, chunk, 0, Math.min(left, chunkBytes))
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
