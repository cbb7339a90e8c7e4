import type { NodeDef } from 'node-red'
import { endFaulty } from '../../src/nodered/batch-faults.ts'
import { defineNode, type Msg } from '../../src/nodered/define.ts'
import { deliveries } from '../../src/nodered/delivery.ts'
import { Grouped } from '../../src/nodered/grouped.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { rowsOf } from '../../src/nodered/store-rows.ts'
import type { WarmRow } from '../../src/storage/warm-store.ts'
import { type StoreConfig, type } from './config.ts'

/** Rows of messages that wait together go to the store in one call. */
const groupRows = 2000

export default defineNode<StoreConfig & NodeDef>(
  type,
  async (config, { status }) => {
    const { hub } = await hubOf(config)
    let count = 0
    const group = new Grouped<WarmRow>(groupRows, async rows => {
      const { stored } = await hub.telemetry.store({ rows, duplicates: config.duplicates })
      count += stored
      status('ok', String(count))
    })
    status('ok', '0')
    return {
      async input(msg: Msg) {
        const { rows, faults } = rowsOf(msg, Date.now(), { class: config.class, stream: config.stream })
        await group.add(rows)
        if (faults.length) await endFaulty(config.acknowledge ? msg.delivery : undefined, faults, config.id)
        if (config.acknowledge) await deliveries.acknowledge(msg.delivery)
        return msg
      },
    }
  },
  // Messages wait for the same commit; groups end in the order in which they began, so the order holds.
  { order: 'parallel', limit: 5000 },
)
