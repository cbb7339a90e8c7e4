import { featuresHeard } from '../filter-overlap.ts'
import { bootstrapNews } from './bootstrap.ts'

/** What the hub sends below `devices/{id}/`. */
const forms = [
  ['twin.desired', 'twin/desired'],
  ['twin.desired', 'twins/*/desired'],
  ['twin.answer', 'twin/answer'],
  ['twin.answer', 'twin/answer/*'],
  ['twin.answer', 'twins/*/answer'],
  ['twin.answer', 'twins/*/answer/*'],
  ['methods', 'commands/*/*'],
  ['retire', 'retire'],
  ['inbox', 'inbox/*'],
  ['inbox', 'inbox/*/*'],
  [bootstrapNews, 'bootstrap'],
  ['bootstrap.answer', 'bootstrap/answer'],
  ['bootstrap.answer', 'bootstrap/answer/*'],
] as const

/** What a filter below the device hears; `levels` are those of the filter. */
export const plainFeatures = (levels: readonly string[]): string[] => featuresHeard(levels, forms)
