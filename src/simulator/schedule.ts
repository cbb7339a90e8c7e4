import type { Planned, SimulatedDevice } from './device.ts'

/** After a longer pause of the process the devices go on from now instead of making up for it. */
const catchUpMs = 60_000

/** Which device is due when: a binary heap by due time, then index. O(log n) a reading; knows no clock. */
export class Schedule {
  readonly #heap: SimulatedDevice[] = []
  readonly #devices = new Map<string, SimulatedDevice>()

  get(id: string): SimulatedDevice | undefined {
    return this.#devices.get(id)
  }

  devices(): Iterable<SimulatedDevice> {
    return this.#devices.values()
  }

  add(device: SimulatedDevice): void {
    this.#devices.set(device.id, device)
    this.#heap.push(device)
    this.#up(this.#heap.length - 1)
  }

  remove(id: string): SimulatedDevice | undefined {
    const device = this.#devices.get(id)
    this.#devices.delete(id)
    return device
  }

  /** Epoch ms of the next reading; undefined without devices. */
  nextAt(): number | undefined {
    this.#skipRemoved()
    return this.#heap[0]?.dueAt
  }

  /** Everything due at `now`, in the order of its due times, at most `limit` readings; the rest is due again at once. */
  plan(now: number, limit = 5000): Planned[] {
    const planned: Planned[] = []
    while (planned.length < limit) {
      this.#skipRemoved()
      const device = this.#heap[0]
      if (!device || device.dueAt > now) break
      if (now - device.dueAt > catchUpMs) device.postpone(now - device.dueAt)
      planned.push(device.take())
      this.#down(0)
    }
    return planned
  }

  /** Brings readings, of all devices or one, that lie beyond `withinMs` from `now` back into it, spread over it: after the interval was shortened. */
  hasten(now: number, withinMs: number, only?: SimulatedDevice): void {
    for (const device of only ? [only] : this.#devices.values()) {
      const latest = now + Math.floor((withinMs * (device.index % 100)) / 100)
      if (device.dueAt > now + withinMs) device.postpone(latest - device.dueAt)
    }
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#down(i)
  }

  #skipRemoved(): void {
    while (this.#heap.length && this.#devices.get(this.#heap[0]!.id) !== this.#heap[0]) {
      const last = this.#heap.pop()!
      if (!this.#heap.length) return
      this.#heap[0] = last
      this.#down(0)
    }
  }

  #up(from: number): void {
    let i = from
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(this.#heap[i]!, this.#heap[parent]!)) return
      this.#swap(i, parent)
      i = parent
    }
  }

  #down(from: number): void {
    let i = from
    while (true) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#heap.length && before(this.#heap[child]!, this.#heap[least]!)) least = child
      }
      if (least === i) return
      this.#swap(i, least)
      i = least
    }
  }

  #swap(i: number, j: number): void {
    const moved = this.#heap[i]!
    this.#heap[i] = this.#heap[j]!
    this.#heap[j] = moved
  }
}

const before = (a: SimulatedDevice, b: SimulatedDevice): boolean =>
  a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.index < b.index)
