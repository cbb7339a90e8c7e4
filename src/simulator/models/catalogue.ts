import { coldChain } from './cold-chain.ts'
import { hvacRoom } from './hvac-room.ts'
import { machineTool } from './machine-tool.ts'
import type { Model } from './model.ts'
import { pump } from './pump.ts'
import { solarBattery } from './solar-battery.ts'

/** Every model by the name used in configuration. */
export const models = {
  pump,
  'hvac-room': hvacRoom,
  'solar-battery': solarBattery,
  'cold-chain': coldChain,
  'machine-tool': machineTool,
} as const satisfies Record<string, Model>

export type ModelName = keyof typeof models

export const modelNames = Object.keys(models) as ModelName[]

/** The model of the `index`-th device; `mixed` deals them out in turn. */
export const modelNameOf = (choice: ModelName | 'mixed', index: number): ModelName =>
  choice === 'mixed' ? modelNames[index % modelNames.length]! : choice
