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
import type { SqliteConnection, SqliteStatement, SqliteValue } from '../../runtime/sqlite.ts'
import { KEY, KEY_BACK, keyFrom, keyParameter } from './key-text.ts'

interface ItemRow {
  readonly [column: string]: SqliteValue
  readonly collection: string
  readonly name: string | Uint8Array
  readonly spillway_version: number
  readonly partition: number
  readonly frame: number | null
  readonly cause: string
  readonly attempts: number
  readonly at: number
  readonly bytes: number
}

export interface ParkedBounds {
  readonly parkedMax: number
  readonly parkedBytesMax: number
}

const REST = 'spillway_version, partition, frame, cause, attempts, at, bytes'
const ITEM = `collection, ${KEY_BACK} AS name, ${REST}`
/** A database's message is text of others: it is cut where it would grow. */
const CAUSE_MAX = 1_000

export class ParkedTable {
  readonly #any: SqliteStatement
  readonly #usage: SqliteStatement
  readonly #clear: SqliteStatement
  readonly #park: SqliteStatement
  readonly #held: SqliteStatement
  readonly #item: SqliteStatement
  readonly #list: SqliteStatement
  readonly #listOf: SqliteStatement
  readonly #take: SqliteStatement
  readonly #tried: SqliteStatement

  constructor(connection: SqliteConnection) {
    this.#any = connection.prepare('SELECT 1 AS one FROM spillway_parked LIMIT 1')
    this.#usage = connection.prepare(
      'SELECT count(*) AS writes, coalesce(sum(bytes), 0) AS bytes FROM spillway_parked',
    )
    this.#clear = connection.prepare(
      `DELETE FROM spillway_parked WHERE collection = ? AND record_key = ${KEY} AND spillway_version < ?`,
    )
    this.#park = connection.prepare(
      `INSERT INTO spillway_parked (collection, record_key, ${REST}, value) VALUES (?, ${KEY}, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    )
    this.#held = connection.prepare(
      `SELECT spillway_version AS version, value FROM spillway_parked WHERE collection = ? AND record_key = ${KEY}`,
    )
    this.#item = connection.prepare(
      `SELECT ${ITEM} FROM spillway_parked WHERE collection = ? AND record_key = ${KEY}`,
    )
    this.#list = connection.prepare(
      `SELECT ${ITEM} FROM spillway_parked WHERE (collection, record_key) > (?, ${KEY}) ORDER BY collection, record_key LIMIT ?`,
    )
    this.#listOf = connection.prepare(
      `SELECT ${ITEM} FROM spillway_parked WHERE collection = ? AND record_key > ${KEY} ORDER BY record_key LIMIT ?`,
    )
    this.#take = connection.prepare(
      `DELETE FROM spillway_parked WHERE collection = ? AND record_key = ${KEY} AND spillway_version = ?`,
    )
    this.#tried = connection.prepare(
      `UPDATE spillway_parked SET attempts = attempts + 1, cause = ? WHERE collection = ? AND record_key = ${KEY} AND spillway_version = ?`,
    )
  }

  any(): boolean {
    return this.#any.get() !== undefined
  }

  /** A newer write of the key came: how many parked ones it overtook, 0 or 1. */
  clear(row: LandRow): number {
    return this.#clear.run(row.collection, keyParameter(row.key), row.version).changes
  }

  /** Sets a write aside; how many older parked ones of its key it overtook. */
  park(row: ParkRow, partition: number, at: number): number {
    const blob = row.value === undefined ? null : toBlob(row.value)
    const overtaken = this.clear(row)
    const { changes } = this.#park.run(
      row.collection,
      keyParameter(row.key),
      row.version,
      partition,
      row.frame ?? null,
      causeText(row.cause),
      1,
      Math.trunc(at),
      blob?.byteLength ?? 0,
      blob,
    )
    // Nothing was inserted where a newer one is parked already: then this one is the overtaken.
    return overtaken + (changes === 0 ? 1 : 0)
  }

  /** Which bound is passed, if any. */
  bound({ parkedMax, parkedBytesMax }: ParkedBounds): string | undefined {
    const { writes, bytes } = this.#usage.get<{ writes: number; bytes: number }>() ?? { writes: 0, bytes: 0 }
    if (writes > parkedMax) return `parkedMax: ${parkedMax} parked writes`
    return bytes > parkedBytesMax ? `parkedBytesMax: ${parkedBytesMax} bytes of parked writes` : undefined
  }

  held({ collection, key }: RecordRef): { version: Version; value: Value | undefined } | undefined {
    const row = this.#held.get<{ version: number; value: Uint8Array | null }>(collection, keyParameter(key))
    if (row === undefined) return undefined
    return { version: row.version as Version, value: row.value === null ? undefined : fromBlob(row.value) }
  }

  item({ collection, key }: RecordRef): ParkedItem | undefined {
    const row = this.#item.get<ItemRow>(collection, keyParameter(key))
    return row === undefined ? undefined : itemOf(row)
  }

  list(
    collection: string | undefined,
    after: string | undefined,
    limit: number,
  ): { items: ParkedItem[]; next: string | undefined } {
    const from: [string, string] = after === undefined ? ['', ''] : fromCursor(after)
    const rows =
      collection === undefined
        ? this.#list.all<ItemRow>(from[0], keyParameter(from[1]), limit + 1)
        : this.#listOf.all<ItemRow>(
            collection,
            keyParameter(from[0] === collection ? from[1] : ''),
            limit + 1,
          )
    const items = rows.slice(0, limit).map(itemOf)
    const last = items.at(-1)
    return { items, next: rows.length > limit && last !== undefined ? toCursor(last) : undefined }
  }

  /** Takes a write out to land it; false where another retry or a newer write was first. */
  take({ collection, key }: RecordRef, version: Version): boolean {
    return this.#take.run(collection, keyParameter(key), version).changes === 1
  }

  tried({ collection, key }: RecordRef, version: Version, cause: string): void {
    this.#tried.run(causeText(cause), collection, keyParameter(key), version)
  }
}

function causeText(cause: string): string {
  return cause.slice(0, CAUSE_MAX).replaceAll('\0', '\u{fffd}').toWellFormed()
}

function itemOf(row: ItemRow): ParkedItem {
  return {
    collection: row.collection,
    key: keyFrom(row.name),
    partition: row.partition,
    version: row.spillway_version as Version,
    cause: row.cause,
    frame: row.frame === null ? undefined : (row.frame as Position),
    attempts: row.attempts,
    bytes: row.bytes,
    at: row.at,
  }
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
