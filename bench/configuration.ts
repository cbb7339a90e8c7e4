import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hub } from '../src/hub/hub.ts'
import { startHub } from '../src/hub/start-hub.ts'

/*
 * A fleet configuration on its way to all devices of a hub, and away again, beside the same patches written one by one by a flow with as many under way, in one run.
 * CPU time of the process, and of the clock.
 */
const devices = Number(process.env.BENCH_DEVICES ?? 10_000)
const atOnce = 16
const idOf = (n: number): string => `device-${String(n).padStart(6, '0')}`

async function workers(total: number, width: number, call: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < total) await call(next++)
  }
  await Promise.all(Array.from({ length: width }, worker))
}

async function timed(work: () => Promise<unknown>): Promise<{ cpu: number; clock: number }> {
  const [cpu, begun] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { cpu: (user + system) / 1e6, clock: (performance.now() - begun) / 1000 }
}

async function rolledOut(hub: Hub, done: (applied: number) => boolean): Promise<void> {
  while (!done((await hub.configurations.metrics({ id: 'c' })).applied)) await new Promise(resolve => setTimeout(resolve, 20))
}

console.log(`${devices.toLocaleString('en')} devices, a patch of two values, ${atOnce} at once\n`)
console.log('| store | what | CPU s | s | CPU of the patches by a flow |')
console.log('| --- | --- | --- | --- | --- |')
for (const store of ['memory', 'sqlite'] as const) {
  const dataDir = await mkdtemp(join(tmpdir(), 'loom-bench-'))
  const limits = { configurationWrites: atOnce, storeTelemetry: false }
  const hub = await startHub({ hubId: 'bench', dataDir, store, broker: 'none', listeners: [], threaded: false, limits })
  await workers(devices, 200, n => hub.devices.register({ id: idOf(n), desired: { own: n } }))
  // The fleet index has read all of them
  await hub.fleet.state({})
  const patch = (i: number) => ({ log: { level: `level-${i}` }, every: i })
  const bare = await timed(() =>
    workers(devices, atOnce, n => hub.twins.patch({ id: idOf(n), desired: { bare: patch(1) }, by: 'flow' })),
  )
  const row = (what: string, { cpu, clock }: typeof bare): void =>
    console.log(`| ${store} | ${what} | ${cpu.toFixed(2)} | ${clock.toFixed(2)} | ${(cpu / bare.cpu).toFixed(2)} |`)
  row('patches by a flow', bare)
  const put = (i: number) => hub.configurations.put({ id: 'c', text: '*', desired: { conf: patch(i) } })
  row(
    'a new configuration, to the last twin',
    await timed(async () => {
      await put(1)
      await rolledOut(hub, applied => applied === devices)
    }),
  )
  row(
    'other values, to the last twin',
    await timed(async () => {
      await put(2)
      await rolledOut(hub, applied => applied === devices)
    }),
  )
  row('the same once more: nothing to write', await timed(() => put(2)))
  await hub.close()
  await rm(dataDir, { recursive: true, force: true })
}
