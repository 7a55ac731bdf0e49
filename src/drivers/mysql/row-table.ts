/**
 * How records become rows of their table and come back: the shared table and mapped ones, behind one shape.
 */
import { SpillwayError } from '../../errors.ts'
import { decompress } from '../../kit/codec.ts'
import { encodeUtf8 } from '../../kit/utf8.ts'
import { PREEXISTING } from '../../model/position.ts'
import type { Version } from '../../model/position.ts'
import { fromRow, keyOfRow, keyToSql, rowCheck, toRow } from '../../model/row.ts'
import { fromBlob, toBlob } from '../../model/stored-value.ts'
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedTable, TableSpec } from '../../model/table.ts'
import { plainValue } from '../../model/value.ts'
import type { Value } from '../../model/value.ts'
import type { LandRow, ScannedRow } from '../../ports/database.ts'
import type { Bound, Cell } from './client.ts'
import type { ColumnPlace } from './column-kind.ts'
import { bufferOf } from './column-kind.ts'
import { quoted } from './ddl.ts'
import type { RowShape } from './row-sql.ts'
import { writtenColumns } from './row-sql.ts'

/** Rows of one collection, as statements bind them and give them back. */
export interface RowTable {
  readonly collection: string
  readonly shape: RowShape
  /** Quoted name and columns of the history; undefined without one. */
  readonly history: { readonly name: string; readonly columns: readonly string[] } | undefined
  /** By quoted name, what the server says of the user's tables as they were learned; of our own nothing. */
  readonly definitions: ReadonlyMap<string, string>
  /** UPDATE or INSERT, one by one: a UNIQUE index besides the key must not let a row overwrite another one's. */
  readonly rowByRow: boolean
  /** Columns after the version that a read selects, quoted. */
  readonly selected: readonly string[]
  bindKey(key: string): Bound[]
  /** Key, rest, version. Throws `invalid` where the columns would not keep the value. */
  bindRow(row: LandRow, value: Value): Bound[]
  /** In the order of the history's columns. */
  bindHistory(row: LandRow): Bound[]
  /** Of the key's columns as they were selected. */
  keyOf(cells: readonly Cell[]): string
  /** Of `selected`; throws `invalid` for a row that has no JSON. */
  valueOf(cells: readonly Cell[]): Value
  /** Of `selected` and the check. */
  scanned(version: Version, cells: readonly Cell[], check: Cell): ScannedRow
  /** Quoted, or NULL. */
  readonly checkColumn: string
}

const SHARED_SHAPE: RowShape = {
  name: 'spillway_records',
  key: ['`collection`', '`record_key`'],
  fixed: 1,
  keyMarks: ['?', '?'],
  rest: ['`spillway_check`', '`value`'],
  version: '`spillway_version`',
}
const NO_DEFINITIONS: RowTable['definitions'] = new Map()
const SHARED_HISTORY = {
  name: 'spillway_records_history',
  columns: [
    'collection',
    'record_key',
    'spillway_check',
    'value',
    'spillway_version',
    'spillway_deleted',
  ].map(quoted),
}

/** The part of the shared table that is this collection's. */
export class SharedRows implements RowTable {
  readonly collection: string
  readonly shape = SHARED_SHAPE
  readonly history: RowTable['history']
  readonly definitions = NO_DEFINITIONS
  readonly rowByRow = false
  readonly selected = ['`record_key`', '`value`']
  readonly checkColumn = '`spillway_check`'

  constructor(collection: string, history: boolean) {
    this.collection = collection
    this.history = history ? SHARED_HISTORY : undefined
  }

  bindKey(key: string): Bound[] {
    return [this.collection, key]
  }

  bindRow({ key, version }: LandRow, value: Value): Bound[] {
    const blob = toBlob(value)
    return [this.collection, key, rowCheck(this.collection, key, version, blob), bufferOf(blob), version]
  }

  bindHistory(row: LandRow): Bound[] {
    const { key, version, value } = row
    if (value === undefined) return [this.collection, key, null, null, version, 1]
    return [...this.bindRow(row, value), 0]
  }

  keyOf(cells: readonly Cell[]): string {
    return textOf(cells[1])
  }

  valueOf(cells: readonly Cell[]): Value {
    return fromBlob(bytesOf(cells[1]))
  }

  scanned(version: Version, cells: readonly Cell[], check: Cell): ScannedRow {
    const key = textOf(cells[0])
    const blob = bytesOf(cells[1])
    const good = check !== null && textOf(check) === rowCheck(this.collection, key, version, blob)
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

function bytesOf(cell: Cell | undefined): Uint8Array {
  return Buffer.isBuffer(cell) ? cell : encodeUtf8(String(cell))
}

export function textOf(cell: Cell | undefined): string {
  return Buffer.isBuffer(cell) ? cell.toString() : String(cell)
}

/** Rows of a table that the user owns. */
export class MappedRows implements RowTable {
  readonly collection: string
  readonly shape: RowShape
  readonly history: RowTable['history']
  readonly definitions: RowTable['definitions']
  readonly rowByRow: boolean
  readonly selected: readonly string[]
  readonly checkColumn: string
  readonly #table: MappedTable
  /** In the order of the table's columns. */
  readonly #places: readonly ColumnPlace[]

  constructor(
    { collection, history }: TableSpec,
    table: MappedTable,
    places: readonly ColumnPlace[],
    definitions: RowTable['definitions'],
  ) {
    this.collection = collection
    this.definitions = definitions
    this.#table = table
    this.#places = places
    this.rowByRow = table.landing === 'row-by-row'
    const columns = table.columns.map((column) => quoted(column.column))
    this.selected = columns
    this.checkColumn = table.check ? quoted(CHECK_COLUMN) : 'NULL'
    this.shape = {
      name: quoted(table.name),
      key: columns.slice(0, table.keyCount),
      fixed: 0,
      // A string that is compared with an integer column would be compared as a double.
      keyMarks: table.columns
        .slice(0, table.keyCount)
        .map((one) => (one.as === 'int64' ? 'CAST(? AS SIGNED)' : '?')),
      rest: [...columns.slice(table.keyCount), ...(table.check ? [quoted(CHECK_COLUMN)] : [])],
      version: quoted(table.versionColumn),
    }
    this.history = history
      ? { name: quoted(table.historyName), columns: [...writtenColumns(this.shape), quoted(DELETED_COLUMN)] }
      : undefined
  }

  bindKey(key: string): Bound[] {
    return keyToSql(this.#table, this.collection, key).map((value, index) => this.#bind(index, value))
  }

  bindRow({ key, version }: LandRow, value: Value): Bound[] {
    const json = decompress(value.codec, value.bytes, value.rawBytes)
    const values = toRow(this.#table, this.collection, key, json)
    const bound = values.map((one, index) => this.#bind(index, one))
    if (this.#table.check) bound.push(rowCheck(this.collection, key, version, fromRow(this.#table, values)))
    bound.push(version)
    return bound
  }

  bindHistory(row: LandRow): Bound[] {
    const { key, version, value } = row
    if (value !== undefined) return [...this.bindRow(row, value), 0]
    return [...this.bindKey(key), ...this.shape.rest.map(() => null), version, 1]
  }

  keyOf(cells: readonly Cell[]): string {
    return keyOfRow(
      this.#table,
      cells.slice(0, this.#table.keyCount).map((cell, index) => this.#back(index, cell)),
    )
  }

  valueOf(cells: readonly Cell[]): Value {
    return plainValue(
      fromRow(
        this.#table,
        cells.map((cell, index) => this.#back(index, cell)),
      ),
    )
  }

  scanned(version: Version, cells: readonly Cell[], check: Cell): ScannedRow {
    const key = this.keyOf(cells)
    try {
      const value = this.valueOf(cells)
      if (!this.#table.check || version === PREEXISTING) return { key, version, value, check: 'unchecked' }
      const good = check !== null && textOf(check) === rowCheck(this.collection, key, version, value.bytes)
      return { key, version, value, check: good ? 'good' : 'wrong' }
    } catch {
      const shown = cells.map((cell) => (Buffer.isBuffer(cell) ? cell.toString('base64') : String(cell)))
      return { key, version, value: plainValue(encodeUtf8(JSON.stringify(shown))), check: 'wrong' }
    }
  }

  #bind(index: number, value: Parameters<ColumnPlace['bind']>[0]): Bound {
    const place = this.#places[index] as ColumnPlace
    return place.bind(
      value,
      (why) =>
        new SpillwayError(
          'invalid',
          `Field ${JSON.stringify(place.column.field)}: ${JSON.stringify(place.column.column)} of ${JSON.stringify(this.#table.name)}, ${why}.`,
        ),
    )
  }

  #back(index: number, cell: Cell): ReturnType<ColumnPlace['back']> {
    return (this.#places[index] as ColumnPlace).back(cell)
  }
}
