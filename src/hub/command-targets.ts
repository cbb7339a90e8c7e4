import { LoomError } from '../errors.ts'
import type { Groups } from '../topology/groups.ts'
import type { CommandTargets } from './hub-commands.ts'
import type { Fleet } from './open-fleet.ts'

const pageSize = 1000

type Page = { items: string[]; next?: string }

/** The devices that a command is for, at this moment. GROUP_NOT_FOUND, QUERY_SYNTAX, QUERY_LIMIT. */
export const commandTargets = ({
  groups,
  fleet,
}: {
  groups: Pick<Groups, 'get' | 'members'>
  fleet: Pick<Fleet, 'api' | 'ids'>
}) =>
  async function* ({ devices, group, query }: CommandTargets): AsyncGenerator<readonly string[]> {
    if (devices) {
      yield devices.map(checkedId)
      return
    }
    const isStatic = group !== undefined && (await groups.get(group)) !== undefined
    const page = (cursor: string | undefined): Promise<Page> => {
      const asked = { limit: pageSize, ...(cursor !== undefined && { cursor }) }
      if (query) return fleet.ids({ ...query, ...asked })
      return isStatic ? groups.members({ group: group!, deep: true, ...asked }) : fleet.api.members({ group: group!, ...asked })
    }
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const { items, next } = await page(cursor)
      yield items
      cursor = next
    }
  }

function checkedId(id: unknown): string {
  if (typeof id === 'string' && id && id.length <= 128) return id
  throw new LoomError('COMMAND_INVALID', `device ${JSON.stringify(id)?.slice(0, 60)}`)
}
