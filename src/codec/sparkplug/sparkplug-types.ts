/** Data types of Sparkplug 3 (6.4.16) in the order of their numbers. */
export const sparkplugTypes = [
  'Unknown',
  ...(['Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64'] as const),
  ...(['Float', 'Double', 'Boolean', 'String', 'DateTime', 'Text', 'UUID'] as const),
  ...(['DataSet', 'Bytes', 'File', 'Template', 'PropertySet', 'PropertySetList'] as const),
  ...(['Int8Array', 'Int16Array', 'Int32Array', 'Int64Array'] as const),
  ...(['UInt8Array', 'UInt16Array', 'UInt32Array', 'UInt64Array'] as const),
  ...(['FloatArray', 'DoubleArray', 'BooleanArray', 'StringArray', 'DateTimeArray'] as const),
] as const

export type SparkplugType = (typeof sparkplugTypes)[number]

const codes: ReadonlyMap<string, number> = new Map(sparkplugTypes.map((name, code) => [name, code]))

export const codeOfType = (name: string): number | undefined => codes.get(name)

/** Undefined for a number that no type has. */
export const typeOfCode = (code: number): SparkplugType | undefined => sparkplugTypes[code]

/** Whole numbers: `[bits, signed]`. */
export const wholeTypes: ReadonlyMap<string, readonly [bits: 8 | 16 | 32 | 64, signed: boolean]> = new Map([
  ['Int8', [8, true]],
  ['Int16', [16, true]],
  ['Int32', [32, true]],
  ['Int64', [64, true]],
  ['UInt8', [8, false]],
  ['UInt16', [16, false]],
  ['UInt32', [32, false]],
  ['UInt64', [64, false]],
  ['DateTime', [64, true]],
])
