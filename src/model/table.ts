/**
 * Where a collection's rows live.
 *
 * Unmapped collections share `spillway_records`; a mapped one has a table that the user may already own: fields to
 * columns with declared conversions (`columns.ts`), a key of one or more columns (`key-template.ts`), one added
 * version column, and on request a check column.
 *
 * `absent` says what SQL NULL means, because JSON knows two kinds of nothing: with `'missing'` (the default) a
 * field that is not there becomes NULL and NULL comes back as no field, and an explicit null is refused; with
 * `'null'` it is the other way round. A `json` column with `'missing'` takes both: null is its JSON text.
 *
 * A key field that `columns` lists is part of the value and must equal the key; with `absent: 'missing'` spelled
 * out it is only typed by the listing and never part of the value, like a key field that is not listed at all.
 */
import { SpillwayError } from '../errors.ts'
import type { ColumnAs, Conversion } from './columns.ts'
import { COLUMN_AS, CONVERSIONS, scalar } from './columns.ts'
import type { KeyTemplate } from './key-template.ts'
import { compileKeyTemplate, formatKey, parseKey } from './key-template.ts'
import { didYouMean } from '../kit/nearest.ts'

export type { ColumnAs } from './columns.ts'

export interface ColumnOptions {
  readonly column: string
  /** Default: JSON strings and numbers as they are. */
  readonly as?: ColumnAs
  /** What NULL means; default 'missing'. */
  readonly absent?: 'null' | 'missing'
}

export interface TableOptions {
  /** At most 56 characters, so that `<name>_history` fits every database. */
  readonly name: string
  /** `'{candidate}'` or `'{school}/{candidate}'`: names fields; one not in `columns` is a text column of its name. */
  readonly key: string
  /** Field to column. */
  readonly columns: Readonly<Record<string, string | ColumnOptions>>
  /** Default `spillway_version`. */
  readonly versionColumn?: string
  /** Adds `spillway_check`, by which `verify` finds rows that somebody changed by hand. Default false. */
  readonly check?: boolean
  /** `'row-by-row'` (UPDATE, then INSERT) where the table has a UNIQUE index besides its primary key. Default 'upsert'. */
  readonly landing?: 'upsert' | 'row-by-row'
}

export interface MappedColumn {
  readonly field: string
  readonly column: string
  /** Undefined: JSON strings and numbers as they are. */
  readonly as: ColumnAs | undefined
  readonly absent: 'null' | 'missing'
  readonly isKey: boolean
  /** False only for key fields that are not part of the value. */
  readonly inValue: boolean
  readonly conversion: Conversion
  /** `"field":` */
  readonly jsonName: string
}

export interface MappedTable {
  readonly name: string
  readonly historyName: string
  readonly key: KeyTemplate
  /** Key columns in template order, then the others in declared order: the order of a row's values. */
  readonly columns: readonly MappedColumn[]
  /** Fields of the value in declared order, as indexes into `columns`. */
  readonly valueOrder: readonly number[]
  readonly keyCount: number
  readonly byField: ReadonlyMap<string, MappedColumn>
  readonly versionColumn: string
  readonly check: boolean
  readonly landing: 'upsert' | 'row-by-row'
  /** What it was compiled from: plain data that can be sent to another thread and compiled again. */
  readonly options: TableOptions
}

/** Where one collection lands. */
export interface TableSpec {
  readonly collection: string
  readonly history: boolean
  /** Undefined: the shared table `spillway_records`. */
  readonly mapped: MappedTable | undefined
}

export const CHECK_COLUMN = 'spillway_check'
export const DELETED_COLUMN = 'spillway_deleted'
export const VERSION_COLUMN = 'spillway_version'
export const TABLE_NAME_MAX = 56
const COLUMN_NAME_MAX = 64

const COLLECTION = /^[a-z][a-z0-9_]{0,62}$/
const TABLE_OPTIONS = ['name', 'key', 'columns', 'versionColumn', 'check', 'landing']
const COLUMN_OPTIONS = ['column', 'as', 'absent']
/** Types whose text has one form per value, so that a key of them has one spelling. */
const KEY_AS: readonly ColumnAs[] = ['text', 'int64', 'date']

/** Throws `invalid`, naming the option. Without a table the collection lands in `spillway_records`. */
export function compileTable(
  collection: string,
  options: { readonly table?: TableOptions | undefined; readonly history?: boolean | undefined } = {},
): TableSpec {
  if (!COLLECTION.test(collection)) {
    throw new SpillwayError(
      'invalid',
      `Collection name ${JSON.stringify(collection)} must match [a-z][a-z0-9_]{0,62}.`,
    )
  }
  const mapped = options.table === undefined ? undefined : compileMapped(collection, options.table)
  return Object.freeze({ collection, history: options.history === true, mapped })
}

function compileMapped(collection: string, options: TableOptions): MappedTable {
  const where = `collections.${collection}.table`
  if (options === null || typeof options !== 'object')
    throw new SpillwayError('invalid', `${where} must be an object.`)
  refuseUnknown(options, TABLE_OPTIONS, where)
  const name = identifier(options.name, `${where}.name`, TABLE_NAME_MAX)
  if (/^(?:sqlite|spillway)_/i.test(name)) {
    throw new SpillwayError(
      'invalid',
      `${where}.name ${JSON.stringify(name)} begins with a reserved prefix; take another name.`,
    )
  }
  if (typeof options.key !== 'string')
    throw new SpillwayError('invalid', `${where}.key must be a template such as "{candidate}".`)
  const key = compileKeyTemplate(options.key, `${where}.key`)
  if (options.columns === null || typeof options.columns !== 'object') {
    throw new SpillwayError('invalid', `${where}.columns must map fields to columns.`)
  }
  const declared = new Map(Object.entries(options.columns))
  const keyColumns = key.fields.map((field) => keyColumn(field, declared.get(field), `${where}.columns`))
  const others = [...declared].filter(([field]) => !key.fields.includes(field))
  const columns = [
    ...keyColumns,
    ...others.map(([field, given]) => valueColumn(field, given, `${where}.columns`)),
  ]
  const versionColumn = identifier(
    options.versionColumn ?? VERSION_COLUMN,
    `${where}.versionColumn`,
    COLUMN_NAME_MAX,
  )
  refuseTwice([...columns.map((one) => one.column), versionColumn, CHECK_COLUMN, DELETED_COLUMN], where)
  if (options.check !== undefined && typeof options.check !== 'boolean') {
    throw new SpillwayError('invalid', `${where}.check must be true or false.`)
  }
  const landing = options.landing ?? 'upsert'
  if (landing !== 'upsert' && landing !== 'row-by-row') {
    throw new SpillwayError(
      'invalid',
      `${where}.landing must be "upsert" or "row-by-row".${didYouMean(String(landing), ['upsert', 'row-by-row'])}`,
    )
  }
  const byField = new Map(columns.map((one) => [one.field, one]))
  const valueOrder = [...declared.keys()]
    .map((field) => columns.findIndex((one) => one.field === field))
    .filter((index) => columns[index]?.inValue === true)
  return Object.freeze({
    name,
    historyName: `${name}_history`,
    key,
    columns,
    valueOrder,
    keyCount: keyColumns.length,
    byField,
    versionColumn,
    check: options.check === true,
    landing,
    options,
  })
}

function keyColumn(field: string, given: string | ColumnOptions | undefined, where: string): MappedColumn {
  const column = compileColumn(field, given ?? field, where)
  const as = column.as ?? 'text'
  if (!KEY_AS.includes(as)) {
    throw new SpillwayError(
      'invalid',
      `${where}.${field} is a key field and cannot be ${JSON.stringify(as)}: only ${KEY_AS.join(', ')} have one spelling per value.`,
    )
  }
  const onlyTyped = typeof given === 'object' && given.absent === 'missing'
  return {
    ...column,
    as,
    conversion: CONVERSIONS[as],
    isKey: true,
    inValue: given !== undefined && !onlyTyped,
  }
}

function valueColumn(field: string, given: string | ColumnOptions, where: string): MappedColumn {
  return compileColumn(field, given, where)
}

function compileColumn(field: string, given: string | ColumnOptions, where: string): MappedColumn {
  const at = `${where}.${field}`
  if (given === null || (typeof given !== 'string' && typeof given !== 'object')) {
    throw new SpillwayError('invalid', `${at} must be a column name or { column, as, absent }.`)
  }
  const options: ColumnOptions = typeof given === 'string' ? { column: given } : given
  refuseUnknown(options, COLUMN_OPTIONS, at)
  const { as, absent } = options
  if (as !== undefined && !COLUMN_AS.includes(as)) {
    throw new SpillwayError(
      'invalid',
      `${at}.as must be one of ${COLUMN_AS.join(', ')}.${didYouMean(String(as), COLUMN_AS)}`,
    )
  }
  if (absent !== undefined && absent !== 'null' && absent !== 'missing') {
    throw new SpillwayError(
      'invalid',
      `${at}.absent must be "null" or "missing".${didYouMean(String(absent), ['null', 'missing'])}`,
    )
  }
  return {
    field,
    column: identifier(options.column, `${at}.column`, COLUMN_NAME_MAX),
    as,
    absent: absent ?? 'missing',
    isKey: false,
    inValue: true,
    conversion: as === undefined ? scalar : CONVERSIONS[as],
    jsonName: `${JSON.stringify(field)}:`,
  }
}

/** Names are always quoted where they are used; here only what no database can carry is refused. */
function identifier(name: unknown, where: string, lengthMax: number): string {
  if (typeof name !== 'string' || name === '') throw new SpillwayError('invalid', `${where} must be a name.`)
  if (name.length > lengthMax) {
    throw new SpillwayError(
      'invalid',
      `${where} ${JSON.stringify(name)} has ${name.length} characters; at most ${lengthMax} fit.`,
    )
  }
  const bad = /[^\p{L}\p{N}_$ -]/u.exec(name)
  if (bad !== null || name !== name.trim()) {
    throw new SpillwayError(
      'invalid',
      `${where} ${JSON.stringify(name)} may have letters, digits, spaces inside, "_", "$" and "-" only (no schema prefix).`,
    )
  }
  return name
}

function refuseUnknown(options: object, known: readonly string[], where: string): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new SpillwayError(
        'invalid',
        `${where} has no option ${JSON.stringify(name)}.${didYouMean(name, known)}`,
      )
    }
  }
}

function refuseTwice(columns: readonly string[], where: string): void {
  const seen = new Set<string>()
  for (const column of columns) {
    const folded = column.toLowerCase()
    if (seen.has(folded)) {
      throw new SpillwayError(
        'invalid',
        `${where} uses the column ${JSON.stringify(column)} twice (names differ by case at most).`,
      )
    }
    seen.add(folded)
  }
}

/** Throws `invalid` where the key is not the one spelling of a row's key columns. */
export function checkKey(spec: TableSpec, key: string): void {
  if (spec.mapped !== undefined) keyParts(spec.mapped, spec.collection, key)
}

/** The fields of a key as text, in template order; throws `invalid`. */
export function keyParts(table: MappedTable, collection: string, key: string): string[] {
  const parts = parseKey(table.key, key)
  if (parts === undefined || formatKey(table.key, parts) !== key) {
    throw new SpillwayError(
      'invalid',
      `Key ${JSON.stringify(key)} of ${collection} does not have the form ${JSON.stringify(table.key.text)}.`,
    )
  }
  for (let index = 0; index < parts.length; index += 1) {
    const column = table.columns[index] as MappedColumn
    const part = parts[index] as string
    if (column.as !== 'text') column.conversion.toSql(part, `${column.field} of key ${key}`, () => part)
  }
  return parts
}

/**
 * Throws `invalid` where a value could not come back from its columns: no object, a field without a column, a type
 * that its column does not take, a key field that differs from the key. Unmapped collections take any JSON.
 */
export function checkValue(spec: TableSpec, key: string, json: unknown): void {
  const table = spec.mapped
  if (table === undefined) return
  const fields = fieldsOf(spec.collection, json)
  refuseUnmapped(table, spec.collection, fields)
  const parts = keyParts(table, spec.collection, key)
  for (const index of table.valueOrder) fieldToSql(table, index, fields, parts, noSource)
}

/** `json` columns take everything, so checking needs no source text. */
const noSource = (): string => ''

/** A JSON object's own fields; anything else is `invalid`. */
export function fieldsOf(collection: string, json: unknown): Record<string, unknown> {
  if (json !== null && typeof json === 'object' && !Array.isArray(json))
    return json as Record<string, unknown>
  throw new SpillwayError(
    'invalid',
    `A value of ${collection} must be a JSON object: it is mapped to columns.`,
  )
}

export function refuseUnmapped(
  table: MappedTable,
  collection: string,
  fields: Record<string, unknown>,
): void {
  for (const field of Object.keys(fields)) {
    if (table.byField.get(field)?.inValue === true) continue
    const known = table.valueOrder.map((index) => (table.columns[index] as MappedColumn).field)
    const hint = table.byField.has(field)
      ? ' It is a key field: list it in `columns` to have it in values too, equal to the key.'
      : didYouMean(field, known)
    throw new SpillwayError(
      'invalid',
      `Field ${JSON.stringify(field)} of ${collection} has no column in table ${JSON.stringify(table.name)}: it would be lost.${hint}`,
    )
  }
}

/** One field of a value as its column takes it. */
export function fieldToSql(
  table: MappedTable,
  index: number,
  fields: Record<string, unknown>,
  parts: readonly string[],
  sourceOf: (field: string) => string,
): ReturnType<Conversion['toSql']> {
  const column = table.columns[index] as MappedColumn
  const { field } = column
  const present = Object.hasOwn(fields, field)
  const json = present ? fields[field] : undefined
  if (column.isKey) {
    if (json === parts[index]) return column.conversion.toSql(json, field, () => '')
    throw new SpillwayError(
      'invalid',
      present
        ? `Field ${JSON.stringify(field)} is ${JSON.stringify(json)} in the value and ${JSON.stringify(parts[index])} in the key: they must be equal.`
        : `Field ${JSON.stringify(field)} is listed in the columns and must be in the value, equal to the key's ${JSON.stringify(parts[index])}.`,
    )
  }
  if (!present) {
    if (column.absent === 'missing') return null
    throw new SpillwayError(
      'invalid',
      `Field ${JSON.stringify(field)} is missing: send null, or declare { absent: 'missing' } to leave it out.`,
    )
  }
  if (json === null) {
    if (column.absent === 'null') return null
    if (column.as !== 'json') {
      throw new SpillwayError(
        'invalid',
        `Field ${JSON.stringify(field)} is null: leave it out, or declare { absent: 'null' }.`,
      )
    }
  }
  return column.conversion.toSql(json, field, () => sourceOf(field))
}
