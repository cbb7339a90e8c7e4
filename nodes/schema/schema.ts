import type { NodeDef } from 'node-red'
import { defineNode } from '../../src/nodered/define.ts'
import { hubOf } from '../../src/nodered/hubs.ts'
import { schemaSettings, setCompatibilities } from '../../src/nodered/schema-settings.ts'
import { createSchemaSource } from '../../src/nodered/schema-source.ts'
import { type SchemaConfig, type } from './config.ts'

/** Nodes that decode and encode read their source off this node; a deploy of it starts them anew. */
export default defineNode<SchemaConfig & NodeDef>(type, (config, { node }) => {
  const settings = schemaSettings(config)
  const hub = async () => (await hubOf(config)).hub
  const source = createSchemaSource(hub, settings)
  Object.assign(node, { source })
  setCompatibilities(hub, { ...settings, mode: config.compatibility, by: `node ${config.id}` }).catch(error => node.error(error))
  return { close: () => source.close() }
})
