/**
 * Parked writes: what no table accepts as data, by key and version, with its cause. One a key: a newer write of the
 * key, good or bad, overtakes it.
 */
import { SpillwayError } from '../../errors.ts'
import type { RecordRef } from '../../model/entry.ts'
import type { Position, Version } from '../../model/position.ts'
import { fromBlob, toBlob } from '../../model/stored-value.ts'
import type { Value } from '../../model/value.ts'
import type { LandRow, ParkRow, ParkedItem } from '../../ports/database.ts'
import type { Bound } from './client.ts'
import { bufferOf } from './column-kind.ts'
import type { MysqlConnection, Row } from './connection.ts'
import { deleteOlderSql, insertNewSql, keysBound, versionsSql } from './row-sql.ts'
import type { RowShape } from './row-sql.ts'
import { textOf } from './row-table.ts'
import { chunksOf, filledUp } from './statement-sizes.ts'

export interface ParkedBounds {
  readonly parkedMax: number
  readonly parkedBytesMax: number
}

export interface Parked {
  readonly version: Version
  readonly value: Value | undefined
}

const SHAPE: RowShape = {
  name: 'spillway_parked',
  key: ['`collection`', '`record_key`'],
  fixed: 1,
  keyMarks: ['?', '?'],
  rest: ['`partition`', '`frame`', '`cause`', '`attempts`', '`at`', '`bytes`', '`value`'],
  version: '`spillway_version`',
}
const COLUMNS = [...SHAPE.key, SHAPE.version, ...SHAPE.rest]
const ITEM = COLUMNS.slice(0, -1).join(', ')
/** A database's message is text of others: it is cut where it would grow. */
const CAUSE_MAX = 1_000
const KEYS_PER_STATEMENT = 1_024
const STATEMENT_BYTES_MAX = 2 ** 20
const KEY = '`collection` = ? AND `record_key` = ?'

/** Newer writes of these keys came: how many parked ones they overtook. */
export async function clearParked(connection: MysqlConnection, rows: readonly LandRow[]): Promise<number> {
  let cleared = 0
  for (const [collection, all] of Map.groupBy(rows, (row) => row.collection)) {
    for (let at = 0; at < all.length; at += KEYS_PER_STATEMENT) {
      const some = all.slice(at, at + KEYS_PER_STATEMENT)
      const keys = filledUp(some).map((row) => [collection, row.key])
      const found = await connection.rows(versionsSql(SHAPE, keys.length), keysBound(SHAPE, keys))
      const versions = new Map(found.map((row) => [textOf(row[1]), Number(row[2])]))
      // Few are parked, whatever lands.
      for (const { key, version } of some) {
        if ((versions.get(key) ?? version) >= version) continue
        cleared += (await connection.write(deleteOlderSql(SHAPE), [collection, key, version])).affected
      }
    }
  }
  return cleared
}

/** Sets writes aside; how many parked writes of their keys, or of themselves, were overtaken. */
export async function park(
  connection: MysqlConnection,
  rows: readonly ParkRow[],
  partition: number,
  at: number,
): Promise<number> {
  let overtaken = await clearParked(connection, rows)
  const bounds = { placeholders: COLUMNS.length, bytesMax: STATEMENT_BYTES_MAX }
  for (const some of chunksOf(rows, (row) => row.value?.bytes.byteLength ?? 0, bounds)) {
    const values = some.flatMap((row) => boundOf(row, partition, at))
    const { affected } = await connection.write(insertNewSql(SHAPE.name, COLUMNS, some.length), values)
    // Nothing was inserted where a newer one is parked already: then this one is the overtaken.
    overtaken += some.length - affected
  }
  return overtaken
}

function boundOf(row: ParkRow, partition: number, at: number): Bound[] {
  const blob = row.value === undefined ? null : bufferOf(toBlob(row.value))
  return [
    row.collection,
    row.key,
    row.version,
    partition,
    row.frame ?? null,
    causeText(row.cause),
    1,
    Math.trunc(at),
    blob?.byteLength ?? 0,
    blob,
  ]
}

/**
 * Which bound is passed, if any. What other landers park at this very moment is not seen: the bound can be passed by
 * one batch of each.
 */
export async function boundPassed(
  connection: MysqlConnection,
  { parkedMax, parkedBytesMax }: ParkedBounds,
): Promise<string | undefined> {
  const [row] = await connection.rows('SELECT COUNT(*), COALESCE(SUM(`bytes`), 0) FROM spillway_parked')
  if (Number(row?.[0]) > parkedMax) return `parkedMax: ${parkedMax} parked writes`
  return Number(row?.[1]) > parkedBytesMax
    ? `parkedBytesMax: ${parkedBytesMax} bytes of parked writes`
    : undefined
}

/** Takes a write out to land it; undefined where another retry or a newer write was first. */
export async function takeParked(
  connection: MysqlConnection,
  { collection, key }: RecordRef,
  version: Version,
): Promise<Parked | undefined> {
  const [row] = await connection.rows(
    `SELECT \`spillway_version\`, \`value\` FROM spillway_parked WHERE ${KEY} FOR UPDATE`,
    [collection, key],
  )
  if (row === undefined || Number(row[0]) !== version) return undefined
  await connection.write(`DELETE FROM spillway_parked WHERE ${KEY}`, [collection, key])
  return parkedOf(row[0], row[1])
}

export async function noteTried(
  connection: MysqlConnection,
  { collection, key }: RecordRef,
  version: Version,
  cause: string,
): Promise<void> {
  await connection.write(
    `UPDATE spillway_parked SET \`attempts\` = \`attempts\` + 1, \`cause\` = ? WHERE ${KEY} AND \`spillway_version\` = ?`,
    [causeText(cause), collection, key, version],
  )
}

export function parkedOf(version: Row[number] | undefined, value: Row[number] | undefined): Parked {
  return {
    version: Number(version) as Version,
    value: Buffer.isBuffer(value) ? fromBlob(value) : undefined,
  }
}

export async function parkedItem(
  connection: MysqlConnection,
  { collection, key }: RecordRef,
): Promise<(ParkedItem & Parked) | undefined> {
  const [row] = await connection.rows(`SELECT ${ITEM}, \`value\` FROM spillway_parked WHERE ${KEY}`, [
    collection,
    key,
  ])
  return row === undefined ? undefined : { ...itemOf(row), ...parkedOf(row[2], row[COLUMNS.length - 1]) }
}

export async function listParked(
  connection: MysqlConnection,
  collection: string | undefined,
  after: string | undefined,
  limit: number,
): Promise<{ items: ParkedItem[]; next: string | undefined }> {
  const [name, key] = after === undefined ? ['', ''] : fromCursor(after)
  const count = Math.trunc(limit) + 1
  const rows =
    collection === undefined
      ? await connection.rows(
          `SELECT ${ITEM} FROM spillway_parked WHERE \`collection\` > ? OR (\`collection\` = ? AND \`record_key\` > ?)
           ORDER BY \`collection\`, \`record_key\` LIMIT ${count}`,
          [name, name, key],
        )
      : await connection.rows(
          `SELECT ${ITEM} FROM spillway_parked WHERE \`collection\` = ? AND \`record_key\` > ?
           ORDER BY \`record_key\` LIMIT ${count}`,
          [collection, name === collection ? key : ''],
        )
  const items = rows.slice(0, limit).map(itemOf)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? toCursor(last) : undefined }
}

function itemOf(row: Row): ParkedItem {
  return {
    collection: textOf(row[0]),
    key: textOf(row[1]),
    version: Number(row[2]) as Version,
    partition: Number(row[3]),
    frame: row[4] === null ? undefined : (Number(row[4]) as Position),
    cause: textOf(row[5]),
    attempts: Number(row[6]),
    at: Number(row[7]),
    bytes: Number(row[8]),
  }
}

function causeText(cause: string): string {
  return cause.slice(0, CAUSE_MAX).replaceAll('\0', '\u{fffd}').toWellFormed()
}

function toCursor({ collection, key }: RecordRef): string {
  return Buffer.from(`${collection}\0${key}`).toString('base64url')
}

function fromCursor(cursor: string): [string, string] {
  const text = Buffer.from(cursor, 'base64url').toString()
  const at = text.indexOf('\0')
  if (at === -1)
    throw new SpillwayError('invalid', '`after` must be the `next` of a list that was given before.')
  return [text.slice(0, at), text.slice(at + 1)]
}
