import type { NodeDef } from 'node-red'
import { openDecode } from '../../src/nodered/codec/open-decode.ts'
import { defineNode } from '../../src/nodered/define.ts'
import { type DecodeConfig, type } from './config.ts'

export default defineNode<DecodeConfig & NodeDef>(type, openDecode)
