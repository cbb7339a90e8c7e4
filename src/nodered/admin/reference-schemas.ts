import type { Schema } from './schema.ts'
import { count, listOf, object, open, refTo, text, textTo, time } from './shapes.ts'

export const keyColumn = textTo(1000, 'column of the keys, default the first')
const sqlite = object({ file: textTo(500, 'path in the folder `reference` of the data folder'), table: textTo(500) }, [
  'file',
  'table',
])
export const oneTable = { description: 'the table', schema: refTo('ReferenceTable') }

export const newTable: Schema = object(
  {
    name: textTo(64, 'a letter, then letters, digits, `_` or `-`'),
    key: keyColumn,
    rows: { description: 'a list of objects, or an object of rows by key' },
    sqlite: { ...sqlite, description: 'a table of a SQLite file instead, which is read where it lies' },
  },
  ['name'],
)
export const tableKeys: Schema = object({ keys: listOf({ description: 'text, number or Boolean' }) }, ['keys'])
export const rowsFound = {
  description: 'the rows, all of one version',
  schema: open({ version: count, items: listOf(open({ key: text, row: {} }, ['key'])) }, ['version', 'items']),
}

export const referenceSchemas: Readonly<Record<string, Schema>> = {
  ReferenceTable: open(
    {
      name: text,
      version: count,
      key: text,
      columns: listOf(text),
      rows: count,
      bytes: count,
      updatedAt: time,
      by: text,
      sqlite,
    },
    ['name', 'version', 'key', 'columns', 'rows', 'bytes', 'updatedAt', 'by'],
  ),
}
