import type { NodeDef } from 'node-red'
import { defineNode } from '../../src/nodered/define.ts'
import { openRoute } from '../../src/nodered/route/open-route.ts'
import { defaults, type RouteConfig, type } from './config.ts'

export default defineNode<RouteConfig & NodeDef>(type, (config, context) => openRoute({ ...defaults, ...config }, context))
