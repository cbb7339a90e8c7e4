import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ReferenceFile } from '../../src/stores/sqlite/reference-file.ts'
import { tempFolder } from '../processes.ts'

describe('a reference table in a SQLite file', () => {
  let home: string
  let folder: string
  const opened: ReferenceFile[] = []
  const made = (file: string, sql: string): string => {
    const db = new DatabaseSync(join(folder, file))
    db.exec(sql)
    db.close()
    return file
  }
  const open = (file: string, table = 'sites', key?: string): ReferenceFile => {
    const one = new ReferenceFile({ folder, file, table, ...(key !== undefined && { key }) })
    opened.push(one)
    return one
  }
  beforeEach(() => {
    home = tempFolder('reference')
    folder = join(home, 'reference')
    mkdirSync(folder)
  })
  afterEach(() => {
    for (const file of opened.splice(0)) file.close()
  })
  const sites = `CREATE TABLE sites (id INTEGER PRIMARY KEY, name TEXT, big INTEGER, raw BLOB, free);
    INSERT INTO sites VALUES (7, 'west', 9007199254740993, x'0102', 5), (8, NULL, 1, NULL, 'x')`

  it('answers rows by key with their types, and leaves out what is NULL', () => {
    const file = open(made('a.db', sites))
    assert.deepEqual(file.describe(), { key: 'id', columns: ['id', 'name', 'big', 'raw', 'free'], rows: 2 })
    assert.deepEqual(
      [...file.lookup(['8', '7', 'none', '007'])],
      [
        ['7', { id: 7, name: 'west', big: '9007199254740993', raw: 'AQI=', free: 5 }],
        ['8', { id: 8, big: 1, free: 'x' }],
      ],
    )
  })

  it('finds numbers in a column of no type, and more keys than one statement takes', () => {
    const file = open(made('a.db', sites), 'sites', 'free')
    assert.deepEqual([...file.lookup(['5', 'x']).keys()], ['5', 'x'])
    const many = open(
      made(
        'b.db',
        `CREATE TABLE sites (id TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO sites SELECT 'k' || i FROM n`,
      ),
    )
    assert.equal(many.lookup(Array.from({ length: 2000 }, (_, i) => `k${i}`)).size, 1500)
  })

  it('sees what is written into the file, and a file that takes its place', () => {
    const file = open(made('a.db', sites))
    assert.equal(file.lookup(['9']).size, 0)
    made('a.db', `INSERT INTO sites (id) VALUES (9)`)
    assert.equal(file.lookup(['9']).size, 1)
    made('b.db', `CREATE TABLE sites (id TEXT); INSERT INTO sites VALUES ('new')`)
    renameSync(join(folder, 'b.db'), join(folder, 'a.db'))
    assert.deepEqual([...file.lookup(['9', 'new']).keys()], ['new'])
  })

  it('opens nothing outside of its folder, by no path and no link', () => {
    made('../secret.db', sites)
    symlinkSync(join(home, 'secret.db'), join(folder, 'link.db'))
    symlinkSync(home, join(folder, 'up'))
    for (const file of [
      '../secret.db',
      join(home, 'secret.db'),
      'link.db',
      'up/secret.db',
      '.',
      '',
      'none.db',
      'x/../../secret.db',
    ])
      assert.throws(() => open(file).describe(), { code: 'REFERENCE_INVALID' }, file)
  })

  it('refuses a table or column that is not there, a view, and a file that is no database', () => {
    made('a.db', `${sites}; CREATE VIEW seen AS SELECT * FROM sites`)
    for (const [table, key] of [['none'], ['seen'], ['sqlite_master'], ['sites" --'], ['sites', 'none']] as const)
      assert.throws(() => open('a.db', table, key).describe(), { code: 'REFERENCE_INVALID' }, table)
    made('c.db', `CREATE TABLE "a""b" ("k""1" TEXT); INSERT INTO "a""b" VALUES ('x')`)
    assert.deepEqual([...open('c.db', 'a"b').lookup(['x']).keys()], ['x'])
  })
})
