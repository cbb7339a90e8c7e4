import { isObject, modelInvalid } from './json.ts'
import type { ModelSource } from './model.ts'

/** What a document is written in, by the marks that its form requires; of an array, its first member. MODEL_INVALID where nothing tells. */
export function sourceOf(document: unknown): ModelSource {
  const main: unknown = Array.isArray(document) ? document[0] : document
  if (isObject(main)) {
    const words = [main['@context'], main['@type']].flat().filter(word => typeof word === 'string')
    if (words.some(word => word.startsWith('dtmi:dtdl:context;'))) return 'dtdl'
    if (words.some(word => word === 'tm:ThingModel' || /^https?:\/\/www\.w3\.org\/(\d{4}\/wot\/td|ns\/td)\b/.test(word)))
      return 'wot'
    if (main.$schema !== undefined || typeof main.type === 'string') return 'json-schema'
    if (isObject(main.telemetry) || isObject(main.commands) || isObject(main.components)) return 'none'
  }
  throw modelInvalid('', 'nothing tells what it is written in', 'say source: wot, dtdl, json-schema or none')
}
