import { featuresHeard } from '../filter-overlap.ts'

const shadows = ['shadow', 'shadow/name/*'].flatMap(shadow => [
  ['twin.delta', `${shadow}/update/delta`] as const,
  ['twin.shadow', `${shadow}/update/documents`] as const,
  ...['get', 'update', 'delete'].flatMap(verb =>
    ['accepted', 'rejected'].map(end => ['twin.shadow', `${shadow}/${verb}/${end}`] as const),
  ),
])

/** What a filter below `$aws/things/{id}/` hears of those that are offered; `levels` are those of the filter. */
export const thingFeatures = (levels: readonly string[]): string[] => featuresHeard(levels, shadows)
