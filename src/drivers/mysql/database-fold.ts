/**
 * The fold state of the partitions in SQL: position rows with their counters, voids, seals and refused positions.
 *
 * Reads are one statement each (UNION ALL), so that they cannot tear whatever the isolation is. Verbs that write are
 * part of somebody else's transaction. A void that is too old is left out by reads at once; its row is deleted now
 * and then, when a landing passes a sixteenth of the age.
 */
import type { EntryId, Mark } from '../../model/entry.ts'
import type { LedgerCounts } from '../../model/ledger.ts'
import type { Position } from '../../model/position.ts'
import type { LandBatch, PartitionRow } from '../../ports/database.ts'
import type { FoldSnapshot } from '../../ports/front.ts'
import type { Bound, Cell } from './client.ts'
import type { MysqlConnection, Row } from './connection.ts'
import { classesOf } from './statement-sizes.ts'

const COUNTERS = ['landed', 'superseded', 'refused', 'parked', 'voided', 'control'] as const
const MARK = '`journal`, `position`, `offset`, `digest`'
const SETS_PER_AGE = 16

/** What an advance found. */
export interface Advanced {
  /** Parked writes of the partition before this batch. */
  readonly parkedBefore: number
}

/** Compare-and-advance, with the batch's counters. Undefined: the partition is somewhere else. */
export async function advance(
  connection: MysqlConnection,
  { partition, from, to, counts }: LandBatch,
): Promise<Advanced | undefined> {
  const sets = COUNTERS.filter((name) => name !== 'parked').map((name) => `\`${name}\` = \`${name}\` + ?`)
  // LAST_INSERT_ID(x) brings x back with the answer: one round trip less than asking for it.
  const done = await connection.write(
    `UPDATE spillway_position SET \`journal\` = ?, \`position\` = ?, \`offset\` = ?, \`digest\` = ?, ${sets.join(', ')},
       \`parked\` = LAST_INSERT_ID(\`parked\` + ?), \`landings\` = \`landings\` + 1
     WHERE \`partition\` = ? AND \`journal\` = ? AND \`position\` = ? AND \`offset\` = ? AND \`digest\` = ?`,
    [
      ...markValues(to),
      ...COUNTERS.filter((name) => name !== 'parked').map((name) => counts[name]),
      counts.parked,
      partition,
      ...markValues(from),
    ],
  )
  return done.affected === 1 ? { parkedBefore: done.insertId - counts.parked } : undefined
}

/** Where a partition is; undefined before the first generation. Locks the row, which waits for whoever lands there. */
export async function lockedMark(connection: MysqlConnection, partition: number): Promise<Mark | undefined> {
  const [row] = await connection.rows(
    `SELECT ${MARK} FROM spillway_position WHERE \`partition\` = ? FOR UPDATE`,
    [partition],
  )
  return row === undefined ? undefined : markOf(row, 0)
}

/** What became of parked writes. */
export async function recount(
  connection: MysqlConnection,
  partition: number,
  landed: number,
  superseded: number,
): Promise<void> {
  if (landed + superseded === 0) return
  await connection.write(
    `UPDATE spillway_position SET \`landed\` = \`landed\` + ?, \`superseded\` = \`superseded\` + ?,
       \`parked\` = \`parked\` - ? WHERE \`partition\` = ?`,
    [landed, superseded, landed + superseded, partition],
  )
}

/** Voids, seals and refused positions of a batch. What is there already stays as it was. */
export async function control(connection: MysqlConnection, batch: LandBatch, ageMax: number): Promise<void> {
  const { partition, from, to, voids, seals, refused } = batch
  const add = (table: string, column: string, rows: readonly (readonly Bound[])[]): Promise<void> =>
    insertNew(connection, table, column, rows)
  await add(
    'spillway_void',
    '`partition`, `entry_id`, `position`',
    voids.map(([id, at]) => [partition, id, at]),
  )
  await add(
    'spillway_seal',
    '`partition`, `collection`, `position`',
    seals.map(([name, at]) => [partition, name, at]),
  )
  await add(
    'spillway_refused',
    '`partition`, `position`',
    refused.map((at) => [partition, at]),
  )
  const set = Math.max(1, Math.floor(ageMax / SETS_PER_AGE))
  if (Math.floor(from.position / set) === Math.floor(to.position / set)) return
  await connection.write('DELETE FROM spillway_void WHERE `partition` = ? AND `position` < ?', [
    partition,
    to.position - ageMax,
  ])
}

async function insertNew(
  connection: MysqlConnection,
  table: string,
  columns: string,
  rows: readonly (readonly Bound[])[],
): Promise<void> {
  let at = 0
  for (const size of classesOf(rows.length)) {
    const chunk = rows.slice(at, at + size)
    at += size
    const marks = `(${(chunk[0] as readonly Bound[]).map(() => '?').join(', ')})`
    await connection.write(
      `INSERT INTO ${table} (${columns}) VALUES ${Array(size).fill(marks).join(', ')}
       ON DUPLICATE KEY UPDATE \`position\` = ${table}.\`position\``,
      chunk.flat(),
    )
  }
}

export async function forgetRefused(
  connection: MysqlConnection,
  partition: number,
  upTo: Position,
): Promise<void> {
  await lockedMark(connection, partition)
  await connection.write('DELETE FROM spillway_refused WHERE `partition` = ? AND `position` <= ?', [
    partition,
    upTo,
  ])
  await connection.write(
    'UPDATE spillway_position SET `refused_from` = GREATEST(`refused_from`, ?) WHERE `partition` = ?',
    [upTo, partition],
  )
}

export async function beginGeneration(
  connection: MysqlConnection,
  generation: number,
  marks: readonly Mark[],
  expected: readonly (Mark | undefined)[],
): Promise<'begun' | 'moved'> {
  const found = await connection.rows(
    `SELECT \`partition\`, \`generation\`, ${MARK} FROM spillway_position ORDER BY \`partition\` FOR UPDATE`,
  )
  const rows = new Map(found.map((row) => [Number(row[0]), row]))
  for (const [partition, wanted] of expected.entries()) {
    const row = rows.get(partition)
    if (row === undefined ? wanted !== undefined : wanted === undefined || !sameMark(markOf(row, 2), wanted))
      return 'moved'
    // Two recoveries at a time: the one with the lower number has lost.
    if (row !== undefined && Number(row[1]) >= generation) return 'moved'
  }
  for (const [partition, mark] of marks.entries()) {
    await connection.write(
      `INSERT INTO spillway_position (\`partition\`, \`generation\`, ${MARK}) VALUES (?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE \`generation\` = ?, \`journal\` = ?, \`position\` = ?, \`offset\` = ?, \`digest\` = ?`,
      [partition, generation, ...markValues(mark), generation, ...markValues(mark)],
    )
  }
  return 'begun'
}

const FOLD_COLUMNS = ['`generation`', MARK, '`refused_from`', ...COUNTERS.map((name) => `\`${name}\``)].join(
  ', ',
)
const FOLD_COLUMN_COUNT = 6 + COUNTERS.length
const KIND = { position: 0, void: 1, seal: 2, refused: 3 } as const

/** All partitions, or one of them, in one statement; empty before the first generation. */
export async function readFold(
  connection: MysqlConnection,
  ageMax: number,
  partition?: number,
): Promise<PartitionRow[]> {
  const only = (column: string): string => (partition === undefined ? 'TRUE' : `${column} = ?`)
  const none = Array(FOLD_COLUMN_COUNT).fill('NULL').join(', ')
  const rows = await connection.rows(
    `SELECT ${KIND.position} AS kind, \`partition\`, NULL AS name, NULL AS at, ${FOLD_COLUMNS}
       FROM spillway_position WHERE ${only('`partition`')}
     UNION ALL SELECT ${KIND.void}, v.\`partition\`, v.\`entry_id\`, v.\`position\`, ${none}
       FROM spillway_void v JOIN spillway_position p ON p.\`partition\` = v.\`partition\`
       WHERE v.\`position\` >= p.\`position\` - ? AND ${only('v.`partition`')}
     UNION ALL SELECT ${KIND.seal}, \`partition\`, \`collection\`, \`position\`, ${none}
       FROM spillway_seal WHERE ${only('`partition`')}
     UNION ALL SELECT ${KIND.refused}, \`partition\`, NULL, \`position\`, ${none}
       FROM spillway_refused WHERE ${only('`partition`')}`,
    partition === undefined ? [ageMax] : [partition, ageMax, partition, partition, partition],
  )
  const folds = new Map<number, FoldBuilder>()
  for (const row of rows) {
    if (row[0] === KIND.position) folds.set(Number(row[1]), new FoldBuilder(row))
  }
  for (const row of rows) {
    if (row[0] !== KIND.position) folds.get(Number(row[1]))?.add(row)
  }
  return [...folds.values()].map((one) => one.row()).sort((a, b) => a.partition - b.partition)
}

class FoldBuilder {
  readonly #row: Row
  readonly #voids: [EntryId, Position][] = []
  readonly #seals: [string, Position][] = []
  readonly #refused: Position[] = []

  constructor(row: Row) {
    this.#row = row
  }

  add([kind, , name, at]: Row): void {
    const position = Number(at) as Position
    if (kind === KIND.void) this.#voids.push([textOf(name), position])
    else if (kind === KIND.seal) this.#seals.push([textOf(name), position])
    else this.#refused.push(position)
  }

  row(): PartitionRow {
    const row = this.#row
    const byPosition = (a: readonly [string, Position], b: readonly [string, Position]): number => a[1] - b[1]
    const counts = Object.fromEntries(COUNTERS.map((name, index) => [name, Number(row[10 + index])]))
    return {
      partition: Number(row[1]),
      generation: Number(row[4]),
      mark: markOf(row, 5),
      voids: this.#voids.sort(byPosition),
      seals: this.#seals.sort(byPosition),
      refused: this.#refused.sort((a, b) => a - b),
      refusedFrom: Number(row[9]) as Position,
      counts: counts as unknown as LedgerCounts,
    }
  }
}

export function foldOf({ mark, voids, seals, refused, refusedFrom }: PartitionRow): FoldSnapshot {
  return { mark, voids, seals, refused, refusedFrom }
}

function markValues({ journal, position, offset, digest }: Mark): [string, number, number, string] {
  return [journal, position, offset, digest]
}

function markOf(row: Row, at: number): Mark {
  return {
    journal: textOf(row[at]),
    position: Number(row[at + 1]) as Position,
    offset: Number(row[at + 2]),
    digest: textOf(row[at + 3]),
  }
}

function textOf(cell: Cell | undefined): string {
  return Buffer.isBuffer(cell) ? cell.toString() : String(cell)
}

function sameMark(a: Mark, b: Mark): boolean {
  return (
    a.position === b.position && a.offset === b.offset && a.journal === b.journal && a.digest === b.digest
  )
}
