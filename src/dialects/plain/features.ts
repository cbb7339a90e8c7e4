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
export function plainFeatures(levels: readonly string[]): string[] {
  // Messages have ids of their own: a filter for one of them would wait for ever.
  const ofMessages = levels.slice(1).every(level => level === '+' || level === '#')
  return featuresHeard(levels, forms).filter(feature => feature !== 'inbox' || ofMessages)
}
