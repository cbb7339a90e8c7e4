import { readdirSync, readFileSync } from 'node:fs'

/** Ticks of `utime` and `stime` are 1/100 s on every Linux that Node runs on (USER_HZ). */
const tickUs = 10_000

export interface ThreadTime {
  tid: number
  name: string
  us: number
}

/** CPU time since its start of each thread of a process. */
export function threadTimes(pid: number): ThreadTime[] {
  return readdirSync(`/proc/${pid}/task`).flatMap(tid => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'utf8')
      // The name may hold blanks and brackets: what follows counts from the last one.
      const end = stat.lastIndexOf(')')
      const fields = stat.slice(end + 2).split(' ')
      return [
        {
          tid: Number(tid),
          name: stat.slice(stat.indexOf('(') + 1, end),
          us: (Number(fields[11]) + Number(fields[12])) * tickUs,
        },
      ]
    } catch {
      return []
    }
  })
}

export interface Spent {
  /** the thread that runs the process's main loop */
  mainUs: number
  /** the busiest other thread: in a Node-RED with a hub, the hub's */
  workerUs: number
  /** collector, compiler and pool threads */
  restUs: number
  totalUs: number
}

/** Starts a measurement; the returned function tells what was spent since. */
export function stopwatch(pid: number): () => Spent {
  const before = new Map(threadTimes(pid).map(thread => [thread.tid, thread.us]))
  return () => {
    const spent = threadTimes(pid).map(({ tid, us }) => ({ tid, us: us - (before.get(tid) ?? 0) }))
    const totalUs = spent.reduce((sum, { us }) => sum + us, 0)
    const mainUs = spent.find(({ tid }) => tid === pid)?.us ?? 0
    const workerUs = Math.max(0, ...spent.filter(({ tid }) => tid !== pid).map(({ us }) => us))
    return { mainUs, workerUs, restUs: totalUs - mainUs - workerUs, totalUs }
  }
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}
