import type { NodeDef } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { defineNode, type Msg, type NewMsg } from '../../src/nodered/define.ts'
import { type FleetRequest, fleetRequestOf } from '../../src/nodered/fleet-request.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { typedValue } from '../../src/nodered/typed.ts'
import { type FleetQueryConfig, type, validLimit } from './config.ts'

type Row = Record<string, unknown>

export default defineNode<FleetQueryConfig & NodeDef>(type, async (config, { node, RED, status, signal }) => {
  const { dialect: set = 'aws', query: value = 'payload', queryType = 'msg', limit: pageSize = 100, answer = 'pages' } = config
  if (!validLimit(pageSize)) throw new LoomError('NODE_CONFIG', `page size ${pageSize}`, { hint: 'it is 1 to 1000' })
  const { hub } = await hubOf(config)
  status('ok', '')

  const requestOf = async (msg: Msg): Promise<FleetRequest> => {
    const given = await typedValue(RED, node, { value, type: queryType }, msg)
    return fleetRequestOf({ dialect: set, limit: Number(pageSize), given, asked: msg.query })
  }
  const told = ({ dialect, limit }: FleetRequest, next: string | undefined) => ({
    query: { dialect, limit, ...(next !== undefined && { next }) },
  })
  /** Rows of whole devices name them for the nodes behind. */
  const pageMsg = (msg: Msg, rows: readonly Row[], more: object): NewMsg => {
    const { device: _, ...kept } = msg
    const devices = rows.flatMap(row => deviceOf(row) ?? [])
    return { ...kept, payload: rows, ...(devices.length === rows.length && { device: devices }), ...more }
  }
  const rowMsg = (msg: Msg, row: Row, more: object): NewMsg => {
    const { device: _, ...kept } = msg
    const device = deviceOf(row)
    return { ...kept, payload: row, ...(device !== undefined && { device }), ...more }
  }

  return {
    async input(msg, emit) {
      const request = await requestOf(msg)
      let { cursor } = request
      let count = 0
      do {
        const { items, next } = await hub.fleet.query({ ...request, ...(cursor !== undefined && { cursor }) })
        count += items.length
        cursor = next
        if (answer === 'each') for (const row of items) emit(rowMsg(msg, row, told(request, next)))
        else emit(pageMsg(msg, items, told(request, next)))
        status(next === undefined ? 'ok' : 'busy', String(count))
      } while (cursor !== undefined && answer !== 'page' && !signal.aborted)
      status('ok', String(count))
      const end = { count, ...(cursor !== undefined && { cursor }) }
      return [undefined, { ...msg, payload: end }]
    },
  }
})

/** Of a device as it is, or of a column that has its id. */
const deviceOf = ({ id, deviceId, thingName }: Row): string | undefined =>
  [id, deviceId, thingName].find(name => typeof name === 'string') as string | undefined
