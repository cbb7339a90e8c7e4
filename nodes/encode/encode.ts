import type { NodeDef } from 'node-red'
import { openEncode } from '../../src/nodered/codec/open-encode.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { type EncodeConfig, type } from './config.ts'

export default defineNode<EncodeConfig & NodeDef>(type, openEncode)
