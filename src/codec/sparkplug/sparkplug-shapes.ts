/** What stands behind the tag of one field. Of those with `kind` a message has one at most, under the name `value`. */
export interface WireField {
  name: string
  type: 'uint32' | 'uint64' | 'float' | 'double' | 'bool' | 'string' | 'bytes' | ShapeName
  many?: true
  kind?: ValueKind
}

export type ShapeName =
  | 'payload'
  | 'metric'
  | 'metadata'
  | 'properties'
  | 'property'
  | 'propertyList'
  | 'dataset'
  | 'row'
  | 'cell'
  | 'template'
  | 'parameter'
export type ValueKind =
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'boolean'
  | 'string'
  | 'bytes'
  | 'dataset'
  | 'template'
  | 'properties'
  | 'propertyList'

/** A value as it is on the wire. Whole numbers are numbers up to 2^53, else bigint; they have no sign. */
export type WireValue = readonly [kind: ValueKind, value: unknown]

/** One message of the wire; members by the names of its shape. */
export type WireMessage = Readonly<Record<string, unknown>> & { value?: WireValue }

const scalars: readonly [ValueKind, WireField['type']][] = [
  ['int', 'uint32'],
  ['long', 'uint64'],
  ['float', 'float'],
  ['double', 'double'],
  ['boolean', 'bool'],
  ['string', 'string'],
]

/** Members of the value from that tag on. */
const values = (from: number, ...more: [ValueKind, WireField['type']][]): [number, WireField][] =>
  [...scalars, ...more].map(([kind, type], i) => [from + i, { name: 'value', type, kind }])

const fields = (...list: [number, string, WireField['type'], true?][]): [number, WireField][] =>
  list.map(([tag, name, type, many]) => [tag, { name, type, ...(many && { many }) }])

/** The messages of `sparkplug_b.proto` (Sparkplug 3, 6.4) by tag. */
export const shapes: Readonly<Record<ShapeName, ReadonlyMap<number, WireField>>> = {
  payload: new Map(
    fields(
      [1, 'timestamp', 'uint64'],
      [2, 'metrics', 'metric', true],
      [3, 'seq', 'uint64'],
      [4, 'uuid', 'string'],
      [5, 'body', 'bytes'],
    ),
  ),
  metric: new Map([
    ...fields([1, 'name', 'string'], [2, 'alias', 'uint64'], [3, 'timestamp', 'uint64'], [4, 'datatype', 'uint32']),
    ...fields([5, 'historical', 'bool'], [6, 'transient', 'bool'], [7, 'isNull', 'bool']),
    ...fields([8, 'metadata', 'metadata'], [9, 'properties', 'properties']),
    ...values(10, ['bytes', 'bytes'], ['dataset', 'dataset'], ['template', 'template']),
  ]),
  metadata: new Map([
    ...fields([1, 'multiPart', 'bool'], [2, 'contentType', 'string'], [3, 'size', 'uint64'], [4, 'seq', 'uint64']),
    ...fields([5, 'fileName', 'string'], [6, 'fileType', 'string'], [7, 'md5', 'string'], [8, 'description', 'string']),
  ]),
  properties: new Map(fields([1, 'keys', 'string', true], [2, 'values', 'property', true])),
  property: new Map([
    ...fields([1, 'datatype', 'uint32'], [2, 'isNull', 'bool']),
    ...values(3, ['properties', 'properties'], ['propertyList', 'propertyList']),
  ]),
  propertyList: new Map(fields([1, 'sets', 'properties', true])),
  dataset: new Map(
    fields([1, 'width', 'uint64'], [2, 'columns', 'string', true], [3, 'types', 'uint32', true], [4, 'rows', 'row', true]),
  ),
  row: new Map(fields([1, 'cells', 'cell', true])),
  cell: new Map(values(1)),
  template: new Map([
    ...fields([1, 'version', 'string'], [2, 'metrics', 'metric', true], [3, 'parameters', 'parameter', true]),
    ...fields([4, 'ref', 'string'], [5, 'definition', 'bool']),
  ]),
  parameter: new Map([...fields([1, 'name', 'string'], [2, 'datatype', 'uint32']), ...values(3)]),
}
