/**
 * What a column of MariaDB keeps exactly, and how what it gives back becomes the value that went in.
 *
 *   conversion        kinds of columns that keep it              and then only
 *   ────────────────  ─────────────────────────────────────────  ────────────────────────────────────────────────
 *   text json         text, bytes, char                          char: without a space at the end, which CHAR drops
 *   decimal           text, bytes, char, decimal                 decimal: with exactly as many digits after the point
 *   date              date, text, bytes, char
 *   instant           datetime, timestamp, text, bytes, char     datetime: UTC, within its fraction digits
 *   int64             integer, decimal without fraction
 *   bool              integer
 *   binary            bytes
 *   (without `as`)    integer, double, text, bytes, char         numbers in the first two, strings in the others
 *
 * What only some rows break is judged row by row, before the row is sent: MariaDB itself would round 1.5 to 2 in an
 * integer column, and cut 12.345 in a DECIMAL(10,2), without an error even in strict mode.
 */
import type { ColumnAs, SqlValue } from '../../model/columns.ts'
import type { MappedColumn } from '../../model/table.ts'
import type { Bound, Cell } from './client.ts'

export type ColumnKind =
  | 'integer'
  | 'double'
  | 'decimal'
  | 'text'
  | 'char'
  | 'bytes'
  | 'date'
  | 'datetime'
  | 'other'

/** A column as information_schema describes it. */
export interface DeclaredColumn {
  readonly name: string
  /** `varchar` */
  readonly dataType: string
  /** `varchar(20)`, `int(10) unsigned zerofill` */
  readonly declared: string
  readonly charset: string | undefined
  readonly collation: string | undefined
  readonly nullable: boolean
  readonly defaulted: boolean
  readonly generated: boolean
  /** NULL would become the next number. */
  readonly numbered: boolean
  /** Digits after the point, or of a fraction of a second. */
  readonly scale: number
}

const KINDS: Readonly<Record<string, ColumnKind>> = {
  tinyint: 'integer',
  smallint: 'integer',
  mediumint: 'integer',
  int: 'integer',
  bigint: 'integer',
  double: 'double',
  decimal: 'decimal',
  varchar: 'text',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  char: 'char',
  varbinary: 'bytes',
  tinyblob: 'bytes',
  blob: 'bytes',
  mediumblob: 'bytes',
  longblob: 'bytes',
  date: 'date',
  datetime: 'datetime',
  timestamp: 'datetime',
}

/** Charsets in which a character is either kept or refused, never replaced. */
const CHARSETS = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii', 'latin1'])

const FITS: Record<ColumnAs, readonly ColumnKind[]> = {
  text: ['text', 'bytes', 'char'],
  json: ['text', 'bytes', 'char'],
  decimal: ['text', 'bytes', 'char', 'decimal'],
  date: ['date', 'text', 'bytes', 'char'],
  instant: ['datetime', 'text', 'bytes', 'char'],
  int64: ['integer', 'decimal'],
  bool: ['integer'],
  binary: ['bytes'],
}
const FITS_SCALAR: readonly ColumnKind[] = ['integer', 'double', 'text', 'bytes', 'char']

export function kindOf(column: DeclaredColumn): ColumnKind {
  const kind = KINDS[column.dataType] ?? 'other'
  // The zeros that fill it up are part of the text that comes back.
  if (kind === 'integer' && column.declared.includes('zerofill')) return 'other'
  if (kind === 'decimal' && column.declared.includes('zerofill')) return 'other'
  if ((kind === 'text' || kind === 'char') && !CHARSETS.has(column.charset ?? '')) return 'other'
  return kind
}

/** Whether values of a conversion can be exact in a column of this kind. */
export function fits(as: ColumnAs | undefined, column: DeclaredColumn): boolean {
  const kind = kindOf(column)
  if (as === undefined) return FITS_SCALAR.includes(kind)
  if (as === 'int64' && kind === 'decimal') return column.scale === 0
  return FITS[as].includes(kind)
}

/** A mapped column and what it is in the table that is there. */
export class ColumnPlace {
  readonly column: MappedColumn
  readonly #kind: ColumnKind
  readonly #scale: number
  readonly #declared: string

  constructor(column: MappedColumn, declared: DeclaredColumn) {
    this.column = column
    this.#kind = kindOf(declared)
    this.#scale = declared.scale
    this.#declared = declared.declared
  }

  /** A value as it is bound. Throws with `problem` where the column would change it. */
  bind(value: SqlValue, problem: (why: string) => Error): Bound {
    if (value === null) return null
    const why = this.#changes(value)
    if (why !== undefined) throw problem(`column ${this.#declared} ${why}`)
    if (typeof value === 'bigint') return value.toString()
    return value instanceof Uint8Array ? bufferOf(value) : value
  }

  /** What came back, as the conversion knows it. */
  back(cell: Cell): SqlValue {
    const { as } = this.column
    if (cell === null) return null
    if (Buffer.isBuffer(cell)) return as === 'binary' ? cell : cell.toString()
    if (typeof cell === 'string' && this.#kind === 'integer') return BigInt(cell)
    return cell
  }

  /** Why the column would not keep this value, if so. */
  #changes(value: SqlValue): string | undefined {
    const { as } = this.column
    switch (this.#kind) {
      case 'integer':
        return as === undefined && !Number.isInteger(value) ? 'takes whole numbers only' : undefined
      case 'double':
        return typeof value === 'number' ? undefined : 'takes numbers only'
      case 'text':
      case 'bytes':
        return as === undefined && typeof value !== 'string' ? 'takes strings only' : undefined
      case 'char':
        if (typeof value !== 'string') return 'takes strings only'
        return value.endsWith(' ') ? 'drops spaces at the end: make it VARCHAR' : undefined
      case 'decimal':
        return as === 'decimal' ? this.#decimalProblem(String(value)) : undefined
      case 'datetime':
        return this.#instantProblem(String(value))
      default:
        return undefined
    }
  }

  #decimalProblem(value: string): string | undefined {
    const point = value.indexOf('.')
    const digits = point === -1 ? 0 : value.length - point - 1
    return digits === this.#scale
      ? undefined
      : `has ${this.#scale} digits after the point, this value ${digits}: send as many`
  }

  #instantProblem(value: string): string | undefined {
    const match = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.(\d{6})$/.exec(value)
    if (match === null)
      return 'has no zone: send UTC with 3 or 6 fraction digits, as toISOString() makes it, or make it VARCHAR(32)'
    return /[1-9]/.test((match[1] as string).slice(this.#scale))
      ? `keeps ${this.#scale} fraction digits of a second: make it DATETIME(6)`
      : undefined
  }
}

/** A view, not a copy: mysql2 knows Buffers only. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
