/**
 * Between a value's JSON bytes and the columns of a mapped row, both ways; and what a row's check is made of.
 *
 * A row is given as its SQL values in the order of `MappedTable.columns`. What comes back is the same JSON value:
 * fields in declared order, members of `json` columns as the very text that was sent.
 */
import { SpillwayError } from '../errors.ts'
import { hash64Joined } from '../kit/hash.ts'
import { memberOf } from '../kit/json-text.ts'
import { decodeUtf8Strict, encodeUtf8 } from '../kit/utf8.ts'
import type { SqlValue } from './columns.ts'
import { formatKey } from './key-template.ts'
import type { MappedColumn, MappedTable } from './table.ts'
import { fieldToSql, fieldsOf, keyParts, refuseUnmapped } from './table.ts'

/** Columns of a key, in template order. Throws `invalid` for a key that is not the one spelling of a row. */
export function keyToSql(table: MappedTable, collection: string, key: string): SqlValue[] {
  const parts = keyParts(table, collection, key)
  return parts.map((part, index) =>
    (table.columns[index] as MappedColumn).conversion.toSql(part, key, () => part),
  )
}

/** All columns of a row. Throws `invalid` where `checkValue` would. */
export function toRow(table: MappedTable, collection: string, key: string, json: Uint8Array): SqlValue[] {
  const fields = fieldsOf(collection, JSON.parse(decodeUtf8Strict(json)))
  refuseUnmapped(table, collection, fields)
  const parts = keyParts(table, collection, key)
  const sourceOf = (field: string): string => {
    const span = memberOf(json, field)
    return span === undefined ? 'null' : decodeUtf8Strict(json.subarray(span.start, span.end))
  }
  return table.columns.map((column, index) =>
    column.isKey && !column.inValue
      ? column.conversion.toSql(parts[index], column.field, () => '')
      : fieldToSql(table, index, fields, parts, sourceOf),
  )
}

/** The value of a row as JSON. Throws `invalid` for a row that was written past Spillway and has no JSON. */
export function fromRow(table: MappedTable, values: readonly SqlValue[]): Uint8Array {
  let json = ''
  for (const index of table.valueOrder) {
    const column = table.columns[index] as MappedColumn
    const stored = values[index] ?? null
    if (stored === null) {
      if (column.absent === 'null') json += `${json === '' ? '' : ','}${column.jsonName}null`
      continue
    }
    const text = column.conversion.toJson(stored)
    if (text === undefined) throw unreadable(table, column, values)
    json += `${json === '' ? '' : ','}${column.jsonName}${text}`
  }
  return encodeUtf8(`{${json}}`)
}

/** The key of a row. */
export function keyOfRow(table: MappedTable, values: readonly SqlValue[]): string {
  const parts = table.columns.slice(0, table.keyCount).map((_, index) => textOf(values[index] ?? null))
  return formatKey(table.key, parts)
}

function textOf(value: SqlValue): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
}

function unreadable(table: MappedTable, column: MappedColumn, values: readonly SqlValue[]): SpillwayError {
  return new SpillwayError(
    'invalid',
    `Row ${JSON.stringify(keyOfRow(table, values))} of table ${JSON.stringify(table.name)}: column ${JSON.stringify(column.column)} ` +
      `does not hold ${column.as ?? 'a string or number'}; somebody else wrote it. Correct the row, or write the record again.`,
  )
}

/**
 * The check of a row: a 64-bit hash of its name, version and landed bytes, as 16 hexadecimal digits. The landed
 * bytes are what a shared table keeps, and of a mapped row the JSON that its columns give back.
 */
export function rowCheck(collection: string, key: string, version: number, landed: Uint8Array): string {
  // Collection names have no NUL and versions no quote: no two rows give the same bytes.
  return hash64Joined(collection, version, key, landed)
}
