import { LoomError } from '../errors.ts'
import type { GroupMembers } from './group-members.ts'

/** Members of several groups, one group after the other; a device that was in an earlier one is passed over. */
export async function pageOfMembers(o: {
  groups: readonly string[]
  members: GroupMembers
  limit: number
  cursor?: string
  directOf: (device: string) => Promise<string[]>
}): Promise<{ items: string[]; next?: string }> {
  const { groups, members, limit, directOf } = o
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new LoomError('STORE_QUERY_INVALID', `limit ${String(limit)}`, { hint: 'it is 1 to 1000' })
  const from = o.cursor === undefined ? { group: '', device: '' } : placeOfCursor(o.cursor)
  const among = new Set(groups)
  const items: string[] = []
  for (const [at, group] of groups.entries()) {
    if (group < from.group) continue
    let after = group === from.group ? from.device : ''
    while (true) {
      const devices = await members.page(group, { after, limit })
      for (const device of devices) {
        const earlier = at > 0 && (await directOf(device)).some(one => one < group && among.has(one))
        if (!earlier) items.push(device)
        after = device
        if (items.length === limit) return { items, next: cursorOf(group, device) }
      }
      if (devices.length < limit) break
    }
  }
  return { items }
}

const cursorOf = (group: string, device: string) => Buffer.from(`${group}|${device}`).toString('base64url')

function placeOfCursor(cursor: string): { group: string; device: string } {
  const [group = '', device = '', more] = Buffer.from(String(cursor), 'base64url').toString().split('|')
  if (!group || !device || more !== undefined) throw new LoomError('STORE_QUERY_INVALID', 'the cursor is none of this list')
  return { group, device }
}
