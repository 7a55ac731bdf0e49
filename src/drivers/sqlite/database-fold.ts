/**
 * The fold state of the partitions in SQL: position rows with their counters, voids, seals and refused positions.
 * Every verb here is part of somebody else's transaction.
 */
import type { EntryId, Mark } from '../../model/entry.ts'
import type { LedgerCounts } from '../../model/ledger.ts'
import type { Position } from '../../model/position.ts'
import type { LandBatch, PartitionRow } from '../../ports/database.ts'
import type { FoldSnapshot } from '../../ports/front.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'

interface PositionRow extends LedgerCounts {
  readonly [column: string]: string | number
  readonly partition: number
  readonly generation: number
  readonly journal: string
  readonly position: number
  readonly offset: number
  readonly digest: string
  readonly refused_from: number
}

/** What a batch does beside its rows. */
type LandFold = Omit<LandBatch, 'rows' | 'history' | 'park'>

export class FoldTables {
  readonly #all: SqliteStatement
  readonly #one: SqliteStatement
  readonly #position: SqliteStatement
  readonly #advance: SqliteStatement
  readonly #begin: SqliteStatement
  readonly #count: SqliteStatement
  readonly #voids: SqliteStatement
  readonly #addVoid: SqliteStatement
  readonly #forgetVoids: SqliteStatement
  readonly #seals: SqliteStatement
  readonly #addSeal: SqliteStatement
  readonly #refused: SqliteStatement
  readonly #addRefused: SqliteStatement
  readonly #forgetRefused: SqliteStatement
  readonly #raiseRefusedFrom: SqliteStatement

  constructor(connection: SqliteConnection) {
    const row = `SELECT partition, generation, journal, position, "offset", digest, refused_from,
      landed, superseded, refused, parked, voided, control FROM spillway_position`
    this.#all = connection.prepare(`${row} ORDER BY partition`)
    this.#one = connection.prepare(`${row} WHERE partition = ?`)
    this.#position = connection.prepare('SELECT position FROM spillway_position WHERE partition = ?')
    this.#advance = connection.prepare(
      `UPDATE spillway_position SET journal = ?, position = ?, "offset" = ?, digest = ?,
         landed = landed + ?, superseded = superseded + ?, refused = refused + ?, parked = parked + ?,
         voided = voided + ?, control = control + ?
       WHERE partition = ? AND journal = ? AND position = ? AND "offset" = ? AND digest = ?`,
    )
    this.#begin = connection.prepare(
      `INSERT INTO spillway_position (partition, generation, journal, position, "offset", digest) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (partition) DO UPDATE SET generation = excluded.generation, journal = excluded.journal,
         position = excluded.position, "offset" = excluded."offset", digest = excluded.digest`,
    )
    this.#count = connection.prepare(
      `UPDATE spillway_position SET landed = landed + ?, superseded = superseded + ?, parked = parked + ? WHERE partition = ?`,
    )
    this.#voids = connection.prepare(
      'SELECT entry_id, position FROM spillway_void WHERE partition = ? ORDER BY position',
    )
    this.#addVoid = connection.prepare(
      `INSERT INTO spillway_void (partition, entry_id, position) VALUES (?, ?, ?)
       ON CONFLICT DO NOTHING`,
    )
    this.#forgetVoids = connection.prepare('DELETE FROM spillway_void WHERE partition = ? AND position < ?')
    this.#seals = connection.prepare(
      'SELECT collection, position FROM spillway_seal WHERE partition = ? ORDER BY position',
    )
    this.#addSeal = connection.prepare(
      'INSERT INTO spillway_seal (partition, collection, position) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    )
    this.#refused = connection.prepare(
      'SELECT position FROM spillway_refused WHERE partition = ? ORDER BY position',
    )
    this.#addRefused = connection.prepare(
      'INSERT INTO spillway_refused (partition, position) VALUES (?, ?) ON CONFLICT DO NOTHING',
    )
    this.#forgetRefused = connection.prepare(
      'DELETE FROM spillway_refused WHERE partition = ? AND position <= ?',
    )
    this.#raiseRefusedFrom = connection.prepare(
      'UPDATE spillway_position SET refused_from = max(refused_from, ?) WHERE partition = ?',
    )
  }

  partitions(): PartitionRow[] {
    return this.#all.all<PositionRow>().map((row) => ({
      partition: row.partition,
      generation: row.generation,
      ...this.#foldOf(row),
      counts: {
        landed: row.landed,
        superseded: row.superseded,
        refused: row.refused,
        parked: row.parked,
        voided: row.voided,
        control: row.control,
      },
    }))
  }

  snapshot(partition: number): FoldSnapshot | undefined {
    const row = this.#one.get<PositionRow>(partition)
    return row === undefined ? undefined : this.#foldOf(row)
  }

  mark(partition: number): Mark | undefined {
    const row = this.#one.get<PositionRow>(partition)
    return row === undefined ? undefined : markOf(row)
  }

  /** Undefined before the first generation. */
  position(partition: number): Position | undefined {
    return this.#position.get<{ position: number }>(partition)?.position as Position | undefined
  }

  /** Compare-and-advance, with the batch's counters. False: the partition is somewhere else. */
  advance({ partition, from, to, counts }: LandFold): boolean {
    const { landed, superseded, refused, parked, voided, control } = counts
    const set = [
      to.journal,
      to.position,
      to.offset,
      to.digest,
      landed,
      superseded,
      refused,
      parked,
      voided,
      control,
    ]
    return (
      this.#advance.run(...set, partition, from.journal, from.position, from.offset, from.digest).changes ===
      1
    )
  }

  /** What became of parked writes. */
  recount(partition: number, landed: number, superseded: number): void {
    this.#count.run(landed, superseded, -(landed + superseded), partition)
  }

  control({ partition, to, voids, seals, refused }: LandFold, ageMax: number): void {
    for (const [id, position] of voids) this.#addVoid.run(partition, id, position)
    for (const [collection, position] of seals) this.#addSeal.run(partition, collection, position)
    for (const position of refused) this.#addRefused.run(partition, position)
    this.#forgetVoids.run(partition, to.position - ageMax)
  }

  forgetRefused(partition: number, upTo: Position): void {
    this.#forgetRefused.run(partition, upTo)
    this.#raiseRefusedFrom.run(upTo, partition)
  }

  beginGeneration(
    generation: number,
    marks: readonly Mark[],
    expected: readonly (Mark | undefined)[],
  ): 'begun' | 'moved' {
    const rows = new Map(this.#all.all<PositionRow>().map((row) => [row.partition, row]))
    for (const [partition, wanted] of expected.entries()) {
      const row = rows.get(partition)
      if (row === undefined ? wanted !== undefined : wanted === undefined || !sameMark(markOf(row), wanted))
        return 'moved'
      // Two recoveries at a time: the one with the lower number has lost.
      if (row !== undefined && row.generation > generation) return 'moved'
    }
    for (const [partition, { journal, position, offset, digest }] of marks.entries()) {
      this.#begin.run(partition, generation, journal, position, offset, digest)
    }
    return 'begun'
  }

  #foldOf(row: PositionRow): FoldSnapshot {
    const { partition } = row
    return {
      mark: markOf(row),
      voids: this.#voids.all(partition).map((one) => [one.entry_id as EntryId, one.position as Position]),
      seals: this.#seals.all(partition).map((one) => [one.collection as string, one.position as Position]),
      refused: this.#refused.all(partition).map((one) => one.position as Position),
      refusedFrom: row.refused_from as Position,
    }
  }
}

function markOf({ journal, position, offset, digest }: PositionRow): Mark {
  return { journal, position: position as Position, offset, digest }
}

function sameMark(a: Mark, b: Mark): boolean {
  return (
    a.position === b.position && a.offset === b.offset && a.journal === b.journal && a.digest === b.digest
  )
}
