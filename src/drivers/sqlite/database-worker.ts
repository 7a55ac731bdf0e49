/**
 * The worker thread of a SQLite database: holds one connection and opens it again where SQLite needs that.
 *
 * The driver runs this module twice: one thread lands, the other one reads, so that a landing which waits for
 * another process's lock does not stop reads (in WAL mode no writer stands in a reader's way).
 */
import { SpillwayError, isSpillwayError } from '../../errors.ts'
import type { LandResult } from '../../ports/database.ts'
import { SqliteError, openSqlite } from '../../runtime/sqlite.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import { packError } from '../../runtime/worker-error.ts'
import type { PackedError } from '../../runtime/worker-error.ts'
import { serveWorker } from '../../runtime/worker.ts'
import { failureOf, unavailable } from './database-failures.ts'
import { prepareTables } from './database-prepare.ts'
import { specFrom } from './database-spec.ts'
import type { SpecData } from './database-spec.ts'
import type { StoreOptions } from './database-land.ts'
import { DatabaseStore } from './database-store.ts'
import { packHeld, packValues } from './database-wire.ts'
import type { PackedBatch } from './database-wire.ts'

export interface DatabaseWorkerInit extends StoreOptions {
  readonly path: string
  readonly busyTimeoutMs: number
  readonly specs: readonly SpecData[]
}

export type PackedLanding = { readonly result: LandResult } | { readonly error: PackedError }

/**
 * Pages of 4 KiB after which a commit copies the log back into the file: 64 MiB. SQLite's own default is 1,000. A page
 * that several commits wrote is copied once: landing takes a tenth less CPU than with 4,000, and a fifth less time.
 */
const CHECKPOINT_PAGES = 16_000

class Holder {
  readonly #init: DatabaseWorkerInit
  #specs: readonly SpecData[]
  #connection: SqliteConnection | undefined
  #store: DatabaseStore | undefined

  constructor(init: DatabaseWorkerInit) {
    this.#init = init
    this.#specs = init.specs
  }

  prepare(specs: readonly SpecData[], partitions: number): void {
    this.#guard(() => {
      prepareTables(this.#open(), specs.map(specFrom), partitions)
    })
    this.configure(specs)
  }

  configure(specs: readonly SpecData[]): void {
    this.#specs = specs
    this.close()
  }

  use<T>(act: (store: DatabaseStore) => T): T {
    return this.#guard(() => {
      this.#store ??= new DatabaseStore(this.#open(), this.#specs.map(specFrom), this.#init)
      return act(this.#store)
    })
  }

  /** Each batch has its own outcome, so errors travel as data. */
  land(batches: readonly PackedBatch[], at: number): PackedLanding[] {
    return this.use((store) => store.land(batches, at)).map((outcome) => {
      if (!(outcome instanceof Error)) return { result: outcome }
      if (mayBeBroken(outcome)) this.#drop()
      return { error: packError(unavailable(this.#init.path, outcome)) }
    })
  }

  close(): void {
    const connection = this.#connection
    this.#connection = undefined
    this.#store = undefined
    connection?.close()
  }

  #guard<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (mayBeBroken(error)) this.#drop()
      throw unavailable(this.#init.path, error)
    }
  }

  #open(): SqliteConnection {
    if (this.#connection !== undefined) return this.#connection
    const { path, busyTimeoutMs } = this.#init
    const connection = openSqlite(path, { busyTimeoutMs })
    try {
      const mode = connection.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
      if (mode !== 'wal' && path !== ':memory:') {
        throw new SpillwayError(
          'invalid',
          `${path} cannot be used in WAL mode (it stays in ${String(mode)}): put it on a local file system.`,
        )
      }
      connection.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
    } catch (error) {
      connection.close()
      throw error
    }
    this.#connection = connection
    return connection
  }

  /** Closing what is broken may fail as well; what matters is that it is opened anew. */
  #drop(): void {
    try {
      this.close()
    } catch {
      // The connection is forgotten already.
    }
  }
}

function mayBeBroken(error: unknown): boolean {
  if (error instanceof SqliteError) return failureOf(error) !== 'busy'
  return isSpillwayError(error, 'outcome-unknown')
}

serveWorker((given) => {
  const holder = new Holder(given as DatabaseWorkerInit)
  return Promise.resolve({
    prepare: ({ specs, partitions }) => holder.prepare(specs, partitions),
    configure: ({ specs }) => holder.configure(specs),
    partitions: () => holder.use((store) => store.partitions()),
    beginGeneration: ({ generation, marks, expected }) =>
      holder.use((store) => store.beginGeneration(generation, marks, expected)),
    snapshot: ({ partition }) => holder.use((store) => store.snapshot(partition)),
    read: ({ partition, refs }) => {
      const { position, held } = holder.use((store) => store.read(partition, refs))
      const packed = packHeld(held)
      return { value: { position, held: packed }, transfer: [packed.values.bytes.buffer] }
    },
    land: ({ batches, at }: { batches: PackedBatch[]; at: number }) => holder.land(batches, at),
    forgetRefused: ({ partition, upTo }) => holder.use((store) => store.forgetRefused(partition, upTo)),
    listParked: ({ collection, after, limit }) =>
      holder.use((store) => store.listParked(collection, after, limit)),
    getParked: ({ ref }) => holder.use((store) => store.getParked(ref)),
    retry: ({ partition, rows }) => holder.use((store) => store.retry(partition, rows)),
    scan: ({ collection, after, limit }) => {
      const { rows, next } = holder.use((store) => store.scan(collection, after, limit))
      const values = packValues(rows.map((row) => row.value))
      const plain = rows.map(({ key, version, check }) => ({ key, version, check }))
      return { value: { rows: plain, values, next }, transfer: [values.bytes.buffer] }
    },
    collections: () => holder.use((store) => store.collections()),
    close: () => holder.close(),
  })
})
