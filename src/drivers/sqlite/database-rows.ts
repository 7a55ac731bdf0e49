/**
 * The rows of one collection in a SQLite database: the same verbs for the shared table and for mapped ones.
 *
 * Upserts of the shared table go in statements of `GROUP_ROWS` rows: sorted rows of 500 bytes take 5.0 us each so, and
 * 6.5 us in a statement of their own (5.0 with 4 or 20 rows a statement, 5.4 with 100). Where one of them is not
 * written, they go one by one, as rows of mapped tables and deletes always do: a statement of its own tells by itself
 * whether its row is accepted as data. SQLite undoes a failed statement and keeps the transaction.
 *
 * Upserts name the key as their conflict target, so that a row which violates another UNIQUE index is an error and
 * never overwrites the row that is in its way; they and the deletes touch older versions only.
 */
import { SpillwayError } from '../../errors.ts'
import { decompress } from '../../kit/codec.ts'
import { encodeUtf8 } from '../../kit/utf8.ts'
import type { SqlValue } from '../../model/columns.ts'
import { PREEXISTING } from '../../model/position.ts'
import type { Version } from '../../model/position.ts'
import { fromRow, keyOfRow, keyToSql, rowCheck, toRow } from '../../model/row.ts'
import { fromBlob, toBlob } from '../../model/stored-value.ts'
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedColumn, MappedTable } from '../../model/table.ts'
import { plainValue } from '../../model/value.ts'
import type { Value } from '../../model/value.ts'
import type { LandRow, ScannedRow } from '../../ports/database.ts'
import type { Held } from '../../ports/front.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { SqliteConnection, SqliteRow, SqliteStatement } from '../../runtime/sqlite.ts'
import { quoted } from './ddl.ts'
import { KEY, KEY_BACK, keyFrom, keyParameter } from './key-text.ts'
import { affinitiesOf } from './inspect.ts'
import type { Affinity } from './inspect.ts'

export interface ScanPage {
  readonly rows: readonly ScannedRow[]
  readonly next: string | undefined
}

export interface Rows {
  /** Upserts or deletes unless the table has a newer version. Throws what the database or a conversion says. */
  land(row: LandRow): 'landed' | 'newer'
  /**
   * Upserts `GROUP_ROWS` rows of values in one statement. False: not all of them were written, or they do not go so;
   * `land` each, which finds out what became of it and does no harm where it had landed.
   */
  landGroup(rows: readonly LandRow[]): boolean
  landHistory(row: LandRow): void
  held(key: string): Held
  scan(after: string | undefined, limit: number): ScanPage
  any(): boolean
}

/** What a write that changed nothing met: a newer row, nothing to delete, or a trigger that swallowed it. */
function unchanged(row: LandRow, there: number | undefined): 'landed' | 'newer' {
  if (there !== undefined && there > row.version) return 'newer'
  const asWanted =
    row.value === undefined ? there === undefined || there === row.version : there === row.version
  if (asWanted) return 'landed'
  throw new SpillwayError(
    'invalid',
    'The table ignored the row without an error (a trigger with RAISE(IGNORE)?).',
  )
}

export const GROUP_ROWS = 8

/** Statements of the shared table; one set per connection. */
export class SharedTable {
  readonly #upsert: SqliteStatement
  readonly #upsertBytes: SqliteStatement
  readonly #upsertGroup: SqliteStatement
  readonly remove: SqliteStatement
  readonly version: SqliteStatement
  readonly history: SqliteStatement
  readonly select: SqliteStatement
  readonly page: SqliteStatement
  readonly one: SqliteStatement
  readonly names: SqliteStatement

  constructor(connection: SqliteConnection) {
    const upsert = (
      key: string,
      rows = 1,
    ): string => `INSERT INTO spillway_records (collection, record_key, spillway_version, spillway_check, value)
       VALUES ${Array.from({ length: rows }, () => `(?, ${key}, ?, ?, ?)`).join(', ')}
       ON CONFLICT (collection, record_key) DO UPDATE SET spillway_version = excluded.spillway_version,
         spillway_check = excluded.spillway_check, value = excluded.value
       WHERE excluded.spillway_version > spillway_records.spillway_version`
    this.#upsert = connection.prepare(upsert('?'))
    this.#upsertBytes = connection.prepare(upsert(KEY))
    this.#upsertGroup = connection.prepare(upsert('?', GROUP_ROWS))
    this.remove = connection.prepare(
      `DELETE FROM spillway_records WHERE collection = ? AND record_key = ${KEY} AND spillway_version < ?`,
    )
    this.version = connection.prepare(
      `SELECT spillway_version AS version FROM spillway_records WHERE collection = ? AND record_key = ${KEY}`,
    )
    this.history = connection.prepare(
      `INSERT INTO spillway_records_history
       (collection, record_key, spillway_version, spillway_deleted, spillway_check, value) VALUES (?, ${KEY}, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    )
    this.select = connection.prepare(
      `SELECT spillway_version AS version, value FROM spillway_records WHERE collection = ? AND record_key = ${KEY}`,
    )
    this.page = connection.prepare(
      `SELECT ${KEY_BACK} AS name, spillway_version AS version, spillway_check AS "check", value FROM spillway_records
       WHERE collection = ? AND record_key > ${KEY} ORDER BY record_key LIMIT ?`,
    )
    this.one = connection.prepare('SELECT 1 AS one FROM spillway_records WHERE collection = ? LIMIT 1')
    // Steps from name to name through the primary key instead of reading every row of it.
    this.names = connection.prepare(
      `WITH RECURSIVE names(name) AS (
         SELECT min(collection) FROM spillway_records
         UNION ALL
         SELECT (SELECT min(collection) FROM spillway_records WHERE collection > name) FROM names WHERE name IS NOT NULL
       ) SELECT name FROM names WHERE name IS NOT NULL`,
    )
  }

  /** Without the cast, which would take 5 % of the whole, for keys that go as strings. */
  upsert(collection: string, key: SqlValue, version: Version, check: string, blob: Uint8Array): boolean {
    const statement = typeof key === 'string' ? this.#upsert : this.#upsertBytes
    return statement.run(collection, key, version, check, blob).changes > 0
  }

  /** `GROUP_ROWS` rows; false where not all of them were written. */
  upsertGroup(bound: readonly SqlValue[]): boolean {
    return this.#upsertGroup.run(...bound).changes === GROUP_ROWS
  }
}

/** A hand may have left text in the value column; it is read as the bytes that it shows. */
function bytesOf(stored: unknown): Uint8Array {
  return stored instanceof Uint8Array ? stored : encodeUtf8(String(stored))
}

export class SharedRows implements Rows {
  readonly #table: SharedTable
  readonly #collection: string

  constructor(table: SharedTable, collection: string) {
    this.#table = table
    this.#collection = collection
  }

  land(row: LandRow): 'landed' | 'newer' {
    const { key, version, value } = row
    const bound = keyParameter(key)
    if (value === undefined) {
      if (this.#table.remove.run(this.#collection, bound, version).changes > 0) return 'landed'
    } else {
      const blob = toBlob(value)
      const check = rowCheck(this.#collection, key, version, blob)
      if (this.#table.upsert(this.#collection, bound, version, check, blob)) return 'landed'
    }
    return unchanged(row, this.#table.version.get<{ version: number }>(this.#collection, bound)?.version)
  }

  landGroup(rows: readonly LandRow[]): boolean {
    const bound: SqlValue[] = []
    for (const { key, version, value } of rows) {
      const name = keyParameter(key)
      if (value === undefined || typeof name !== 'string') return false
      const blob = toBlob(value)
      bound.push(this.#collection, name, version, rowCheck(this.#collection, key, version, blob), blob)
    }
    return this.#table.upsertGroup(bound)
  }

  landHistory({ key, version, value }: LandRow): void {
    const blob = value === undefined ? null : toBlob(value)
    const check = blob === null ? null : rowCheck(this.#collection, key, version, blob)
    this.#table.history.run(this.#collection, keyParameter(key), version, blob === null ? 1 : 0, check, blob)
  }

  held(key: string): Held {
    const row = this.#table.select.get<{ version: number; value: Uint8Array }>(
      this.#collection,
      keyParameter(key),
    )
    return row === undefined
      ? HELD_ABSENT
      : { version: row.version as Version, value: fromBlob(bytesOf(row.value)) }
  }

  scan(after: string | undefined, limit: number): ScanPage {
    const found = this.#table.page.all(this.#collection, keyParameter(after ?? ''), limit + 1)
    const rows = found.slice(0, limit).map((row) => this.#scanned(row))
    return { rows, next: found.length > limit ? rows.at(-1)?.key : undefined }
  }

  any(): boolean {
    return this.#table.one.get(this.#collection) !== undefined
  }

  #scanned(row: SqliteRow): ScannedRow {
    const key = keyFrom(row.name)
    const version = Number(row.version) as Version
    const blob = bytesOf(row.value)
    const isBlob = row.value instanceof Uint8Array
    const good = isBlob && row.check === rowCheck(this.#collection, key, version, blob)
    return {
      key,
      version,
      value: readable(blob),
      check: version === PREEXISTING ? 'unchecked' : good ? 'good' : 'wrong',
    }
  }
}

/** A blob that a hand has broken is still shown. */
function readable(blob: Uint8Array): Value {
  try {
    return fromBlob(blob)
  } catch {
    return plainValue(blob)
  }
}

/** Rows of a table that the user owns. */
export class MappedRows implements Rows {
  readonly #collection: string
  readonly #table: MappedTable
  /** Of columns without `as`: what they take. */
  readonly #affinities: readonly (Affinity | undefined)[]
  readonly #upsert: SqliteStatement
  readonly #remove: SqliteStatement
  readonly #version: SqliteStatement
  readonly #select: SqliteStatement
  readonly #first: SqliteStatement
  readonly #page: SqliteStatement
  readonly #history: SqliteStatement | undefined

  constructor(connection: SqliteConnection, collection: string, table: MappedTable, history: boolean) {
    this.#collection = collection
    this.#table = table
    this.#affinities = affinitiesOf(connection, table)
    const name = quoted(table.name)
    const version = quoted(table.versionColumn)
    const columns = table.columns.map((column) => quoted(column.column))
    const key = columns.slice(0, table.keyCount)
    const written = [...columns, version, ...(table.check ? [quoted(CHECK_COLUMN)] : [])]
    const isKey = key.map((column) => `${column} = ?`).join(' AND ')
    const sets = written.slice(table.keyCount).map((column) => `${column} = excluded.${column}`)
    this.#upsert = connection.prepare(
      `INSERT INTO ${name} (${written.join(', ')}) VALUES (${marks(written.length)})
       ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${sets.join(', ')} WHERE excluded.${version} > ${name}.${version}`,
    )
    this.#remove = connection.prepare(`DELETE FROM ${name} WHERE ${isKey} AND ${version} < ?`)
    this.#version = connection.prepare(`SELECT ${version} AS version FROM ${name} WHERE ${isKey}`)
    const all = `SELECT ${columns.map((column, index) => `${column} AS c${index}`).join(', ')}, ${version} AS version, ${
      table.check ? quoted(CHECK_COLUMN) : 'NULL'
    } AS "check" FROM ${name}`
    const order = `ORDER BY ${key.join(', ')} LIMIT ?`
    this.#select = connection.prepare(`${all} WHERE ${isKey}`, { bigints: true })
    this.#first = connection.prepare(`${all} ${order}`, { bigints: true })
    this.#page = connection.prepare(`${all} WHERE (${key.join(', ')}) > (${marks(key.length)}) ${order}`, {
      bigints: true,
    })
    this.#history = history
      ? connection.prepare(
          `INSERT INTO ${quoted(table.historyName)} (${[...written, quoted(DELETED_COLUMN)].join(', ')})
           VALUES (${marks(written.length + 1)}) ON CONFLICT DO NOTHING`,
        )
      : undefined
  }

  land(row: LandRow): 'landed' | 'newer' {
    const key = keyToSql(this.#table, this.#collection, row.key)
    const changed =
      row.value === undefined
        ? this.#remove.run(...key, row.version).changes
        : this.#upsert.run(...this.#written(row, row.value)).changes
    if (changed > 0) return 'landed'
    return unchanged(row, this.#version.get<{ version: number }>(...key)?.version)
  }

  landGroup(): boolean {
    return false
  }

  landHistory(row: LandRow): void {
    if (this.#history === undefined) return
    if (row.value !== undefined) {
      this.#history.run(...this.#written(row, row.value), 0)
      return
    }
    const key = keyToSql(this.#table, this.#collection, row.key)
    const nothing = this.#table.columns.slice(key.length).map(() => null)
    this.#history.run(...key, ...nothing, row.version, ...(this.#table.check ? [null] : []), 1)
  }

  held(key: string): Held {
    const row = this.#select.get(...keyToSql(this.#table, this.#collection, key))
    if (row === undefined) return HELD_ABSENT
    return {
      version: Number(row.version) as Version,
      value: plainValue(fromRow(this.#table, this.#valuesOf(row))),
    }
  }

  scan(after: string | undefined, limit: number): ScanPage {
    const found =
      after === undefined ? this.#first.all(limit + 1) : this.#page.all(...fromCursor(after), limit + 1)
    const rows = found.slice(0, limit).map((row) => this.#scanned(row))
    const last = found[limit - 1]
    const more = found.length > limit && last !== undefined
    return { rows, next: more ? toCursor(this.#valuesOf(last).slice(0, this.#table.keyCount)) : undefined }
  }

  any(): boolean {
    return this.#first.get(1) !== undefined
  }

  /** Values of all columns, the version and the check, as the upsert takes them. */
  #written(row: LandRow, value: Value): SqlValue[] {
    const json = decompress(value.codec, value.bytes, value.rawBytes)
    const values = toRow(this.#table, this.#collection, row.key, json)
    for (const [index, affinity] of this.#affinities.entries()) {
      const given = values[index] ?? null
      if (affinity === undefined || affinity === 'none' || given === null) continue
      if ((typeof given === 'string') !== (affinity === 'text')) throw this.#changing(index, affinity)
    }
    if (!this.#table.check) return [...values, row.version]
    return [
      ...values,
      row.version,
      rowCheck(this.#collection, row.key, row.version, fromRow(this.#table, values)),
    ]
  }

  #changing(index: number, affinity: Affinity): SpillwayError {
    const { column, field } = this.#table.columns[index] as MappedColumn
    const takes = affinity === 'text' ? 'strings' : 'numbers'
    return new SpillwayError(
      'invalid',
      `Field ${JSON.stringify(field)}: column ${JSON.stringify(column)} of ${JSON.stringify(this.#table.name)} takes ${takes} only.`,
    )
  }

  #valuesOf(row: SqliteRow): SqlValue[] {
    return this.#table.columns.map((_, index) => row[`c${index}`] ?? null)
  }

  #scanned(row: SqliteRow): ScannedRow {
    const values = this.#valuesOf(row)
    const key = keyOfRow(this.#table, values)
    const version = Number(row.version) as Version
    try {
      const json = fromRow(this.#table, values)
      const value = plainValue(json)
      if (!this.#table.check || version === PREEXISTING) return { key, version, value, check: 'unchecked' }
      return {
        key,
        version,
        value,
        check: row.check === rowCheck(this.#collection, key, version, json) ? 'good' : 'wrong',
      }
    } catch {
      const shown = values.map((one) =>
        one instanceof Uint8Array ? Buffer.from(one).toString('base64') : String(one),
      )
      return { key, version, value: plainValue(encodeUtf8(JSON.stringify(shown))), check: 'wrong' }
    }
  }
}

function marks(count: number): string {
  return Array.from({ length: count }, () => '?').join(', ')
}

/** Key columns as they stand in the table: a row that others wrote may have a key that no template takes apart. */
function toCursor(values: readonly SqlValue[]): string {
  const plain = values.map((value) => {
    if (typeof value === 'bigint') return { integer: value.toString() }
    return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value
  })
  return JSON.stringify(plain)
}

function fromCursor(cursor: string): SqlValue[] {
  type Plain = null | number | string | { readonly integer?: string; readonly bytes?: string }
  return (JSON.parse(cursor) as Plain[]).map((value) => {
    if (value === null || typeof value !== 'object') return value
    return value.integer === undefined ? Buffer.from(value.bytes ?? '', 'base64') : BigInt(value.integer)
  })
}
