/**
 * The database on MariaDB: rows land in transactions of many rows, on a few connections.
 *
 * `land` calls that wait at the same time share a transaction and its commit; each has its own outcome. Landing and
 * reading have connections of their own, so that neither waits for the other. Nothing is kept about the server on
 * this side but what the tables were like when they were looked at; table-definition.ts notices when they change.
 *
 * Any number of processes may land and read: position rows decide who lands what, and nobody holds anything between
 * two transactions.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { Clock } from '../../kit/clock.ts'
import { Coalescer } from '../../kit/coalescer.ts'
import { AGE_MAX } from '../../model/fold.ts'
import type { TableSpec } from '../../model/table.ts'
import type { Database, LandBatch, LandResult } from '../../ports/database.ts'
import type { MysqlPool } from './client.ts'
import type { MysqlConnection } from './connection.ts'
import { MysqlConnections, sourceOfPool, sourceOfUrl } from './connections.ts'
import { unavailable, unusable } from './database-failures.ts'
import { beginGeneration, foldOf, forgetRefused, readFold } from './database-fold.ts'
import { land } from './database-land.ts'
import { listParked, parkedItem } from './database-parked.ts'
import { prepareTables } from './database-prepare.ts'
import { collectionsWithRows, readRows, readTable, scanRows } from './database-read.ts'
import { retry } from './database-retry.ts'
import { SharedRows } from './row-table.ts'
import type { RowTable } from './row-table.ts'
import { TableChanged, learn } from './table-definition.ts'
import { committed, inSnapshot } from './transaction.ts'

export interface MysqlDatabaseOptions {
  /** `mysql://user:password@host:port/database`; or a pool. */
  readonly url?: string
  /**
   * A pool made with mysql2 (`flags: ['-FOUND_ROWS'], jsonStrings: true`). It is never closed here; as many of its
   * connections as are named below are kept while the database is open.
   */
  readonly pool?: MysqlPool
  readonly clock: Clock
  /** Transactions that land at once; default 2. */
  readonly landConnections?: number
  /** Reads at once; default 4. */
  readonly readConnections?: number
  /** How long to wait for a new connection; default 5,000. */
  readonly connectMs?: number
  /** How long to wait for a connection while all are busy; default 5,000. */
  readonly waitMs?: number
  /** Deadline of one statement; default 10,000. Waits for locks end at half of it. */
  readonly callMs?: number
  /** Parked writes, at most; then landing stops. Default 10,000. */
  readonly parkedMax?: number
  /** Bytes of parked values, at most; then landing stops. Default 64 MiB. */
  readonly parkedBytesMax?: number
  /** Positions after which a void is forgotten; the same in every store. Default 2^20. */
  readonly ageMax?: number
}

/** Batches and rows of one transaction; more would hold its locks for longer and win nothing. */
const BATCHES_MAX = 64
const ROWS_MAX = 4_000
/** So many bytes of values count as a row: a transaction of several batches has at most 16 MiB. */
const BYTES_PER_ROW = 4_096
const WAITING_MAX = 1_024

/** Makes connections when they are needed: a server that is down is found by the first call. */
export async function openMysqlDatabase(options: MysqlDatabaseOptions): Promise<Database> {
  return new MysqlDatabase(options)
}

class MysqlDatabase implements Database {
  readonly #options: MysqlDatabaseOptions
  readonly #lands: MysqlConnections
  readonly #reads: MysqlConnections
  readonly #landing: Coalescer<LandBatch, LandResult>
  /** The batch of a partition that was sent last, while it is out. */
  readonly #out = new Map<number, Promise<void>>()
  readonly #bounds: { readonly parkedMax: number; readonly parkedBytesMax: number; readonly ageMax: number }
  #specs: ReadonlyMap<string, TableSpec> = new Map()
  #mapped = new Map<string, RowTable>()

  constructor(options: MysqlDatabaseOptions) {
    this.#options = options
    const { url, pool, clock, callMs = 10_000, connectMs = 5_000, waitMs = 5_000 } = options
    const source =
      pool === undefined ? sourceOfUrl(url ?? '', connectMs) : sourceOfPool(pool, connectMs, clock)
    const shared = { source, clock, callMs, waitMs }
    const landConnections = options.landConnections ?? 2
    this.#lands = new MysqlConnections({ ...shared, transactions: true, connectionsMax: landConnections })
    this.#reads = new MysqlConnections({
      ...shared,
      transactions: false,
      connectionsMax: options.readConnections ?? 4,
    })
    this.#bounds = {
      parkedMax: options.parkedMax ?? 10_000,
      parkedBytesMax: options.parkedBytesMax ?? 64 * 2 ** 20,
      ageMax: options.ageMax ?? AGE_MAX,
    }
    this.#landing = new Coalescer<LandBatch, LandResult>({
      name: 'landing',
      call: (batches) => this.#landAll(batches),
      itemsMax: BATCHES_MAX,
      weigh: weightOf,
      weightMax: ROWS_MAX,
      waitingMax: WAITING_MAX,
      callsMax: landConnections,
    })
  }

  async prepare(tables: readonly TableSpec[], partitions: number): Promise<void> {
    await this.#reads
      .use(async (connection) => {
        await prepareTables(connection, tables, partitions)
        const mapped = new Map<string, RowTable>()
        for (const spec of tables) {
          const table = await learn(connection, spec)
          if (table !== undefined) mapped.set(spec.collection, table)
        }
        this.#mapped = mapped
        this.#specs = new Map(tables.map((spec) => [spec.collection, spec]))
      })
      .catch((error: unknown) => {
        throw unusable(error)
      })
  }

  partitions(): ReturnType<Database['partitions']> {
    return this.#reading((connection) => readFold(connection, this.#bounds.ageMax))
  }

  beginGeneration(...args: Parameters<Database['beginGeneration']>): Promise<'begun' | 'moved'> {
    return this.#writing(async (connection) => {
      const value = await beginGeneration(connection, ...args)
      return { roll: value === 'begun' ? 'forward' : 'back', value }
    })
  }

  async snapshot(partition: number): ReturnType<Database['snapshot']> {
    const [row] = await this.#reading((connection) => readFold(connection, this.#bounds.ageMax, partition))
    invariant(
      row !== undefined,
      `The database has no position row of partition ${partition}: no generation was begun`,
    )
    return foldOf(row)
  }

  read(...[partition, refs]: Parameters<Database['read']>): ReturnType<Database['read']> {
    return this.#reading((connection) => readRows(connection, partition, refs, this.#tableOf))
  }

  /** Two transactions are out at a time: a batch waits here for the one of its partition that was sent before it. */
  land(batch: LandBatch): Promise<LandResult> {
    const { partition } = batch
    const before = this.#out.get(partition)
    const result =
      before === undefined ? this.#landing.add(batch) : before.then(() => this.#landing.add(batch))
    const ended: Promise<void> = result.then(
      () => this.#ended(partition, ended),
      () => this.#ended(partition, ended),
    )
    this.#out.set(partition, ended)
    return result
  }

  #ended(partition: number, landing: Promise<void>): void {
    if (this.#out.get(partition) === landing) this.#out.delete(partition)
  }

  forgetRefused(...[partition, upTo]: Parameters<Database['forgetRefused']>): Promise<void> {
    return this.#writing(async (connection) => {
      await forgetRefused(connection, partition, upTo)
      return { roll: 'forward', value: undefined }
    })
  }

  readonly parked: Database['parked'] = {
    list: ({ collection, after, limit }) =>
      this.#reading((connection) => listParked(connection, collection, after, limit)),
    get: (ref) =>
      this.#reading((connection) =>
        inSnapshot(connection, async () => {
          const item = await parkedItem(connection, ref)
          if (item === undefined) return undefined
          return { ...item, table: await readTable(connection, this.#tableOf(ref.collection), ref.key) }
        }),
      ),
    retry: (partition, rows) => {
      const again = () => this.#lands.use((connection) => retry(connection, partition, rows, this.#tableOf))
      return again()
        .catch(async (error: unknown) => {
          if (!(error instanceof TableChanged)) throw error
          await this.#learnAgain([error.collection])
          return again()
        })
        .catch((error: unknown) => {
          throw unavailable(error)
        })
    },
  }

  scan(...[collection, after, limit]: Parameters<Database['scan']>): ReturnType<Database['scan']> {
    return this.#reading((connection) => scanRows(connection, this.#tableOf(collection), after, limit))
  }

  collections(): Promise<readonly string[]> {
    return this.#reading((connection) => collectionsWithRows(connection, [...this.#mapped.values()]))
  }

  async close(): Promise<void> {
    this.#landing.close(new SpillwayError('closed', 'The database is closed: nothing has happened.'))
    await this.#landing.idle()
    await Promise.all([this.#lands.close(), this.#reads.close()])
  }

  /** Batches of one partition follow each other; the others share a transaction. */
  async #landAll(batches: readonly LandBatch[]): Promise<(LandResult | Error)[]> {
    const outcomes = new Map<LandBatch, LandResult | Error>()
    let left = batches
    while (left.length > 0) {
      const partitions = new Set<number>()
      const now = left.filter(({ partition }) => !partitions.has(partition) && partitions.add(partition))
      left = left.filter((batch) => !now.includes(batch))
      const results = await this.#landThese(now)
      for (const [index, batch] of now.entries()) outcomes.set(batch, results[index] as LandResult | Error)
    }
    return batches.map((batch) => outcomes.get(batch) as LandResult | Error)
  }

  /** What met a table that somebody had changed goes once more, as the table is now. */
  async #landThese(batches: readonly LandBatch[]): Promise<(LandResult | Error)[]> {
    // Every transaction locks position rows in one order.
    const ordered = [...batches].sort((a, b) => a.partition - b.partition)
    const outcomes = new Map<LandBatch, LandResult | Error>()
    const tryThese = async (some: readonly LandBatch[]): Promise<void> => {
      const results = await this.#tryThese(some)
      for (const [index, batch] of some.entries()) outcomes.set(batch, results[index] as LandResult | Error)
    }
    await tryThese(ordered)
    const changed = [...outcomes.values()].filter((one) => one instanceof TableChanged)
    if (changed.length > 0) {
      const late = ordered.filter((batch) => outcomes.get(batch) instanceof TableChanged)
      try {
        await this.#learnAgain(changed.map(({ collection }) => collection))
        await tryThese(late)
      } catch (error) {
        for (const batch of late) outcomes.set(batch, error as Error)
      }
    }
    return batches.map((batch) => {
      const result = outcomes.get(batch) as LandResult | Error
      return result instanceof Error ? (unavailable(result) as Error) : result
    })
  }

  async #tryThese(batches: readonly LandBatch[]): Promise<(LandResult | Error)[]> {
    const options = { ...this.#bounds, tableOf: this.#tableOf }
    try {
      return await this.#lands.use((connection) =>
        land(connection, batches, options, this.#options.clock.now()),
      )
    } catch (error) {
      return batches.map(() => error as Error)
    }
  }

  #learnAgain(collections: readonly string[]): Promise<void> {
    return this.#reads.use(async (connection) => {
      for (const collection of new Set(collections)) {
        const spec = this.#specs.get(collection)
        const table = spec === undefined ? undefined : await learn(connection, spec)
        if (table !== undefined) this.#mapped.set(collection, table)
      }
    })
  }

  #reading<T>(read: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    return this.#reads.use(read).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  #writing<T>(
    write: (connection: MysqlConnection) => Promise<{ readonly roll: 'forward' | 'back'; readonly value: T }>,
  ): Promise<T> {
    return this.#lands
      .use((connection) => committed(connection, () => write(connection)))
      .catch((error: unknown) => {
        throw unavailable(error)
      })
  }

  /** Anybody may name an unmapped collection: those are not remembered, or names would fill the memory. */
  readonly #tableOf = (collection: string): RowTable =>
    this.#mapped.get(collection) ?? new SharedRows(collection, this.#specs.get(collection)?.history === true)
}

function weightOf(batch: LandBatch): number {
  let bytes = 0
  let rows = 1
  for (const part of [batch.rows, batch.history, batch.park]) {
    rows += part.length
    for (const { value } of part) bytes += value?.bytes.byteLength ?? 0
  }
  return rows + bytes / BYTES_PER_ROW
}
