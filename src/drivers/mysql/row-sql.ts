/**
 * The statements of a table of rows: the shared one and mapped ones have the same, with other columns.
 *
 * Upserts carry their guard in every assignment, and assign the version last: MariaDB runs assignments from left to
 * right on the values changed so far, so that an earlier one would let the columns after it through.
 */
import type { Dialect } from './connection.ts'

/** A table of rows; names are quoted already. */
export interface RowShape {
  readonly name: string
  readonly key: readonly string[]
  /** The key's first columns that are the same in all rows of a statement: the collection. */
  readonly fixed: number
  /** Placeholders of the key's columns in a comparison. */
  readonly keyMarks: readonly string[]
  /** All other columns but the version, in the order in which they are bound. */
  readonly rest: readonly string[]
  readonly version: string
}

/** Columns in the order in which a row is bound: key, rest, version. */
export function writtenColumns(shape: RowShape): string[] {
  return [...shape.key, ...shape.rest, shape.version]
}

export function upsertSql(shape: RowShape, dialect: Dialect, rows: number): string {
  const { name, version } = shape
  const newer = `${dialect.incoming(version)} > ${name}.${version}`
  const sets = [...shape.rest, version].map(
    (column) => `${column} = IF(${newer}, ${dialect.incoming(column)}, ${name}.${column})`,
  )
  return `${insertSql(name, writtenColumns(shape), rows)}${dialect.alias} ON DUPLICATE KEY UPDATE ${sets.join(', ')}`
}

export function insertSql(name: string, columns: readonly string[], rows: number): string {
  const marks = `(${columns.map(() => '?').join(', ')})`
  return `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${Array(rows).fill(marks).join(', ')}`
}

/** What is there already stays: a version of a key is one write. */
export function insertNewSql(name: string, columns: readonly string[], rows: number): string {
  const first = columns[0] as string
  return `${insertSql(name, columns, rows)} ON DUPLICATE KEY UPDATE ${first} = ${name}.${first}`
}

/** Binds the rest, the version, the key, the version again. */
export function updateSql(shape: RowShape): string {
  const sets = [...shape.rest, shape.version].map((column) => `${column} = ?`)
  return `UPDATE ${shape.name} SET ${sets.join(', ')} WHERE ${isKey(shape)} AND ${shape.version} < ?`
}

/** Binds key and version; deletes the row if it is older. */
export function deleteOlderSql(shape: RowShape): string {
  return `DELETE FROM ${shape.name} WHERE ${isKey(shape)} AND ${shape.version} < ?`
}

/** Binds `keysBound`. */
export function deleteSql(shape: RowShape, rows: number): string {
  return `DELETE FROM ${shape.name} WHERE ${anyKey(shape, rows)}`
}

/** Versions of rows. Binds `keysBound`. */
export function versionsSql(shape: RowShape, rows: number): string {
  return `SELECT ${[...shape.key, shape.version].join(', ')} FROM ${shape.name} WHERE ${anyKey(shape, rows)}`
}

/**
 * A condition for any of so many keys; binds `keysBound`. As lists of IN: MariaDB took 5 to 10 times as long to plan
 * the same 1,024 keys with OR between them.
 */
export function anyKey(shape: RowShape, keys: number): string {
  const fixed = shape.key
    .slice(0, shape.fixed)
    .map((column, index) => `${column} = ${shape.keyMarks[index]} AND `)
    .join('')
  const columns = shape.key.slice(shape.fixed)
  const marks = shape.keyMarks.slice(shape.fixed)
  const [column] = columns
  const named = columns.length === 1 ? column : `(${columns.join(', ')})`
  const one = columns.length === 1 ? marks[0] : `(${marks.join(', ')})`
  return `${fixed}${named} IN (${Array(keys).fill(one).join(', ')})`
}

/** What `anyKey` binds, of keys with all their columns: those that are fixed once. */
export function keysBound<T>(shape: RowShape, keys: readonly (readonly T[])[]): T[] {
  const [first] = keys
  return [...(first ?? []).slice(0, shape.fixed), ...keys.flatMap((key) => key.slice(shape.fixed))]
}

function isKey(shape: RowShape): string {
  return shape.key.map((column, index) => `${column} = ${shape.keyMarks[index]}`).join(' AND ')
}

/**
 * Keys after one, in order: (a, b) > (?, ?) written out, because MariaDB finds no index for the short form. Binds
 * the first column, then for each column all up to it.
 */
export function afterKey(shape: RowShape): string {
  const steps = shape.key.map((column, index) => {
    const same = shape.key.slice(0, index).map((one, at) => `${one} = ${shape.keyMarks[at]}`)
    return `(${[...same, `${column} > ${shape.keyMarks[index]}`].join(' AND ')})`
  })
  return `${shape.key[0]} >= ${shape.keyMarks[0]} AND (${steps.join(' OR ')})`
}

export function afterKeyValues<T>(key: readonly T[]): T[] {
  return [key[0] as T, ...key.flatMap((_, index) => key.slice(0, index + 1))]
}
