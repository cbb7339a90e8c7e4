import type { NodeDef } from 'node-red'
import type { ActionSecrets } from '../../src/nodered/action/action-fields.ts'
import { openAction } from '../../src/nodered/action/open-action.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { type ActionConfig, defaults, type } from './config.ts'

export default defineNode<ActionConfig & NodeDef, ActionSecrets>(
  type,
  (config, context) => openAction({ ...defaults, ...config }, context),
  { credentials: { secret: { type: 'password' } } },
)
