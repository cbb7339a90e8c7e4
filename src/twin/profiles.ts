/** What a twin may hold, in the eyes of those who ask by one dialect. Settings are made by spreading one of `twinProfiles`. */
export interface TwinProfile {
  readonly name: 'plain' | 'azure' | 'aws'
  /** of a request as it arrives */
  readonly requestBytes: number
  /** of desired, and of reported */
  readonly sectionBytes: number
  readonly tagsBytes: number
  /** of desired and reported together */
  readonly documentBytes?: number
  /** how the bytes of a section are counted: its JSON text, or Azure's sum of keys and values (number 8, boolean 4) */
  readonly measure: 'json' | 'azure'
  /** levels of objects and arrays below a section */
  readonly depth: number
  readonly keyBytes: number
  /** characters no key may have, besides control characters and a `$` at its start */
  readonly keyWithout?: RegExp
  readonly stringBytes?: number
  readonly integers?: { readonly min: number; readonly max: number }
  /** null as an element of an array */
  readonly arrayNulls: boolean
}

const plain: TwinProfile = {
  name: 'plain',
  requestBytes: 262_144,
  sectionBytes: 32_768,
  tagsBytes: 8_192,
  measure: 'json',
  depth: 10,
  keyBytes: 1_024,
  arrayNulls: true,
}

/** `plain` is also what flows, imports and the admin API are held to. The others are as the vendors document their services. */
export const twinProfiles = {
  plain,
  azure: {
    ...plain,
    name: 'azure',
    measure: 'azure',
    keyWithout: /[.$ ]/,
    stringBytes: 4_096,
    integers: { min: -4_503_599_627_370_496, max: 4_503_599_627_370_495 },
  },
  aws: { ...plain, name: 'aws', documentBytes: 8_192, depth: 8, arrayNulls: false },
} as const satisfies Record<TwinProfile['name'], TwinProfile>

/** Named twins of a device, the main one not counted. */
export const namedTwins = 10
