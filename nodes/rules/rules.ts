import type { NodeDef } from 'node-red'
import { defineNode } from '../../src/nodered/define.ts'
import { type RulesConfig, type } from './config.ts'

/** Nodes with rules read them off this node; a deploy of it starts them anew. */
export default defineNode<RulesConfig & NodeDef>(type, ({ rules }, { node }) => {
  Object.assign(node, { rules })
  return {}
})
