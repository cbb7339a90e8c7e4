import type { NodeAPI, NodeDef } from 'node-red'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { serveDevices } from '../../src/nodered/device-api.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { logHub } from '../../src/nodered/hub-log.ts'
import { hubOptionsOf } from '../../src/nodered/hub-options.ts'
import { hubs } from '../../src/nodered/hubs.ts'
import { onProcessStop } from '../../src/nodered/process-stop.ts'
import { type HubConfig, type HubCredentials, type } from './config.ts'

const hubNode = defineNode<HubConfig & NodeDef, Partial<HubCredentials>>(
  type,
  (config, { node, RED, status, signal }) => {
    onProcessStop(() => hubs.stopping())
    const { hub, release } = hubs.attach(node.id, () =>
      hubOptionsOf(config, { key: node.credentials?.key, userDir: RED.settings.userDir }),
    )
    status('waiting', config.hubId)
    let leave: (() => void) | undefined
    hub
      .then(async running => {
        status('ok', config.hubId)
        leave = await logHub(running, node)
        if (signal.aborted) leave()
      })
      .catch(thrown => {
        status('error', (thrown as Error).message)
        node.error(thrown)
      })
    return {
      close: () => {
        leave?.()
        return release()
      },
    }
  },
  { credentials: { key: { type: 'password' } } },
)

export default (RED: NodeAPI): void => {
  serveAdmin(RED, hubs)
  serveDevices(RED, hubs)
  hubNode(RED)
}
