/**
 * The SQLite database: rows land in one file, WAL and synchronous=FULL, in worker threads.
 *
 * `land` calls that wait at the same time share one transaction and one fsync; each has its own outcome. Nothing is
 * kept about the file on this side, so that a file which was locked, read-only or full is simply tried again: a
 * call fails as `unavailable` after `busyTimeoutMs`, and the thread opens the file anew where SQLite needs that.
 */
import { SpillwayError } from '../../errors.ts'
import { Coalescer } from '../../kit/coalescer.ts'
import type { Clock } from '../../kit/clock.ts'
import { AGE_MAX } from '../../model/fold.ts'
import type { Database, DatabaseRead, LandResult, ScannedRow } from '../../ports/database.ts'
import { unpackError } from '../../runtime/worker-error.ts'
import { specData } from './database-spec.ts'
import { DatabaseThread } from './database-thread.ts'
import { packBatch, unpackHeld, unpackValue } from './database-wire.ts'
import type { PackedBatch, PackedHeld, PackedRows, PackedValues } from './database-wire.ts'
import type { PackedLanding } from './database-worker.ts'

export interface SqliteDatabaseOptions {
  /** The file; created if missing, its folder is not. */
  readonly path: string
  readonly clock: Clock
  /** How long landing waits for another process's lock before it is `unavailable`; default 2,000. */
  readonly busyTimeoutMs?: number
  /** The same for reads; default 500. */
  readonly readBusyTimeoutMs?: number
  /** Parked writes, at most; then landing stops. Default 10,000. */
  readonly parkedMax?: number
  /** Bytes of parked values, at most; then landing stops. Default 64 MiB. */
  readonly parkedBytesMax?: number
  /** Positions after which a void is forgotten; the same in every store. Default 2^20. */
  readonly ageMax?: number
}

/**
 * Batches and weight of one shared commit: up to 16 full ones of 1,000 rows of 500 bytes. The larger, the rarer are
 * pages of the key's index written; and two are out at a time, of four batches or more, so that the thread has the next
 * one when it is done. With one out it waited for the plans of all batches that had been in it.
 */
const BATCHES_MAX = 64
/** A batch is planned and packed at once, on the event loop: 3 ms of it. With 4,000 nothing landed faster. */
const BATCH_ROWS_MAX = 1_000
const COMMIT_WEIGHT_MAX = 16 * 2 ** 20
const ROW_WEIGHT = 500
const BESIDE_MIN = 4
const WAITING_MAX = 1_024

/** Starts the threads; the file is opened by the first call. */
export async function openSqliteDatabase(options: SqliteDatabaseOptions): Promise<Database> {
  const init = {
    path: options.path,
    specs: [],
    parkedMax: options.parkedMax ?? 10_000,
    parkedBytesMax: options.parkedBytesMax ?? 64 * 2 ** 20,
    ageMax: options.ageMax ?? AGE_MAX,
  }
  const lander = new DatabaseThread({ ...init, busyTimeoutMs: options.busyTimeoutMs ?? 2_000 })
  const reader = new DatabaseThread({ ...init, busyTimeoutMs: options.readBusyTimeoutMs ?? 500 })
  await Promise.all([lander.started(), reader.started()])
  return databaseOn(lander, reader, options.clock)
}

function databaseOn(lander: DatabaseThread, reader: DatabaseThread, clock: Clock): Database {
  const commits = new Coalescer<PackedBatch, LandResult>({
    name: 'landing',
    call: (batches) => land(lander, reader, batches, clock.now()),
    itemsMax: BATCHES_MAX,
    weigh: weightOf,
    weightMax: COMMIT_WEIGHT_MAX,
    waitingMax: WAITING_MAX,
    besideMin: BESIDE_MIN,
  })
  return {
    batchRowsMax: BATCH_ROWS_MAX,
    async prepare(tables, partitions) {
      const specs = tables.map(specData)
      await lander.call('prepare', { specs, partitions })
      await Promise.all([lander.configure(specs), reader.configure(specs)])
    },
    partitions: () => reader.call('partitions'),
    beginGeneration: (generation, marks, expected) =>
      lander.call('beginGeneration', { generation, marks, expected }),
    snapshot: (partition) => reader.call('snapshot', { partition }),
    async read(partition, refs) {
      const plain = refs.map(({ collection, key }) => ({ collection, key }))
      const { position, held } = await reader.call<{ position: DatabaseRead['position']; held: PackedHeld }>(
        'read',
        { partition, refs: plain },
      )
      return { position, held: unpackHeld(held) }
    },
    // Packed while the thread is busy with others.
    land: (batch) => commits.add(packBatch(batch)),
    forgetRefused: (partition, upTo) => lander.call('forgetRefused', { partition, upTo }),
    parked: {
      list: ({ collection, after, limit }) => reader.call('listParked', { collection, after, limit }),
      get: ({ collection, key }) => reader.call('getParked', { ref: { collection, key } }),
      retry: (partition, rows) => lander.call('retry', { partition, rows }),
    },
    async scan(collection, after, limit) {
      type Answer = { rows: Omit<ScannedRow, 'value'>[]; values: PackedValues; next: string | undefined }
      const { rows, values, next } = await reader.call<Answer>('scan', { collection, after, limit })
      return {
        rows: rows.map((row, index) => ({
          ...row,
          value: unpackValue(values, index) as ScannedRow['value'],
        })),
        next,
      }
    },
    collections: () => reader.call('collections'),
    async close() {
      commits.close(new SpillwayError('closed', 'The database is closed: nothing has happened.'))
      await commits.idle()
      // The last connection to close copies the log back into the file.
      await reader.close()
      await lander.close()
    },
  }
}

async function land(
  lander: DatabaseThread,
  reader: DatabaseThread,
  batches: readonly PackedBatch[],
  at: number,
): Promise<(LandResult | Error)[]> {
  const transfer = batches.flatMap((batch) => [batch.rows, batch.history, batch.park].map(bufferOf))
  let outcomes: (LandResult | Error)[]
  try {
    const landings = await lander.call<PackedLanding[]>('land', { batches, at }, transfer)
    outcomes = landings.map((one) => ('error' in one ? unpackError(one.error) : one.result))
  } catch (error) {
    outcomes = batches.map(() => error as Error)
  }
  if (outcomes.some(isReadOnly)) await reader.call('close').catch(() => undefined)
  return outcomes
}

/**
 * Within a process SQLite shares the index of the log among all connections to a file. While one is open that could
 * open it only for reading, every other one stays read-only too, also when the file may be written again: so the
 * reader, whose own calls succeed, has to let go of it as well. It opens the file again with its next call.
 */
function isReadOnly(outcome: LandResult | Error): boolean {
  return outcome instanceof Error && outcome.message.includes('SQLITE_READONLY')
}

function bufferOf(rows: PackedRows): ArrayBuffer {
  return rows.values.bytes.buffer
}

function weightOf(batch: PackedBatch): number {
  let weight = 0
  for (const { count, values } of [batch.rows, batch.history, batch.park])
    weight += ROW_WEIGHT * count + values.bytes.byteLength
  return weight
}
